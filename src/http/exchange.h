/* A request on its way: its route, who asks, what is asked for, and its answer's line in the log. */
#ifndef TASKBRIDGE_HTTP_EXCHANGE_H
#define TASKBRIDGE_HTTP_EXCHANGE_H

#include "auth/auth.h"
#include "company_id.h"
#include "engine/request.h"
#include "fields.h"
#include "parameters.h"
#include "taskbridge/base/log.h"

struct tb_database;
struct tb_feeds;
struct tb_streams;
struct tb_page;
struct tb_route;

/* What requests are answered with; borrowed by each. */
struct tb_services {
    struct tb_loop *loop;
    struct tb_log *log;
    const struct tb_config *config;
    struct tb_database *database;
    struct tb_auth *auth;
    struct tb_feeds *feeds;
    struct tb_streams *streams;
    const struct tb_page *page;
    struct tb_timer *flush; /* armed for the end of a turn in which lines are gathered */
    uint64_t *random;       /* of the requests' ids, which are no secrets */
};

#define TB_EXCHANGE_ID_BYTES 65
#define TB_EXCHANGE_SEGMENTS 2

struct tb_exchange {
    const struct tb_services *services;
    struct tb_request *request;                   /* NULL once it was answered */
    const struct tb_route *route;                 /* NULL: there is none */
    struct tb_grant *grant;                       /* held; NULL while nobody is known */
    struct tb_auth_ask *auth_ask;                 /* under way */
    struct tb_str segments[TB_EXCHANGE_SEGMENTS]; /* of the path, what the pattern leaves open; as sent */
    char company_key[TB_COMPANY_KEY_BYTES];
    struct tb_str company; /* canonical, borrowed from company_key; null: none */
    struct tb_parameters parameters;
    char id[TB_EXCHANGE_ID_BYTES];
    char address[64];    /* the client's, through trusted proxies */
    int64_t began_us;    /* monotonic */
    char *method, *path; /* owned; path as it was sent, without the query */
    /* The handler's own: called when the client leaves before the answer, and before the exchange is freed.
     */
    void (*on_gone)(struct tb_exchange *exchange);
    void *work;
};

/* NULL without memory. */
struct tb_exchange *tb_exchange_new(const struct tb_services *services, struct tb_request *request);
/* NULL is fine. */
void tb_exchange_free(struct tb_exchange *exchange);

/* The header's value, borrowed while there is no answer; the null string without one. */
struct tb_str tb_exchange_header(const struct tb_exchange *exchange, const char *name);

struct tb_header {
    const char *name;
    struct tb_str value;
};
#define TB_REPLY_HEADERS_MAX 6

struct tb_reply {
    unsigned code;
    const char *content_type;
    struct tb_body *body;                           /* taken */
    const char *cache_control;                      /* NULL: no-store */
    struct tb_header headers[TB_REPLY_HEADERS_MAX]; /* up to the first without a name */
    bool closes;
};

/* Once an exchange, which is gone after it. */
void tb_exchange_answer(struct tb_exchange *exchange, const struct tb_reply *reply);
/* The head of a stream; its first body is reply's. The exchange stays, the stream's owner frees it. */
void tb_exchange_stream(struct tb_exchange *exchange, const struct tb_reply *reply, struct tb_stream *stream);

/* An answer of a few words that are always the same. */
void tb_exchange_answer_text(struct tb_exchange *exchange, const char *content_type, const char *text);

/* The line in the log. */
void tb_exchange_log(const struct tb_exchange *exchange, unsigned code, int64_t bytes, bool is_whole);

/* Whether the reader's browser prefers English to Spanish, by Accept-Language. */
bool tb_exchange_is_english(const struct tb_exchange *exchange);

#endif

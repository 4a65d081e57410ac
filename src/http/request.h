/* One HTTP request, from its headers to its line in the log. */
#ifndef TASKBRIDGE_HTTP_REQUEST_H
#define TASKBRIDGE_HTTP_REQUEST_H

#include "taskbridge/base/log.h"
#include "taskbridge/config/config.h"

#include <microhttpd.h>

struct tb_database;
struct tb_page;

/* What requests are answered with; borrowed by each. */
struct tb_services {
    struct tb_log *log;
    struct tb_database *database;
    const struct tb_rules *rules;
    const struct tb_config_list *cors_origins;
    const struct tb_page *page;
    bool is_draining; /* connections are not kept any more */
    /* What runs libmicrohttpd soon, which of itself takes no notice of a connection that is resumed. */
    void (*wake)(void *waker);
    void *waker;
};

#define TB_REQUEST_ID_BYTES 65

struct tb_request {
    const struct tb_services *services;
    struct MHD_Connection *connection; /* borrowed; lives longer than the request */
    char *method, *path;               /* owned; path as it was sent, without the query */
    char *user;                        /* owned; NULL while unknown */
    const char *complaint;             /* what is wrong with the address; NULL when nothing is */
    char *parameter;                   /* owned; where */
    struct tb_str segment;             /* of path, what the route leaves open */
    char id[TB_REQUEST_ID_BYTES];
    int64_t began_us; /* monotonic */
    bool is_dispatched, is_suspended, has_failed;
    struct MHD_Response *response; /* owned until it is queued */
    bool is_queued;
    unsigned status; /* 0 while there is no answer */
    size_t body_bytes;
};

/* NULL without memory. */
struct tb_request *tb_request_new(const struct tb_services *services, struct MHD_Connection *connection,
                                  const char *method, const char *path);
/* Writes the access log's line. NULL is fine. */
void tb_request_free(struct tb_request *request, enum MHD_RequestTerminationCode how);

/* The header's value, borrowed; the null string without one. */
struct tb_str tb_request_header(const struct tb_request *request, const char *name);

/* Nothing is read from the client until the answer is there. */
void tb_request_suspend(struct tb_request *request);

struct tb_header {
    const char *name, *value;
};

#define TB_ANSWER_HEADERS_MAX 5

struct tb_answer {
    unsigned status;
    const char *content_type;
    struct tb_str body;
    bool is_static; /* body outlives all requests; else it is malloc's and taken */
    struct tb_header headers[TB_ANSWER_HEADERS_MAX]; /* up to the first without a name */
};

/* Once a request; resumes one that is suspended. An answer is not stored by anybody unless it says so itself,
 * by a Cache-Control as its first header. */
void tb_request_answer(struct tb_request *request, const struct tb_answer *answer);

/* There is no memory for an answer of this status: the connection is closed instead. */
void tb_request_fail(struct tb_request *request, unsigned status);

/* An answer of a few words that are always the same. */
void tb_request_answer_text(struct tb_request *request, const char *content_type, const char *text);

#endif

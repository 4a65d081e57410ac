/* Who asks, and what they may: a credential becomes a grant.
 *
 * The router asks before every handler, so no handler can forget it. A grant is what one credential may with
 * one company (or with none); it is shared and counted, and changes once at most: it ends. */
#ifndef TASKBRIDGE_HTTP_AUTH_H
#define TASKBRIDGE_HTTP_AUTH_H

#include "engine/head.h"
#include "taskbridge/base/log.h"
#include "taskbridge/config/config.h"
#include "taskbridge/io/loop.h"

struct tb_auth;
struct tb_auth_ask;

/* In this order: each may what those before it may. */
enum tb_rights { TB_RIGHTS_COMPANIES, TB_RIGHTS_VIEWER, TB_RIGHTS_OPERATOR, TB_RIGHTS_ADMIN };

/* What a watch token is narrowed to. Each list is empty (everything) or names what is seen; they narrow
 * together. */
struct tb_scope {
    const struct tb_str *tasks, *types;
    size_t task_count, type_count;
    struct tb_str flow; /* a root's id; null: any */
};

struct tb_grant {
    struct tb_str user; /* for the log; may be empty */
    enum tb_rights rights;
    struct tb_str company; /* canonical; null: none was asked for */
    bool may_see;          /* that company */
    /* Of a product that names its companies itself; null: `companies` does. */
    struct tb_str company_name;
    const struct tb_scope *scope; /* NULL: all of the company */
    int64_t expires_at_us;        /* since the epoch; INT64_MAX: never */
};

enum tb_auth_outcome {
    TB_AUTH_NO_CREDENTIAL = 1, /* 401 */
    TB_AUTH_MALFORMED,         /* 400 */
    TB_AUTH_LIMITED,           /* 429: too many that were wrong came from there */
    TB_AUTH_AWAY,              /* 503: who knows does not answer */
    TB_AUTH_CROWDED            /* 503: too many questions are under way */
};

struct tb_auth_answer {
    int outcome; /* 0 or an enum tb_auth_outcome */
    struct tb_grant
        *grant; /* with outcome 0, also where may_see is false: held for the asker, who releases it */
    int64_t retry_after_s; /* with LIMITED, AWAY and CROWDED */
    const char *challenge; /* WWW-Authenticate, with NO_CREDENTIAL; static */
    const char *detail;    /* a sentence for the problem; static */
};

struct tb_auth_question {
    const struct tb_head *head;   /* its credentials; borrowed until the answer or tb_auth_cancel */
    struct tb_str client_address; /* as text, through trusted proxies; borrowed likewise */
    struct tb_str company;        /* canonical; null: none; borrowed likewise */
    bool is_websocket;            /* a credential may come as a subprotocol */
    /* Once, if the answer was not known at once; never from inside tb_auth_ask. */
    void (*on_answer)(void *owner, const struct tb_auth_answer *answer);
    void *owner;
};

struct tb_auth_options {
    struct tb_loop *loop;           /* borrowed */
    struct tb_log *log;             /* borrowed */
    const struct tb_config *config; /* borrowed */
};

int tb_auth_open(const struct tb_auth_options *options, struct tb_auth **ret_auth,
                 struct tb_error *err) TB_MUST_CHECK;
/* NULL is fine. Every ask has been answered or cancelled, every grant released. */
void tb_auth_close(struct tb_auth *auth);

/* *ret_ask is NULL when *ret_answer is the answer (what is cached costs nothing); else on_answer will come.
 */
void tb_auth_ask(struct tb_auth *auth, const struct tb_auth_question *question,
                 struct tb_auth_answer *ret_answer, struct tb_auth_ask **ret_ask);
/* The asker is gone: on_answer will not come. Not after it came. */
void tb_auth_cancel(struct tb_auth_ask *ask);
/* Answers all that is under way with TB_AUTH_AWAY, and every question from here on. */
void tb_auth_stop(struct tb_auth *auth);

struct tb_grant *tb_grant_hold(struct tb_grant *grant);
void tb_grant_release(struct tb_grant *grant);

/* What a stream has on its grant while it is open. on_end comes within 5 s of the access's end (the token is
 * revoked or expired, the company is not theirs any more), once, from the loop; the watch is off then. */
enum tb_grant_end {
    TB_GRANT_EXPIRED = 1,
    TB_GRANT_WITHDRAWN,
    TB_GRANT_UNKNOWN /* who could confirm it does not answer; a new request will tell */
};
struct tb_grant_watch {
    void (*on_end)(struct tb_grant_watch *watch, enum tb_grant_end reason);
    void *owner;
    /* Auth's own. */
    struct tb_grant *grant; /* held */
    struct tb_grant_watch *previous, *next;
};
void tb_grant_watch(struct tb_grant_watch *watch, struct tb_grant *grant);
/* Fine when it is off. */
void tb_grant_unwatch(struct tb_grant_watch *watch);

/* Of NOTIFY taskbridge_access, which the one LISTEN connection hears: `token:<id>`, `user:<name>`,
 * `company:<id>`, or empty for all. */
void tb_auth_notified(struct tb_auth *auth, struct tb_str payload);
/* false while LISTEN is down: then nothing is known longer than it takes to ask again. */
void tb_auth_listening(struct tb_auth *auth, bool is_listening);

#endif

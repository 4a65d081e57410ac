/* Outgoing HTTP that never blocks the loop: webhooks, forward authentication, key sets.
 *
 * A call is one request; it ends in exactly one call of on_done, or none if it is cancelled. */
#ifndef TASKBRIDGE_HOOK_CLIENT_H
#define TASKBRIDGE_HOOK_CLIENT_H

#include "taskbridge/base/buf.h"
#include "taskbridge/base/error.h"
#include "taskbridge/io/loop.h"

#include <sys/socket.h>

struct tb_hook_client;
struct curl_slist;

struct tb_hook_options {
    struct tb_loop *loop;   /* borrowed */
    const char *user_agent; /* borrowed during the call, as ca_file */
    const char *ca_file;    /* PEM, of authorities that may sign servers' certificates; NULL: the system's */
    size_t max_connections; /* calls beyond these wait, within their own time */
    size_t max_calls;       /* under way, the waiting ones too */
    /* Whether calls may connect to an address that a name led to, those of redirects too; NULL: to any. Of
     * the client, because its calls share connections. */
    bool (*may_connect)(const struct sockaddr *address);
};

/* 0 or a negative errno: -EINVAL for a ca_file that can't be used. */
int tb_hook_client_new(const struct tb_hook_options *options, struct tb_hook_client **ret_client,
                       struct tb_error *err) TB_MUST_CHECK;
/* Cancels what is under way. Not from inside on_done. NULL is fine. */
void tb_hook_client_free(struct tb_hook_client *client);

enum tb_hook_outcome {
    TB_HOOK_UNREACHABLE = 1, /* no such name, no connection, no trust, or broken off */
    TB_HOOK_TIMEOUT,         /* not answered whole within the call's time */
    TB_HOOK_TOO_LONG,        /* the answer's body passes the call's ceiling */
    TB_HOOK_FORBIDDEN,       /* where the name leads may not be connected to */
    TB_HOOK_UNUSABLE         /* the address or a header can't be sent at all */
};

struct tb_hook_header {
    const char *name, *value;
};

struct tb_hook_answer {
    long status;        /* of HTTP, whatever it is; 0 where none came */
    struct tb_str body; /* as all texts here borrowed during on_done */
    void *easy;         /* the library's own */
};

struct tb_hook_call {
    /* Given; borrowed until tb_hook_start returns, but for body: until the call has ended. */
    const char *method; /* "GET", "POST", …; NULL: GET */
    const char *url;    /* http:// or https:// */
    const struct tb_hook_header *headers;
    size_t header_count;
    struct tb_str body; /* null: none */
    int64_t timeout_us; /* from start to the answer's last byte, name look-up and waiting included */
    size_t body_max_bytes;
    int redirects_max; /* 0: a redirect is an answer like any other */
    /* outcome is 0 or an enum tb_hook_outcome; err is filled when it is not 0. The call may be started again
     * or freed from inside. */
    void (*on_done)(struct tb_hook_call *call, int outcome, const struct tb_hook_answer *answer,
                    const struct tb_error *err);
    void *owner;

    /* The client's own. */
    struct tb_hook_client *client;
    struct tb_hook_call *previous, *next;
    void *easy;
    struct curl_slist *header_list;
    struct tb_buf answer;
    bool was_forbidden;
    char *error_text;
};

/* on_done is never called from inside. 0; -EAGAIN with max_calls under way, -EINVAL for a header with a line
 * break or an empty name, or -ENOMEM: then on_done will not come. */
int tb_hook_start(struct tb_hook_client *client, struct tb_hook_call *call) TB_MUST_CHECK;
/* on_done will not come. Fine when the call is not under way. */
void tb_hook_cancel(struct tb_hook_call *call);
bool tb_hook_is_under_way(const struct tb_hook_call *call);

/* A header of the last answer (of several redirects); the null string without it. */
struct tb_str tb_hook_answer_header(const struct tb_hook_answer *answer, const char *name);

/* A filter for may_connect: only addresses that anybody in the internet may reach. Not this machine, not
 * private, link-local, shared, benchmark, documentation, multicast or reserved ones, nor IPv6 that carries
 * such an IPv4 (mapped, compatible, NAT64, 6to4, Teredo). Pure. */
bool tb_hook_is_public(const struct sockaddr *address);

#endif

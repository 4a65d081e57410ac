/* A connection to PostgreSQL that waits for its answers: for commands, never inside a loop. Each wait ends.
 */
#ifndef TASKBRIDGE_PG_SESSION_H
#define TASKBRIDGE_PG_SESSION_H

#include "taskbridge/pg/connection.h"

struct tb_pg_session;

struct tb_pg_session_options {
    const char *url; /* borrowed during the call, as the following */
    const char *application_name;
    const char *schema;           /* where names are looked up */
    int64_t connect_timeout_us;   /* 0: 10 s */
    int64_t statement_timeout_us; /* 0: 120 s; also what a server that fell silent is given */
    /* The server's NOTICE and WARNING, one line, borrowed during the call; may be NULL. */
    void (*on_notice)(void *owner, const char *text);
    void *owner;
};

/* 0, or a negative errno: -EINVAL for a URL that will never work, -EACCES where the server refused, -EPROTO
 * where what answered can't be used: another encoding than UTF8, a pooler that shares sessions. */
int tb_pg_session_open(const struct tb_pg_session_options *options, struct tb_pg_session **ret_session,
                       struct tb_error *err) TB_MUST_CHECK;
/* NULL is fine. */
void tb_pg_session_close(struct tb_pg_session *session);

/* One statement. 0, a negative errno when the connection broke or nothing came in time, or what the server
 * said: an enum tb_pg_outcome. *ret_result (NULL when not wanted) is borrowed until the session's next
 * call. */
int tb_pg_session_execute(struct tb_pg_session *session, const struct tb_query *query,
                          const struct tb_param *params, int param_count, const struct tb_result **ret_result,
                          struct tb_error *err) TB_MUST_CHECK;

/* Several statements in one text, without parameters; results are dropped. Returns as above. */
int tb_pg_session_run(struct tb_pg_session *session, const char *script, struct tb_error *err) TB_MUST_CHECK;

/* A transaction around the following statements. rollback always leaves none open, and is silent. */
int tb_pg_session_begin(struct tb_pg_session *session, struct tb_error *err) TB_MUST_CHECK;
int tb_pg_session_commit(struct tb_pg_session *session, struct tb_error *err) TB_MUST_CHECK;
void tb_pg_session_rollback(struct tb_pg_session *session);

/* Whom the connection leads to, be it the server or something in between; texts are borrowed until close. */
struct tb_pg_peer {
    const char *address; /* "10.0.0.5"; NULL over a Unix socket */
    const char *tls;     /* "TLSv1.3"; NULL without */
    bool is_verified;    /* its certificate, against an authority */
};
struct tb_pg_peer tb_pg_session_peer(const struct tb_pg_session *session);

#endif

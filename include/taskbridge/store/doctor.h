/* What `taskbridge doctor` asks the database: facts, no verdicts. */
#ifndef TASKBRIDGE_STORE_DOCTOR_H
#define TASKBRIDGE_STORE_DOCTOR_H

#include "taskbridge/pg/session.h"

/* Texts here and below are borrowed until the session's next call, and null where not known. */
struct tb_doctor_server {
    int64_t version_number; /* as 150017 */
    struct tb_str version, role, database;
    bool role_is_superuser, is_standby;
    bool fsync, full_page_writes, autovacuum;
    int64_t max_connections, reserved_connections, used_connections;
    struct tb_str peer_address, tls; /* as struct tb_pg_peer has them */
    bool is_verified;
    struct tb_str client_host, host;     /* addresses, as the server has them; null over a Unix socket */
    struct tb_str synchronous;           /* synchronous_standby_names; "" where commits wait for none */
    int64_t standbys;                    /* connected ones */
    int64_t waiting_commits, waiting_us; /* for a standby, and the longest of them */
};

struct tb_doctor_rights {
    bool has_tables;
    struct tb_str lacking;       /* "DELETE, INSERT on dead_letters; …"; null when nothing is */
    bool rows_are_hidden;        /* by row security */
    bool is_writer, uses_writer; /* a member of taskbridge_writer; and has its rights without SET ROLE */
};

/* What the HTTP module could do with this role. */
struct tb_doctor_reader {
    bool may_act;          /* as taskbridge_reader, which row security binds */
    bool may_read;         /* by rights of its own */
    bool is_bound;         /* by row security, also without acting as a reader */
    struct tb_str useless; /* roles that are members of taskbridge_reader and can't use it; null for none */
};

/* A worker that was heard of within a day. */
struct tb_doctor_worker {
    struct tb_str hostname, sw_ver;
    int64_t silent_us; /* since it was heard */
    bool said_goodbye;
    double freq_s;
    int64_t skew_us;           /* receipt less stamp, of its last event */
    int64_t taken_up, started; /* by its present process: tasks by its own count, started events that came */
    int64_t day_taken_up, day_missed; /* the meter of missed events */
};

struct tb_doctor_tasks {
    int64_t newest, received, sent; /* of the newest tasks; sent only among the received */
    int64_t without_company;
    struct tb_str without_company_names;
    int64_t lost; /* within a day */
};

#define TB_DOCTOR_DEAD_MAX 1000 /* doctor_dead.sql looks at no more */

struct tb_doctor_dead {
    int64_t recent; /* within a day, and not sent again; among the newest */
    struct tb_str reason;
    int64_t others; /* of these, no JSON */
    struct tb_str types;
};

struct tb_doctor_run {
    struct tb_str job, outcome, detail;
    int64_t age_s;
};

/* All return 0, a negative errno or an enum tb_pg_outcome. */
int tb_doctor_ask_server(struct tb_pg_session *session, struct tb_doctor_server *ret_server,
                         struct tb_error *err) TB_MUST_CHECK;
int tb_doctor_ask_rights(struct tb_pg_session *session, struct tb_doctor_rights *ret_rights,
                         struct tb_error *err) TB_MUST_CHECK;
/* The null string where nobody told it. */
int tb_doctor_ask_format(struct tb_pg_session *session, struct tb_str *ret_format,
                         struct tb_error *err) TB_MUST_CHECK;
int tb_doctor_ask_reader(struct tb_pg_session *session, struct tb_doctor_reader *ret_reader,
                         struct tb_error *err) TB_MUST_CHECK;
/* At most 1000, by name; borrowed during the call. */
int tb_doctor_ask_workers(struct tb_pg_session *session,
                          void (*on_worker)(void *owner, const struct tb_doctor_worker *worker), void *owner,
                          struct tb_error *err) TB_MUST_CHECK;
int tb_doctor_ask_tasks(struct tb_pg_session *session, struct tb_doctor_tasks *ret_tasks,
                        struct tb_error *err) TB_MUST_CHECK;
int tb_doctor_ask_dead(struct tb_pg_session *session, struct tb_doctor_dead *ret_dead,
                       struct tb_error *err) TB_MUST_CHECK;
/* The last run that ended of each job. */
int tb_doctor_ask_runs(struct tb_pg_session *session,
                       void (*on_run)(void *owner, const struct tb_doctor_run *run), void *owner,
                       struct tb_error *err) TB_MUST_CHECK;

#endif

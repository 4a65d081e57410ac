/* What maintenance does in the database: its lock, its book of runs, its deletes in small batches. */
#ifndef TASKBRIDGE_STORE_MAINTENANCE_H
#define TASKBRIDGE_STORE_MAINTENANCE_H

#include "taskbridge/pg/session.h"

/* For a struct tb_pg_connection; each belongs to the connection that has the lock. */
extern const struct tb_maintenance_queries {
    /* $1 job. One row: 1 when this connection has the lock now, 0 when another has it. */
    const struct tb_query *lock;
    const struct tb_query *unlock;
    /* $1 job, $2 instance, $3 period in seconds, $4 whether it begins anyway, as it also does where a person
     * asked the daemons for it. Only under the lock. One row: the id of the run that begins, or NULL when the
     * last one is too recent; then the microseconds until it is due, and how many more are asked for. */
    const struct tb_query *begin;
    /* From here on the connection is notified of each job that a person asks for: the payload is the job. */
    const struct tb_query *listen;
    /* $1 run's id, $2 outcome, $3 rows, $4 detail. */
    const struct tb_query *finish;
    /* $1 how many at most. One row: how many rows took their root's company. */
    const struct tb_query *inherit;
    /* sql/queries/instance_beat.sql, instance_stop.sql and instances_forget.sql: this daemon's own row;
     * instances_heard.sql: what all of them heard. */
    const struct tb_query *beat, *stop, *forget, *heard;
} tb_maintenance_queries;

/* A daemon that was heard of within so many seconds lives: three of its beats. */
#define TB_DAEMON_FRESH_S 15

/* The channel of listen. */
#define TB_MAINTENANCE_CHANNEL "taskbridge_maintenance"

enum tb_cleanup {
    TB_CLEANUP_COMPLETED,    /* rows that ended more than $1 seconds ago */
    TB_CLEANUP_ORPHANED,     /* rows that did not end, and were not heard of for $1 seconds: they are ended */
    TB_CLEANUP_DEAD_LETTERS, /* that came more than $1 seconds ago */
    TB_CLEANUPS
};

extern const struct tb_cleanup_kind {
    const char *job;  /* "cleanup_old_completed_tasks" */
    const char *name; /* as people ask for it: "completed" */
    const char *done; /* what happens to a row: "deleted" */
    /* $1 age in seconds, $2 how many at most. One row: to how many it happened. Companies are notified. */
    const struct tb_query *remove;
    const struct tb_query *count; /* $1 age in seconds. One row: how many there are. */
} tb_cleanups[TB_CLEANUPS];

/* How long a cleanup rests after a batch that took so long: so it has half of one backend's time at most, and
 * lets go soon what it locks. */
int64_t tb_cleanup_rest_us(int64_t took_us);

/* All below return 0, a negative errno or an enum tb_pg_outcome. */

int tb_cleanup_count(struct tb_pg_session *session, enum tb_cleanup cleanup, int64_t age_s,
                     int64_t *ret_count, struct tb_error *err) TB_MUST_CHECK;
/* One batch; *ret_count is less than limit when nothing is left (or what is left is locked). */
int tb_cleanup_remove(struct tb_pg_session *session, enum tb_cleanup cleanup, int64_t age_s, int64_t limit,
                      int64_t *ret_count, struct tb_error *err) TB_MUST_CHECK;

/* The same lock and book as the daemons'; *ret_locked is false when another has it. */
int tb_maintenance_lock(struct tb_pg_session *session, const char *job, bool *ret_locked,
                        struct tb_error *err) TB_MUST_CHECK;
int tb_maintenance_unlock(struct tb_pg_session *session, const char *job, struct tb_error *err) TB_MUST_CHECK;
/* A person's run begins in any case. */
int tb_maintenance_begin(struct tb_pg_session *session, const char *job, const char *who, int64_t *ret_id,
                         struct tb_error *err) TB_MUST_CHECK;
int tb_maintenance_finish(struct tb_pg_session *session, int64_t id, const char *outcome, int64_t rows,
                          const char *detail, struct tb_error *err) TB_MUST_CHECK;

struct tb_maintenance_run {
    struct tb_str job, instance, started_at, outcome, detail; /* started_at as text, UTC */
    int64_t rows, duration_ms;
};

/* Newest first, at most limit. Calls back once a run, borrowed during the call. */
int tb_maintenance_runs(struct tb_pg_session *session, int64_t limit,
                        void (*on_run)(void *owner, const struct tb_maintenance_run *run), void *owner,
                        struct tb_error *err) TB_MUST_CHECK;

/* Asks the daemons for a run of the job, in somebody's name. *ret_id is the run's id to be. */
int tb_maintenance_request(struct tb_pg_session *session, const char *job, const char *who, int64_t *ret_id,
                           struct tb_error *err) TB_MUST_CHECK;
/* The run, borrowed until the session's next statement; all null when there is none. Its outcome is
 * "requested" until a daemon begins it, and then "running" until it ends. */
int tb_maintenance_run(struct tb_pg_session *session, int64_t id, struct tb_maintenance_run *ret_run,
                       struct tb_error *err) TB_MUST_CHECK;
/* Takes the request back; *ret_withdrawn is false where a daemon has begun it. */
int tb_maintenance_withdraw(struct tb_pg_session *session, int64_t id, bool *ret_withdrawn,
                            struct tb_error *err) TB_MUST_CHECK;

#endif

/* Maintenance jobs on their schedule: one at a time, each under its advisory lock, each run in the book. */
#ifndef TASKBRIDGE_DAEMON_SCHEDULE_H
#define TASKBRIDGE_DAEMON_SCHEDULE_H

#include "taskbridge/base/log.h"
#include "taskbridge/config/config.h"
#include "taskbridge/io/loop.h"
#include "taskbridge/pg/connection.h"

#define TB_SCHEDULE_JOBS_MAX 8

struct tb_schedule;
struct tb_job; /* one run of a job, the schedule's */

enum tb_job_outcome { TB_JOB_DONE, TB_JOB_STOPPED, TB_JOB_FAILED };

/* A job; its functions are called by the schedule, one run at a time. */
struct tb_job_kind {
    const char *name; /* of the lock and in maintenance_runs */
    int64_t (*period_s)(const struct tb_config *config);
    /* Under the lock: does its work with tb_job_execute and tb_job_wait, and ends in tb_job_finished. */
    void (*start)(struct tb_job *job);
    /* The daemon ends: asks it to finish soon; may be NULL. */
    void (*stop)(struct tb_job *job);
    void *owner;
};

struct tb_schedule_options {
    const char *instance; /* borrowed, as the following */
    struct tb_log *log;
    const struct tb_config *config; /* until replaced */
    const char *database_url;       /* borrowed during the call */
    int64_t connect_timeout_us, response_timeout_us;
    /* After tb_schedule_stop, when no run is under way. */
    void (*on_stopped)(void *owner);
    void *owner;
};

/* 0 or a negative errno; close(NULL) is fine. */
int tb_schedule_open(struct tb_loop *loop, const struct tb_schedule_options *options,
                     struct tb_schedule **ret_schedule, struct tb_error *err) TB_MUST_CHECK;
void tb_schedule_close(struct tb_schedule *schedule);

/* Before the loop runs; the kind is copied. */
void tb_schedule_add(struct tb_schedule *schedule, const struct tb_job_kind *kind);

/* Its connection, borrowed: for what is small and beside the events. */
struct tb_pg_connection *tb_schedule_connection(struct tb_schedule *schedule);

/* Jobs run only while the daemon consumes. */
void tb_schedule_set_listening(struct tb_schedule *schedule, bool listening);
void tb_schedule_set_config(struct tb_schedule *schedule, const struct tb_config *config);

/* Begins no more runs, asks the one under way to finish; on_stopped never comes from inside. */
void tb_schedule_stop(struct tb_schedule *schedule);

/* ---- for jobs ---- */
void *tb_job_owner(const struct tb_job *job);
struct tb_log *tb_job_log(const struct tb_job *job);
const struct tb_config *tb_job_config(const struct tb_job *job);
void tb_job_set_state(struct tb_job *job, void *state);
void *tb_job_state(const struct tb_job *job);
bool tb_job_is_stopping(const struct tb_job *job);

/* Runs statements in one transaction; borrowed until then. then always comes, and never from inside; with
 * TB_PG_LOST when the connection, and the lock with it, is gone. */
void tb_job_execute(struct tb_job *job, const struct tb_statement *statements, size_t count,
                    void (*on_result)(struct tb_job *job, size_t statement, const struct tb_result *result),
                    void (*then)(struct tb_job *job, int outcome, const struct tb_error *err));

/* Calls then after the delay; at once when the daemon ends. */
void tb_job_wait(struct tb_job *job, int64_t delay_us, void (*then)(struct tb_job *job));

/* Ends the run, with what it did in words. */
void tb_job_finished(struct tb_job *job, enum tb_job_outcome outcome, int64_t rows, const char *format, ...)
    TB_PRINTF(4, 5);

#endif

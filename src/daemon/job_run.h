/* The schedule's insides, shared by schedule.c (when which job runs) and job.c (what a run may ask for). */
#ifndef TASKBRIDGE_DAEMON_JOB_RUN_H
#define TASKBRIDGE_DAEMON_JOB_RUN_H

#include "schedule.h"
#include "timetable.h"

#define TB_JOB_DETAIL_BYTES 256

/* Of the schedule, as told in schedule.c. */
enum tb_schedule_state {
    STATE_IDLE,
    STATE_LOCKING,
    STATE_BEGINNING,
    STATE_WORKING,
    STATE_FINISHING,
    STATE_UNLOCKING
};

struct tb_job {
    struct tb_schedule *schedule; /* borrowed */
    const struct tb_job_kind *kind;
    size_t index;
    void *state;        /* the run's own */
    bool holds_lock;    /* false when the connection broke */
    int64_t id;         /* in maintenance_runs */
    int64_t wait_us;    /* until it is due again, where it was not begun */
    bool asked_again;   /* for while it was under way */
    int64_t started_us; /* monotonic */
    bool told_to_stop;
    struct tb_transaction transaction;
    struct tb_timer timer; /* of tb_job_wait, and of a refusal that must not come from inside */
    void (*on_result)(struct tb_job *job, size_t statement, const struct tb_result *result);
    void (*then)(struct tb_job *job, int outcome, const struct tb_error *err);
    void (*after_wait)(struct tb_job *job);
    enum tb_job_outcome outcome;
    struct tb_statement statement; /* the schedule's own */
    struct tb_param params[4];
    char texts[3][24];
    char detail[TB_JOB_DETAIL_BYTES];
};

struct tb_schedule {
    struct tb_loop *loop; /* borrowed, as the following */
    const char *instance;
    struct tb_log *log;
    const struct tb_config *config;
    struct tb_pg_connection *connection; /* owned */
    struct tb_job_kind kinds[TB_SCHEDULE_JOBS_MAX];
    struct tb_timetable_entry entries[TB_SCHEDULE_JOBS_MAX];
    size_t count;
    struct tb_timer timer;
    struct tb_statement listen_statement;
    struct tb_transaction listen; /* the connection's first */
    enum tb_schedule_state state;
    struct tb_job job; /* the run under way, unless idle */
    uint64_t random;
    bool listening, stopping;
    void (*on_stopped)(void *owner);
    void *owner;
};

/* Ends a wait of tb_job_wait before its time. */
void tb_job_end_wait(struct tb_job *job);

#endif

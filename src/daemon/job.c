/* What a run of a maintenance job may ask for: statements in a transaction, a pause, what it was configured
 * with.
 *
 * A run is over when its connection breaks, because its lock was that connection's: then its next statement
 * is answered with TB_PG_LOST, from a timer, so that no answer ever comes from inside the question. */
#include "job_run.h"

#include <errno.h>

void *tb_job_owner(const struct tb_job *job)
{
    return job->kind->owner;
}

struct tb_log *tb_job_log(const struct tb_job *job)
{
    return job->schedule->log;
}

const struct tb_config *tb_job_config(const struct tb_job *job)
{
    return job->schedule->config;
}

void tb_job_set_state(struct tb_job *job, void *state)
{
    job->state = state;
}

void *tb_job_state(const struct tb_job *job)
{
    return job->state;
}

bool tb_job_is_stopping(const struct tb_job *job)
{
    return job->schedule->stopping;
}

static void on_execute_result(struct tb_transaction *transaction, size_t statement,
                              const struct tb_result *result)
{
    struct tb_job *job = transaction->owner;

    if (job->on_result)
        job->on_result(job, statement, result);
}

static void on_execute_done(struct tb_transaction *transaction, int outcome, const struct tb_error *err)
{
    struct tb_job *job = transaction->owner;

    if (outcome == TB_PG_LOST)
        job->holds_lock = false;
    job->then(job, outcome, err);
}

static void on_lock_lost(struct tb_timer *timer)
{
    struct tb_job *job = timer->owner;
    struct tb_error err = {0};

    tb_error_set(&err, -ENOTCONN, "the connection to PostgreSQL broke, and the job's lock with it");
    job->then(job, TB_PG_LOST, &err);
}

void tb_job_execute(struct tb_job *job, const struct tb_statement *statements, size_t count,
                    void (*on_result)(struct tb_job *job, size_t statement, const struct tb_result *result),
                    void (*then)(struct tb_job *job, int outcome, const struct tb_error *err))
{
    struct tb_schedule *s = job->schedule;

    job->on_result = on_result;
    job->then = then;
    if (!job->holds_lock || !tb_pg_connection_is_ready(s->connection)) {
        job->timer.on_expire = on_lock_lost;
        tb_loop_arm(s->loop, &job->timer, 0);
        return;
    }
    job->transaction = (struct tb_transaction){.statements = statements,
                                               .statement_count = count,
                                               .on_result = on_execute_result,
                                               .on_done = on_execute_done,
                                               .owner = job};
    tb_pg_connection_submit(s->connection, &job->transaction);
}

void tb_job_end_wait(struct tb_job *job)
{
    void (*then)(struct tb_job * job) = job->after_wait;

    job->after_wait = NULL;
    then(job);
}

static void on_wait_over(struct tb_timer *timer)
{
    tb_job_end_wait(timer->owner);
}

void tb_job_wait(struct tb_job *job, int64_t delay_us, void (*then)(struct tb_job *job))
{
    job->after_wait = then;
    job->timer.on_expire = on_wait_over;
    tb_loop_arm(job->schedule->loop, &job->timer, job->schedule->stopping ? 0 : delay_us);
}

/* cleanup_old_completed_tasks, cleanup_orphaned_trackers and cleanup_dead_letters.
 *
 * Rows are taken in small batches, each in a transaction of its own, and after each the job rests for as long
 * as the batch took: so it never has more than half of one backend's time, and what it locks it lets go soon.
 * Rows that a daemon is writing are passed over; the next run takes them.
 *
 * When the orphaned are ended, the names of daemons and workers that were not heard of for long are
 * deleted: where each start brings a new name, they would gather for ever. */
#include "jobs.h"

#include "taskbridge/store/maintenance.h"

#include <inttypes.h>
#include <stdio.h>

#define NAMES_KEPT_S (7 * INT64_C(86400))

/* One run at a time exists, of either kind. */
struct cleanup {
    enum tb_cleanup kind;
    struct tb_statement statement;
    struct tb_param params[2];
    char age[24], limit[24];
    int64_t limit_rows, rows, batch_rows, batches, began_us;
};

static void remove_batch(struct tb_job *job);

static void end(struct tb_job *job, struct cleanup *run, enum tb_job_outcome outcome, const char *why)
{
    int64_t rows = run->rows, batches = run->batches;
    const char *done = tb_cleanups[run->kind].done;

    free(run);
    tb_job_finished(job, outcome, rows, "%" PRId64 " rows %s in %" PRId64 " batches%s%s", rows, done, batches,
                    why ? ": " : "", why ? why : "");
}

static void on_forgotten(struct tb_job *job, int outcome, const struct tb_error *err)
{
    end(job, tb_job_state(job), outcome ? TB_JOB_FAILED : TB_JOB_DONE, outcome ? err->text : NULL);
}

/* A name outlives the tasks that it is named in. */
static void forget_names(struct tb_job *job, struct cleanup *run)
{
    snprintf(run->age, sizeof(run->age), "%" PRId64, NAMES_KEPT_S);
    run->statement = (struct tb_statement){tb_maintenance_queries.forget, run->params, 1};
    tb_job_execute(job, &run->statement, 1, NULL, on_forgotten);
}

static void on_removed_row(struct tb_job *job, size_t statement, const struct tb_result *result)
{
    struct cleanup *run = tb_job_state(job);

    (void)statement;
    run->batch_rows = tb_result_int64(result, 0, 0);
}

static void on_removed(struct tb_job *job, int outcome, const struct tb_error *err)
{
    struct cleanup *run = tb_job_state(job);

    if (outcome) {
        end(job, run, TB_JOB_FAILED, err->text);
        return;
    }
    run->rows += run->batch_rows;
    run->batches++;
    if (run->batch_rows < run->limit_rows && run->kind == TB_CLEANUP_ORPHANED)
        forget_names(job, run);
    else if (run->batch_rows < run->limit_rows)
        end(job, run, TB_JOB_DONE, NULL);
    else if (tb_job_is_stopping(job))
        end(job, run, TB_JOB_STOPPED, "the daemon stops");
    else
        tb_job_wait(job, tb_cleanup_rest_us(tb_clock_monotonic_us() - run->began_us), remove_batch);
}

static void remove_batch(struct tb_job *job)
{
    struct cleanup *run = tb_job_state(job);

    if (tb_job_is_stopping(job)) {
        end(job, run, TB_JOB_STOPPED, "the daemon stops");
        return;
    }
    run->batch_rows = 0;
    run->began_us = tb_clock_monotonic_us();
    tb_job_execute(job, &run->statement, 1, on_removed_row, on_removed);
}

static void start(struct tb_job *job, enum tb_cleanup kind, int64_t age_s)
{
    struct cleanup *run = calloc(1, sizeof(*run));

    if (!run) {
        tb_job_finished(job, TB_JOB_FAILED, 0, "out of memory");
        return;
    }
    run->kind = kind;
    run->limit_rows = tb_job_config(job)->maintenance.delete_batch_rows;
    snprintf(run->age, sizeof(run->age), "%" PRId64, age_s);
    snprintf(run->limit, sizeof(run->limit), "%" PRId64, run->limit_rows);
    run->params[0] = tb_param_text(run->age);
    run->params[1] = tb_param_text(run->limit);
    run->statement = (struct tb_statement){tb_cleanups[kind].remove, run->params, 2};
    tb_job_set_state(job, run);
    remove_batch(job);
}

static void start_completed(struct tb_job *job)
{
    start(job, TB_CLEANUP_COMPLETED, tb_job_config(job)->maintenance.history_after_s);
}

static void start_orphaned(struct tb_job *job)
{
    start(job, TB_CLEANUP_ORPHANED, tb_job_config(job)->maintenance.orphaned_after_s);
}

static void start_dead_letters(struct tb_job *job)
{
    start(job, TB_CLEANUP_DEAD_LETTERS, tb_job_config(job)->maintenance.dead_letters_after_s);
}

static int64_t completed_period_s(const struct tb_config *config)
{
    return config->maintenance.completed_every_s;
}

static int64_t orphaned_period_s(const struct tb_config *config)
{
    return config->maintenance.orphaned_every_s;
}

const struct tb_job_kind tb_job_completed = {
    .name = "cleanup_old_completed_tasks", .period_s = completed_period_s, .start = start_completed};
const struct tb_job_kind tb_job_orphaned = {
    .name = "cleanup_orphaned_trackers", .period_s = orphaned_period_s, .start = start_orphaned};
const struct tb_job_kind tb_job_dead_letters = {
    .name = "cleanup_dead_letters", .period_s = completed_period_s, .start = start_dead_letters};

/* update_task_statuses: tasks that died silently are found and ended, and what was called lost wrongly is
 * taken back.
 *
 * Nothing is judged unless all that was said so far is in the database, and all daemons that consume the
 * queue have written what they took (hearing.h): how far each has heard stands in its row. Silent tasks are
 * read page by page. What core/liveness.c wants to know of them is asked in two steps, of which the second
 * needs the first one's answer: query_task (do you have it?), then active (do you run it?). What came out is
 * recorded in one statement a page; a row that changed meanwhile keeps its change. Beside that, rows that
 * wait for their root's company get it. */
#include "jobs.h"

#include "evidence.h"
#include "inquiry.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/store/maintenance.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#define INHERIT_ROWS    1000
#define EXPIRE_ROWS     10000
#define PARAM_MAX_BYTES TB_MIB
#define ARENA_MAX_BYTES TB_MIB

static const struct step {
    enum tb_liveness_verdict wanted;
    enum tb_pidbox_method method;
} steps[] = {
    {TB_LIVENESS_ASK, TB_PIDBOX_QUERY_TASK},
    {TB_LIVENESS_LOOK, TB_PIDBOX_ACTIVE},
};

struct tb_job_statuses {
    struct tb_evidence evidence;
    struct tb_inquiry *inquiry;
    struct tb_job *job; /* the run under way */
    size_t step;
    struct tb_arena arena; /* a page's texts */
    struct tb_suspect suspects[TB_SUSPECTS_MAX];
    size_t count, page_rows;
    int64_t after_updated_at, after_id; /* where the page ended */
    struct tb_status_change changes[TB_SUSPECTS_MAX];
    size_t change_count;
    struct tb_buf buf;
    struct tb_params params;
    struct tb_statement statement;
    int64_t asked, lost, found, expired, inherited;
};

static void find_page(struct tb_job *job);

static void end(struct tb_job *job, enum tb_job_outcome outcome, const char *why)
{
    const struct tb_job_statuses *run = tb_job_owner(job);

    tb_job_finished(job, outcome, run->lost + run->found + run->expired,
                    "%" PRId64 " asked for, %" PRId64 " lost, %" PRId64 " found again, %" PRId64
                    " took their root's company, %" PRId64 " expired%s%s",
                    run->asked, run->lost, run->found, run->inherited, run->expired, why ? ": " : "",
                    why ? why : "");
}

static void execute(struct tb_job *job, const struct tb_query *query,
                    void (*on_result)(struct tb_job *job, size_t statement, const struct tb_result *result),
                    void (*then)(struct tb_job *job, int outcome, const struct tb_error *err))
{
    struct tb_job_statuses *run = tb_job_owner(job);

    if (run->buf.failed) {
        end(job, TB_JOB_FAILED, "out of memory");
        return;
    }
    tb_params_settle(&run->params);
    run->statement = (struct tb_statement){query, run->params.list, run->params.count};
    tb_job_execute(job, &run->statement, 1, on_result, then);
}

static void begin_params(struct tb_job_statuses *run)
{
    tb_buf_reset(&run->buf);
    tb_params_init(&run->params, &run->buf);
}

/* ---- what came out ---- */

static void log_change(struct tb_job *job, const struct tb_suspect *suspect,
                       const struct tb_status_change *change)
{
    if (!tb_str_is_null(change->reason))
        tb_log(tb_job_log(job), TB_LOG_WARNING, "task lost", TB_F_EVENT("task_lost"),
               TB_F_STR("task", suspect->task.task_id), TB_F_STR("reason", change->reason));
    else if (change->found)
        tb_log(tb_job_log(job), TB_LOG_INFO, "task found again", TB_F_EVENT("task_found"),
               TB_F_STR("task", suspect->task.task_id), TB_F_STR("worker", suspect->task.facts.worker));
}

/* The reason, copied into the page's arena; false without memory. */
static bool push_reason(struct tb_job_statuses *run, const struct tb_suspect *suspect,
                        struct tb_str *ret_reason)
{
    struct tb_buf text;
    bool good = false;

    tb_buf_init(&text, TB_TEXT_MAX_BYTES);
    tb_liveness_push_reason(suspect->verdict, suspect->task.facts.worker, &text);
    good = !text.failed && tb_arena_copy(&run->arena, tb_buf_str(&text), ret_reason);
    tb_buf_deinit(&text);
    return good;
}

static void add_change(struct tb_job *job, const struct tb_suspect *suspect)
{
    struct tb_job_statuses *run = tb_job_owner(job);
    struct tb_status_change change;

    if (!tb_suspect_change(suspect, &change))
        return;
    if (tb_suspect_is_lost(suspect) && !push_reason(run, suspect, &change.reason))
        return; /* the next run finds it again */
    log_change(job, suspect, &change);
    run->changes[run->change_count++] = change;
}

static void next_page(struct tb_job *job)
{
    const struct tb_job_statuses *run = tb_job_owner(job);

    if (run->page_rows < TB_SUSPECTS_MAX)
        end(job, TB_JOB_DONE, NULL);
    else if (tb_job_is_stopping(job))
        end(job, TB_JOB_STOPPED, "the daemon stops");
    else
        find_page(job);
}

static void on_recorded_row(struct tb_job *job, size_t statement, const struct tb_result *result)
{
    struct tb_job_statuses *run = tb_job_owner(job);

    (void)statement;
    run->lost += tb_result_int64(result, 0, 0);
    run->found += tb_result_int64(result, 0, 1);
}

static void on_recorded(struct tb_job *job, int outcome, const struct tb_error *err)
{
    if (outcome)
        end(job, TB_JOB_FAILED, err->text);
    else
        next_page(job);
}

static void record(struct tb_job *job)
{
    struct tb_job_statuses *run = tb_job_owner(job);

    run->change_count = 0;
    for (size_t i = 0; i < run->count; i++)
        add_change(job, &run->suspects[i]);
    if (run->change_count == 0) {
        next_page(job);
        return;
    }
    begin_params(run);
    tb_statuses_push_record(&run->params, run->changes, run->change_count);
    execute(job, tb_statuses_queries.record, on_recorded_row, on_recorded);
}

/* ---- asking ---- */

static void judge(struct tb_job *job, struct tb_suspect *suspect)
{
    const struct tb_config *config = tb_job_config(job);
    const struct tb_liveness_bounds bounds = {.silent_after_us =
                                                  config->maintenance.silent_after_s * TB_US_PER_S,
                                              .ask_apart_us = config->maintenance.ask_apart_s * TB_US_PER_S};

    suspect->verdict = tb_liveness_decide(&suspect->task.facts, suspect->answer, &bounds);
}

static void take_step(struct tb_job *job, size_t step)
{
    struct tb_job_statuses *run = tb_job_owner(job);
    size_t asked = 0;

    for (; step < TB_COUNT(steps); step++) {
        for (size_t i = 0; i < run->count; i++) {
            run->suspects[i].is_asked = run->suspects[i].verdict == steps[step].wanted;
            asked += run->suspects[i].is_asked;
        }
        if (asked)
            break;
    }
    if (!asked) {
        record(job);
        return;
    }
    if (tb_job_is_stopping(job)) {
        end(job, TB_JOB_STOPPED, "the daemon stops");
        return;
    }
    run->step = step;
    run->asked += step == 0 ? (int64_t)asked : 0;
    tb_inquiry_ask(run->inquiry, steps[step].method, run->suspects, run->count, tb_job_log(job));
}

static void on_asked(void *owner, const struct tb_error *err)
{
    struct tb_job_statuses *run = owner;
    struct tb_job *job = run->job;

    if (err) {
        end(job, TB_JOB_FAILED, err->text);
        return;
    }
    const char *missing = tb_evidence_missing(&run->evidence, tb_clock_now_us());
    if (missing) {
        end(job, TB_JOB_STOPPED, missing);
        return;
    }
    for (size_t i = 0; i < run->count; i++) {
        if (run->suspects[i].is_asked)
            judge(job, &run->suspects[i]);
    }
    take_step(job, run->step + 1);
}

/* ---- silent tasks ---- */

static void take_task(struct tb_job *job, const struct tb_result *result, size_t row)
{
    struct tb_job_statuses *run = tb_job_owner(job);
    struct tb_suspect *suspect = &run->suspects[run->count];

    *suspect = (struct tb_suspect){.answer = TB_ANSWER_NOT_ASKED};
    if (tb_statuses_read(result, row, &run->arena, &suspect->task))
        return; /* no memory: the next run finds it again */
    run->after_updated_at = suspect->task.updated_at;
    run->after_id = suspect->task.id;
    tb_suspect_hear(suspect, &run->evidence.heard, tb_clock_now_us());
    judge(job, suspect);
    if (suspect->verdict != TB_LIVENESS_FINE)
        run->count++;
}

static void on_page_rows(struct tb_job *job, size_t statement, const struct tb_result *result)
{
    struct tb_job_statuses *run = tb_job_owner(job);

    (void)statement;
    run->page_rows = tb_result_rows(result);
    for (size_t row = 0; row < run->page_rows && row < TB_SUSPECTS_MAX; row++)
        take_task(job, result, row);
}

static void on_page(struct tb_job *job, int outcome, const struct tb_error *err)
{
    if (outcome)
        end(job, TB_JOB_FAILED, err->text);
    else
        take_step(job, 0);
}

static void find_page(struct tb_job *job)
{
    struct tb_job_statuses *run = tb_job_owner(job);

    tb_arena_reset(&run->arena);
    run->count = 0;
    run->page_rows = 0;
    begin_params(run);
    tb_statuses_push_find(&run->params, run->after_updated_at, run->after_id,
                          tb_job_config(job)->maintenance.silent_after_s * TB_US_PER_S,
                          (int64_t)TB_SUSPECTS_MAX, tb_str_of(run->evidence.source));
    execute(job, tb_statuses_queries.find, on_page_rows, on_page);
}

/* ---- what expired in its queue ---- */

static void on_expired_row(struct tb_job *job, size_t statement, const struct tb_result *result)
{
    struct tb_job_statuses *run = tb_job_owner(job);

    (void)statement;
    run->expired += tb_result_int64(result, 0, 0);
}

static void on_expired(struct tb_job *job, int outcome, const struct tb_error *err)
{
    if (outcome)
        end(job, TB_JOB_FAILED, err->text);
    else
        find_page(job);
}

static void expire(struct tb_job *job)
{
    struct tb_job_statuses *run = tb_job_owner(job);

    begin_params(run);
    tb_params_push_int64(&run->params, tb_job_config(job)->maintenance.silent_after_s * TB_US_PER_S);
    tb_params_push_int64(&run->params, EXPIRE_ROWS);
    execute(job, tb_statuses_queries.expire, on_expired_row, on_expired);
}

/* ---- what the daemons have heard ---- */

static void on_heard_row(struct tb_job *job, size_t statement, const struct tb_result *result)
{
    struct tb_job_statuses *run = tb_job_owner(job);

    (void)statement;
    tb_evidence_take(&run->evidence, result);
}

static void on_heard(struct tb_job *job, int outcome, const struct tb_error *err)
{
    const struct tb_job_statuses *run = tb_job_owner(job);
    const char *missing = tb_evidence_missing(&run->evidence, tb_clock_now_us());

    if (outcome)
        end(job, TB_JOB_FAILED, err->text);
    else if (missing)
        end(job, TB_JOB_DONE, missing);
    else
        expire(job);
}

static void ask_daemons(struct tb_job *job)
{
    struct tb_job_statuses *run = tb_job_owner(job);

    begin_params(run);
    tb_evidence_ask(&run->evidence, &run->params);
    execute(job, tb_maintenance_queries.heard, on_heard_row, on_heard);
}

/* ---- the root's company, first ---- */

static void on_inherited_row(struct tb_job *job, size_t statement, const struct tb_result *result)
{
    struct tb_job_statuses *run = tb_job_owner(job);

    (void)statement;
    run->inherited += tb_result_int64(result, 0, 0);
}

static void on_inherited(struct tb_job *job, int outcome, const struct tb_error *err)
{
    if (outcome)
        end(job, TB_JOB_FAILED, err->text);
    else
        ask_daemons(job);
}

static void start(struct tb_job *job)
{
    struct tb_job_statuses *run = tb_job_owner(job);

    run->job = job;
    run->asked = run->lost = run->found = run->expired = run->inherited = 0;
    run->after_updated_at = TB_STAMP_NONE;
    run->after_id = 0;
    begin_params(run);
    tb_params_push_int64(&run->params, INHERIT_ROWS);
    execute(job, tb_maintenance_queries.inherit, on_inherited_row, on_inherited);
}

static int64_t period_s(const struct tb_config *config)
{
    return config->maintenance.statuses_every_s;
}

/* Workers, or a broker that says nothing, are not waited for. */
static void stop(struct tb_job *job)
{
    const struct tb_job_statuses *run = tb_job_owner(job);

    if (tb_inquiry_stop(run->inquiry))
        end(job, TB_JOB_STOPPED, "the daemon stops");
}

struct tb_job_kind tb_job_statuses_kind(struct tb_job_statuses *statuses)
{
    return (struct tb_job_kind){.name = "update_task_statuses",
                                .period_s = period_s,
                                .start = start,
                                .stop = stop,
                                .owner = statuses};
}

int tb_job_statuses_new(const struct tb_judging_options *options, struct tb_job_statuses **ret_statuses,
                        struct tb_error *err)
{
    struct tb_job_statuses *run = calloc(1, sizeof(*run));

    if (!run)
        return tb_error_set_errno(err, -ENOMEM, "the job that finds lost tasks");
    const struct tb_inquiry_options inquiry = {.broker = options->broker, .on_done = on_asked, .owner = run};
    run->evidence = options->evidence;
    tb_arena_init(&run->arena, ARENA_MAX_BYTES);
    tb_buf_init(&run->buf, PARAM_MAX_BYTES);
    int r = tb_inquiry_new(&inquiry, &run->inquiry, err);
    if (r) {
        tb_job_statuses_free(run);
        return r;
    }
    *ret_statuses = run;
    return 0;
}

void tb_job_statuses_free(struct tb_job_statuses *run)
{
    if (!run)
        return;
    tb_inquiry_free(run->inquiry);
    tb_buf_deinit(&run->buf);
    tb_arena_deinit(&run->arena);
    free(run);
}

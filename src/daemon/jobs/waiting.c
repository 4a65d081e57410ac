/* update_waiting_tasks: tasks that should wait in a queue, and wait in none.
 *
 * A queue that is purged, deleted or expired says nothing of what was in it, and a task that was acknowledged
 * when its worker cancelled it never comes back. Such a task is silent like one that waits its turn, so proof
 * is needed from everybody: all daemons have written what they took (evidence.h); each queue in which it may
 * be is empty or gone; and every worker that lives says that it does not have it. Twice, with time between,
 * for a message may be on its way. Where one worker runs tasks without a word of them, or does not answer, or
 * the queue is not known, nothing is said.
 *
 * Celery's events seldom name the queue, so living workers are asked now and then which they take tasks from:
 * what a worker gave back went to one of these. */
#include "jobs.h"

#include "taskbridge/amqp/depths.h"
#include "taskbridge/amqp/pidbox.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/store/maintenance.h"
#include "taskbridge/store/statuses.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define TASKS_MAX         TB_PIDBOX_MAX_IDS
#define WORKERS_MAX       ((size_t)1000)
#define QUEUES_MAX        ((size_t)4096) /* of all workers together */
#define ANSWER_TIMEOUT_US (3 * TB_US_PER_S)
#define PARAM_MAX_BYTES   TB_MIB
#define ARENA_MAX_BYTES   TB_MIB

enum kind { KIND_SENT, KIND_GIVEN_BACK, KIND_CANCELLED };

struct waiting_task {
    int64_t id, updated_at, missing_us; /* -1: it was not missed before */
    struct tb_str task_id;
    enum kind kind;
    bool is_in_queue; /* or may be */
    bool is_with_worker;
};

struct place {
    size_t task, queue;
};

struct told_queue {
    struct tb_str name, worker;
};

struct tb_job_waiting {
    struct tb_evidence evidence;
    struct tb_pidbox *pidbox;
    struct tb_depths *depths;
    struct tb_job *job;
    struct tb_arena arena;
    struct tb_buf buf;
    struct tb_params params;
    struct tb_statement statement;
    struct tb_str workers[WORKERS_MAX];
    size_t worker_count, asked_count;
    bool asks_queues; /* what the round under way asks */
    bool is_one_mute, is_too_much;
    struct tb_pidbox_question questions[WORKERS_MAX];
    struct tb_pidbox_round round;
    size_t answered;
    struct told_queue told[QUEUES_MAX];
    size_t told_count;
    struct waiting_task tasks[TASKS_MAX];
    size_t task_count;
    struct tb_str ids[TASKS_MAX];
    struct tb_str queues[TB_DEPTHS_MAX];
    size_t queue_count;
    struct place places[TASKS_MAX * 8];
    size_t place_count;
    struct tb_status_change changes[TASKS_MAX];
    size_t change_count;
    int64_t lost;
};

static void find_tasks(struct tb_job *job);

static void end(struct tb_job *job, enum tb_job_outcome outcome, const char *why)
{
    const struct tb_job_waiting *run = tb_job_owner(job);

    tb_job_finished(job, outcome, run->lost, "%zu looked for, %" PRId64 " lost%s%s", run->task_count,
                    run->lost, why ? ": " : "", why ? why : "");
}

static void execute(struct tb_job *job, const struct tb_query *query,
                    void (*on_result)(struct tb_job *job, size_t statement, const struct tb_result *result),
                    void (*then)(struct tb_job *job, int outcome, const struct tb_error *err))
{
    struct tb_job_waiting *run = tb_job_owner(job);

    if (run->buf.failed) {
        end(job, TB_JOB_FAILED, "out of memory");
        return;
    }
    tb_params_settle(&run->params);
    run->statement = (struct tb_statement){query, run->params.list, run->params.count};
    tb_job_execute(job, &run->statement, 1, on_result, then);
}

static void begin_params(struct tb_job_waiting *run)
{
    tb_buf_reset(&run->buf);
    tb_params_init(&run->params, &run->buf);
}

/* ---- what came out ---- */

static struct tb_str reason_of(enum kind kind)
{
    static const char *const reasons[] = {
        [KIND_SENT] = "outcome unknown: it is in its queue no longer, and no worker has it",
        [KIND_GIVEN_BACK] =
            "outcome unknown: it was given back to its queue, is there no longer, and no worker has it",
        [KIND_CANCELLED] =
            "outcome unknown: it was cancelled when its worker stopped or lost the broker, and "
            "nobody has taken it up again",
    };

    return tb_str_of(reasons[kind]);
}

static void on_recorded_row(struct tb_job *job, size_t statement, const struct tb_result *result)
{
    struct tb_job_waiting *run = tb_job_owner(job);

    (void)statement;
    run->lost += tb_result_int64(result, 0, 0);
}

static void on_recorded(struct tb_job *job, int outcome, const struct tb_error *err)
{
    end(job, outcome ? TB_JOB_FAILED : TB_JOB_DONE, outcome ? err->text : NULL);
}

static void add_change(struct tb_job *job, const struct waiting_task *task)
{
    struct tb_job_waiting *run = tb_job_owner(job);
    bool is_missing = !task->is_in_queue && !task->is_with_worker;
    int64_t apart_us = tb_job_config(job)->maintenance.ask_apart_s * TB_US_PER_S;
    struct tb_status_change change = {.id = task->id, .updated_at = task->updated_at, .missing = is_missing};

    if (!is_missing && task->missing_us < 0)
        return;
    if (is_missing && task->missing_us >= apart_us) {
        change.reason = reason_of(task->kind);
        tb_log(tb_job_log(job), TB_LOG_WARNING, "task lost", TB_F_EVENT("task_lost"),
               TB_F_STR("task", task->task_id), TB_F_STR("reason", change.reason));
    }
    run->changes[run->change_count++] = change;
}

static void record(struct tb_job *job)
{
    struct tb_job_waiting *run = tb_job_owner(job);
    const char *missing = tb_evidence_missing(&run->evidence, tb_clock_now_us());

    if (missing) {
        end(job, TB_JOB_STOPPED, missing);
        return;
    }
    run->change_count = 0;
    for (size_t i = 0; i < run->task_count; i++)
        add_change(job, &run->tasks[i]);
    if (!run->change_count) {
        end(job, TB_JOB_DONE, NULL);
        return;
    }
    begin_params(run);
    tb_statuses_push_record(&run->params, run->changes, run->change_count);
    execute(job, tb_statuses_queries.record, on_recorded_row, on_recorded);
}

/* ---- asking workers ---- */

static void ask_workers(struct tb_job_waiting *run, enum tb_pidbox_method method, size_t id_count)
{
    size_t count = method == TB_PIDBOX_QUEUES ? run->asked_count : run->worker_count;

    for (size_t i = 0; i < count; i++)
        run->questions[i] =
            (struct tb_pidbox_question){.worker = run->workers[i], .ids = run->ids, .id_count = id_count};
    if (tb_job_is_stopping(run->job)) {
        end(run->job, TB_JOB_STOPPED, "the daemon stops");
        return;
    }
    run->asks_queues = method == TB_PIDBOX_QUEUES;
    run->answered = 0;
    run->round = (struct tb_pidbox_round){.method = method,
                                          .questions = run->questions,
                                          .question_count = count,
                                          .timeout_us = ANSWER_TIMEOUT_US};
    tb_pidbox_ask(run->pidbox, &run->round);
}

static void take_queue(struct tb_job_waiting *run, struct tb_str worker, struct tb_str name)
{
    struct told_queue *told = &run->told[run->told_count];

    if (run->told_count == QUEUES_MAX || !tb_arena_copy(&run->arena, name, &told->name))
        return; /* asked for again later */
    told->worker = worker;
    run->told_count++;
}

static void take_task(struct tb_job_waiting *run, struct tb_str id)
{
    for (size_t i = 0; i < run->task_count; i++) {
        if (tb_str_equal(run->tasks[i].task_id, id))
            run->tasks[i].is_with_worker = true;
    }
}

static void on_answer(void *owner, size_t question, const struct tb_pidbox_task *named, size_t count)
{
    struct tb_job_waiting *run = owner;

    run->answered++;
    for (size_t i = 0; i < count; i++) {
        if (run->asks_queues)
            take_queue(run, run->workers[question], named[i].id);
        else
            take_task(run, named[i].id);
    }
}

static void on_unreadable(void *owner, size_t question, const struct tb_error *err)
{
    (void)owner;
    (void)question;
    (void)err;
}

static void on_queues_recorded(struct tb_job *job, int outcome, const struct tb_error *err)
{
    if (outcome)
        end(job, TB_JOB_FAILED, err->text);
    else
        find_tasks(job);
}

static void record_queues(struct tb_job *job)
{
    static const struct tb_column columns[] = {
        {TB_COLUMN_CLEAN, offsetof(struct told_queue, name), false, 0},
        {TB_COLUMN_CLEAN, offsetof(struct told_queue, worker), false, 0},
    };
    struct tb_job_waiting *run = tb_job_owner(job);

    begin_params(run);
    tb_params_push_columns(&run->params, columns, TB_COUNT(columns), run->told, run->told_count,
                           sizeof(*run->told));
    tb_params_push_text(&run->params, tb_str_of(run->evidence.source));
    execute(job, tb_statuses_queries.queues, NULL, on_queues_recorded);
}

static void on_asked(void *owner, int outcome, const struct tb_error *err)
{
    struct tb_job_waiting *run = owner;
    struct tb_job *job = run->job;

    if (run->asks_queues && run->told_count)
        record_queues(job);
    else if (run->asks_queues)
        find_tasks(job);
    else if (outcome && outcome != TB_PIDBOX_NOBODY)
        end(job, TB_JOB_DONE, err->text);
    else if (run->answered < run->worker_count)
        end(job, TB_JOB_DONE, "nothing is judged while a worker that lives does not answer");
    else
        record(job);
}

/* ---- queues ---- */

static void on_counted(void *owner, const enum tb_queue_finding *findings, size_t count,
                       const struct tb_error *err)
{
    struct tb_job_waiting *run = owner;
    struct tb_job *job = run->job;
    size_t id_count = 0;

    if (err) {
        end(job, TB_JOB_FAILED, err->text);
        return;
    }
    for (size_t i = 0; i < run->place_count; i++) {
        const struct place *place = &run->places[i];
        enum tb_queue_finding finding = place->queue < count ? findings[place->queue] : TB_QUEUE_UNKNOWN;
        if (finding != TB_QUEUE_EMPTY && finding != TB_QUEUE_GONE)
            run->tasks[place->task].is_in_queue = true;
    }
    for (size_t i = 0; i < run->task_count; i++) {
        if (!run->tasks[i].is_in_queue)
            run->ids[id_count++] = run->tasks[i].task_id;
    }
    if (id_count && run->worker_count)
        ask_workers(run, TB_PIDBOX_QUERY_TASK, id_count);
    else
        record(job);
}

/* ---- the tasks ---- */

/* Its number among those that are looked at; TB_DEPTHS_MAX where there are too many. */
static size_t queue_number(struct tb_job_waiting *run, struct tb_str name)
{
    for (size_t i = 0; i < run->queue_count; i++) {
        if (tb_str_equal(run->queues[i], name))
            return i;
    }
    if (run->queue_count == TB_DEPTHS_MAX ||
        !tb_arena_copy(&run->arena, name, &run->queues[run->queue_count]))
        return TB_DEPTHS_MAX;
    return run->queue_count++;
}

static void take_row(struct tb_job_waiting *run, const struct tb_result *result, size_t row)
{
    int64_t id = tb_result_int64(result, row, 0);

    if (run->place_count == TB_COUNT(run->places)) {
        run->is_too_much = true;
        return;
    }
    if (!run->task_count || run->tasks[run->task_count - 1].id != id) {
        struct waiting_task *task = &run->tasks[run->task_count];
        *task = (struct waiting_task){.id = id,
                                      .updated_at = tb_result_stamp(result, row, 2),
                                      .missing_us = tb_result_int64(result, row, 3),
                                      .kind = (enum kind)tb_result_int64(result, row, 4)};
        if (run->task_count == TASKS_MAX ||
            !tb_arena_copy(&run->arena, tb_result_str(result, row, 1), &task->task_id)) {
            run->is_too_much = true;
            return;
        }
        run->task_count++;
    }
    run->places[run->place_count++] =
        (struct place){run->task_count - 1, queue_number(run, tb_result_str(result, row, 5))};
}

static void on_task_rows(struct tb_job *job, size_t statement, const struct tb_result *result)
{
    struct tb_job_waiting *run = tb_job_owner(job);

    (void)statement;
    for (size_t row = 0; row < tb_result_rows(result) && !run->is_too_much; row++)
        take_row(run, result, row);
    /* Of the last one not all queues may be known: it comes again when others have gone. */
    if (run->is_too_much && run->task_count)
        run->tasks[run->task_count - 1].is_in_queue = true;
}

static void on_tasks(struct tb_job *job, int outcome, const struct tb_error *err)
{
    struct tb_job_waiting *run = tb_job_owner(job);

    if (outcome)
        end(job, TB_JOB_FAILED, err->text);
    else if (!run->task_count)
        end(job, TB_JOB_DONE, NULL);
    else if (run->is_one_mute)
        end(job, TB_JOB_DONE, "nothing is judged while a worker runs tasks without sending their events");
    else if (tb_depths_ask(run->depths, run->queues, run->queue_count))
        end(job, TB_JOB_FAILED, "out of memory");
}

static void find_tasks(struct tb_job *job)
{
    struct tb_job_waiting *run = tb_job_owner(job);

    begin_params(run);
    tb_params_push_int64(&run->params, tb_job_config(job)->maintenance.silent_after_s * TB_US_PER_S);
    tb_params_push_int64(&run->params, (int64_t)TASKS_MAX);
    tb_params_push_text(&run->params, tb_str_of(run->evidence.source));
    execute(job, tb_statuses_queries.waiting, on_task_rows, on_tasks);
}

/* ---- the workers ---- */

/* Those that are to be asked for their queues stand first. */
static void on_worker_rows(struct tb_job *job, size_t statement, const struct tb_result *result)
{
    struct tb_job_waiting *run = tb_job_owner(job);

    (void)statement;
    for (size_t row = 0; row < tb_result_rows(result) && run->worker_count < WORKERS_MAX; row++) {
        struct tb_str *place = &run->workers[run->worker_count];
        if (!tb_arena_copy(&run->arena, tb_result_str(result, row, 0), place))
            return;
        run->worker_count++;
        run->is_one_mute = run->is_one_mute || tb_result_int64(result, row, 2) != 0;
        if (!tb_result_int64(result, row, 1))
            continue;
        struct tb_str asked = *place;
        *place = run->workers[run->asked_count];
        run->workers[run->asked_count++] = asked;
    }
}

static void on_workers(struct tb_job *job, int outcome, const struct tb_error *err)
{
    struct tb_job_waiting *run = tb_job_owner(job);

    if (outcome)
        end(job, TB_JOB_FAILED, err->text);
    else if (run->asked_count)
        ask_workers(run, TB_PIDBOX_QUEUES, 0);
    else
        find_tasks(job);
}

static void find_workers(struct tb_job *job)
{
    struct tb_job_waiting *run = tb_job_owner(job);

    begin_params(run);
    tb_params_push_int64(&run->params, tb_job_config(job)->maintenance.silent_after_s * TB_US_PER_S);
    tb_params_push_text(&run->params, tb_str_of(run->evidence.source));
    execute(job, tb_statuses_queries.workers, on_worker_rows, on_workers);
}

/* ---- the evidence, first ---- */

static void on_heard_row(struct tb_job *job, size_t statement, const struct tb_result *result)
{
    struct tb_job_waiting *run = tb_job_owner(job);

    (void)statement;
    tb_evidence_take(&run->evidence, result);
}

static void on_heard(struct tb_job *job, int outcome, const struct tb_error *err)
{
    const struct tb_job_waiting *run = tb_job_owner(job);
    const char *missing = tb_evidence_missing(&run->evidence, tb_clock_now_us());

    if (outcome)
        end(job, TB_JOB_FAILED, err->text);
    else if (missing)
        end(job, TB_JOB_DONE, missing);
    else
        find_workers(job);
}

static void start(struct tb_job *job)
{
    struct tb_job_waiting *run = tb_job_owner(job);

    run->job = job;
    tb_arena_reset(&run->arena);
    run->worker_count = run->asked_count = run->told_count = 0;
    run->task_count = run->queue_count = run->place_count = 0;
    run->is_one_mute = run->is_too_much = false;
    run->lost = 0;
    begin_params(run);
    tb_evidence_ask(&run->evidence, &run->params);
    execute(job, tb_maintenance_queries.heard, on_heard_row, on_heard);
}

static int64_t period_s(const struct tb_config *config)
{
    return config->maintenance.statuses_every_s;
}

/* Workers, or a broker that says nothing, are not waited for. */
static void stop(struct tb_job *job)
{
    struct tb_job_waiting *run = tb_job_owner(job);

    if (!tb_pidbox_is_busy(run->pidbox))
        return;
    tb_pidbox_cancel(run->pidbox);
    end(job, TB_JOB_STOPPED, "the daemon stops");
}

struct tb_job_kind tb_job_waiting_kind(struct tb_job_waiting *waiting)
{
    return (struct tb_job_kind){
        .name = "update_waiting_tasks", .period_s = period_s, .start = start, .stop = stop, .owner = waiting};
}

int tb_job_waiting_new(const struct tb_judging_options *options, struct tb_job_waiting **ret_waiting,
                       struct tb_error *err)
{
    struct tb_job_waiting *run = calloc(1, sizeof(*run));

    if (!run)
        return tb_error_set_errno(err, -ENOMEM, "the job that finds tasks in no queue");
    const struct tb_pidbox_events events = {
        .on_answer = on_answer, .on_unreadable = on_unreadable, .on_done = on_asked, .owner = run};
    run->evidence = options->evidence;
    tb_arena_init(&run->arena, ARENA_MAX_BYTES);
    tb_buf_init(&run->buf, PARAM_MAX_BYTES);
    int r = tb_pidbox_new(options->broker, &events, &run->pidbox, err);
    if (r == 0)
        r = tb_depths_new(options->broker, on_counted, run, &run->depths, err);
    if (r) {
        tb_job_waiting_free(run);
        return r;
    }
    *ret_waiting = run;
    return 0;
}

void tb_job_waiting_free(struct tb_job_waiting *run)
{
    if (!run)
        return;
    tb_pidbox_free(run->pidbox);
    tb_depths_free(run->depths);
    tb_buf_deinit(&run->buf);
    tb_arena_deinit(&run->arena);
    free(run);
}

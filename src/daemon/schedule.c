/* One run at a time. A run goes through these states, each left by the answer that its statement gets:
 *
 *   idle -> locking -> beginning -> working -> finishing -> unlocking -> idle
 *
 * locking: another daemon may have the lock; beginning: another may have done it a moment ago. Either way the
 * job is planned anew and nothing was done. The lock belongs to the connection, so when that breaks the run
 * is over: it gets TB_PG_LOST from its next step, and who begins next calls it abandoned.
 *
 * Which job is due when is timetable.c's business; a single timer waits for the first. A person may ask for a
 * job: the request is a row, of which a notification tells, so that the next run that begins anywhere is it.
 */
#include "job_run.h"

#include "taskbridge/base/random.h"
#include "taskbridge/store/maintenance.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

static void begin_next(struct tb_schedule *s);

static void change_state(struct tb_schedule *s, enum tb_schedule_state state)
{
    static const char *const names[] = {"idle", "locking", "beginning", "working", "finishing", "unlocking"};

    tb_log(s->log, TB_LOG_DEBUG, "maintenance", TB_F_EVENT("job_state"), TB_F_CSTR("job", s->job.kind->name),
           TB_F_CSTR("from", names[s->state]), TB_F_CSTR("to", names[state]));
    s->state = state;
}

/* ---- the end of a run ---- */

static int64_t period_us(const struct tb_schedule *s, const struct tb_job_kind *kind)
{
    return kind->period_s(s->config) * TB_US_PER_S;
}

static void go_idle(struct tb_schedule *s, int64_t wait_us)
{
    struct tb_timetable_entry *entry = &s->entries[s->job.index];

    change_state(s, STATE_IDLE);
    if (s->job.asked_again)
        tb_timetable_ask(entry, tb_clock_monotonic_us());
    else
        tb_timetable_plan(entry, tb_clock_monotonic_us(), wait_us, tb_random_next(&s->random));
    if (s->stopping) {
        tb_loop_disarm(s->loop, &s->timer);
        s->on_stopped(s->owner);
    } else {
        begin_next(s);
    }
}

/* One statement of the schedule's own, its parameters the job's. */
static void submit(struct tb_schedule *s, enum tb_schedule_state state, const struct tb_query *query,
                   int param_count, void (*then)(struct tb_job *job, int outcome, const struct tb_error *err),
                   void (*on_result)(struct tb_job *job, size_t statement, const struct tb_result *result))
{
    struct tb_job *job = &s->job;

    change_state(s, state);
    job->statement = (struct tb_statement){query, job->params, param_count};
    tb_job_execute(job, &job->statement, 1, on_result, then);
}

static void log_failure(const struct tb_schedule *s, const char *what, const struct tb_error *err)
{
    tb_log(s->log, TB_LOG_WARNING, what, TB_F_EVENT("job_failed"), TB_F_CSTR("job", s->job.kind->name),
           TB_F_CSTR("error", err->text), TB_F_CSTR("sqlstate", err->sqlstate));
}

static void on_unlocked(struct tb_job *job, int outcome, const struct tb_error *err)
{
    struct tb_schedule *s = job->schedule;

    /* A lock that is lost with its connection is let go as well. */
    if (outcome && outcome != TB_PG_LOST)
        log_failure(s, "a job's lock was not let go", err);
    go_idle(s, job->wait_us);
}

static void unlock(struct tb_job *job)
{
    job->params[0] = tb_param_text(job->kind->name);
    submit(job->schedule, STATE_UNLOCKING, tb_maintenance_queries.unlock, 1, on_unlocked, NULL);
}

static void on_recorded(struct tb_job *job, int outcome, const struct tb_error *err)
{
    if (outcome)
        log_failure(job->schedule, "the end of a job's run was not recorded", err);
    unlock(job);
}

static const char *outcome_name(enum tb_job_outcome outcome)
{
    static const char *const names[] = {
        [TB_JOB_DONE] = "done", [TB_JOB_STOPPED] = "stopped", [TB_JOB_FAILED] = "failed"};

    return names[outcome];
}

void tb_job_finished(struct tb_job *job, enum tb_job_outcome outcome, int64_t rows, const char *format, ...)
{
    struct tb_schedule *s = job->schedule;
    int64_t took_us = tb_clock_monotonic_us() - job->started_us;
    va_list args;

    assert(s->state == STATE_WORKING);
    va_start(args, format);
    vsnprintf(job->detail, sizeof(job->detail), format, args);
    va_end(args);
    tb_loop_disarm(s->loop, &job->timer);
    tb_log(s->log, outcome == TB_JOB_FAILED ? TB_LOG_WARNING : TB_LOG_INFO, "maintenance job ended",
           TB_F_EVENT("job_ended"), TB_F_CSTR("job", job->kind->name),
           TB_F_CSTR("outcome", outcome_name(outcome)), TB_F_INT("rows", rows),
           TB_F_CSTR("detail", job->detail), TB_F_DOUBLE("seconds", (double)took_us / TB_US_PER_S));
    job->wait_us = period_us(s, job->kind) - took_us;
    if (job->wait_us < 0)
        job->wait_us = 0;
    snprintf(job->texts[0], sizeof(job->texts[0]), "%" PRId64, job->id);
    snprintf(job->texts[1], sizeof(job->texts[1]), "%" PRId64, rows);
    job->params[0] = tb_param_text(job->texts[0]);
    job->params[1] = tb_param_text(outcome_name(outcome));
    job->params[2] = tb_param_text(job->texts[1]);
    job->params[3] = tb_param_text(job->detail);
    submit(s, STATE_FINISHING, tb_maintenance_queries.finish, 4, on_recorded, NULL);
}

/* ---- the beginning of a run ---- */

static void on_begun_row(struct tb_job *job, size_t statement, const struct tb_result *result)
{
    (void)statement;
    job->id = tb_result_int64(result, 0, 0);
    job->wait_us = tb_result_int64(result, 0, 1);
    job->asked_again = job->asked_again || tb_result_int64(result, 0, 2) > 0;
}

static void on_begun(struct tb_job *job, int outcome, const struct tb_error *err)
{
    struct tb_schedule *s = job->schedule;

    if (outcome) {
        log_failure(s, "a job's run could not be begun", err);
        job->wait_us = period_us(s, job->kind);
        unlock(job);
    } else if (!job->id) {
        tb_log(s->log, TB_LOG_DEBUG, "maintenance job is not due: it ran a moment ago",
               TB_F_EVENT("job_not_due"), TB_F_CSTR("job", job->kind->name),
               TB_F_DOUBLE("due_in_s", (double)job->wait_us / TB_US_PER_S));
        unlock(job);
    } else {
        change_state(s, STATE_WORKING);
        job->kind->start(job);
    }
}

static void on_lock_row(struct tb_job *job, size_t statement, const struct tb_result *result)
{
    (void)statement;
    job->id = tb_result_int64(result, 0, 0);
}

static void on_locked(struct tb_job *job, int outcome, const struct tb_error *err)
{
    struct tb_schedule *s = job->schedule;

    if (outcome) {
        log_failure(s, "a job's lock could not be asked for", err);
        go_idle(s, period_us(s, job->kind));
        return;
    }
    if (!job->id) {
        tb_log(s->log, TB_LOG_INFO, "maintenance job skipped: it is running elsewhere",
               TB_F_EVENT("job_skipped"), TB_F_CSTR("job", job->kind->name));
        go_idle(s, period_us(s, job->kind));
        return;
    }
    snprintf(job->texts[0], sizeof(job->texts[0]), "%" PRId64, job->kind->period_s(s->config));
    job->params[0] = tb_param_text(job->kind->name);
    job->params[1] = tb_param_text(s->instance);
    job->params[2] = tb_param_text(job->texts[0]);
    job->params[3] = tb_param_text("false");
    submit(s, STATE_BEGINNING, tb_maintenance_queries.begin, 4, on_begun, on_begun_row);
}

static void begin(struct tb_schedule *s, size_t index)
{
    s->job = (struct tb_job){.schedule = s,
                             .kind = &s->kinds[index],
                             .index = index,
                             .holds_lock = true,
                             .started_us = tb_clock_monotonic_us(),
                             .timer = {.owner = &s->job}};
    s->job.params[0] = tb_param_text(s->job.kind->name);
    submit(s, STATE_LOCKING, tb_maintenance_queries.lock, 1, on_locked, on_lock_row);
}

/* Begins what is due, or waits for what will be. Called whenever something of the condition has changed. */
static void begin_next(struct tb_schedule *s)
{
    if (s->stopping)
        return; /* the timer is on_stop's now */
    tb_loop_disarm(s->loop, &s->timer);
    if (s->state != STATE_IDLE || !s->listening || !s->count || !s->config->maintenance.enabled ||
        !tb_pg_connection_is_ready(s->connection))
        return;
    size_t first = tb_timetable_first(s->entries, s->count);
    int64_t wait_us = s->entries[first].due_at_us - tb_clock_monotonic_us();
    if (wait_us <= 0)
        begin(s, first);
    else
        tb_loop_arm(s->loop, &s->timer, wait_us);
}

static void on_timer(struct tb_timer *timer)
{
    begin_next(timer->owner);
}

/* ---- what is told from outside ---- */

void tb_schedule_set_listening(struct tb_schedule *s, bool listening)
{
    if (listening && !s->listening) {
        for (size_t i = 0; i < s->count; i++)
            tb_timetable_settle(&s->entries[i], tb_clock_monotonic_us());
    }
    s->listening = listening;
    begin_next(s);
}

void tb_schedule_set_config(struct tb_schedule *s, const struct tb_config *config)
{
    s->config = config;
    for (size_t i = 0; i < s->count; i++)
        tb_timetable_change(&s->entries[i], tb_clock_monotonic_us(), period_us(s, &s->kinds[i]));
    begin_next(s);
}

static void on_stop(struct tb_timer *timer)
{
    struct tb_schedule *s = timer->owner;
    struct tb_job *job = &s->job;

    if (s->state == STATE_IDLE) {
        s->on_stopped(s->owner);
    } else if (s->state == STATE_WORKING && job->after_wait) {
        tb_job_end_wait(job);
    } else if (s->state == STATE_WORKING && job->kind->stop && !job->told_to_stop) {
        job->told_to_stop = true;
        job->kind->stop(job);
    }
}

void tb_schedule_stop(struct tb_schedule *s)
{
    if (s->stopping)
        return;
    s->stopping = true;
    if (s->job.after_wait)
        tb_loop_disarm(s->loop, &s->job.timer);
    s->timer.on_expire = on_stop;
    tb_loop_arm(s->loop, &s->timer, 0);
}

static void on_notification(void *owner, struct tb_str channel, struct tb_str job)
{
    struct tb_schedule *s = owner;

    (void)channel;
    for (size_t i = 0; i < s->count; i++) {
        if (!tb_str_equal(job, tb_str_of(s->kinds[i].name)))
            continue;
        if (s->state != STATE_IDLE && s->job.index == i)
            s->job.asked_again = true;
        else
            tb_timetable_ask(&s->entries[i], tb_clock_monotonic_us());
    }
    begin_next(s);
}

/* Without it a request waits for the job's next run. */
static void on_listening(struct tb_transaction *transaction, int outcome, const struct tb_error *err)
{
    const struct tb_schedule *s = transaction->owner;

    if (outcome && outcome != TB_PG_LOST)
        tb_log(s->log, TB_LOG_WARNING, "maintenance can't be asked for", TB_F_EVENT("job_not_asked_for"),
               TB_F_CSTR("error", err->text), TB_F_CSTR("sqlstate", err->sqlstate));
}

static void on_ready(void *owner)
{
    struct tb_schedule *s = owner;

    s->listen_statement = (struct tb_statement){.query = tb_maintenance_queries.listen};
    s->listen = (struct tb_transaction){
        .statements = &s->listen_statement, .statement_count = 1, .on_done = on_listening, .owner = s};
    tb_pg_connection_submit(s->connection, &s->listen);
    begin_next(s);
}

/* The sink, on its own connection to the same server, tells people that the database is away. */
static void on_lost(void *owner, const struct tb_error *err, int64_t retry_in_us)
{
    struct tb_schedule *s = owner;

    tb_log(s->log, TB_LOG_DEBUG, "maintenance has no connection to PostgreSQL",
           TB_F_EVENT("maintenance_database_lost"), TB_F_CSTR("error", err->text),
           TB_F_DOUBLE("retry_in_s", (double)retry_in_us / TB_US_PER_S));
    s->job.holds_lock = false;
}

void tb_schedule_add(struct tb_schedule *s, const struct tb_job_kind *kind)
{
    assert(s->count < TB_SCHEDULE_JOBS_MAX);
    s->kinds[s->count] = *kind;
    s->entries[s->count] = (struct tb_timetable_entry){.period_us = period_us(s, kind)};
    s->count++;
}

int tb_schedule_open(struct tb_loop *loop, const struct tb_schedule_options *options,
                     struct tb_schedule **ret_schedule, struct tb_error *err)
{
    struct tb_schedule *s = calloc(1, sizeof(*s));

    if (!s)
        return tb_error_set(err, -ENOMEM, "out of memory");
    s->loop = loop;
    s->instance = options->instance;
    s->log = options->log;
    s->config = options->config;
    s->on_stopped = options->on_stopped;
    s->owner = options->owner;
    s->random = (uint64_t)tb_clock_now_us();
    s->timer = (struct tb_timer){.on_expire = on_timer, .owner = s};
    const struct tb_pg_connection_options connection = {.url = options->database_url,
                                                        .application_name = "taskbridged maintenance",
                                                        .schema = options->config->database.schema,
                                                        .connect_timeout_us = options->connect_timeout_us,
                                                        .response_timeout_us = options->response_timeout_us,
                                                        .on_ready = on_ready,
                                                        .on_lost = on_lost,
                                                        .on_notification = on_notification,
                                                        .owner = s};
    int failed = tb_pg_connection_open(loop, &connection, &s->connection, err);
    if (failed) {
        tb_schedule_close(s);
        return failed;
    }
    *ret_schedule = s;
    return 0;
}

struct tb_pg_connection *tb_schedule_connection(struct tb_schedule *s)
{
    return s->connection;
}

void tb_schedule_close(struct tb_schedule *s)
{
    if (!s)
        return;
    tb_loop_disarm(s->loop, &s->timer);
    tb_loop_disarm(s->loop, &s->job.timer);
    tb_pg_connection_close(s->connection);
    free(s);
}

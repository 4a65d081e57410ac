/* Two batches take turns: one is written, one gathers.
 *
 * While PostgreSQL is idle, what has come is written at once, however little; while it works, the other batch
 * gathers, so batches grow with the load and there is no knob. Deliveries are acknowledged only after the
 * commit of the batch that holds them. A batch whose outcome is unknown or that could not be written is
 * written again, unchanged. One that is refused, or fails again and again, is written in parts (bisect.c):
 * a row that nobody can write must not keep its neighbours waiting.
 * When the broker is lost, tags are void: what is gathered is dropped, because it will be delivered again,
 * and what is being written is not acknowledged.
 *
 * The writing side is in one of four states, left only through change_state:
 *   idle -> submitted -> idle            committed
 *           submitted -> waiting         again, after a wait or when the database is back -> submitted
 *
 * and a bisection, where one is under way, decides what is submitted next. */
#include "pipeline.h"

#include "bisect.h"
#include "lag.h"
#include "taskbridge/io/backoff.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#define AGAIN_FIRST_US (20 * TB_US_PER_MS)
#define AGAIN_MAX_US   (5 * TB_US_PER_S)

/* A batch that failed so often in a row, with an answer, is suspected of holding a row that always fails. */
#define SUSPECT_FAILURES 6
/* One that is alone, and has no neighbours to prove it, is given up after so long. */
#define SUSPECT_US (10 * TB_US_PER_S)

enum write_state { WRITE_IDLE, WRITE_SUBMITTED, WRITE_WAITING };

struct tb_pipeline {
    struct tb_pipeline_options options;
    struct tb_source *source;
    struct tb_sink *sink;
    struct tb_batch batches[2];
    struct tb_batch *gathering, *writing; /* writing is set unless its side is idle */
    enum write_state state;
    bool is_writing_void;         /* its deliveries come again: no acknowledgement, no further attempt */
    bool is_paused;               /* the source holds a delivery back */
    bool is_draining, is_drained; /* the latter once on_drained was called */
    bool is_bisecting;
    struct tb_bisect bisect;
    unsigned failures;       /* in a row, of the same part, that PostgreSQL answered with */
    int64_t failing_since;   /* monotonic */
    struct tb_timer retry;   /* waiting: until the next attempt */
    struct tb_timer drained; /* on_drained must not come from inside */
    struct tb_timer memory;  /* paused for want of memory */
    struct tb_backoff backoff;
    uint64_t taken, settled, taken_bytes; /* as tb_pipeline_state has them */
    struct tb_lag lag;
};

static void write_next(struct tb_pipeline *p);

static void change_state(struct tb_pipeline *p, enum write_state state)
{
    static const char *const names[] = {"idle", "submitted", "waiting"};

    tb_log(p->options.log, TB_LOG_DEBUG, "pipeline", TB_F_EVENT("pipeline_state"),
           TB_F_CSTR("from", names[p->state]), TB_F_CSTR("to", names[state]));
    p->state = state;
}

static void log_trouble(const struct tb_pipeline *p, enum tb_log_level level, const char *message,
                        const struct tb_error *err, int64_t wait_us)
{
    tb_log(p->options.log, level, message, TB_F_EVENT("batch_failed"),
           TB_F_CSTR("error", err ? err->text : NULL), TB_F_CSTR("sqlstate", err ? err->sqlstate : NULL),
           TB_F_INT("deliveries", p->writing->delivery_count),
           TB_F_DOUBLE("retry_in_s", (double)wait_us / TB_US_PER_S));
}

/* ---- the end of a batch ---- */

static void resume_source(struct tb_pipeline *p)
{
    if (!p->is_paused || p->is_draining)
        return;
    p->is_paused = false;
    p->source->resume(p->source);
}

static void end_bisection(struct tb_pipeline *p)
{
    if (p->is_bisecting)
        tb_bisect_deinit(&p->bisect);
    p->is_bisecting = false;
}

/* The written batch is done with, settled or void. */
static void finish_batch(struct tb_pipeline *p)
{
    end_bisection(p);
    p->failures = 0;
    tb_backoff_reset(&p->backoff);
    if (!p->is_writing_void) {
        p->settled += p->writing->delivery_count;
        p->source->ack(p->source, p->writing->last_tag);
    }
    p->is_writing_void = false;
    tb_batch_reset(p->writing);
    p->writing = NULL;
    change_state(p, WRITE_IDLE);
    write_next(p);
    resume_source(p);
}

static void finish_committed_batch(struct tb_pipeline *p)
{
    tb_lag_committed(&p->lag, p->writing->newest_at, tb_clock_now_us());
    finish_batch(p);
}

/* ---- writing ---- */

static void submit(struct tb_pipeline *p);

static void wait_and_retry(struct tb_pipeline *p, int64_t wait_us)
{
    change_state(p, WRITE_WAITING);
    tb_loop_arm(p->options.loop, &p->retry, wait_us);
}

static void submit_part(struct tb_pipeline *p)
{
    struct tb_batch *part = NULL;

    if (tb_bisect_next(&p->bisect, &part)) {
        wait_and_retry(p, tb_backoff_next_us(&p->backoff));
        return;
    }
    if (part) {
        p->sink->submit(p->sink, part);
        return;
    }
    tb_log(p->options.log, TB_LOG_WARNING, "the refused batch is written but for its culprits",
           TB_F_EVENT("batch_bisected"), TB_F_INT("dead_letters", p->bisect.dead_count));
    finish_committed_batch(p);
}

static void submit(struct tb_pipeline *p)
{
    change_state(p, WRITE_SUBMITTED);
    if (p->is_bisecting)
        submit_part(p);
    else
        p->sink->submit(p->sink, p->writing);
}

/* Gives what has gathered to an idle database. */
static void write_next(struct tb_pipeline *p)
{
    if (p->state != WRITE_IDLE)
        return;
    if (tb_batch_is_empty(p->gathering)) {
        if (p->is_draining && !p->is_drained)
            tb_loop_arm(p->options.loop, &p->drained, 0);
        return;
    }
    if (!p->sink->is_ready(p->sink))
        return;
    p->writing = p->gathering;
    p->gathering = &p->batches[p->writing == &p->batches[0]];
    tb_batch_seal(p->writing);
    submit(p);
}

static void begin_bisection(struct tb_pipeline *p, const struct tb_error *err)
{
    log_trouble(p, TB_LOG_WARNING, "PostgreSQL refuses a batch's data; looking for the culprit", err, 0);
    if (tb_bisect_init(&p->bisect, p->writing, p->options.rules) == 0) {
        p->is_bisecting = true;
        if (tb_bisect_refused(&p->bisect, err) == 0) {
            submit(p);
            return;
        }
    }
    tb_bisect_deinit(&p->bisect);
    p->is_bisecting = false;
    wait_and_retry(p, tb_backoff_next_us(&p->backoff));
}

static void go_on_bisecting(struct tb_pipeline *p, const struct tb_error *err)
{
    int64_t wait_us = 0;
    int r = tb_bisect_refused(&p->bisect, err);

    if (r == 0) {
        submit(p);
        return;
    }
    wait_us = tb_backoff_next_us(&p->backoff);
    log_trouble(p, TB_LOG_ERROR,
                r == -EBADMSG ? "PostgreSQL refuses even the dead letter" : "out of memory while bisecting",
                err, wait_us);
    wait_and_retry(p, wait_us);
}

/* Conflicts and cancelled statements, which can be one row's own; what is the server's trouble, another's
 * lock or lacking rights can't be told from one row. */
static bool is_its_own(const struct tb_error *err)
{
    return err && (strncmp(err->sqlstate, "40", 2) == 0 || strcmp(err->sqlstate, "57014") == 0);
}

/* Whether a part that is alone is to blame: it had its time, and either the error can be its own, or it is
 * one that no waiting helps and its neighbours landed. A full disk and a database that is read-only for a
 * while spare heartbeats and fail every task: nothing is given up for what passes. */
static bool is_culprit(const struct tb_pipeline *p, int outcome, const struct tb_error *err)
{
    return tb_clock_monotonic_us() - p->failing_since > SUSPECT_US &&
           (is_its_own(err) || (outcome == TB_SINK_FAILED && p->bisect.has_written));
}

/* Has the batch, or the part, that fails again and again taken apart; false where that helps nothing. */
static bool take_apart(struct tb_pipeline *p, int outcome, const struct tb_error *err)
{
    if (p->is_writing_void || !err || !err->sqlstate[0] || ++p->failures < SUSPECT_FAILURES) {
        if (p->failures == 1)
            p->failing_since = tb_clock_monotonic_us();
        return false;
    }
    if (!p->is_bisecting) {
        if (tb_bisect_init(&p->bisect, p->writing, p->options.rules) != 0) {
            tb_bisect_deinit(&p->bisect);
            return false;
        }
        p->is_bisecting = true;
    }
    int r = tb_bisect_failed(&p->bisect);
    if (r == TB_BISECT_ALONE && is_culprit(p, outcome, err))
        r = tb_bisect_refused(&p->bisect, err);
    if (r == 0)
        p->failures = 0;
    return r == 0;
}

static void take_outcome(struct tb_pipeline *p, int outcome, const struct tb_error *err)
{
    int64_t wait_us = 0;

    switch ((enum tb_sink_outcome)outcome) {
    case TB_SINK_REFUSED:
        p->failures = 0;
        if (p->is_bisecting)
            go_on_bisecting(p, err);
        else
            begin_bisection(p, err);
        return;
    case TB_SINK_AGAIN:
    case TB_SINK_FAILED:
        if (take_apart(p, outcome, err)) {
            log_trouble(p, TB_LOG_WARNING, "a batch fails again and again; it is written in parts", err, 0);
            tb_backoff_reset(&p->backoff);
            wait_and_retry(p, tb_backoff_next_us(&p->backoff));
            return;
        }
        wait_us = tb_backoff_next_us(&p->backoff);
        log_trouble(p, outcome == TB_SINK_FAILED ? TB_LOG_ERROR : TB_LOG_WARNING,
                    "a batch was not written and will be written again", err, wait_us);
        wait_and_retry(p, wait_us);
    }
}

static void on_written(void *owner, struct tb_batch *batch, int outcome, const struct tb_error *err)
{
    struct tb_pipeline *p = owner;

    (void)batch;
    assert(p->state == WRITE_SUBMITTED);
    if (outcome && p->is_writing_void) {
        finish_batch(p);
    } else if (outcome) {
        take_outcome(p, outcome, err);
    } else if (p->is_bisecting) {
        p->failures = 0;
        tb_bisect_written(&p->bisect);
        submit(p);
    } else {
        finish_committed_batch(p);
    }
}

/* Once the database is ready again, or when it was ready all the time, after the wait. */
static void try_again(struct tb_pipeline *p)
{
    if (p->state == WRITE_IDLE)
        write_next(p);
    else if (p->state == WRITE_WAITING && p->is_writing_void)
        finish_batch(p);
    else if (p->state == WRITE_WAITING && p->sink->is_ready(p->sink))
        submit(p);
}

static void on_retry(struct tb_timer *timer)
{
    try_again(timer->owner);
}

static void on_sink_ready(void *owner)
{
    struct tb_pipeline *p = owner;

    tb_loop_disarm(p->options.loop, &p->retry);
    try_again(p);
}

/* ---- gathering ---- */

static bool pause_source(struct tb_pipeline *p)
{
    p->is_paused = true;
    write_next(p);
    return false;
}

static bool on_delivery(void *owner, const struct tb_delivery *delivery)
{
    struct tb_pipeline *p = owner;

    if (p->is_draining)
        return false;
    if (tb_batch_is_full(p->gathering)) {
        write_next(p); /* takes the batch when the database is idle */
        if (tb_batch_is_full(p->gathering))
            return pause_source(p);
    }
    if (tb_batch_add(p->gathering, delivery, p->options.rules) == 0) {
        p->taken++;
        p->taken_bytes += delivery->body.len;
        return true;
    }
    if (tb_batch_is_empty(p->gathering) || p->state == WRITE_IDLE)
        tb_loop_arm(p->options.loop, &p->memory, TB_US_PER_S);
    return pause_source(p);
}

static void on_memory(struct tb_timer *timer)
{
    struct tb_pipeline *p = timer->owner;

    tb_log(p->options.log, TB_LOG_WARNING, "out of memory for the next delivery; trying again",
           TB_F_EVENT("out_of_memory"));
    resume_source(p);
}

static void on_idle(void *owner)
{
    write_next(owner);
}

static void on_source_lost(void *owner)
{
    struct tb_pipeline *p = owner;

    tb_batch_reset(p->gathering);
    p->settled = p->taken;
    p->is_paused = false;
    if (p->state != WRITE_IDLE)
        p->is_writing_void = true;
    if (p->state == WRITE_WAITING)
        tb_loop_arm(p->options.loop, &p->retry, 0);
    if (p->is_draining)
        write_next(p);
}

/* ---- life ---- */

static void on_drained(struct tb_timer *timer)
{
    struct tb_pipeline *p = timer->owner;

    p->is_drained = true;
    p->options.on_drained(p->options.owner);
}

void tb_pipeline_drain(struct tb_pipeline *p)
{
    if (p->is_draining)
        return;
    p->is_draining = true;
    tb_loop_disarm(p->options.loop, &p->memory);
    write_next(p);
}

void tb_pipeline_set_rules(struct tb_pipeline *p, const struct tb_rules *rules)
{
    p->options.rules = rules;
    if (p->is_bisecting)
        p->bisect.rules = rules;
}

struct tb_pipeline_state tb_pipeline_state(const struct tb_pipeline *p)
{
    return (struct tb_pipeline_state){.gathering_deliveries = p->gathering->delivery_count,
                                      .writing_deliveries = p->writing ? p->writing->delivery_count : 0,
                                      .taken = p->taken,
                                      .settled = p->settled,
                                      .taken_bytes = p->taken_bytes,
                                      .lag_us = tb_lag_median_us(&p->lag),
                                      .is_paused = p->is_paused,
                                      .is_bisecting = p->is_bisecting};
}

struct tb_source_events tb_pipeline_source_events(struct tb_pipeline *p)
{
    return (struct tb_source_events){
        .on_delivery = on_delivery, .on_idle = on_idle, .on_lost = on_source_lost, .owner = p};
}

struct tb_sink_events tb_pipeline_sink_events(struct tb_pipeline *p)
{
    return (struct tb_sink_events){.on_ready = on_sink_ready, .on_written = on_written, .owner = p};
}

void tb_pipeline_connect(struct tb_pipeline *p, struct tb_source *source, struct tb_sink *sink)
{
    p->source = source;
    p->sink = sink;
}

int tb_pipeline_new(const struct tb_pipeline_options *options, struct tb_pipeline **ret_pipeline)
{
    struct tb_pipeline *p = calloc(1, sizeof(*p));

    if (!p)
        return -ENOMEM;
    p->options = *options;
    p->gathering = &p->batches[0];
    p->retry = (struct tb_timer){.on_expire = on_retry, .owner = p};
    p->drained = (struct tb_timer){.on_expire = on_drained, .owner = p};
    p->memory = (struct tb_timer){.on_expire = on_memory, .owner = p};
    tb_backoff_init(&p->backoff, AGAIN_FIRST_US, AGAIN_MAX_US, (uint64_t)tb_clock_now_us());
    if (tb_batch_init(&p->batches[0]) || tb_batch_init(&p->batches[1])) {
        tb_pipeline_free(p);
        return -ENOMEM;
    }
    *ret_pipeline = p;
    return 0;
}

void tb_pipeline_free(struct tb_pipeline *p)
{
    if (!p)
        return;
    tb_loop_disarm(p->options.loop, &p->retry);
    tb_loop_disarm(p->options.loop, &p->drained);
    tb_loop_disarm(p->options.loop, &p->memory);
    end_bisection(p);
    tb_batch_deinit(&p->batches[0]);
    tb_batch_deinit(&p->batches[1]);
    free(p);
}

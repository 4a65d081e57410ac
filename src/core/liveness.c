/* When is a task lost? Told first in prose, then in the same order below.
 *
 * Only a task that a worker has can be lost with it: RECEIVED, STARTED or PROGRESS. PENDING and RETRY wait in
 * a queue of the broker, which loses nothing. While a task is heard of, or while events may still be on their
 * way to us, nothing is judged. A silent task may be a long one, so its worker is asked. If it has it, all is
 * well, however long the silence. If it twice has not, with time between for an event on its way, and it is
 * not among those that the worker runs either, the last event never came. A worker that does not answer is
 * busy, or gone: gone when it also sent no event for ten heartbeats, counted from when we could hear it. A
 * goodbye (worker-offline) is no proof, because a worker may come back under its name: the silence after it
 * is.
 *
 * Known limits, all taken back by the task's next event: a worker of the solo pool neither beats nor answers
 * while it works, nor does one that shuts down warmly and waits for its last tasks, nor ever one without
 * heartbeats and remote control. */
#include "taskbridge/core/liveness.h"

#include <assert.h>

#define HEARTBEATS 10

/* Beyond this a frequency is no frequency but a mistake. */
#define FREQ_MAX_S 3600.0

static bool is_in(const struct tb_liveness_facts *facts, const char *celery_state)
{
    return tb_str_equal(facts->celery_state, tb_str_of(celery_state));
}

static bool is_with_a_worker(const struct tb_liveness_facts *facts)
{
    return is_in(facts, "RECEIVED") || is_in(facts, "STARTED") || is_in(facts, "PROGRESS");
}

static int64_t silence_bound_us(const struct tb_liveness_facts *facts,
                                const struct tb_liveness_bounds *bounds)
{
    double freq_s = facts->worker_freq_s > 0 ? facts->worker_freq_s : 0;
    double beats_us = HEARTBEATS * (freq_s < FREQ_MAX_S ? freq_s : FREQ_MAX_S) * (double)TB_US_PER_S;

    return bounds->silent_after_us > (int64_t)beats_us ? bounds->silent_after_us : (int64_t)beats_us;
}

/* An event of the task is a sign of its worker too. */
static bool is_worker_silent(const struct tb_liveness_facts *facts, const struct tb_liveness_bounds *bounds)
{
    int64_t last_sign = facts->listening_since;

    if (facts->worker_heard_at > last_sign)
        last_sign = facts->worker_heard_at;
    if (facts->heard_until - facts->silent_us > last_sign)
        last_sign = facts->heard_until - facts->silent_us;
    return facts->heard_until - last_sign >= silence_bound_us(facts, bounds);
}

/* A task in RETRY may run: its next attempt can come to a worker before the last one's end is stamped. */
static enum tb_liveness_verdict decide_unasked(const struct tb_liveness_facts *facts)
{
    if (facts->is_lost || is_with_a_worker(facts))
        return TB_LIVENESS_ASK;
    return is_in(facts, "RETRY") ? TB_LIVENESS_LOOK : TB_LIVENESS_FINE;
}

/* Two workers of one name share the queue of questions, and whichever takes one knows only its own: then a no
 * means nothing. Nor does it where a worker's tasks end without an event: what it has no longer may have
 * succeeded.
 *
 * Of a task that has not started, a worker says that it has it only when it is about to run it: until then it
 * waits for its eta or its rate limit, where nobody can look. Such a task is gone only if its worker came
 * back since, and so has forgotten what it had not started.
 *
 * The second look is needed because a worker keeps its books by task id: when an attempt ends after the next
 * one came to the same worker (a retry without delay, a redelivery after a broken connection), it strikes out
 * the one that runs. */
static enum tb_liveness_verdict decide_has_not(const struct tb_liveness_facts *facts,
                                               const struct tb_liveness_bounds *bounds)
{
    if (facts->worker_is_shared || facts->worker_is_mute)
        return TB_LIVENESS_FINE;
    if (is_in(facts, "RECEIVED") && !facts->worker_came_back)
        return facts->is_lost ? TB_LIVENESS_FOUND : TB_LIVENESS_FINE;
    if (facts->is_lost || facts->missing_us >= bounds->ask_apart_us)
        return TB_LIVENESS_LOOK;
    return TB_LIVENESS_MISSING;
}

/* Of what was called lost already, the worker said no once more: it is not asked again. */
static enum tb_liveness_verdict decide_runs_not(const struct tb_liveness_facts *facts)
{
    if (facts->worker_is_shared || facts->worker_is_mute)
        return TB_LIVENESS_FINE;
    if (facts->is_lost)
        return TB_LIVENESS_MISSING;
    return is_with_a_worker(facts) ? TB_LIVENESS_GONE : TB_LIVENESS_FINE;
}

static enum tb_liveness_verdict decide_silent(const struct tb_liveness_facts *facts,
                                              const struct tb_liveness_bounds *bounds)
{
    if (facts->is_lost || !is_with_a_worker(facts))
        return TB_LIVENESS_FINE;
    return is_worker_silent(facts, bounds) ? TB_LIVENESS_VANISHED : TB_LIVENESS_FINE;
}

enum tb_liveness_verdict tb_liveness_decide(const struct tb_liveness_facts *facts,
                                            enum tb_liveness_answer answer,
                                            const struct tb_liveness_bounds *bounds)
{
    if (tb_str_is_null(facts->worker) || facts->listening_since == TB_STAMP_NONE ||
        (!facts->is_lost && facts->silent_us < bounds->silent_after_us))
        return TB_LIVENESS_FINE;
    switch (answer) {
    case TB_ANSWER_NOT_ASKED:
        return decide_unasked(facts);
    case TB_ANSWER_HAS:
    case TB_ANSWER_RUNS:
        return TB_LIVENESS_FOUND;
    case TB_ANSWER_HAS_NOT:
        return decide_has_not(facts, bounds);
    case TB_ANSWER_RUNS_NOT:
        return decide_runs_not(facts);
    case TB_ANSWER_USELESS:
        return TB_LIVENESS_FINE;
    case TB_ANSWER_IMPOSSIBLE:
        /* Silence decides, if the worker was ever heard. */
        return facts->worker_heard_at == TB_STAMP_NONE ? TB_LIVENESS_FINE : decide_silent(facts, bounds);
    case TB_ANSWER_NONE:
        return decide_silent(facts, bounds);
    }
    return TB_LIVENESS_FINE;
}

void tb_liveness_push_reason(enum tb_liveness_verdict verdict, struct tb_str worker, struct tb_buf *buf)
{
    assert(verdict == TB_LIVENESS_GONE || verdict == TB_LIVENESS_VANISHED);
    if (verdict == TB_LIVENESS_VANISHED)
        tb_buf_printf(buf, "worker %.*s vanished", TB_STR_FMT(worker));
    else
        tb_buf_push_str(buf,
                        TB_STR("outcome unknown: the worker no longer has it and its last event never came"));
}

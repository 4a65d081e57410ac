/* What happened after the last moment up to which everything is heard is not known yet: an event of the task
 * may be on its way. So time stops there, for the silence as for the time since a first no.
 *
 * Of a verdict only what changes the row is written: a task that its worker has stays as it is, unless it was
 * called lost, or suspected, or waits for a retry that has begun; or its worker lost the broker meanwhile and
 * still claims to run it, for then its end may have gone into the old connection: it is shown as stalled. */
#include "suspect.h"

void tb_suspect_hear(struct tb_suspect *suspect, const struct tb_hearing *hearing, int64_t now_us)
{
    struct tb_liveness_facts *facts = &suspect->task.facts;
    int64_t unheard_us = now_us - hearing->heard_until;

    facts->listening_since = hearing->listening_since;
    facts->heard_until = hearing->heard_until;
    facts->silent_us -= unheard_us;
    if (facts->missing_us >= 0)
        facts->missing_us = facts->missing_us > unheard_us ? facts->missing_us - unheard_us : 0;
}

bool tb_suspect_is_lost(const struct tb_suspect *suspect)
{
    return suspect->verdict == TB_LIVENESS_GONE || suspect->verdict == TB_LIVENESS_VANISHED;
}

static bool runs(const struct tb_liveness_facts *facts)
{
    return tb_str_equal(facts->celery_state, TB_STR("STARTED")) ||
           tb_str_equal(facts->celery_state, TB_STR("PROGRESS"));
}

bool tb_suspect_change(const struct tb_suspect *suspect, struct tb_status_change *ret_change)
{
    const struct tb_liveness_facts *facts = &suspect->task.facts;
    bool has = suspect->verdict == TB_LIVENESS_FOUND;
    const struct tb_status_change change = {
        .id = suspect->task.id,
        .updated_at = suspect->task.updated_at,
        .missing = suspect->verdict == TB_LIVENESS_MISSING || suspect->verdict == TB_LIVENESS_GONE,
        .stalled = has && facts->worker_came_back && !facts->is_lost && runs(facts),
        .found = has && (facts->is_lost || tb_str_equal(facts->celery_state, TB_STR("RETRY"))),
    };
    bool is_cleared = has && facts->missing_us >= 0;

    if (!tb_suspect_is_lost(suspect) && !change.missing && !change.found && !change.stalled && !is_cleared)
        return false;
    *ret_change = change;
    return true;
}

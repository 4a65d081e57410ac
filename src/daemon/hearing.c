/* When is a silence real? When nothing that was said can still be on its way to us.
 *
 * Events wait in the queue while we are away or behind. So each measurement of the queue sets a mark: what
 * was said until then has been delivered once as many more deliveries came as waited, for the queue gives out
 * the oldest first, and is in the database once these are settled. A daemon that is busy all the time hears
 * in this way, too. We hear from the first mark that was reached, and go on hearing while marks follow each
 * other closely. A backlog that lasts ends it, and it begins anew once that is drained: what was silent
 * meanwhile gets its full time again.
 *
 * What another daemon has taken and not yet committed is not in the queue, and not seen here. So a
 * measurement counts only where the broker has as many consumers as daemons say in the database that they
 * live: one whose database is away, or a stranger, holds what nobody knows of. And of what each of them heard
 * the least counts (tb_hearing_narrow), since a mark says only that its own deliveries are written. */
#include "hearing.h"

void tb_hearing_init(struct tb_hearing *hearing)
{
    *hearing = (struct tb_hearing){
        .listening_since = TB_STAMP_NONE, .heard_until = TB_STAMP_NONE, .mark_at = TB_STAMP_NONE};
}

void tb_hearing_connected(struct tb_hearing *hearing)
{
    tb_hearing_init(hearing);
    hearing->is_connected = true;
}

void tb_hearing_disconnected(struct tb_hearing *hearing)
{
    tb_hearing_init(hearing);
}

static void hear_until(struct tb_hearing *hearing, int64_t at)
{
    if (hearing->listening_since == TB_STAMP_NONE || at - hearing->heard_until > TB_HEARING_FRESH_US)
        hearing->listening_since = at;
    hearing->heard_until = at;
}

static void reach_mark(struct tb_hearing *hearing, uint64_t settled)
{
    if (hearing->mark_at == TB_STAMP_NONE || settled < hearing->mark_taken)
        return;
    hear_until(hearing, hearing->mark_at);
    hearing->mark_at = TB_STAMP_NONE;
}

void tb_hearing_measured(struct tb_hearing *hearing, const struct tb_hearing_company *company,
                         int64_t messages, uint64_t taken, uint64_t settled, int64_t now_us)
{
    if (!hearing->is_connected)
        return;
    hearing->is_whole = company->consumers == company->daemons;
    if (!hearing->is_whole) {
        hearing->mark_at = TB_STAMP_NONE;
        return;
    }
    reach_mark(hearing, settled);
    /* A backlog that is gone may have gone to other daemons: then its mark is never reached. */
    if (hearing->mark_at != TB_STAMP_NONE && !(hearing->is_mark_behind && messages == 0))
        return;
    hearing->mark_at = now_us;
    hearing->mark_taken = taken + (uint64_t)messages;
    hearing->is_mark_behind = messages > 0;
    reach_mark(hearing, settled);
}

void tb_hearing_narrow(struct tb_hearing *hearing, int64_t listening_since, int64_t heard_until)
{
    if (listening_since == TB_STAMP_NONE || heard_until == TB_STAMP_NONE) {
        hearing->listening_since = hearing->heard_until = TB_STAMP_NONE;
        return;
    }
    if (hearing->listening_since != TB_STAMP_NONE && listening_since > hearing->listening_since)
        hearing->listening_since = listening_since;
    if (heard_until < hearing->heard_until)
        hearing->heard_until = heard_until;
}

bool tb_hearing_is_good(const struct tb_hearing *hearing, int64_t now_us)
{
    return hearing->listening_since != TB_STAMP_NONE && now_us - hearing->heard_until <= TB_HEARING_FRESH_US;
}

/* When is a silence real? When nothing that was said can still be on its way to us.
 *
 * Events wait in the queue while we are away or behind. So each measurement of the queue sets a mark: what
 * was said until then has been delivered once as many more deliveries came as waited, for the queue gives out
 * the oldest first, and is in the database once these are settled. A daemon that is busy all the time hears
 * in this way, too. We hear from the first mark that was reached, and go on hearing while marks follow each
 * other closely. A backlog that lasts ends it, and it begins anew once that is drained: what was silent
 * meanwhile gets its full time again. What another daemon has taken and not yet committed is not seen; it
 * lasts as long as that one's commit. */
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

void tb_hearing_measured(struct tb_hearing *hearing, int64_t messages, uint64_t taken, uint64_t settled,
                         int64_t now_us)
{
    if (!hearing->is_connected)
        return;
    reach_mark(hearing, settled);
    /* A backlog that is gone may have gone to other daemons: then its mark is never reached. */
    if (hearing->mark_at != TB_STAMP_NONE && !(hearing->is_mark_behind && messages == 0))
        return;
    hearing->mark_at = now_us;
    hearing->mark_taken = taken + (uint64_t)messages;
    hearing->is_mark_behind = messages > 0;
    reach_mark(hearing, settled);
}

bool tb_hearing_is_good(const struct tb_hearing *hearing, int64_t now_us)
{
    return hearing->listening_since != TB_STAMP_NONE && now_us - hearing->heard_until <= TB_HEARING_FRESH_US;
}

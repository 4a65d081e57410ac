/* When is a silence real? When nothing that was said can still be on its way to us.
 *
 * Events wait in the queue while we are away or behind. So we hear only from the moment at which we were
 * connected, the queue was empty and all we had taken was committed; and we go on hearing while such moments
 * follow each other closely. A backlog that lasts ends it, and it begins anew once that is drained: what was
 * silent meanwhile gets its full time again. What another daemon has taken and not yet committed is not seen;
 * it lasts as long as that one's commit. */
#include "hearing.h"

void tb_hearing_init(struct tb_hearing *hearing)
{
    *hearing = (struct tb_hearing){.listening_since = TB_STAMP_NONE, .heard_until = TB_STAMP_NONE};
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

void tb_hearing_measured(struct tb_hearing *hearing, int64_t messages, bool has_work, int64_t now_us)
{
    if (!hearing->is_connected || messages > 0 || has_work)
        return;
    if (!tb_hearing_is_good(hearing, now_us))
        hearing->listening_since = now_us;
    hearing->heard_until = now_us;
}

bool tb_hearing_is_good(const struct tb_hearing *hearing, int64_t now_us)
{
    return hearing->listening_since != TB_STAMP_NONE && now_us - hearing->heard_until <= TB_HEARING_FRESH_US;
}

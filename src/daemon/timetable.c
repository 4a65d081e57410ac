/* The due times of jobs, spread a little so that several daemons don't ask for the same lock at the same
 * moment.
 *
 * Whether a job really runs is decided in the database, by its lock and by when it ran last: being due only
 * means that it is worth asking. */
#include "timetable.h"

#include <stddef.h>

#define SETTLE_MAX_US (10 * TB_US_PER_S)

void tb_timetable_settle(struct tb_timetable_entry *entry, int64_t now_us)
{
    if (entry->is_settled)
        return;
    int64_t wait_us = entry->period_us / 10;
    entry->due_at_us = now_us + (wait_us < SETTLE_MAX_US ? wait_us : SETTLE_MAX_US);
    entry->is_settled = true;
}

void tb_timetable_plan(struct tb_timetable_entry *entry, int64_t now_us, int64_t wait_us, uint64_t random)
{
    uint64_t spread_us = (uint64_t)wait_us / 10 + 1;

    entry->due_at_us = now_us + wait_us + (int64_t)(random % spread_us);
    entry->is_settled = true;
}

void tb_timetable_ask(struct tb_timetable_entry *entry, int64_t now_us)
{
    if (entry->due_at_us > now_us)
        entry->due_at_us = now_us;
}

void tb_timetable_change(struct tb_timetable_entry *entry, int64_t now_us, int64_t period_us)
{
    if (entry->period_us == period_us)
        return;
    entry->period_us = period_us;
    if (entry->is_settled && entry->due_at_us > now_us + period_us)
        entry->due_at_us = now_us + period_us;
}

size_t tb_timetable_first(const struct tb_timetable_entry *entries, size_t count)
{
    size_t first = 0;

    for (size_t i = 1; i < count; i++) {
        if (entries[i].due_at_us < entries[first].due_at_us)
            first = i;
    }
    return first;
}

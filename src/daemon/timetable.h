/* When is which job due? Pure; times are monotonic. */
#ifndef TASKBRIDGE_DAEMON_TIMETABLE_H
#define TASKBRIDGE_DAEMON_TIMETABLE_H

#include "taskbridge/base/clock.h"

#include <stdbool.h>
#include <stddef.h>

struct tb_timetable_entry {
    int64_t period_us;
    int64_t due_at_us;
    bool is_settled; /* has a due time at all */
};

/* The first time that jobs may run: each is due within a tenth of its period, 10 s at most, so that what was
 * due while no daemon ran is not put off. What has a time keeps it. */
void tb_timetable_settle(struct tb_timetable_entry *entry, int64_t now_us);

/* Due again after wait_us and up to a tenth more (several daemons should not all ask at once), drawn from
 * random. */
void tb_timetable_plan(struct tb_timetable_entry *entry, int64_t now_us, int64_t wait_us, uint64_t random);

/* Due now. */
void tb_timetable_ask(struct tb_timetable_entry *entry, int64_t now_us);

/* The period is another: due no later than a new period from now. */
void tb_timetable_change(struct tb_timetable_entry *entry, int64_t now_us, int64_t period_us);

/* The index of what is due first; count is 1 or more. */
size_t tb_timetable_first(const struct tb_timetable_entry *entries, size_t count);

#endif

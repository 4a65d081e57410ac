/* An event becomes facts. Pure: no clock, no order. */
#ifndef TASKBRIDGE_CORE_FOLD_H
#define TASKBRIDGE_CORE_FOLD_H

#include "taskbridge/base/arena.h"
#include "taskbridge/core/event.h"
#include "taskbridge/core/row.h"
#include "taskbridge/core/rules.h"

/* The facts that a task's event brings, as a row of its own that is then joined. Text is borrowed from the
 * event, the rules or the arena. 0 or -ENOMEM. */
int tb_fold_event(const struct tb_event *event, const struct tb_rules *rules, struct tb_arena *arena,
                  struct tb_row *ret_row) TB_MUST_CHECK;

#endif

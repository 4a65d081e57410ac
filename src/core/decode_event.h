/* From an event's fields to the event. */
#ifndef TASKBRIDGE_CORE_DECODE_EVENT_H
#define TASKBRIDGE_CORE_DECODE_EVENT_H

#include "decode_fields.h"
#include "taskbridge/base/error.h"
#include "taskbridge/core/event.h"

enum tb_decode_event_outcome { TB_DECODE_UNUSABLE = 1 /* a dead letter; err says why */ };

/* Of an unknown type only type and type_name are set. Text is borrowed from the fields' body or the arena.
 * 0, TB_DECODE_UNUSABLE or -ENOMEM. */
int tb_decode_event(const struct tb_fields *fields, struct tb_arena *arena, struct tb_event *ret_event,
                    struct tb_error *err) TB_MUST_CHECK;

#endif

/* The fields of one event: which there are, where they stand, and their values by type. */
#ifndef TASKBRIDGE_CORE_DECODE_FIELDS_H
#define TASKBRIDGE_CORE_DECODE_FIELDS_H

#include "decode_scan.h"
#include "taskbridge/base/arena.h"

enum tb_field {
    TB_FIELD_ACTIVE,
    TB_FIELD_ARGS,
    TB_FIELD_COMPANY_ID,
    TB_FIELD_CURRENT,
    TB_FIELD_DESCRIPTION,
    TB_FIELD_ETA,
    TB_FIELD_EXCEPTION,
    TB_FIELD_EXPIRED,
    TB_FIELD_EXPIRES,
    TB_FIELD_FREQ,
    TB_FIELD_HOSTNAME,
    TB_FIELD_KWARGS,
    TB_FIELD_LOADAVG,
    TB_FIELD_MESSAGE,
    TB_FIELD_META,
    TB_FIELD_METADATA,
    TB_FIELD_NAME,
    TB_FIELD_PARENT_ID,
    TB_FIELD_PERCENT,
    TB_FIELD_PID,
    TB_FIELD_PROCESSED,
    TB_FIELD_PROGRESS,
    TB_FIELD_QUEUE,
    TB_FIELD_REQUEUE,
    TB_FIELD_RESULT,
    TB_FIELD_RETRIES,
    TB_FIELD_ROOT_ID,
    TB_FIELD_RUNTIME,
    TB_FIELD_SIGNUM,
    TB_FIELD_STATUS,
    TB_FIELD_STEP,
    TB_FIELD_STEP_KEY,
    TB_FIELD_SW_IDENT,
    TB_FIELD_SW_SYS,
    TB_FIELD_SW_VER,
    TB_FIELD_TASK_ID,
    TB_FIELD_TERMINATED,
    TB_FIELD_TIMESTAMP,
    TB_FIELD_TOTAL,
    TB_FIELD_TRACEBACK,
    TB_FIELD_TYPE,
    TB_FIELD_UUID,
    TB_FIELDS
};

struct tb_fields {
    uint64_t present; /* a bit for each field; the value of one that is not is not set */
    struct tb_scan_value values[TB_FIELDS];
};

/* The members of the object that begins at scan's place, of doubled keys the last; others are stepped over.
 * false when it is damaged. */
bool tb_fields_scan(struct tb_scan *scan, struct tb_fields *ret_fields) TB_MUST_CHECK;

/* The same of a value that is an object already known to be whole; of any other value, no fields. */
void tb_fields_of_value(struct tb_scan_value value, struct tb_fields *ret_fields);

/* The field's value, out of kombu's wrapper where it is in one; TB_SCAN_ABSENT when it is not there. */
struct tb_scan_value tb_fields_get(const struct tb_fields *fields, enum tb_field field);

/* What the event's text is taken into. is_full is set, and stays, once the arena had no room. */
struct tb_texts {
    struct tb_arena *arena; /* borrowed */
    bool is_full;
};

/* A string's text, cut to max_bytes at a whole character; borrowed from the value or the arena. The null
 * string when the value is no string. */
struct tb_str tb_texts_take(struct tb_texts *texts, struct tb_scan_value value, size_t max_bytes);

/* The same, and of a value that is neither string nor null its JSON. */
struct tb_str tb_texts_take_any(struct tb_texts *texts, struct tb_scan_value value, size_t max_bytes);

/* An integer within int64_t; false for everything else. */
bool tb_value_int64(struct tb_scan_value value, int64_t *ret_value) TB_MUST_CHECK;

/* A number of either kind; false for NaN and for everything else. */
bool tb_value_number(struct tb_scan_value value, double *ret_value) TB_MUST_CHECK;

#endif

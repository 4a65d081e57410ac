/* Time: int64_t microseconds since the epoch (stamps), or since some start (monotonic). */
#ifndef TASKBRIDGE_BASE_CLOCK_H
#define TASKBRIDGE_BASE_CLOCK_H

#include "taskbridge/base/attributes.h"

#include "taskbridge/base/str.h"

#include <stddef.h>
#include <stdint.h>

#define TB_US_PER_MS INT64_C(1000)
#define TB_US_PER_S  INT64_C(1000000)

/* An absent stamp: earlier than every other. */
#define TB_STAMP_NONE INT64_MIN

/* 2000-01-01 and 2200-01-01: what lies outside is no stamp of an event. */
#define TB_STAMP_MIN INT64_C(946684800000000)
#define TB_STAMP_MAX INT64_C(7258118400000000)

int64_t tb_clock_now_us(void);
int64_t tb_clock_monotonic_us(void);

/* "2024-01-01T10:00:00.123456Z"; the fraction is left out when it is zero. Returns the length. */
#define TB_STAMP_TEXT_BYTES 40
size_t tb_stamp_format(int64_t stamp_us, char ret_text[TB_STAMP_TEXT_BYTES]);

/* Reads a moment as ISO 8601 has it and Python's isoformat writes it: "2024-01-01T10:00:00", with or without
 * a fraction and an offset ("Z", "+02:00"; none: UTC), or a date alone. false for anything else, the null
 * string too. */
bool tb_stamp_parse(struct tb_str text, int64_t *ret_stamp_us) TB_MUST_CHECK;

#endif

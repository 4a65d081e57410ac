/* The two clocks, and stamps as text.
 *
 * Everything that decides takes its time as a parameter; these are read where a program meets the world.
 * Stamps before 1970 are negative, so seconds are divided downwards, never towards zero. */
#include "taskbridge/base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now); /* cannot fail for these two */
    return (int64_t)now.tv_sec * TB_US_PER_S + now.tv_nsec / 1000;
}

int64_t tb_clock_now_us(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t tb_clock_monotonic_us(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

size_t tb_stamp_format(int64_t stamp_us, char ret_text[TB_STAMP_TEXT_BYTES])
{
    int64_t fraction = stamp_us % TB_US_PER_S;
    if (fraction < 0)
        fraction += TB_US_PER_S;
    time_t seconds = (time_t)(stamp_us / TB_US_PER_S) - (stamp_us < 0 && fraction != 0);

    struct tm utc;
    gmtime_r(&seconds, &utc); /* an int64_t of microseconds never passes the years that struct tm holds */
    int len = snprintf(ret_text, TB_STAMP_TEXT_BYTES, "%04lld-%02d-%02dT%02d:%02d:%02d", utc.tm_year + 1900LL,
                       utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
    if (fraction)
        len += snprintf(ret_text + len, TB_STAMP_TEXT_BYTES - (size_t)len, ".%06d", (int)fraction);
    len += snprintf(ret_text + len, TB_STAMP_TEXT_BYTES - (size_t)len, "Z");
    return (size_t)len;
}

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

/* ---- reading ---- */

/* Takes so many digits from the front. */
static bool take_number(struct tb_str *rest, size_t digits, int *ret_number)
{
    int number = 0;

    if (rest->len < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        if (rest->ptr[i] < '0' || rest->ptr[i] > '9')
            return false;
        number = number * 10 + (rest->ptr[i] - '0');
    }
    *rest = (struct tb_str){rest->ptr + digits, rest->len - digits};
    *ret_number = number;
    return true;
}

static bool take_byte(struct tb_str *rest, char byte)
{
    if (!rest->len || rest->ptr[0] != byte)
        return false;
    *rest = (struct tb_str){rest->ptr + 1, rest->len - 1};
    return true;
}

static bool take_date(struct tb_str *rest, struct tm *parts)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (!take_number(rest, 4, &parts->tm_year) || !take_byte(rest, '-') ||
        !take_number(rest, 2, &parts->tm_mon) || !take_byte(rest, '-') ||
        !take_number(rest, 2, &parts->tm_mday) || parts->tm_mon < 1 || parts->tm_mon > 12)
        return false;
    bool is_leap = parts->tm_year % 4 == 0 && (parts->tm_year % 100 != 0 || parts->tm_year % 400 == 0);
    int last = days[parts->tm_mon - 1] + (parts->tm_mon == 2 && is_leap);
    bool is_good = parts->tm_mday >= 1 && parts->tm_mday <= last;
    parts->tm_year -= 1900;
    parts->tm_mon -= 1;
    return is_good;
}

static bool take_time(struct tb_str *rest, struct tm *parts, int64_t *ret_fraction_us)
{
    int64_t unit = TB_US_PER_S / 10;

    if (!take_number(rest, 2, &parts->tm_hour) || !take_byte(rest, ':') ||
        !take_number(rest, 2, &parts->tm_min) || !take_byte(rest, ':') ||
        !take_number(rest, 2, &parts->tm_sec))
        return false;
    if (take_byte(rest, '.')) {
        int digit = 0;
        size_t len = rest->len;
        for (; take_number(rest, 1, &digit); unit /= 10)
            *ret_fraction_us += digit * unit;
        if (rest->len == len)
            return false;
    }
    return parts->tm_hour < 24 && parts->tm_min < 60 && parts->tm_sec < 60;
}

static bool take_offset(struct tb_str *rest, int64_t *ret_offset_s)
{
    int hours = 0, minutes = 0;
    bool is_behind = rest->len && rest->ptr[0] == '-';

    if (!rest->len || take_byte(rest, 'Z'))
        return true;
    if (!take_byte(rest, is_behind ? '-' : '+') || !take_number(rest, 2, &hours) || !take_byte(rest, ':') ||
        !take_number(rest, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_offset_s = (hours * INT64_C(3600) + minutes * INT64_C(60)) * (is_behind ? -1 : 1);
    return true;
}

bool tb_stamp_parse(struct tb_str text, int64_t *ret_stamp_us)
{
    struct tb_str rest = text;
    struct tm parts = {0};
    int64_t fraction_us = 0, offset_s = 0;

    if (!text.ptr || !take_date(&rest, &parts))
        return false;
    if (rest.len && !((take_byte(&rest, 'T') || take_byte(&rest, ' ')) &&
                      take_time(&rest, &parts, &fraction_us) && take_offset(&rest, &offset_s)))
        return false;
    if (rest.len)
        return false;
    *ret_stamp_us = ((int64_t)timegm(&parts) - offset_s) * TB_US_PER_S + fraction_us;
    return true;
}

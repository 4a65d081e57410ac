/* Stamps as text, and that the clocks count microseconds. */
#include "taskbridge/base/clock.h"

#include "unit/check.h"

static void stamps_are_written_in_utc(void **state)
{
    static const struct {
        int64_t stamp_us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z"},
        {INT64_C(1704103200000000), "2024-01-01T10:00:00Z"},
        {INT64_C(1704103200123456), "2024-01-01T10:00:00.123456Z"},
        {INT64_C(1704103200000001), "2024-01-01T10:00:00.000001Z"},
        {INT64_C(1709164800500000), "2024-02-29T00:00:00.500000Z"},
        {TB_STAMP_MIN, "2000-01-01T00:00:00Z"},
        {TB_STAMP_MAX, "2200-01-01T00:00:00Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {-1000000, "1969-12-31T23:59:59Z"},
        {INT64_MAX, "294247-01-10T04:00:54.775807Z"},
        {INT64_MIN, "-290308-12-21T19:59:05.224192Z"},
    };
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        char text[TB_STAMP_TEXT_BYTES];
        size_t len = tb_stamp_format(cases[i].stamp_us, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(len, strlen(cases[i].text));
    }
}

static void clocks_count_microseconds_and_monotonic_never_goes_back(void **state)
{
    (void)state;
    assert_uint_in_range(tb_clock_now_us(), TB_STAMP_MIN, TB_STAMP_MAX);
    assert_uint_in_range(tb_clock_now_us() / TB_US_PER_S - (int64_t)time(NULL) + 2, 0, 4);
    int64_t before_us = tb_clock_monotonic_us();
    for (int i = 0; i < 1000; i++) {
        int64_t now_us = tb_clock_monotonic_us();
        assert_true(now_us >= before_us);
        before_us = now_us;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stamps_are_written_in_utc),
        cmocka_unit_test(clocks_count_microseconds_and_monotonic_never_goes_back),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}

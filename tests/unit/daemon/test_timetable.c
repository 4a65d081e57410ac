/* When maintenance jobs are due. */
#include "timetable.h"

#include "unit/check.h"

#define S TB_US_PER_S

static void test_the_first_run_comes_soon(void **state)
{
    struct tb_timetable_entry hourly = {.period_us = 3600 * S}, often = {.period_us = 30 * S};

    (void)state;
    tb_timetable_settle(&hourly, 100 * S);
    tb_timetable_settle(&often, 100 * S);
    assert_int_equal(hourly.due_at_us, 110 * S);
    assert_int_equal(often.due_at_us, 103 * S);
}

static void test_a_time_that_is_set_stays_when_settled_again(void **state)
{
    struct tb_timetable_entry entry = {.period_us = 30 * S};

    (void)state;
    tb_timetable_settle(&entry, 0);
    tb_timetable_settle(&entry, 500 * S);
    assert_int_equal(entry.due_at_us, 3 * S);
}

static void test_a_plan_is_spread_by_a_tenth_at_most(void **state)
{
    struct tb_timetable_entry entry = {.period_us = 30 * S};

    (void)state;
    tb_timetable_plan(&entry, 100 * S, 30 * S, 0);
    assert_int_equal(entry.due_at_us, 130 * S);
    tb_timetable_plan(&entry, 100 * S, 30 * S, 3 * S);
    assert_int_equal(entry.due_at_us, 133 * S);
    tb_timetable_plan(&entry, 100 * S, 30 * S, 3 * S + 1);
    assert_int_equal(entry.due_at_us, 130 * S);
}

static void test_a_shorter_period_brings_the_next_run_nearer(void **state)
{
    struct tb_timetable_entry entry = {.period_us = 3600 * S};

    (void)state;
    tb_timetable_plan(&entry, 0, 3600 * S, 0);
    tb_timetable_change(&entry, 100 * S, 60 * S);
    assert_int_equal(entry.due_at_us, 160 * S);
    tb_timetable_change(&entry, 100 * S, 7200 * S);
    assert_int_equal(entry.due_at_us, 160 * S);
}

static void test_the_first_is_the_earliest(void **state)
{
    const struct tb_timetable_entry entries[] = {{.due_at_us = 9}, {.due_at_us = 4}, {.due_at_us = 5}};

    (void)state;
    assert_int_equal(tb_timetable_first(entries, 3), 1);
    assert_int_equal(tb_timetable_first(entries, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_run_comes_soon),
        cmocka_unit_test(test_a_time_that_is_set_stays_when_settled_again),
        cmocka_unit_test(test_a_plan_is_spread_by_a_tenth_at_most),
        cmocka_unit_test(test_a_shorter_period_brings_the_next_run_nearer),
        cmocka_unit_test(test_the_first_is_the_earliest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

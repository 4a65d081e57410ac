/* The lag that people see. */
#include "lag.h"

#include "taskbridge/base/clock.h"
#include "unit/check.h"

#define NOW INT64_C(1700000000000000)

static void test_before_the_first_batch_nothing_is_known(void **state)
{
    struct tb_lag lag = {0};

    (void)state;
    assert_int_equal(tb_lag_median_us(&lag), -1);
    tb_lag_committed(&lag, TB_STAMP_NONE, NOW);
    assert_int_equal(tb_lag_median_us(&lag), -1);
}

static void test_it_is_the_median_of_the_batches(void **state)
{
    struct tb_lag lag = {0};

    (void)state;
    tb_lag_committed(&lag, NOW - 5000, NOW);
    assert_int_equal(tb_lag_median_us(&lag), 5000);
    tb_lag_committed(&lag, NOW - 900000, NOW);
    tb_lag_committed(&lag, NOW - 7000, NOW);
    assert_int_equal(tb_lag_median_us(&lag), 7000);
    tb_lag_committed(&lag, NOW - 6000, NOW);
    tb_lag_committed(&lag, NOW - 1000, NOW);
    assert_int_equal(tb_lag_median_us(&lag), 6000);
}

static void test_batches_of_long_ago_no_longer_count(void **state)
{
    struct tb_lag lag = {0};

    (void)state;
    for (int i = 0; i < 100; i++)
        tb_lag_committed(&lag, NOW - 3000000, NOW);
    for (int i = 0; i < 31; i++)
        tb_lag_committed(&lag, NOW - 2000, NOW);
    assert_int_equal(tb_lag_median_us(&lag), 2000);
}

static void test_a_stamp_of_the_future_is_no_lag(void **state)
{
    struct tb_lag lag = {0};

    (void)state;
    tb_lag_committed(&lag, NOW + 60000000, NOW);
    assert_int_equal(tb_lag_median_us(&lag), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_the_first_batch_nothing_is_known),
        cmocka_unit_test(test_it_is_the_median_of_the_batches),
        cmocka_unit_test(test_batches_of_long_ago_no_longer_count),
        cmocka_unit_test(test_a_stamp_of_the_future_is_no_lag),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

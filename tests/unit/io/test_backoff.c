/* Backoff: the bounds of each wait, over many seeds. */
#include "taskbridge/io/backoff.h"

#include "unit/check.h"

static void waits_double_up_to_the_ceiling_within_their_bounds(void **state)
{
    static const struct {
        int64_t least_us, most_us;
    } waits[] = {{50, 100}, {100, 200}, {200, 400}, {400, 800}, {500, 1000}, {500, 1000}, {500, 1000}};
    (void)state;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct tb_backoff backoff;
        tb_backoff_init(&backoff, 100, 1000, seed);
        for (size_t i = 0; i < TB_COUNT(waits); i++)
            assert_uint_in_range(tb_backoff_next_us(&backoff), waits[i].least_us, waits[i].most_us);
    }
}

static void both_bounds_are_reached(void **state)
{
    struct tb_backoff backoff;
    int64_t least = INT64_MAX, most = 0;
    (void)state;
    tb_backoff_init(&backoff, 8, 8, 1);
    for (int i = 0; i < 1000; i++) {
        int64_t wait_us = tb_backoff_next_us(&backoff);
        least = wait_us < least ? wait_us : least;
        most = wait_us > most ? wait_us : most;
    }
    assert_int_equal(least, 4);
    assert_int_equal(most, 8);
}

static void reset_starts_over(void **state)
{
    struct tb_backoff backoff;
    (void)state;
    tb_backoff_init(&backoff, 100, 100000, 7);
    for (int i = 0; i < 8; i++)
        (void)tb_backoff_next_us(&backoff);
    assert_true(tb_backoff_next_us(&backoff) >= 12800);
    tb_backoff_reset(&backoff);
    assert_uint_in_range(tb_backoff_next_us(&backoff), 50, 100);
}

static void seeds_differ(void **state)
{
    struct tb_backoff first, second;
    int same = 0;
    (void)state;
    tb_backoff_init(&first, 1000000, 1000000, 1);
    tb_backoff_init(&second, 1000000, 1000000, 2);
    for (int i = 0; i < 20; i++)
        same += tb_backoff_next_us(&first) == tb_backoff_next_us(&second);
    assert_true(same < 3);
}

static void large_ceilings_and_many_failures_do_not_overflow(void **state)
{
    struct tb_backoff backoff;
    (void)state;
    tb_backoff_init(&backoff, 1, INT64_MAX, 3);
    for (int i = 0; i < 1000; i++)
        assert_true(tb_backoff_next_us(&backoff) > 0);
    assert_true(tb_backoff_next_us(&backoff) >= INT64_MAX / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_double_up_to_the_ceiling_within_their_bounds),
        cmocka_unit_test(both_bounds_are_reached),
        cmocka_unit_test(reset_starts_over),
        cmocka_unit_test(seeds_differ),
        cmocka_unit_test(large_ceilings_and_many_failures_do_not_overflow),
    };
    return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}

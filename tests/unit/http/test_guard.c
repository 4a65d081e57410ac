/* How many wrong credentials an address may send. */
#include "auth/guard.h"

#include "taskbridge/base/clock.h"
#include "unit/check.h"

#include <stdio.h>

#define START_US (1000 * TB_US_PER_S)

static void count(struct tb_guard *guard, const char *address, int times, int64_t now_us)
{
    for (int i = 0; i < times; i++)
        tb_guard_count(guard, tb_str_of(address), now_us);
}

static int64_t wait_s(struct tb_guard *guard, const char *address, int64_t now_us)
{
    return tb_guard_wait_s(guard, tb_str_of(address), now_us);
}

static void after_a_few_wrong_ones_an_address_waits(void **state)
{
    struct tb_guard *guard = tb_guard_new(5);

    (void)state;
    count(guard, "192.0.2.1", 4, START_US);
    assert_int_equal(wait_s(guard, "192.0.2.1", START_US), 0);
    count(guard, "192.0.2.1", 1, START_US);
    assert_int_equal(wait_s(guard, "192.0.2.1", START_US), 3);
    assert_int_equal(wait_s(guard, "192.0.2.2", START_US), 0);
    assert_int_equal(wait_s(guard, "192.0.2.1", START_US + TB_US_PER_S), 2);
    assert_int_equal(wait_s(guard, "192.0.2.1", START_US + 3 * TB_US_PER_S), 0);
    count(guard, "192.0.2.1", 1, START_US + 3 * TB_US_PER_S);
    assert_int_equal(wait_s(guard, "192.0.2.1", START_US + 3 * TB_US_PER_S), 3);
    /* However many came, it is never held off for longer. */
    count(guard, "192.0.2.1", 1000, START_US + 3 * TB_US_PER_S);
    assert_int_equal(wait_s(guard, "192.0.2.1", START_US + 3 * TB_US_PER_S), 3);
    assert_int_equal(wait_s(guard, "192.0.2.1", START_US + 60 * TB_US_PER_S), 0);
    count(guard, "192.0.2.1", 4, START_US + 60 * TB_US_PER_S);
    assert_int_equal(wait_s(guard, "192.0.2.1", START_US + 60 * TB_US_PER_S), 0);
    tb_guard_free(guard);
}

static void addresses_count_by_what_one_customer_has(void **state)
{
    static const struct {
        const char *guesser, *other;
        bool is_same;
    } cases[] = {
        {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
        {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
        {"192.0.2.1", "::ffff:192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1", "2001:db8::1", false},
        {"no address", "another", true},
        {"no address", "192.0.2.1", false},
    };

    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        struct tb_guard *guard = tb_guard_new(2);
        count(guard, cases[i].guesser, 2, START_US);
        assert_int_equal(wait_s(guard, cases[i].guesser, START_US), 3);
        assert_int_equal(wait_s(guard, cases[i].other, START_US), cases[i].is_same ? 3 : 0);
        tb_guard_free(guard);
    }
}

static void the_table_stays_as_large_as_it_is_and_keeps_the_fullest(void **state)
{
    struct tb_guard *guard = tb_guard_new(5);
    char address[64];

    (void)state;
    count(guard, "192.0.2.1", 5, START_US);
    for (unsigned i = 0; i < 200000; i++) {
        snprintf(address, sizeof(address), "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
        count(guard, address, 1, START_US);
    }
    assert_int_equal(wait_s(guard, "192.0.2.1", START_US), 3);
    tb_guard_free(guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_a_few_wrong_ones_an_address_waits),
        cmocka_unit_test(addresses_count_by_what_one_customer_has),
        cmocka_unit_test(the_table_stays_as_large_as_it_is_and_keeps_the_fullest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

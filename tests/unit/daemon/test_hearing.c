/* Since when silence means something. */
#include "hearing.h"

#include "unit/check.h"

#define S TB_US_PER_S

static const struct tb_hearing_company alone = {1, 1};

static void test_nothing_is_heard_before_the_queue_was_seen_empty(void **state)
{
    struct tb_hearing hearing;

    (void)state;
    tb_hearing_init(&hearing);
    tb_hearing_measured(&hearing, &alone, 0, 10, 10, 100 * S);
    assert_false(tb_hearing_is_good(&hearing, 100 * S));
    tb_hearing_connected(&hearing);
    assert_false(tb_hearing_is_good(&hearing, 101 * S));
    tb_hearing_measured(&hearing, &alone, 5000, 10, 10, 102 * S);
    tb_hearing_measured(&hearing, &alone, 0, 5010, 5009, 103 * S);
    assert_false(tb_hearing_is_good(&hearing, 103 * S));
    tb_hearing_measured(&hearing, &alone, 0, 5010, 5010, 104 * S);
    assert_true(tb_hearing_is_good(&hearing, 104 * S));
    assert_int_equal(hearing.listening_since, 103 * S);
    assert_int_equal(hearing.heard_until, 104 * S);
}

static void test_it_goes_on_while_the_queue_is_empty_now_and_then(void **state)
{
    struct tb_hearing hearing;

    (void)state;
    tb_hearing_init(&hearing);
    tb_hearing_connected(&hearing);
    tb_hearing_measured(&hearing, &alone, 0, 10, 10, 100 * S);
    tb_hearing_measured(&hearing, &alone, 7, 15, 10, 105 * S);
    tb_hearing_measured(&hearing, &alone, 0, 10, 10, 109 * S);
    assert_int_equal(hearing.listening_since, 100 * S);
    assert_int_equal(hearing.heard_until, 109 * S);
}

static void test_a_lasting_backlog_ends_it_and_it_begins_anew(void **state)
{
    struct tb_hearing hearing;

    (void)state;
    tb_hearing_init(&hearing);
    tb_hearing_connected(&hearing);
    tb_hearing_measured(&hearing, &alone, 0, 10, 10, 100 * S);
    tb_hearing_measured(&hearing, &alone, 90000, 15, 10, 105 * S);
    assert_false(tb_hearing_is_good(&hearing, 111 * S));
    tb_hearing_measured(&hearing, &alone, 0, 10, 10, 200 * S);
    assert_int_equal(hearing.listening_since, 200 * S);
}

static void test_a_daemon_that_is_never_idle_hears_what_it_has_settled(void **state)
{
    struct tb_hearing hearing;

    (void)state;
    tb_hearing_init(&hearing);
    tb_hearing_connected(&hearing);
    for (int i = 0; i < 30; i++) {
        /* 1000 deliveries a second, 50 waiting, 100 in hand. */
        uint64_t taken = 1000 + (uint64_t)i * 1000;
        tb_hearing_measured(&hearing, &alone, 50, taken, taken - 100, (100 + i) * S);
        assert_true(tb_hearing_is_good(&hearing, (100 + i) * S) == (i > 0));
    }
    assert_int_equal(hearing.listening_since, 100 * S);
    assert_int_equal(hearing.heard_until, 128 * S);
}

static void test_what_was_said_before_a_mark_is_heard_only_when_it_is_settled(void **state)
{
    struct tb_hearing hearing;

    (void)state;
    tb_hearing_init(&hearing);
    tb_hearing_connected(&hearing);
    tb_hearing_measured(&hearing, &alone, 0, 40, 30, 100 * S);
    tb_hearing_measured(&hearing, &alone, 0, 60, 39, 101 * S);
    assert_true(hearing.heard_until == TB_STAMP_NONE);
    tb_hearing_measured(&hearing, &alone, 0, 60, 40, 102 * S);
    assert_int_equal(hearing.heard_until, 100 * S);
    tb_hearing_measured(&hearing, &alone, 0, 70, 60, 103 * S);
    assert_int_equal(hearing.heard_until, 102 * S);
}

static void test_a_backlog_that_another_daemon_took_is_heard(void **state)
{
    struct tb_hearing hearing;

    (void)state;
    tb_hearing_init(&hearing);
    tb_hearing_connected(&hearing);
    tb_hearing_measured(&hearing, &alone, 500, 0, 0, 100 * S);
    tb_hearing_measured(&hearing, &alone, 200, 0, 0, 101 * S);
    assert_false(tb_hearing_is_good(&hearing, 101 * S));
    tb_hearing_measured(&hearing, &alone, 0, 0, 0, 102 * S);
    assert_int_equal(hearing.heard_until, 102 * S);
}

static void test_a_lost_broker_ends_it_at_once(void **state)
{
    struct tb_hearing hearing;

    (void)state;
    tb_hearing_init(&hearing);
    tb_hearing_connected(&hearing);
    tb_hearing_measured(&hearing, &alone, 0, 10, 10, 100 * S);
    tb_hearing_disconnected(&hearing);
    assert_false(tb_hearing_is_good(&hearing, 100 * S));
    assert_true(hearing.listening_since == TB_STAMP_NONE);
}

static void test_a_consumer_that_no_daemon_is_holds_what_nobody_knows(void **state)
{
    static const struct tb_hearing_company with_a_stranger = {2, 1}, with_one_gone = {1, 2};
    struct tb_hearing hearing;

    (void)state;
    tb_hearing_init(&hearing);
    tb_hearing_connected(&hearing);
    tb_hearing_measured(&hearing, &with_a_stranger, 0, 10, 10, 100 * S);
    assert_false(tb_hearing_is_good(&hearing, 100 * S));
    tb_hearing_measured(&hearing, &alone, 0, 10, 10, 101 * S);
    assert_true(hearing.is_whole && tb_hearing_is_good(&hearing, 101 * S));
    tb_hearing_measured(&hearing, &with_one_gone, 0, 10, 10, 102 * S);
    assert_false(hearing.is_whole);
    assert_int_equal(hearing.heard_until, 101 * S);
    /* What waited for its mark when the stranger came is not heard either. */
    tb_hearing_measured(&hearing, &alone, 0, 20, 10, 103 * S);
    tb_hearing_measured(&hearing, &with_a_stranger, 0, 20, 20, 104 * S);
    assert_int_equal(hearing.heard_until, 101 * S);
}

static void test_of_several_the_one_that_heard_least_counts(void **state)
{
    struct tb_hearing hearing = {.listening_since = 50 * S, .heard_until = 100 * S};

    (void)state;
    tb_hearing_narrow(&hearing, 40 * S, 120 * S);
    assert_int_equal(hearing.listening_since, 50 * S);
    assert_int_equal(hearing.heard_until, 100 * S);
    tb_hearing_narrow(&hearing, 60 * S, 95 * S);
    assert_int_equal(hearing.listening_since, 60 * S);
    assert_int_equal(hearing.heard_until, 95 * S);
    tb_hearing_narrow(&hearing, TB_STAMP_NONE, 95 * S);
    assert_false(tb_hearing_is_good(&hearing, 95 * S));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_heard_before_the_queue_was_seen_empty),
        cmocka_unit_test(test_it_goes_on_while_the_queue_is_empty_now_and_then),
        cmocka_unit_test(test_a_lasting_backlog_ends_it_and_it_begins_anew),
        cmocka_unit_test(test_a_daemon_that_is_never_idle_hears_what_it_has_settled),
        cmocka_unit_test(test_what_was_said_before_a_mark_is_heard_only_when_it_is_settled),
        cmocka_unit_test(test_a_backlog_that_another_daemon_took_is_heard),
        cmocka_unit_test(test_a_lost_broker_ends_it_at_once),
        cmocka_unit_test(test_a_consumer_that_no_daemon_is_holds_what_nobody_knows),
        cmocka_unit_test(test_of_several_the_one_that_heard_least_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

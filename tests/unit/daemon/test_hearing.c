/* Since when silence means something. */
#include "hearing.h"

#include "unit/check.h"

#define S TB_US_PER_S

static void test_nothing_is_heard_before_the_queue_was_seen_empty(void **state)
{
    struct tb_hearing hearing;

    (void)state;
    tb_hearing_init(&hearing);
    tb_hearing_measured(&hearing, 0, false, 100 * S);
    assert_false(tb_hearing_is_good(&hearing, 100 * S));
    tb_hearing_connected(&hearing);
    assert_false(tb_hearing_is_good(&hearing, 101 * S));
    tb_hearing_measured(&hearing, 5000, false, 102 * S);
    tb_hearing_measured(&hearing, 0, true, 103 * S);
    assert_false(tb_hearing_is_good(&hearing, 103 * S));
    tb_hearing_measured(&hearing, 0, false, 104 * S);
    assert_true(tb_hearing_is_good(&hearing, 104 * S));
    assert_int_equal(hearing.listening_since, 104 * S);
    assert_int_equal(hearing.heard_until, 104 * S);
}

static void test_it_goes_on_while_the_queue_is_empty_now_and_then(void **state)
{
    struct tb_hearing hearing;

    (void)state;
    tb_hearing_init(&hearing);
    tb_hearing_connected(&hearing);
    tb_hearing_measured(&hearing, 0, false, 100 * S);
    tb_hearing_measured(&hearing, 7, true, 105 * S);
    tb_hearing_measured(&hearing, 0, false, 109 * S);
    assert_int_equal(hearing.listening_since, 100 * S);
    assert_int_equal(hearing.heard_until, 109 * S);
}

static void test_a_lasting_backlog_ends_it_and_it_begins_anew(void **state)
{
    struct tb_hearing hearing;

    (void)state;
    tb_hearing_init(&hearing);
    tb_hearing_connected(&hearing);
    tb_hearing_measured(&hearing, 0, false, 100 * S);
    tb_hearing_measured(&hearing, 90000, true, 105 * S);
    assert_false(tb_hearing_is_good(&hearing, 111 * S));
    tb_hearing_measured(&hearing, 0, false, 200 * S);
    assert_int_equal(hearing.listening_since, 200 * S);
}

static void test_a_lost_broker_ends_it_at_once(void **state)
{
    struct tb_hearing hearing;

    (void)state;
    tb_hearing_init(&hearing);
    tb_hearing_connected(&hearing);
    tb_hearing_measured(&hearing, 0, false, 100 * S);
    tb_hearing_disconnected(&hearing);
    assert_false(tb_hearing_is_good(&hearing, 100 * S));
    assert_true(hearing.listening_since == TB_STAMP_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_heard_before_the_queue_was_seen_empty),
        cmocka_unit_test(test_it_goes_on_while_the_queue_is_empty_now_and_then),
        cmocka_unit_test(test_a_lasting_backlog_ends_it_and_it_begins_anew),
        cmocka_unit_test(test_a_lost_broker_ends_it_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The join: its laws on random rows, whose few different stamps and values meet in ties all the time, and by
 * hand what wins. TASKBRIDGE_SEED repeats a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "row_facts.h"
#include "taskbridge/base/random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 30000

static uint64_t seed;

static uint64_t below(uint64_t *state, uint64_t bound)
{
    return tb_random_next(state) % bound;
}

static int64_t any_stamp(uint64_t *state)
{
    return below(state, 3) == 0 ? TB_STAMP_NONE : TB_STAMP_MIN + (int64_t)below(state, 3);
}

static struct tb_str any_text(uint64_t *state)
{
    static const char *const texts[] = {NULL, "", "a", "ab", "b", "\xc3\xb1"};
    return tb_str_of(texts[below(state, TB_COUNT(texts))]);
}

static double any_number(uint64_t *state)
{
    const double numbers[] = {NAN, -INFINITY, -1.5, 0, 99.9, INFINITY};
    return numbers[below(state, TB_COUNT(numbers))];
}

static struct tb_stamped_str any_stamped(uint64_t *state)
{
    struct tb_stamped_str fact = {any_stamp(state), any_text(state)};
    if (fact.at == TB_STAMP_NONE || tb_str_is_null(fact.value))
        fact = (struct tb_stamped_str){TB_STAMP_NONE, TB_STR_NULL};
    return fact;
}

static void add_values(uint64_t *state, struct tb_row *row)
{
    row->succeeded_at = any_stamp(state);
    if (row->succeeded_at != TB_STAMP_NONE) {
        row->result = any_text(state);
        row->runtime_s = any_number(state);
    }
    row->failed_at = any_stamp(state);
    if (row->failed_at != TB_STAMP_NONE) {
        row->error = any_text(state);
        row->traceback = any_text(state);
    }
    row->revoked_at = any_stamp(state);
    if (row->revoked_at != TB_STAMP_NONE)
        row->revoke_text = any_text(state);
    row->progress_at = any_stamp(state);
    if (row->progress_at != TB_STAMP_NONE)
        row->progress = any_number(state);
    row->name = any_stamped(state);
    row->received_name = any_stamped(state);
    row->rule_at = any_stamp(state);
    if (row->rule_at != TB_STAMP_NONE) {
        row->rule_is_of_name = below(state, 2);
        row->rule_type = any_text(state);
        row->rule_display_name = any_text(state);
    }
    row->retries.at = any_stamp(state);
    if (row->retries.at != TB_STAMP_NONE)
        row->retries.value = (int64_t)below(state, 3) - 1;
}

static struct tb_row any_row(uint64_t *state)
{
    struct tb_row row;

    tb_row_init(&row, TB_STR("task"));
    row.sent_at = any_stamp(state);
    row.first_alive_at = any_stamp(state);
    row.received_at = any_stamp(state);
    row.began_at = any_stamp(state);
    row.retried_at = any_stamp(state);
    row.requeued_at = any_stamp(state);
    row.cancelled_at = any_stamp(state);
    row.rejected_at = any_stamp(state);
    row.alive_at = any_stamp(state);
    add_values(state, &row);
    row.text = any_stamped(state);
    row.worker = any_stamped(state);
    row.queue = any_stamped(state);
    row.root_id = any_stamped(state);
    row.parent_id = any_stamped(state);
    row.args = any_stamped(state);
    row.kwargs = any_stamped(state);
    row.eta = any_stamped(state);
    row.expires = any_stamped(state);
    row.event_company = any_stamped(state);
    row.rule_company = any_stamped(state);
    row.inherits_company = below(state, 2);
    row.belongs_to_nobody = below(state, 2);
    return row;
}

static struct tb_row joined(struct tb_row a, struct tb_row b)
{
    tb_row_join(&a, &b);
    return a;
}

static void assert_same(const struct tb_row *a, const struct tb_row *b, const char *law, int round)
{
    const char *fact = first_difference(a, b);
    if (fact)
        fail_msg("%s: %s differs in round %d of seed %" PRIu64, law, fact, round, seed);
}

static void the_join_obeys_its_laws_on_random_rows(void **unused)
{
    (void)unused;
    uint64_t state = seed;

    for (int round = 0; round < ROUNDS; round++) {
        struct tb_row a = any_row(&state), b = any_row(&state), c = any_row(&state);
        struct tb_row ab = joined(a, b), ba = joined(b, a);
        struct tb_row left = joined(ab, c), right = joined(a, joined(b, c));
        struct tb_row aa = joined(a, a), abb = joined(ab, b);
        assert_same(&ab, &ba, "commutative", round);
        assert_same(&left, &right, "associative", round);
        assert_same(&aa, &a, "idempotent", round);
        assert_same(&abb, &ab, "absorbs what it has", round);
    }
}

static void an_absent_row_changes_nothing_on_either_side(void **unused)
{
    (void)unused;
    uint64_t state = seed;
    struct tb_row none;

    tb_row_init(&none, TB_STR("task"));
    for (int round = 0; round < 1000; round++) {
        struct tb_row row = any_row(&state);
        struct tb_row before = joined(none, row), after = joined(row, none);
        assert_same(&before, &row, "nothing, then a row", round);
        assert_same(&after, &row, "a row, then nothing", round);
    }
}

static struct tb_row empty_row(void)
{
    struct tb_row row;
    tb_row_init(&row, TB_STR("task"));
    return row;
}

#define T(n) (TB_STAMP_MIN + (n))

static void of_first_signs_the_least_stamp_stays_and_of_all_others_the_greatest(void **unused)
{
    (void)unused;
    struct tb_row early = empty_row(), late = empty_row();

    early.sent_at = early.received_at = early.began_at = early.retried_at = T(1);
    early.requeued_at = early.cancelled_at = early.rejected_at = early.alive_at = early.first_alive_at = T(1);
    late.sent_at = late.received_at = late.began_at = late.retried_at = T(2);
    late.requeued_at = late.cancelled_at = late.rejected_at = late.alive_at = late.first_alive_at = T(2);
    struct tb_row row = joined(late, early);
    assert_int_equal(row.sent_at, T(1));
    assert_int_equal(row.first_alive_at, T(1));
    assert_int_equal(row.received_at, T(2));
    assert_int_equal(row.began_at, T(2));
    assert_int_equal(row.retried_at, T(2));
    assert_int_equal(row.requeued_at, T(2));
    assert_int_equal(row.cancelled_at, T(2));
    assert_int_equal(row.rejected_at, T(2));
    assert_int_equal(row.alive_at, T(2));
}

static struct tb_row failed(int64_t at, const char *error, const char *traceback)
{
    struct tb_row row = empty_row();
    row.failed_at = at;
    row.error = tb_str_of(error);
    row.traceback = tb_str_of(traceback);
    return row;
}

static void a_failure_travels_whole_with_the_greatest_stamp(void **unused)
{
    (void)unused;
    struct tb_row row = joined(failed(T(1), "ValueError('z')", "long"), failed(T(2), "KeyError('a')", NULL));

    assert_int_equal(row.failed_at, T(2));
    assert_true(tb_str_equal(row.error, TB_STR("KeyError('a')")));
    assert_true(tb_str_is_null(row.traceback));
}

static void of_equal_stamps_the_greater_text_wins_and_null_is_before_all(void **unused)
{
    (void)unused;
    struct tb_row row = joined(failed(T(1), NULL, "z"), failed(T(1), "", NULL));
    assert_true(tb_str_equal(row.error, TB_STR("")));
    assert_true(tb_str_is_null(row.traceback));

    row = joined(failed(T(1), "same", "b"), failed(T(1), "same", "ab"));
    assert_true(tb_str_equal(row.traceback, TB_STR("b")));
}

static struct tb_row progressed(int64_t at, double progress)
{
    struct tb_row row = empty_row();
    row.progress_at = at;
    row.progress = progress;
    return row;
}

static void of_progress_the_latest_counts_and_of_equal_stamps_the_greatest(void **unused)
{
    (void)unused;
    struct tb_row later_but_less = joined(progressed(T(1), 90), progressed(T(2), 10));
    struct tb_row together = joined(progressed(T(1), INFINITY), progressed(T(1), 100));

    assert_true(later_but_less.progress == 10);
    assert_true(together.progress == INFINITY);
}

static void a_result_without_a_runtime_gives_way_to_the_same_with_one(void **unused)
{
    (void)unused;
    struct tb_row without = empty_row(), with = empty_row();

    without.succeeded_at = with.succeeded_at = T(1);
    without.result = with.result = TB_STR("None");
    with.runtime_s = -1;
    assert_true(joined(without, with).runtime_s == -1);
    assert_true(joined(with, without).runtime_s == -1);
}

static void the_earliest_company_stays(void **unused)
{
    (void)unused;
    struct tb_row first = empty_row(), second = empty_row();

    first.event_company = (struct tb_stamped_str){T(1), TB_STR("9")};
    second.event_company = (struct tb_stamped_str){T(2), TB_STR("1")};
    first.rule_company = (struct tb_stamped_str){T(1), TB_STR("20")};
    second.rule_company = (struct tb_stamped_str){T(1), TB_STR("3")};
    struct tb_row row = joined(second, first);
    assert_true(tb_str_equal(row.event_company.value, TB_STR("9")));
    assert_true(tb_str_equal(row.rule_company.value, TB_STR("20"))); /* by bytes: "20" is before "3" */
}

static struct tb_row ruled(bool is_of_name, int64_t at, const char *type, const char *display_name)
{
    struct tb_row row = empty_row();

    row.rule_is_of_name = is_of_name;
    row.rule_at = at;
    row.rule_type = tb_str_of(type);
    row.rule_display_name = tb_str_of(display_name);
    return row;
}

static void the_rule_of_the_name_counts_before_that_of_the_shadow_and_then_the_latest(void **unused)
{
    (void)unused;
    struct tb_row of_shadow = ruled(false, T(3), "shadow", "Z"), old = ruled(true, T(1), "old", "Zero");
    struct tb_row row = joined(joined(of_shadow, old), ruled(true, T(2), "new", NULL));

    assert_true(row.rule_is_of_name);
    assert_int_equal(row.rule_at, T(2));
    assert_true(tb_str_equal(row.rule_type, TB_STR("new")));
    assert_true(tb_str_is_null(row.rule_display_name));
}

int main(void)
{
    const char *given = getenv("TASKBRIDGE_SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)tb_clock_now_us();
    printf("seed %" PRIu64 "\n", seed);

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_join_obeys_its_laws_on_random_rows),
        cmocka_unit_test(an_absent_row_changes_nothing_on_either_side),
        cmocka_unit_test(of_first_signs_the_least_stamp_stays_and_of_all_others_the_greatest),
        cmocka_unit_test(a_failure_travels_whole_with_the_greatest_stamp),
        cmocka_unit_test(of_equal_stamps_the_greater_text_wins_and_null_is_before_all),
        cmocka_unit_test(of_progress_the_latest_counts_and_of_equal_stamps_the_greatest),
        cmocka_unit_test(a_result_without_a_runtime_gives_way_to_the_same_with_one),
        cmocka_unit_test(the_earliest_company_stays),
        cmocka_unit_test(the_rule_of_the_name_counts_before_that_of_the_shadow_and_then_the_latest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

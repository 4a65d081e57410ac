/* What is known of a silent task, and what is written down about it. */
#include "jobs/suspect.h"

#include "unit/check.h"

#define S   TB_US_PER_S
#define NOW (1000 * S)

static struct tb_suspect suspect_of(const char *state, int64_t missing_us, bool is_lost)
{
    return (struct tb_suspect){.task = {.id = 7,
                                        .updated_at = 900 * S,
                                        .facts = {.celery_state = tb_str_of(state),
                                                  .silent_us = 100 * S,
                                                  .missing_us = missing_us,
                                                  .is_lost = is_lost}}};
}

static void test_silence_lasts_until_where_all_is_heard(void **state)
{
    const struct tb_hearing hearing = {.listening_since = 500 * S, .heard_until = NOW - 8 * S};
    struct tb_suspect suspect = suspect_of("STARTED", 20 * S, false);

    (void)state;
    tb_suspect_hear(&suspect, &hearing, NOW);
    assert_int_equal(suspect.task.facts.listening_since, 500 * S);
    assert_int_equal(suspect.task.facts.heard_until, NOW - 8 * S);
    assert_int_equal(suspect.task.facts.silent_us, 92 * S);
    assert_int_equal(suspect.task.facts.missing_us, 12 * S);
}

static void test_a_first_no_that_is_younger_stays_one(void **state)
{
    const struct tb_hearing hearing = {.listening_since = 500 * S, .heard_until = NOW - 8 * S};
    struct tb_suspect young = suspect_of("STARTED", 3 * S, false), none = suspect_of("STARTED", -1, false);

    (void)state;
    tb_suspect_hear(&young, &hearing, NOW);
    assert_int_equal(young.task.facts.missing_us, 0);
    tb_suspect_hear(&none, &hearing, NOW);
    assert_int_equal(none.task.facts.missing_us, -1);
}

static void test_a_verdict_becomes_a_change(void **state)
{
    static const struct {
        const char *state;
        enum tb_liveness_verdict verdict;
        int64_t missing_us;
        bool was_lost, changes, is_lost, missing, found;
    } cases[] = {
        {"STARTED", TB_LIVENESS_FINE, -1, false, .changes = false},
        {"STARTED", TB_LIVENESS_FINE, 5 * S, false, .changes = false},
        {"STARTED", TB_LIVENESS_ASK, -1, false, .changes = false},
        {"STARTED", TB_LIVENESS_LOOK, 5 * S, false, .changes = false},
        {"STARTED", TB_LIVENESS_MISSING, -1, false, .changes = true, .missing = true},
        {"STARTED", TB_LIVENESS_GONE, 5 * S, false, .changes = true, .is_lost = true, .missing = true},
        {"STARTED", TB_LIVENESS_VANISHED, -1, false, .changes = true, .is_lost = true},
        {"STARTED", TB_LIVENESS_FOUND, -1, false, .changes = false},
        {"STARTED", TB_LIVENESS_FOUND, 5 * S, false, .changes = true},
        {"STARTED", TB_LIVENESS_FOUND, -1, true, .changes = true, .found = true},
        {"STARTED", TB_LIVENESS_MISSING, -1, true, .changes = true, .missing = true},
        {"RETRY", TB_LIVENESS_FOUND, -1, false, .changes = true, .found = true},
    };

    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        struct tb_suspect suspect = suspect_of(cases[i].state, cases[i].missing_us, cases[i].was_lost);
        struct tb_status_change change = {0};
        suspect.verdict = cases[i].verdict;
        bool changes = tb_suspect_change(&suspect, &change);
        if (changes != cases[i].changes || tb_suspect_is_lost(&suspect) != cases[i].is_lost ||
            change.missing != cases[i].missing || change.found != cases[i].found)
            fail_msg("case %zu", i);
        if (changes) {
            assert_int_equal(change.id, 7);
            assert_int_equal(change.updated_at, 900 * S);
            assert_true(tb_str_is_null(change.reason));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silence_lasts_until_where_all_is_heard),
        cmocka_unit_test(test_a_first_no_that_is_younger_stays_one),
        cmocka_unit_test(test_a_verdict_becomes_a_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

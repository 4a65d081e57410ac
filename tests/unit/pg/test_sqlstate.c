/* PostgreSQL's codes, out of its manual's appendix A, and what helps against each. */
#include "sqlstate.h"
#include "unit/check.h"

static const struct {
    const char *sqlstate;
    enum tb_pg_outcome outcome;
} cases[] = {
    {"08006", TB_PG_BUSY},    /* connection_failure */
    {"40001", TB_PG_BUSY},    /* serialization_failure */
    {"40P01", TB_PG_BUSY},    /* deadlock_detected */
    {"53100", TB_PG_BUSY},    /* disk_full */
    {"53300", TB_PG_BUSY},    /* too_many_connections */
    {"55P03", TB_PG_BUSY},    /* lock_not_available */
    {"57014", TB_PG_BUSY},    /* query_canceled */
    {"57P01", TB_PG_BUSY},    /* admin_shutdown */
    {"57P03", TB_PG_BUSY},    /* cannot_connect_now */
    {"58030", TB_PG_BUSY},    /* io_error */
    {"25006", TB_PG_BUSY},    /* read_only_sql_transaction */
    {"26000", TB_PG_STALE},   /* invalid_sql_statement_name */
    {"0A000", TB_PG_FAILED},  /* feature_not_supported, but for outdated plans */
    {"22021", TB_PG_REFUSED}, /* character_not_in_repertoire */
    {"22P05", TB_PG_REFUSED}, /* untranslatable_character */
    {"23514", TB_PG_REFUSED}, /* check_violation */
    {"54000", TB_PG_REFUSED}, /* program_limit_exceeded */
    {"P0001", TB_PG_REFUSED}, /* raise_exception: a trigger's */
    {"44000", TB_PG_REFUSED}, /* with_check_option_violation */
    {"21000", TB_PG_REFUSED}, /* cardinality_violation */
    {"27000", TB_PG_REFUSED}, /* triggered_data_change_violation */
    {"38000", TB_PG_REFUSED}, /* external_routine_exception */
    {"25P02", TB_PG_FAILED},  /* in_failed_sql_transaction */
    {"42P01", TB_PG_FAILED},  /* undefined_table */
    {"42501", TB_PG_FAILED},  /* insufficient_privilege */
    {"XX000", TB_PG_FAILED},  /* internal_error */
    {"", TB_PG_FAILED},
};

static void test_each_class_has_its_remedy(void **state)
{
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        if (tb_sqlstate_outcome(cases[i].sqlstate, NULL) != cases[i].outcome)
            fail_msg("%s gives %d, not %d", cases[i].sqlstate,
                     (int)tb_sqlstate_outcome(cases[i].sqlstate, NULL), (int)cases[i].outcome);
    }
}

static void test_an_outdated_plan_is_told_by_who_says_it(void **state)
{
    (void)state;
    assert_int_equal(tb_sqlstate_outcome("0A000", "RevalidateCachedQuery"), TB_PG_STALE);
    assert_int_equal(tb_sqlstate_outcome("0A000", "parserOpenTable"), TB_PG_FAILED);
}

static void test_without_a_code_the_connection_was_lost(void **state)
{
    (void)state;
    assert_int_equal(tb_sqlstate_outcome(NULL, NULL), TB_PG_LOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_class_has_its_remedy),
        cmocka_unit_test(test_an_outdated_plan_is_told_by_who_says_it),
        cmocka_unit_test(test_without_a_code_the_connection_was_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

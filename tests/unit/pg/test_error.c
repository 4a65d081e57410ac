/* libpq's words become one line. */
#include "error.h"
#include "unit/check.h"

#include <errno.h>

static void test_lines_are_joined_and_the_severity_is_left_out(void **state)
{
    struct tb_error err = {0};

    (void)state;
    tb_pg_error_set(&err, "42P01", "ERROR:  relation \"x\" does not exist\nLINE 1: SELECT 1 FROM x\n");
    assert_int_equal(err.code, -EIO);
    assert_string_equal(
        err.text,
        "relation \"x\" does not exist LINE 1: SELECT 1 FROM x; run `taskbridge migrate` on this database");
    assert_string_equal(err.sqlstate, "42P01");
}

static void test_silence_is_a_lost_connection(void **state)
{
    static const char *const silent[] = {NULL, "", "\n"};

    (void)state;
    for (size_t i = 0; i < TB_COUNT(silent); i++) {
        struct tb_error err = {0};
        tb_pg_error_set(&err, NULL, silent[i]);
        assert_string_equal(err.text, "connection lost");
        assert_string_equal(err.sqlstate, "");
    }
}

static void test_the_first_words_stay(void **state)
{
    struct tb_error err = {0};

    (void)state;
    tb_pg_error_set(&err, "22021", "FATAL:  first");
    tb_pg_error_set(&err, "42P01", "ERROR:  second");
    assert_string_equal(err.text, "first");
    assert_string_equal(err.sqlstate, "22021");
    tb_pg_error_set(NULL, NULL, "nobody listens");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_are_joined_and_the_severity_is_left_out),
        cmocka_unit_test(test_silence_is_a_lost_connection),
        cmocka_unit_test(test_the_first_words_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

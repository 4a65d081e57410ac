/* Database URLs: what libpq takes, and that a wrong one's password is never told. */
#include "taskbridge/pg/conninfo.h"
#include "unit/check.h"

#include <errno.h>

static void test_urls_and_connection_strings_are_taken(void **state)
{
    static const char *const good[] = {
        "postgresql://user:secret@127.0.0.1:5432/name",
        "postgres://host/name?sslmode=verify-full&application_name=x",
        "postgresql://a,b/name?target_session_attrs=read-write",
        "host=/var/run/postgresql dbname=name",
    };

    (void)state;
    for (size_t i = 0; i < TB_COUNT(good); i++)
        assert_int_equal(tb_conninfo_check(good[i], NULL), 0);
}

static void test_a_wrong_one_is_told_without_its_password(void **state)
{
    static const char *const bad[] = {
        "postgresql://user:hush@host:54/name?hush=1",
        "postgresql://user:hush@[::1/name",
        "postgresql://user:%hush@host/name",
        "host=x password='hush",
        "hush",
        "mysql://user:hush@host/name",
    };

    (void)state;
    for (size_t i = 0; i < TB_COUNT(bad); i++) {
        struct tb_error err = {0};
        assert_int_equal(tb_conninfo_check(bad[i], &err), -EINVAL);
        assert_null(strstr(err.text, "hush"));
        assert_non_null(strstr(err.text, "right would be postgresql://"));
    }
}

static void test_none_is_told(void **state)
{
    struct tb_error err = {0};

    (void)state;
    assert_int_equal(tb_conninfo_check("", &err), -EINVAL);
    assert_string_equal(err.text, "database.url is empty: right would be postgresql://user@host/name");
    assert_int_equal(tb_conninfo_check(NULL, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls_and_connection_strings_are_taken),
        cmocka_unit_test(test_a_wrong_one_is_told_without_its_password),
        cmocka_unit_test(test_none_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

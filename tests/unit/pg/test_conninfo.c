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
        "postgresql:///name?host=/var/run/postgresql",
        "postgresql://user:%40%3A%2F%3F%23@[::1]:5432,10.0.0.1:5433,h-3.example/name",
        "postgresql://user:p?ss#w:rd@host/name",
        "host=@abstract hostaddr=::1 port=5432,5433 password='a b' dbname=a@b",
        "service=x",
    };

    struct tb_error err = {0};

    (void)state;
    for (size_t i = 0; i < TB_COUNT(good); i++)
        if (tb_conninfo_check(good[i], &err) != 0)
            fail_msg("%s: %s", good[i], err.text);
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
        "postgresql://user:p@hush@host/name",
        "postgresql://user:hush/x@host",
        "postgresql://user:x/hush@host/name",
        "postgresql://user:x/hush@host:5432/name",
        "postgresql://user:p@h1,user:hush@h2/name",
        "postgresql://user%3Ahush@host/name",
        "postgresql://user:x@host]hush/name",
        "postgresql://user@hush:5a/name",
        "postgresql://host/name?password=a&hush",
        "postgresql://host/name?password=a&hush=b",
        "password=a hush host=h",
        "password='a'hush host=h",
        "host=user:hush@h dbname=x",
        "dbname=postgresql://user:hush@h/x",
        "dbname='host=h password=hush'",
    };

    (void)state;
    for (size_t i = 0; i < TB_COUNT(bad); i++) {
        struct tb_error err = {0};
        if (tb_conninfo_check(bad[i], &err) != -EINVAL || strstr(err.text, "hush"))
            fail_msg("of %s is said: %s", bad[i], err.text);
        if (!strstr(err.text, "right would be postgresql://"))
            fail_msg("of %s is said: %s", bad[i], err.text);
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

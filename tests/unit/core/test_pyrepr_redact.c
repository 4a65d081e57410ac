/* Secrets in reprs: hidden where they are seen, left out with all that follows where they may be. */
#include "taskbridge/base/limits.h"
#include "taskbridge/core/pyrepr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct tb_arena arena;

static int set_up(void **state)
{
    (void)state;
    tb_arena_init(&arena, 64 * TB_MIB);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tb_arena_deinit(&arena);
    return 0;
}

struct redacted {
    const char *repr, *expected;
};

static const char *redact(const char *repr)
{
    static const struct tb_str keys[] = {{"password", 8}, {"token", 5}};
    struct tb_str redacted = TB_STR_NULL;
    assert_int_equal(tb_pyrepr_redact(tb_str_of(repr), keys, TB_COUNT(keys), &arena, &redacted), 0);
    return redacted.ptr;
}

static void secrets_are_hidden_at_any_depth(void **state)
{
    (void)state;
    static const struct redacted cases[] = {
        {"{}", "{}"},
        {"", ""},
        {"{'a': 1, 'b': 'password'}", "{'a': 1, 'b': 'password'}"},
        {"{'password': 'x'}", "{'password': '***'}"},
        {"{'password': 7, 'a': 1}", "{'password': '***', 'a': 1}"},
        {"{'a': {'b': [{'token': ['x', 'y']}]}, 'c': 2}", "{'a': {'b': [{'token': '***'}]}, 'c': 2}"},
        {"{\"password\": \"it's\", 'token': b'x'}", "{\"password\": '***', 'token': '***'}"},
        {"{'password': Secret(x=1, y='2'), 'a': 1}", "{'password': '***', 'a': 1}"},
        {"{'p\\x61ssword': 'x'}", "{'p\\x61ssword': '***'}"},
        {"{b'password': 'x'}", "{b'password': '***'}"},
        {"{'a': Login(user='u', password='x')}", "{'a': Login(user='u', password='***')}"},
        {"{'a': [('password', 'x'), ('b', 1)]}", "{'a': [('password', '***'), ('b', 1)]}"},
        {"{'a': <Login password=x>, 'b': <Foo object at 0x7f>}", "{'a': '***', 'b': <Foo object at 0x7f>}"},
        {"{'a': {...}, 'b': 1}", "{'a': {...}, 'b': 1}"},
        {"({'password': 'x'}, 1)", "({'password': '***'}, 1)"},
        {"{'passwords': 'x', 'Token': 1}", "{'passwords': 'x', 'Token': 1}"},
    };
    for (size_t i = 0; i < TB_COUNT(cases); i++)
        assert_string_equal(redact(cases[i].repr), cases[i].expected);
}

static void what_may_be_a_secret_is_left_out(void **state)
{
    (void)state;
    static const struct redacted cases[] = {
        {"{'password': 'sec", "{'password': ..."},
        {"{'a': 1, 'password': 7", "{'a': 1, 'password': ..."},
        {"{'password': 'sec...', ...}", "{'password': '***'..."},
        {"{'a': 'xx...ret', 'b': 1}", "{'a': ..."},
        {"{'a': 1, ...}", "{'a': 1, ..."},
        {"{'passw", "{..."},
        {"{'a': 1", "{'a': 1..."},
        {"{'a': Joe's, 'password': 'x'}", "{'a': ..."},
        {"{'a': 'C:\\', 'password': 'x'}", "{'a': ..."},
        {"{'a': [1), 'password': 'x'}", "{'a': [1..."},
        {"{'a': <Login password=x, 'b': 1}", "{'a': ..."},
        {"{'password': a: b, 'c': 1}", "{'password': ..."},
        {"{'\\N{X}': 'x', 'c': 1}", "{'\\N{X}': '***', 'c': 1}"},
        {"{'password': , ...}", "{'password': ..."},
    };
    for (size_t i = 0; i < TB_COUNT(cases); i++)
        assert_string_equal(redact(cases[i].repr), cases[i].expected);
}

/* The secret stands behind its key in every prefix that has any of it. */
static void no_prefix_shows_a_secret(void **state)
{
    (void)state;
    static const char *const reprs[] = {
        "{'a': 1, 'password': 'SECRET', 'b': {'token': ['SECRET', 'SECRET']}, 'c': 2}",
        "{'a': Login(password='SECRET', x={'token': 'SECRET'}), 'b': [('token', 'SECRET')]}",
        "{'a': <Login password=SECRET>, \"token\": \"SECRET\", 'p\\x61ssword': b'SECRET'}",
        "{'a': 'it\\'s', 'b': \"it's\", 'password': {'x': 'SECRET', 'y': ('SECRET',)}, 'c': 1}",
    };
    static const char *const ends[] = {"", "...", "...'}", "', ...}", "\xE2\x80\xA6"};
    for (size_t i = 0; i < TB_COUNT(reprs); i++) {
        for (size_t cut = 0; cut <= strlen(reprs[i]); cut++) {
            for (size_t end = 0; end < TB_COUNT(ends); end++) {
                char text[256];
                snprintf(text, sizeof(text), "%.*s%s", (int)cut, reprs[i], ends[end]);
                const char *redacted = redact(text);
                if (strstr(redacted, "SEC") || strchr(redacted, 'E'))
                    fail_msg("%s becomes %s", text, redacted);
                tb_arena_reset(&arena);
            }
        }
    }
}

static void every_end_of_memory_is_told(void **state)
{
    (void)state;
    const struct tb_str repr = TB_STR(
        "{'\\x61': 1, 'k': 'a\\nb', 'u': UUID('12345678-1234-5678-1234-567812345678'), 'password': 'x'}");
    const struct tb_str key = TB_STR("password");
    struct tb_pyrepr_value value;
    struct tb_str redacted;
    bool is_told = false;

    for (size_t max_bytes = 0; max_bytes < 512; max_bytes++) {
        struct tb_arena small;
        tb_arena_init(&small, max_bytes);
        int first = tb_pyrepr_find_key(repr, TB_STR("k"), &small, &value);
        int second = tb_pyrepr_find_key(repr, TB_STR("u"), &small, &value);
        int third = tb_pyrepr_redact(repr, &key, 1, &small, &redacted);
        assert_true((first == 0 || first == -ENOMEM) && (second == 0 || second == -ENOMEM) &&
                    (third == 0 || third == -ENOMEM));
        is_told |= first && second && third;
        tb_arena_deinit(&small);
    }
    assert_true(is_told);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(secrets_are_hidden_at_any_depth),
        TEST(what_may_be_a_secret_is_left_out),
        TEST(no_prefix_shows_a_secret),
        TEST(every_end_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

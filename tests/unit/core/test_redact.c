/* Secrets are taken out, whatever they stand in, and nothing else is; by hand, and at random: a secret that
 * occurs nowhere else must not occur in what comes out. TASKBRIDGE_SEED repeats a run. */
#include "taskbridge/core/redact.h"

#include "unit/check.h"

#include "taskbridge/base/buf.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/base/random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static struct tb_arena arena;
static struct tb_redact redact, placed;
static uint64_t seed;

static int set_up(void **state)
{
    static const struct tb_str names[] = {{"password", 8}, {"token", 5},       {"api_key", 7},
                                          {"*_secret", 8}, {"contraseña", 11}, {"Authorization", 13}};
    (void)state;
    tb_arena_init(&arena, 64 * TB_MIB);
    assert_int_equal(tb_redact_init(&redact, names, TB_COUNT(names), 0, &arena), 0);
    assert_int_equal(tb_redact_init(&placed, names, TB_COUNT(names), 2, &arena), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tb_arena_deinit(&arena);
    return 0;
}

static struct tb_str repr(const char *text, uint64_t positions)
{
    struct tb_str result;
    assert_int_equal(
        tb_redact_repr(positions ? &placed : &redact, tb_str_of(text), positions, &arena, &result), 0);
    return result;
}

static struct tb_str text_of(const char *text)
{
    struct tb_str result;
    assert_int_equal(tb_redact_text(&redact, tb_str_of(text), &arena, &result), 0);
    return result;
}

static struct tb_str json(const char *text)
{
    struct tb_str result;
    assert_int_equal(tb_redact_json(&redact, tb_str_of(text), &arena, &result), 0);
    return result;
}

struct pair {
    const char *text, *expected; /* NULL: stays as it is, the same bytes */
};

static void check(struct tb_str (*redacted)(const char *), const struct pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct tb_str found = redacted(pairs[i].text);
        if (!pairs[i].expected)
            assert_ptr_equal(found.ptr, pairs[i].text);
        else if (!tb_str_equal(found, tb_str_of(pairs[i].expected)))
            fail_msg("%s\n gives %.*s\n not   %s", pairs[i].text, TB_STR_FMT(found), pairs[i].expected);
    }
}

static struct tb_str plain_repr(const char *text)
{
    return repr(text, 0);
}

static void in_a_repr_the_values_of_keys_are_hidden(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"{'company_id': 73}", NULL},
        {"", NULL},
        {"{'passwords': 1, 'tokenized': 'x', 'my_password': 5}", NULL},
        {"{'a': \"it's\", 'x': b'\\xff', 'y': <Foo can't>}", NULL},
        {"{'password': 'x', 'company_id': 73}", "{'password': '***', 'company_id': 73}"},
        {"{'PassWord': 1}", "{'PassWord': '***'}"},
        {"{'API-KEY': None, 'b': 2}", "{'API-KEY': '***', 'b': 2}"},
        {"{'client_secret': ['a', {'b': 'c'}], 'd': 4}", "{'client_secret': '***', 'd': 4}"},
        {"{'CONTRASEÑA': 'x'}", "{'CONTRASEÑA': '***'}"},
        {"{'contrase\\xf1a': 'x'}", "{'contrase\\xf1a': '***'}"},
        {"{b'password': b'x'}", "{b'password': '***'}"},
        {"{'db.password': 'x'}", "{'db.password': '***'}"},
        {"({'a': {'b': [{'token': 'x'}, 5]}}, 6)", "({'a': {'b': [{'token': '***'}, 5]}}, 6)"},
        {"[('password', 'x'), ('a', 'b')]", "[('password', '***'), ('a', 'b')]"},
        {"('login', '--password', 'x', '-v')", "('login', '--password', '***', '-v')"},
        {"['user', 'password']", NULL},
        {"('reset your password', 'bob')", NULL},
        {"(Login(user='bob', password='x'), 1)", "(Login(user='bob', password='***'), 1)"},
        {"{'a': <Login password=x>, 'b': 1}", "{'a': '***', 'b': 1}"},
        {"{'password': hunter2, or so, 'b': 1}", "{'password': '***'..."},
        {"{'password': <Secret a>b>, 'b': 1}", "{'password': '***'..."},
        {"{'password': SecretStr('x'), 'b': 1}", "{'password': '***', 'b': 1}"},
        {"{'password': 'x' 'y', 'b': 1}", "{'password': '***', 'b': 1}"},
        {"\"{'company_id': 73, 'password': 'x'}\"", "'{\\'company_id\\': 73, \\'password\\': \\'***\\'}'"},
        {"('{\"token\": \"x\", \"a\": null}',)", "('{\"token\": \\'***\\', \"a\": null}',)"},
        {"{'q': 'a=1&token=x&b=2'}", "{'q': 'a=1&token=***'}"},
        {"{'headers': 'Accept: a\\nAuthorization: Bearer x'}",
         "{'headers': 'Accept: a\\nAuthorization: ***'}"},
        {"password='x'", "password=***"},
        {"[<password>x</password>]", "['***'..."},
        {"{'a': '<password>x</password>'}", "{'a': '<password>***'}"},
        /* cut and damaged */
        {"{'password': 'hunt", "{'password': ..."},
        {"{'a': 'xxx...', 'password': 'x'}", "{'a': ..."},
        {"{'a': {...}, 'password': 'x'}", "{'a': {...}, 'password': '***'}"},
        {"{'password': 'hun...', 'b': 1}", "{'password': '***'..."},
        {"{'password': ...", "{'password': ..."},
    };
    check(plain_repr, pairs, TB_COUNT(pairs));
}

static struct tb_str placed_repr(const char *text)
{
    return repr(text, 2);
}

static void positions_are_hidden_also_in_the_arguments_of_others(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"('bob', 'x', 3)", "('bob', '***', 3)"},
        {"('bob', ['x', 'y'], 3)", "('bob', '***', 3)"},
        {"['bob', 'x']", "['bob', '***']"},
        {"('bob',)", NULL},
        {"()", NULL},
        {"\"('bob', 'x')\"", "'(\\'bob\\', \\'***\\')'"},
        {"('bob', 'x", "('bob', ..."},
        {"('bo...', 'x')", "(..."},
        {"bob x", "..."},
        {"('g', {'task': 'login', 'args': ('bob', 'x'), 'kwargs': {}})", "('g', '***')"},
        {"(5, {'task': 'a'}, [login('bob', 'x')])", "(5, '***', [login('bob', '***')])"},
    };
    check(placed_repr, pairs, TB_COUNT(pairs));

    struct tb_str found;
    struct tb_str kwargs =
        TB_STR("{'task': {'args': ['bob', 'x'], 'kwargs': {}}, 'it': [('bob', 'x')], 'n': 2}");
    assert_int_equal(tb_redact_repr(&placed, kwargs, 0, &arena, &found), 0);
    if (!tb_str_equal(found,
                      TB_STR("{'task': {'args': ['bob', '***'], 'kwargs': {}}, 'it': ['***'], 'n': 2}")))
        fail_msg("%.*s", TB_STR_FMT(found));
}

static void in_text_what_follows_a_name_is_hidden(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"ValueError('no')", NULL},
        {"FATAL: password authentication failed for user \"x\"", NULL},
        {"KeyError('password')", NULL},
        {"Login failed, token: abc def", "Login failed, token: ***"},
        {"url?a=1&token=abc", "url?a=1&token=***"},
        {"ValueError({'password': 'x', 'user': 'bob'})", "ValueError({'password': '***', 'user': 'bob'})"},
        {"ValueError(\"failed for {'password': 'x', 'user': 'bob'}\")",
         "ValueError('failed for {\\'password\\': ***, \\'user\\': \\'bob\\'}')"},
        {"failed for {'password': 'x', 'user': 'bob'}", "failed for {'password': ***, 'user': 'bob'}"},
        {"failed for {'password': 'x\\'y', 'user': 'bob'}", "failed for {'password': ***"},
        {"can't: {'password': ['x', 'y'], 'user': 'bob'}", "can't: {'password': ***, 'user': 'bob'}"},
        {"<password>x</password>", "<password>***"},
        {"Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    login(password=p)\nE: no\n",
         "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    login(password=***\nE: "
         "no\n"},
        {"Traceback (most recent call last):\nE: token=a\nb\n\nDuring\n\nTraceback (most recent call "
         "last):\nF\n",
         "Traceback (most recent call last):\nE: token=***\nTraceback (most recent call last):\nF\n"},
        {"{'password': 'x'}", "{'password': '***'}"},
    };
    check(text_of, pairs, TB_COUNT(pairs));
}

static void json_is_rewritten_only_where_it_must_be(void **state)
{
    (void)state;
    static const struct pair pairs[] = {
        {"{\"a\" :  1}", NULL},
        {"{\"token\": 5, \"a\" :  1}", "{\"token\": \"***\", \"a\" :  1}"},
        {"[{\"uuid\": \"u\", \"kwargs\": \"{'password': 'x', 'n': 1}\"}]",
         "[{\"uuid\": \"u\", \"kwargs\": \"{'password': '***', 'n': 1}\"}]"},
        {"{\"contrase\\u00f1a\": \"x\"}", "{\"contrase\\u00f1a\": \"***\"}"},
        {"{\"result\": \"token: x\"}", "{\"result\": \"token: ***\"}"},
        {"{\"a\": [\"password\", \"x\", \"y\"]}", "{\"a\": [\"password\", \"***\", \"y\"]}"},
        {"{\"a\": {\"password\": {\"b\": 1}}}", "{\"a\": {\"password\": \"***\"}}"},
        /* damaged */
        {"{\"a\": 1, \"kwargs\": \"{'password': 'x', ", "{\"a\": 1, \"kwargs\": \"{'password': ..."},
        {"{\"a\": \"{\\\"password\\\": \\\"x\\\"}", "{\"a\": \"{\\\"password\\\": ..."},
        {"{\"a\": 1, ", NULL},
    };
    check(json, pairs, TB_COUNT(pairs));
}

static void of_other_bytes_nothing_is_kept_once_a_name_is_in_them(void **state)
{
    (void)state;
    struct tb_str harmless = TB_STR("\x82\xa4type\xabtask-custom"), secret = TB_STR("\x81\xa8Password\xa1x");

    assert_ptr_equal(tb_redact_bytes(&redact, harmless, true).ptr, harmless.ptr);
    assert_int_equal(tb_redact_bytes(&redact, secret, true).len, 0);
    assert_int_equal(tb_redact_bytes(&redact, TB_STR("my_secret"), true).len, 0);
    assert_int_equal(tb_redact_bytes(&redact, harmless, false).len, 0);
    assert_int_equal(tb_redact_bytes(&placed, harmless, true).len, 0);
    assert_ptr_equal(tb_redact_bytes(NULL, secret, false).ptr, secret.ptr);
}

static void names_are_checked(void **state)
{
    (void)state;
    assert_null(tb_redact_check_name(TB_STR("password")));
    assert_null(tb_redact_check_name(TB_STR("*_token")));
    assert_null(tb_redact_check_name(TB_STR("p")));
    assert_non_null(tb_redact_check_name(TB_STR("*")));
    assert_non_null(tb_redact_check_name(TB_STR("*?a")));
    assert_non_null(tb_redact_check_name(TB_STR("a*")));
}

/* ---- at random ---- */

#define ROUNDS 40000

static uint64_t below(uint64_t *state, uint64_t bound)
{
    return tb_random_next(state) % bound;
}

/* A secret is a word that is nowhere else, with whatever else may be in one before and behind it. */
static const char WORD[] = "Hunter2";

static void push_secret(uint64_t *state, struct tb_buf *buf)
{
    static const char *const parts[] = {"",   "'",       "\"", "\\",  ", ", "}",       ")",
                                        "\n", ": ",      "=",  "...", "ñ",  "\\'",     "'\"",
                                        "#",  "{'a': '", "<",  ">",   "\t", "password"};

    tb_buf_push_str(buf, tb_str_of(parts[below(state, TB_COUNT(parts))]));
    tb_buf_push_str(buf, tb_str_of(WORD));
    tb_buf_push_str(buf, tb_str_of(parts[below(state, TB_COUNT(parts))]));
    tb_buf_push_str(buf, tb_str_of(WORD));
}

/* As Python's repr writes it. */
static void push_python(struct tb_str text, struct tb_buf *buf)
{
    bool has_single = memchr(text.ptr, '\'', text.len), has_double = memchr(text.ptr, '"', text.len);
    char quote = has_single && !has_double ? '"' : '\'';

    tb_buf_push_byte(buf, quote);
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        if (byte == '\n')
            tb_buf_push_str(buf, TB_STR("\\n"));
        else if (byte == '\t')
            tb_buf_push_str(buf, TB_STR("\\t"));
        else {
            if (byte == quote || byte == '\\')
                tb_buf_push_byte(buf, '\\');
            tb_buf_push_byte(buf, byte);
        }
    }
    tb_buf_push_byte(buf, quote);
}

static void push_json(struct tb_str text, struct tb_buf *buf)
{
    tb_buf_push_byte(buf, '"');
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        if (byte == '\n' || byte == '\t')
            tb_buf_push_str(buf, byte == '\n' ? TB_STR("\\n") : TB_STR("\\t"));
        else {
            if (byte == '"' || byte == '\\')
                tb_buf_push_byte(buf, '\\');
            tb_buf_push_byte(buf, byte);
        }
    }
    tb_buf_push_byte(buf, '"');
}

static void push_text(bool is_json, struct tb_str text, struct tb_buf *buf)
{
    if (is_json)
        push_json(text, buf);
    else
        push_python(text, buf);
}

/* A structure in which the values of secret keys, and only these, hold the word; depth deep. */
static void push_value(uint64_t *state, bool is_json, int depth, struct tb_buf *buf)
{
    static const char *const keys[] = {"password", "TOKEN", "api-key", "db_secret", "authorization"};
    static const char *const others[] = {"a", "company_id", "n", "passwords"};
    static const char *const values[] = {"'x'", "73", "None", "'it is'", "('a', 1)", "'a, b: c'", "{}"};
    static const char *const jsons[] = {"\"x\"",      "73",          "null", "\"it is\"",
                                        "[\"a\", 1]", "\"a, b: c\"", "{}"};
    struct tb_buf inner;

    tb_buf_init(&inner, TB_MIB);
    switch (depth ? below(state, 6) : 6) {
    case 0: /* text that holds it */
        push_value(state, below(state, 2), depth - 1, &inner);
        push_text(is_json, tb_buf_str(&inner), buf);
        break;
    case 1:
    case 2:
        tb_buf_push_byte(buf, '{');
        for (uint64_t i = below(state, 3); i > 0; i--) {
            push_text(is_json, tb_str_of(others[below(state, TB_COUNT(others))]), buf);
            tb_buf_push_str(buf, TB_STR(": "));
            push_value(state, is_json, depth - 1, buf);
            tb_buf_push_str(buf, TB_STR(", "));
        }
        push_text(is_json, tb_str_of(keys[below(state, TB_COUNT(keys))]), buf);
        tb_buf_push_str(buf, TB_STR(": "));
        push_secret(state, &inner);
        push_text(is_json, tb_buf_str(&inner), buf);
        tb_buf_push_byte(buf, '}');
        break;
    case 3:
        tb_buf_push_str(buf, TB_STR("["));
        push_value(state, is_json, depth - 1, buf);
        tb_buf_push_str(buf, TB_STR(", "));
        push_value(state, is_json, depth - 1, buf);
        tb_buf_push_str(buf, TB_STR("]"));
        break;
    case 4:
        tb_buf_push_str(buf, is_json ? TB_STR("[\"token\", ") : TB_STR("('token', "));
        push_secret(state, &inner);
        push_text(is_json, tb_buf_str(&inner), buf);
        tb_buf_push_str(buf, is_json ? TB_STR("]") : TB_STR(")"));
        break;
    case 5:
        if (!is_json) {
            tb_buf_push_str(buf, TB_STR("Login(1, token="));
            push_secret(state, &inner);
            push_text(is_json, tb_buf_str(&inner), buf);
            tb_buf_push_str(buf, TB_STR(")"));
            break;
        }
        /* fall through */
    default:
        tb_buf_push_str(buf, tb_str_of((is_json ? jsons : values)[below(state, TB_COUNT(values))]));
    }
    tb_buf_deinit(&inner);
}

static void assert_clean(struct tb_str text, struct tb_str found, const char *what, int round)
{
    if (tb_str_find(found, tb_str_of(WORD)) != SIZE_MAX)
        fail_msg("%s, round %d of seed %" PRIu64 ":\n%.*s\ngives\n%.*s", what, round, seed, TB_STR_FMT(text),
                 TB_STR_FMT(found));
}

static void a_secret_occurs_in_nothing_that_comes_out(void **state)
{
    uint64_t random = seed;
    struct tb_buf buf, text;
    struct tb_str found;
    (void)state;

    tb_buf_init(&buf, TB_MIB);
    tb_buf_init(&text, TB_MIB);
    for (int round = 0; round < ROUNDS; round++) {
        bool is_json = below(&random, 2);
        tb_arena_reset(&arena);
        set_up(NULL);
        tb_buf_reset(&buf);
        push_value(&random, is_json, 4, &buf);
        struct tb_str whole = tb_buf_str(&buf);

        assert_int_equal(tb_redact_repr(&redact, whole, 0, &arena, &found), 0);
        assert_clean(whole, found, "repr", round);
        assert_int_equal(tb_redact_text(&redact, whole, &arena, &found), 0);
        assert_clean(whole, found, "text", round);

        tb_buf_reset(&text);
        tb_buf_push_str(&text, below(&random, 2) ? TB_STR("Error: it can't be done: ") : TB_STR("E('a', "));
        tb_buf_push_str(&text, whole);
        assert_int_equal(tb_redact_text(&redact, tb_buf_str(&text), &arena, &found), 0);
        assert_clean(tb_buf_str(&text), found, "behind text", round);

        tb_buf_reset(&text);
        tb_buf_push_str(&text, TB_STR("{\"uuid\": \"u\", \"kwargs\": "));
        push_json(whole, &text);
        tb_buf_push_str(&text, TB_STR("}"));
        assert_int_equal(tb_redact_json(&redact, tb_buf_str(&text), &arena, &found), 0);
        assert_clean(tb_buf_str(&text), found, "event", round);

        struct tb_str cut = {text.ptr, below(&random, text.len)};
        assert_int_equal(tb_redact_json(&redact, cut, &arena, &found), 0);
        assert_clean(cut, found, "cut event", round);
        cut = (struct tb_str){whole.ptr, below(&random, whole.len + 1)};
        assert_int_equal(tb_redact_repr(&redact, cut, 0, &arena, &found), 0);
        assert_clean(cut, found, "cut repr", round);
        assert_int_equal(tb_redact_text(&redact, cut, &arena, &found), 0);
        assert_clean(cut, found, "cut text", round);
        tb_arena_deinit(&arena);
    }
    tb_buf_deinit(&buf);
    tb_buf_deinit(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const char *given = getenv("TASKBRIDGE_SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)tb_clock_now_us();
    printf("seed %" PRIu64 "\n", seed);

    const struct CMUnitTest tests[] = {
        TEST(in_a_repr_the_values_of_keys_are_hidden),
        TEST(positions_are_hidden_also_in_the_arguments_of_others),
        TEST(in_text_what_follows_a_name_is_hidden),
        TEST(json_is_rewritten_only_where_it_must_be),
        TEST(of_other_bytes_nothing_is_kept_once_a_name_is_in_them),
        TEST(names_are_checked),
        cmocka_unit_test(a_secret_occurs_in_nothing_that_comes_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Borrowed strings: order, search, glob patterns and numbers, each by a table of cases. */
#include "unit/check.h"
#include "unit/comma_locale.h"

#include <math.h>

static void null_string_equals_only_itself(void **state)
{
    (void)state;
    assert_true(tb_str_equal(TB_STR_NULL, TB_STR_NULL));
    assert_false(tb_str_equal(TB_STR_NULL, TB_STR("")));
    assert_false(tb_str_equal(TB_STR(""), TB_STR_NULL));
    assert_true(tb_str_equal(TB_STR(""), TB_STR("")));
    assert_true(tb_str_is_null(tb_str_of(NULL)));
    assert_false(tb_str_is_null(tb_str_of("")));
}

static void compare_orders_by_unsigned_bytes_then_length(void **state)
{
    static const struct {
        struct tb_str a, b;
        int sign;
    } cases[] = {
        {{NULL, 0}, {NULL, 0}, 0}, {{NULL, 0}, {"", 0}, -1},  {{"", 0}, {NULL, 0}, 1},
        {{"a", 1}, {"b", 1}, -1},  {{"b", 1}, {"a", 1}, 1},   {{"a", 1}, {"ab", 2}, -1},
        {{"ab", 2}, {"a", 1}, 1},  {{"ab", 2}, {"ab", 2}, 0}, {{"z", 1}, {"\xC3\xB1", 2}, -1},
        {{"Z", 1}, {"a", 1}, -1},  {{"", 0}, {"\0", 1}, -1},  {{"a\0b", 3}, {"a\0c", 3}, -1},
    };
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        int order = tb_str_compare(cases[i].a, cases[i].b);
        assert_int_equal((order > 0) - (order < 0), cases[i].sign);
    }
}

static void prefix_and_suffix_are_found_at_the_ends_only(void **state)
{
    (void)state;
    assert_true(tb_str_starts_with(TB_STR("task-sent"), TB_STR("task-")));
    assert_true(tb_str_starts_with(TB_STR("task-"), TB_STR("task-")));
    assert_true(tb_str_starts_with(TB_STR_NULL, TB_STR("")));
    assert_false(tb_str_starts_with(TB_STR("tas"), TB_STR("task-")));
    assert_false(tb_str_starts_with(TB_STR("a task-"), TB_STR("task-")));
    assert_true(tb_str_ends_with(TB_STR("events.ndjson"), TB_STR(".ndjson")));
    assert_false(tb_str_ends_with(TB_STR("ndjson"), TB_STR(".ndjson")));
    assert_false(tb_str_ends_with(TB_STR("a.ndjson.gz"), TB_STR(".ndjson")));
}

static void trim_takes_ascii_white_space_from_both_ends(void **state)
{
    (void)state;
    assert_str(tb_str_trim(TB_STR(" \t\r\n\v\f a b \n")), "a b");
    assert_str(tb_str_trim(TB_STR("   ")), "");
    assert_str(tb_str_trim(TB_STR("")), "");
    assert_true(tb_str_is_null(tb_str_trim(TB_STR_NULL)));
    assert_str(tb_str_trim(TB_STR("\xC2\xA0x")), "\xC2\xA0x"); /* a no-break space is not ASCII */
}

static void find_gives_the_first_offset(void **state)
{
    (void)state;
    assert_int_equal(tb_str_find(TB_STR("a=b=c"), TB_STR("=")), 1);
    assert_int_equal(tb_str_find(TB_STR("abc"), TB_STR("bc")), 1);
    assert_int_equal(tb_str_find(TB_STR("a\0b"), TB_STR("b")), 2);
    assert_int_equal(tb_str_find(TB_STR("abc"), TB_STR("")), 0);
    assert_true(tb_str_find(TB_STR("abc"), TB_STR("abcd")) == SIZE_MAX);
    assert_true(tb_str_find(TB_STR("abc"), TB_STR("x")) == SIZE_MAX);
    assert_true(tb_str_find(TB_STR_NULL, TB_STR("x")) == SIZE_MAX);
}

static void patterns_match_whole_names(void **state)
{
    static const struct {
        const char *text, *pattern;
        bool matches;
    } cases[] = {
        {"companies.tasks.sync", "*sync", true},
        {"companies.tasks.sync", "companies.*", true},
        {"companies.tasks.sync", "*tasks*", true},
        {"companies.tasks.sync", "sync", false},
        {"companies.tasks.sync", "companies.tasks.sync", true},
        {"companies.tasks.synced", "*sync", false},
        {"sync.sync", "*sync", true},
        {"abcabd", "*ab?", true},
        {"abab", "*ab*ab", true},
        {"aba", "*ab*ba", false},
        {"", "", true},
        {"", "*", true},
        {"", "**", true},
        {"", "?", false},
        {"a", "?", true},
        {"ab", "?", false},
        {"a", "", false},
        {"ab", "a*b*", true},
        {"a[b]", "a[b]", true},
        {"ab", "a[b]", false},
        {"a\\*", "a\\*", true},
    };
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++)
        if (tb_str_matches(tb_str_of(cases[i].text), tb_str_of(cases[i].pattern)) != cases[i].matches)
            fail_msg("\"%s\" against \"%s\"", cases[i].text, cases[i].pattern);
}

static void a_hostile_pattern_ends_soon(void **state)
{
    char text[20000], pattern[2000];
    (void)state;
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = i % 2 ? 'a' : '*';
    pattern[sizeof(pattern) - 1] = 'b';
    /* Exponential matching would never come back; CTest's timeout is the judge. */
    assert_false(
        tb_str_matches((struct tb_str){text, sizeof(text)}, (struct tb_str){pattern, sizeof(pattern)}));
}

static void int64_takes_decimals_up_to_its_limits(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {
        {"0", 0},   {"-0", 0},
        {"+5", 5},  {"-17", -17},
        {"007", 7}, {"9223372036854775807", INT64_MAX},
        {"73", 73}, {"-9223372036854775808", INT64_MIN},
    };
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        int64_t value = 99;
        assert_true(tb_str_parse_int64(tb_str_of(cases[i].text), &value));
        assert_int_equal(value, cases[i].value);
    }
}

static void int64_refuses_anything_else_and_leaves_the_value_alone(void **state)
{
    static const char *const cases[] = {
        "",
        "-",
        "+",
        " 1",
        "1 ",
        "1.0",
        "1e3",
        "0x10",
        "--1",
        "+-1",
        "1_000",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999",
        "\xD9\xA1",
    };
    int64_t value = 99;
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++)
        assert_false(tb_str_parse_int64(tb_str_of(cases[i]), &value));
    assert_false(tb_str_parse_int64(TB_STR_NULL, &value));
    assert_false(tb_str_parse_int64(TB_STR("1\0"), &value));
    assert_int_equal(value, 99);
}

static void double_takes_what_json_and_python_write(void **state)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"0", 0.0},
        {"50", 50.0},
        {"+5", 5.0},
        {"-2.5", -2.5},
        {".5", 0.5},
        {"5.", 5.0},
        {"1e3", 1000.0},
        {"1E-2", 0.01},
        {"1e+2", 100.0},
        {"33.333", 33.333},
        {"1e999", INFINITY},
        {"-1e999", -INFINITY},
        {"inf", INFINITY},
        {"-inf", -INFINITY},
        {"Infinity", INFINITY},
        {"+Inf", INFINITY},
        {"-Infinity", -INFINITY},
        {"1e-999", 0.0},
        {"0.1", 0.1},
        {"1700000000.123456", 1700000000.123456},
    };
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        double value = -99;
        assert_true(tb_str_parse_double(tb_str_of(cases[i].text), &value));
        if (value != cases[i].value)
            fail_msg("%s gives %g", cases[i].text, value);
    }
}

static void double_refuses_nan_hexadecimal_and_white_space(void **state)
{
    static const char *const cases[] = {
        "",      "nan",  "NaN",   "-nan",      "nan(1)", "0x10",  "0x1p3", " 1",   "1 ",
        "1\n",   "1,5",  "1e",    "1e+",       "e5",     ".",     "+",     "-",    "--1",
        "1.2.3", "1e5.", "infin", "infinity1", "abc",    "1_000", "true",  "null", "i\xCC\x81nf",
    };
    double value = 99;
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++)
        if (tb_str_parse_double(tb_str_of(cases[i]), &value))
            fail_msg("\"%s\" taken as %g", cases[i], value);
    assert_false(tb_str_parse_double(TB_STR_NULL, &value));
    assert_false(tb_str_parse_double(TB_STR("1\0"), &value));
    assert_true(value == 99);
}

static void double_is_read_without_the_byte_behind_it(void **state)
{
    double value = 0;
    (void)state;
    assert_true(tb_str_parse_double((struct tb_str){"12345", 2}, &value));
    assert_true(value == 12);
}

static void double_of_absurd_length_is_refused(void **state)
{
    char digits[5000];
    double value = 99;
    (void)state;
    memset(digits, '1', sizeof(digits));
    assert_false(tb_str_parse_double((struct tb_str){digits, sizeof(digits)}, &value));
    assert_true(tb_str_parse_double((struct tb_str){digits, 300}, &value));
    assert_true(value > 1.1e299 && value < 1.2e299);
}

static void double_ignores_a_locale_with_a_decimal_comma(void **state)
{
    double value = 0;
    (void)state;
    if (!comma_locale_set())
        skip();
    assert_true(strtod("1,5", NULL) == 1.5); /* as the C library reads now */
    assert_true(tb_str_parse_double(TB_STR("1.5"), &value));
    assert_true(value == 1.5);
    assert_false(tb_str_parse_double(TB_STR("1,5"), &value));
    setlocale(LC_NUMERIC, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_string_equals_only_itself),
        cmocka_unit_test(compare_orders_by_unsigned_bytes_then_length),
        cmocka_unit_test(prefix_and_suffix_are_found_at_the_ends_only),
        cmocka_unit_test(trim_takes_ascii_white_space_from_both_ends),
        cmocka_unit_test(find_gives_the_first_offset),
        cmocka_unit_test(patterns_match_whole_names),
        cmocka_unit_test(a_hostile_pattern_ends_soon),
        cmocka_unit_test(int64_takes_decimals_up_to_its_limits),
        cmocka_unit_test(int64_refuses_anything_else_and_leaves_the_value_alone),
        cmocka_unit_test(double_takes_what_json_and_python_write),
        cmocka_unit_test(double_refuses_nan_hexadecimal_and_white_space),
        cmocka_unit_test(double_is_read_without_the_byte_behind_it),
        cmocka_unit_test(double_of_absurd_length_is_refused),
        cmocka_unit_test(double_ignores_a_locale_with_a_decimal_comma),
    };
    return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}

/* The JSON writer: commas, names, escapes, and numbers that read back. */
#include "taskbridge/base/json.h"

#include "taskbridge/base/clock.h"
#include "taskbridge/base/random.h"
#include "unit/check.h"
#include "unit/comma_locale.h"

#include <math.h>
#include <stdlib.h>

static void commas_and_names_stand_where_they_are_due(void **state)
{
    struct tb_buf buf;
    struct tb_json json;
    (void)state;
    tb_buf_init(&buf, 1000);
    tb_json_init(&json, &buf);
    tb_json_begin_object(&json, NULL);
    tb_json_str(&json, "text", TB_STR("a"));
    tb_json_str(&json, "absent", TB_STR_NULL);
    tb_json_int(&json, "least", INT64_MIN);
    tb_json_begin_list(&json, "list");
    tb_json_int(&json, NULL, 1);
    tb_json_begin_object(&json, NULL);
    tb_json_end_object(&json);
    tb_json_begin_list(&json, NULL);
    tb_json_end_list(&json);
    tb_json_bool(&json, NULL, true);
    tb_json_end_list(&json);
    tb_json_bool(&json, "no", false);
    tb_json_null(&json, "none");
    tb_json_raw(&json, "raw", TB_STR("{\"x\":1}"));
    tb_json_double(&json, "half", 0.5);
    tb_json_stamp(&json, "at", INT64_C(1704103200000000));
    tb_json_stamp(&json, "never", TB_STAMP_NONE);
    tb_json_end_object(&json);
    assert_str(tb_buf_str(&buf),
               "{\"text\":\"a\",\"absent\":null,\"least\":-9223372036854775808,\"list\":[1,{},[],true],"
               "\"no\":false,\"none\":null,\"raw\":{\"x\":1},\"half\":0.5,\"at\":\"2024-01-01T10:00:00Z\","
               "\"never\":null}");
    tb_buf_deinit(&buf);
}

static void strings_are_escaped_and_cleaned(void **state)
{
    static const struct {
        struct tb_str text;
        const char *quoted;
    } cases[] = {
        {{"", 0}, "\"\""},
        {{"a\"b\\c/", 6}, "\"a\\\"b\\\\c/\""},
        {{"\b\t\n\f\r", 5}, "\"\\b\\t\\n\\f\\r\""},
        {{"\x01\x1F\x7F\x1B[0m", 6 + 1}, "\"\\u0001\\u001f\\u007f\\u001b[0m\""},
        {{"\xC2\x9B"
          "2J",
          4},
         "\"\\u009b2J\""},
        {{"\xC2\xA0\xC3\xB1\xE2\x82\xAC\xF0\x9F\x98\x80", 11},
         "\"\xC2\xA0\xC3\xB1\xE2\x82\xAC\xF0\x9F\x98\x80\""},
        {{"a\0b", 3},
         "\"a\xEF\xBF\xBD"
         "b\""},
        {{"\xC3", 1}, "\"\xEF\xBF\xBD\""},
        {{"\xF0\x9F\x98", 3}, "\"\xEF\xBF\xBD\""},
        {{"\xED\xA0\x80", 3}, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        struct tb_buf buf;
        tb_buf_init(&buf, 1000);
        tb_json_push_quoted(&buf, cases[i].text);
        check_str(tb_buf_str(&buf), tb_str_of(cases[i].quoted), __FILE__, __LINE__);
        tb_buf_deinit(&buf);
    }
}

static void doubles_are_short(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {50, "50"},
        {30.5, "30.5"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e22, "1e+22"},
        {-2.5e-7, "-2.5e-07"},
        {1700000000.123456, "1700000000.123456"},
        {1.0 / 3, "0.3333333333333333"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
        {NAN, "null"},
    };
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        struct tb_buf buf;
        tb_buf_init(&buf, 100);
        tb_json_push_double(&buf, cases[i].value);
        check_str(tb_buf_str(&buf), tb_str_of(cases[i].text), __FILE__, __LINE__);
        tb_buf_deinit(&buf);
    }
}

static void doubles_read_back(void **state)
{
    uint64_t seed = 20240101;
    struct tb_buf buf;
    (void)state;
    tb_buf_init(&buf, 100);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = tb_random_next(&seed);
        double value;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value))
            continue;
        tb_buf_reset(&buf);
        tb_json_push_double(&buf, value);
        if (strtod(buf.ptr, NULL) != value)
            fail_msg("%a written as %s", value, buf.ptr);
    }
    tb_buf_deinit(&buf);
}

static void doubles_ignore_a_locale_with_a_decimal_comma(void **state)
{
    struct tb_buf buf;
    (void)state;
    if (!comma_locale_set())
        skip();
    assert_true(strtod("1,5", NULL) == 1.5); /* as the C library reads now */
    tb_buf_init(&buf, 100);
    tb_json_push_double(&buf, 1.5);
    assert_str(tb_buf_str(&buf), "1.5");
    tb_buf_deinit(&buf);
    setlocale(LC_NUMERIC, "C");
}

static void a_full_buffer_shows_at_the_end(void **state)
{
    struct tb_buf buf;
    struct tb_json json;
    (void)state;
    tb_buf_init(&buf, 10);
    tb_json_init(&json, &buf);
    tb_json_begin_list(&json, NULL);
    tb_json_str(&json, NULL, TB_STR("more than ten bytes"));
    tb_json_end_list(&json);
    assert_true(buf.failed);
    tb_buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_names_stand_where_they_are_due),
        cmocka_unit_test(strings_are_escaped_and_cleaned),
        cmocka_unit_test(doubles_are_short),
        cmocka_unit_test(doubles_read_back),
        cmocka_unit_test(doubles_ignore_a_locale_with_a_decimal_comma),
        cmocka_unit_test(a_full_buffer_shows_at_the_end),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}

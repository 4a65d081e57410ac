/* AMQP tables as JSON and back. */
#include "table.h"

#include "unit/check.h"

#include <errno.h>
#include <math.h>

static amqp_table_entry_t entry(const char *key, amqp_field_value_t value)
{
    return (amqp_table_entry_t){.key = amqp_cstring_bytes(key), .value = value};
}

#define VALUE(kind_, member, ...)                                                                            \
    ((amqp_field_value_t){.kind = AMQP_FIELD_KIND_##kind_, .value.member = __VA_ARGS__})

static void every_kind_of_value_has_its_json(void **state)
{
    amqp_field_value_t elements[] = {VALUE(I32, i32, 1), VALUE(UTF8, bytes, amqp_cstring_bytes("two"))};
    amqp_table_entry_t inner[] = {entry("k", VALUE(BOOLEAN, boolean, 0))};
    amqp_table_entry_t entries[] = {
        entry("t", VALUE(BOOLEAN, boolean, 1)),
        entry("b", VALUE(I8, i8, -128)),
        entry("B", VALUE(U8, u8, 255)),
        entry("s", VALUE(I16, i16, -32768)),
        entry("u", VALUE(U16, u16, 65535)),
        entry("I", VALUE(I32, i32, INT32_MIN)),
        entry("i", VALUE(U32, u32, UINT32_MAX)),
        entry("l", VALUE(I64, i64, INT64_MIN)),
        entry("L", VALUE(U64, u64, UINT64_MAX)),
        entry("T", VALUE(TIMESTAMP, u64, 1700000000)),
        entry("f", VALUE(F32, f32, 0.5F)),
        entry("d", VALUE(F64, f64, 0.1)),
        entry("nan", VALUE(F64, f64, NAN)),
        entry("D", VALUE(DECIMAL, decimal, {.decimals = 2, .value = 314})),
        entry("S", VALUE(UTF8, bytes, amqp_cstring_bytes("a\"b\\\n\xC3\xB1\xFF"))),
        entry("x", VALUE(BYTES, bytes, amqp_cstring_bytes("raw"))),
        entry("A", VALUE(ARRAY, array, {.num_entries = 2, .entries = elements})),
        entry("F", VALUE(TABLE, table, {.num_entries = 1, .entries = inner})),
        entry("V", (amqp_field_value_t){.kind = AMQP_FIELD_KIND_VOID}),
        entry("\"q", VALUE(UTF8, bytes, amqp_empty_bytes)),
    };
    amqp_table_t table = {.num_entries = TB_COUNT(entries), .entries = entries};
    struct tb_buf buf;
    (void)state;
    tb_buf_init(&buf, 10000);
    tb_table_push_json(&table, &buf);
    assert_str(tb_buf_str(&buf),
               "{\"t\":true,\"b\":-128,\"B\":255,\"s\":-32768,\"u\":65535,\"I\":-2147483648,\"i\":4294967295,"
               "\"l\":-9223372036854775808,\"L\":18446744073709551615,\"T\":1700000000,\"f\":0.5,\"d\":0.1,"
               "\"nan\":null,\"D\":3.14,\"S\":\"a\\\"b\\\\\\n\xC3\xB1\xEF\xBF\xBD\",\"x\":\"raw\","
               "\"A\":[1,\"two\"],\"F\":{\"k\":false},\"V\":null,\"\\\"q\":\"\"}");
    tb_buf_deinit(&buf);
}

static void an_empty_table_is_an_empty_object(void **state)
{
    struct tb_buf buf;
    (void)state;
    tb_buf_init(&buf, 100);
    tb_table_push_json(&(amqp_table_t){0}, &buf);
    assert_str(tb_buf_str(&buf), "{}");
    tb_buf_deinit(&buf);
}

static void nesting_ends_in_null(void **state)
{
    amqp_table_entry_t entries[40];
    struct tb_buf buf;
    (void)state;
    entries[39] = entry("k", VALUE(I32, i32, 1));
    for (int i = 38; i >= 0; i--)
        entries[i] = entry("k", VALUE(TABLE, table, {.num_entries = 1, .entries = &entries[i + 1]}));
    tb_buf_init(&buf, 1000);
    tb_table_push_json(&(amqp_table_t){.num_entries = 1, .entries = entries}, &buf);
    /* Sixteen objects, then null. */
    assert_str(tb_buf_str(&buf),
               "{\"k\":{\"k\":{\"k\":{\"k\":{\"k\":{\"k\":{\"k\":{\"k\":"
               "{\"k\":{\"k\":{\"k\":{\"k\":{\"k\":{\"k\":{\"k\":{\"k\":null}}}}}}}}}}}}}}}}");
    tb_buf_deinit(&buf);
}

static void a_text_is_found_by_its_whole_name(void **state)
{
    amqp_table_entry_t entries[] = {
        entry("compressio", VALUE(UTF8, bytes, amqp_cstring_bytes("no"))),
        entry("compression", VALUE(I32, i32, 1)),
        entry("compression", VALUE(UTF8, bytes, amqp_cstring_bytes("application/x-gzip"))),
    };
    amqp_table_t table = {.num_entries = TB_COUNT(entries), .entries = entries};
    (void)state;
    assert_str(tb_table_find_text(&table, "compression"), "application/x-gzip");
    assert_null(tb_table_find_text(&table, "compression2").ptr);
    table.num_entries = 2;
    assert_null(tb_table_find_text(&table, "compression").ptr);
}

static void assert_round_trip(const char *json, const char *expected)
{
    amqp_pool_t pool;
    amqp_table_t table;
    struct tb_buf buf;
    init_amqp_pool(&pool, 4096);
    tb_buf_init(&buf, 10000);
    assert_int_equal(tb_table_parse_json(tb_str_of(json), &pool, &table, NULL), 0);
    tb_table_push_json(&table, &buf);
    if (!tb_str_equal(tb_buf_str(&buf), tb_str_of(expected)))
        fail_msg("%s instead of %s", buf.ptr, expected);
    tb_buf_deinit(&buf);
    empty_amqp_pool(&pool);
}

static void json_becomes_a_table(void **state)
{
    (void)state;
    assert_round_trip("{}", "{}");
    assert_round_trip("{\"hostname\": \"w1@host\", \"clock\": 0, \"expires\": 1.5}",
                      "{\"hostname\":\"w1@host\",\"clock\":0,\"expires\":1.5}");
    assert_round_trip("{\"a\": [1, [], {}, null, \"\", true], \"b\": {\"c\": {\"d\": false}}}",
                      "{\"a\":[1,[],{},null,\"\",true],\"b\":{\"c\":{\"d\":false}}}");
    assert_round_trip("{\"n\": \"\xC3\xB1\"}", "{\"n\":\"\xC3\xB1\"}");
}

static void no_headers_are_an_empty_table(void **state)
{
    amqp_table_t table = {.num_entries = 5};
    (void)state;
    assert_int_equal(tb_table_parse_json(TB_STR_NULL, NULL, &table, NULL), 0);
    assert_int_equal(table.num_entries, 0);
}

static void what_is_no_object_is_refused(void **state)
{
    static const char *const cases[] = {"", "null", "[]", "\"x\"", "{", "{\"a\": NaN}", "{\"a\": 1} x"};
    (void)state;
    amqp_pool_t pool;
    init_amqp_pool(&pool, 4096);
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        amqp_table_t table;
        assert_int_equal(tb_table_parse_json(tb_str_of(cases[i]), &pool, &table, NULL), -EINVAL);
    }
    empty_amqp_pool(&pool);
}

static void a_name_or_a_depth_that_no_table_holds_is_refused(void **state)
{
    char text[400];
    amqp_pool_t pool;
    amqp_table_t table;
    (void)state;
    init_amqp_pool(&pool, 4096);
    snprintf(text, sizeof(text), "{\"%0255d\": 1}", 0);
    assert_int_equal(tb_table_parse_json(tb_str_of(text), &pool, &table, NULL), 0);
    snprintf(text, sizeof(text), "{\"%0256d\": 1}", 0);
    assert_int_equal(tb_table_parse_json(tb_str_of(text), &pool, &table, NULL), -EINVAL);

    /* Within the object, 15 lists fit. */
    assert_int_equal(
        tb_table_parse_json(TB_STR("{\"a\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}"), &pool, &table, NULL), 0);
    assert_int_equal(
        tb_table_parse_json(TB_STR("{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}"), &pool, &table, NULL),
        -EINVAL);
    empty_amqp_pool(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_has_its_json),
        cmocka_unit_test(an_empty_table_is_an_empty_object),
        cmocka_unit_test(nesting_ends_in_null),
        cmocka_unit_test(a_text_is_found_by_its_whole_name),
        cmocka_unit_test(json_becomes_a_table),
        cmocka_unit_test(no_headers_are_an_empty_table),
        cmocka_unit_test(what_is_no_object_is_refused),
        cmocka_unit_test(a_name_or_a_depth_that_no_table_holds_is_refused),
    };
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}

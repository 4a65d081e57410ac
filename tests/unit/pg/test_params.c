/* Parameters as PostgreSQL's binary arrays: bytes written down by hand after its array_recv. */
#include "taskbridge/pg/params.h"
#include "unit/check.h"

#include "taskbridge/base/clock.h"

#include <math.h>

struct item {
    struct tb_str text;
    int64_t stamp, number;
    double real;
    bool flag;
};

#define COLUMN(kind_, member_)                                                                               \
    {                                                                                                        \
        TB_COLUMN_##kind_, offsetof(struct item, member_), false, 0                                          \
    }

static struct tb_buf buf;
static struct tb_params params;

static int set_up(void **state)
{
    (void)state;
    tb_buf_init(&buf, 4096);
    tb_params_init(&params, &buf);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tb_buf_deinit(&buf);
    return 0;
}

static void check_param(int index, const void *bytes, size_t len)
{
    tb_params_settle(&params);
    assert_false(buf.failed);
    assert_true(index < params.count);
    assert_int_equal(params.list[index].format, TB_PARAM_BINARY);
    assert_non_null(params.list[index].ptr);
    assert_int_equal(params.list[index].len, len);
    assert_memory_equal(params.list[index].ptr, bytes, len);
}

#define assert_param(index, bytes) check_param(index, bytes, sizeof(bytes) - 1)

static void push(struct tb_column column, const struct item *items, size_t count)
{
    tb_params_push_columns(&params, &column, 1, items, count, sizeof(*items));
}

/* One dimension, NULLs possible, the type's oid, the length, numbered from 1. */
#define HEADER(oid_, count_) "\0\0\0\1\0\0\0\1" oid_ count_ "\0\0\0\1"

static void test_text_is_its_bytes_and_the_null_string_is_null(void **state)
{
    const struct item items[] = {{.text = TB_STR("ab")}, {.text = TB_STR_NULL}, {.text = TB_STR("")}};

    (void)state;
    push((struct tb_column)COLUMN(TEXT, text), items, 3);
    assert_param(0, HEADER("\0\0\0\x19", "\0\0\0\3") "\0\0\0\2"
                                                     "ab"
                                                     "\xff\xff\xff\xff"
                                                     "\0\0\0\0");
}

static void test_bytes_are_left_as_they_are(void **state)
{
    const struct item items[] = {{.text = TB_STR("\0\xff")}};

    (void)state;
    push((struct tb_column)COLUMN(BYTES, text), items, 1);
    assert_param(0, HEADER("\0\0\0\x11", "\0\0\0\1") "\0\0\0\2\0\xff");
}

static void test_text_of_unknown_origin_is_cleaned(void **state)
{
    const struct item items[] = {{.text = TB_STR("a\xff")}, {.text = TB_STR("ok")}, {.text = TB_STR("\0")}};

    (void)state;
    push((struct tb_column)COLUMN(CLEAN, text), items, 3);
    assert_param(0, HEADER("\0\0\0\x19", "\0\0\0\3") "\0\0\0\4"
                                                     "a\xef\xbf\xbd"
                                                     "\0\0\0\2"
                                                     "ok"
                                                     "\0\0\0\3"
                                                     "\xef\xbf\xbd");
}

static void test_stamps_count_from_2000(void **state)
{
    const struct item items[] = {{.stamp = INT64_C(946684800000000) + 258}, {.stamp = TB_STAMP_NONE}};

    (void)state;
    push((struct tb_column)COLUMN(STAMP, stamp), items, 2);
    assert_param(0, HEADER("\0\0\4\xa0", "\0\0\0\2") "\0\0\0\x8\0\0\0\0\0\0\1\2"
                                                     "\xff\xff\xff\xff");
}

static void test_numbers_are_big_endian_and_nan_is_null(void **state)
{
    const struct item items[] = {{.number = -2, .real = 1.5, .flag = true}, {.number = 1, .real = NAN}};

    (void)state;
    push((struct tb_column)COLUMN(INT64, number), items, 2);
    push((struct tb_column)COLUMN(DOUBLE, real), items, 2);
    push((struct tb_column)COLUMN(BOOL, flag), items, 2);
    assert_param(0, HEADER("\0\0\0\x14", "\0\0\0\2") "\0\0\0\x8\xff\xff\xff\xff\xff\xff\xff\xfe"
                                                     "\0\0\0\x8\0\0\0\0\0\0\0\1");
    assert_param(1, HEADER("\0\0\2\xbd", "\0\0\0\2") "\0\0\0\x8\x3f\xf8\0\0\0\0\0\0"
                                                     "\xff\xff\xff\xff");
    assert_param(2, HEADER("\0\0\0\x10", "\0\0\0\2") "\0\0\0\1\1"
                                                     "\0\0\0\1\0");
}

static void test_a_value_without_its_stamp_is_null(void **state)
{
    const struct tb_column guarded = {TB_COLUMN_INT64, offsetof(struct item, number), true,
                                      offsetof(struct item, stamp)};
    const struct item items[] = {{.number = 7, .stamp = TB_STAMP_NONE}, {.number = 8, .stamp = 0}};

    (void)state;
    push(guarded, items, 2);
    assert_param(0, HEADER("\0\0\0\x14", "\0\0\0\2") "\xff\xff\xff\xff"
                                                     "\0\0\0\x8\0\0\0\0\0\0\0\x8");
}

static void test_a_column_of_nothing_is_one_null(void **state)
{
    const struct item items[] = {{.stamp = TB_STAMP_NONE}, {.stamp = TB_STAMP_NONE}};

    (void)state;
    push((struct tb_column)COLUMN(STAMP, stamp), items, 2);
    push((struct tb_column)COLUMN(INT64, number), items, 0);
    tb_params_settle(&params);
    assert_int_equal(params.count, 2);
    assert_null(params.list[0].ptr);
    assert_null(params.list[1].ptr);
    assert_int_equal(buf.len, 0);
}

static void test_single_values(void **state)
{
    (void)state;
    tb_params_push_text(&params, TB_STR("x"));
    tb_params_push_text(&params, TB_STR_NULL);
    tb_params_push_int64(&params, 258);
    tb_params_push_stamp(&params, INT64_C(946684800000001));
    tb_params_push_stamp(&params, TB_STAMP_NONE);
    tb_params_push_bool(&params, true);
    tb_params_push_null(&params);
    assert_param(0, "x");
    assert_param(2, "\0\0\0\0\0\0\1\2");
    assert_param(3, "\0\0\0\0\0\0\0\1");
    assert_param(5, "\1");
    assert_null(params.list[1].ptr);
    assert_null(params.list[4].ptr);
    assert_null(params.list[6].ptr);
}

static void test_an_empty_text_is_not_null(void **state)
{
    (void)state;
    tb_params_push_text(&params, TB_STR(""));
    tb_params_push_int64(&params, 1);
    tb_params_settle(&params);
    assert_non_null(params.list[0].ptr);
    assert_int_equal(params.list[0].len, 0);
}

static void test_what_passes_the_ceiling_is_told(void **state)
{
    static char large[5000];

    (void)state;
    memset(large, 'x', sizeof(large));
    const struct item items[] = {{.text = {large, sizeof(large)}}};
    push((struct tb_column)COLUMN(TEXT, text), items, 1);
    assert_true(buf.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_text_is_its_bytes_and_the_null_string_is_null, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_bytes_are_left_as_they_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_text_of_unknown_origin_is_cleaned, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stamps_count_from_2000, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_numbers_are_big_endian_and_nan_is_null, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_value_without_its_stamp_is_null, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_column_of_nothing_is_one_null, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_single_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_empty_text_is_not_null, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_passes_the_ceiling_is_told, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

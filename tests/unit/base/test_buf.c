/* Growing buffers: the ceiling to the byte, failure that stays, and content that always ends in a NUL. */
#include "taskbridge/base/buf.h"

#include "unit/check.h"

#include <stdlib.h>

static void pushes_append_and_end_in_nul(void **state)
{
    struct tb_buf buf;
    (void)state;
    tb_buf_init(&buf, 1000);
    assert_str(tb_buf_str(&buf), "");
    tb_buf_push(&buf, "ab", 2);
    tb_buf_push_byte(&buf, 'c');
    tb_buf_push_str(&buf, TB_STR("de"));
    tb_buf_push_str(&buf, TB_STR_NULL);
    tb_buf_printf(&buf, "-%d-%s", 42, "f");
    assert_str(tb_buf_str(&buf), "abcde-42-f");
    assert_string_equal(buf.ptr, "abcde-42-f");
    assert_false(buf.failed);
    tb_buf_deinit(&buf);
    tb_buf_deinit(&buf);
    assert_null(buf.ptr);
}

static void the_ceiling_is_reached_exactly(void **state)
{
    struct tb_buf buf;
    (void)state;
    tb_buf_init(&buf, 100);
    for (int i = 0; i < 100; i++)
        tb_buf_push_byte(&buf, 'x');
    assert_false(buf.failed);
    assert_int_equal(buf.len, 100);
    assert_true(buf.cap <= 101);
    tb_buf_push_byte(&buf, 'y');
    assert_true(buf.failed);
    assert_int_equal(buf.len, 100);
    assert_int_equal(buf.ptr[99], 'x');
    assert_int_equal(buf.ptr[100], '\0');
    tb_buf_deinit(&buf);
}

static void failure_stays_until_reset(void **state)
{
    struct tb_buf buf;
    (void)state;
    tb_buf_init(&buf, 4);
    tb_buf_push(&buf, "abc", 3);
    tb_buf_push(&buf, "de", 2);
    assert_true(buf.failed);
    tb_buf_push_byte(&buf, 'd'); /* would fit, but there is a hole before it */
    assert_str(tb_buf_str(&buf), "abc");
    assert_null(tb_buf_reserve(&buf, 0));
    tb_buf_printf(&buf, "%d", 1);
    assert_str(tb_buf_str(&buf), "abc");
    tb_buf_reset(&buf);
    assert_false(buf.failed);
    assert_str(tb_buf_str(&buf), "");
    tb_buf_push(&buf, "wxyz", 4);
    assert_str(tb_buf_str(&buf), "wxyz");
    tb_buf_deinit(&buf);
}

static void a_length_that_overflows_fails(void **state)
{
    struct tb_buf buf;
    (void)state;
    tb_buf_init(&buf, SIZE_MAX);
    tb_buf_push(&buf, "abc", 3);
    assert_null(tb_buf_reserve(&buf, SIZE_MAX - 3));
    assert_true(buf.failed);
    assert_str(tb_buf_str(&buf), "abc");
    tb_buf_deinit(&buf);
}

static void printf_that_does_not_fit_leaves_the_content_alone(void **state)
{
    struct tb_buf buf;
    (void)state;
    tb_buf_init(&buf, 8);
    tb_buf_printf(&buf, "%s", "1234");
    tb_buf_printf(&buf, "%s", "56789");
    assert_true(buf.failed);
    assert_string_equal(buf.ptr, "1234");
    tb_buf_reset(&buf);
    tb_buf_printf(&buf, "%s", "12345678");
    assert_false(buf.failed);
    assert_str(tb_buf_str(&buf), "12345678");
    tb_buf_deinit(&buf);
}

static void printf_grows_a_buffer_across_its_capacity(void **state)
{
    struct tb_buf buf;
    (void)state;
    tb_buf_init(&buf, 10000);
    for (int i = 0; i < 1000; i++)
        tb_buf_printf(&buf, "%04d,", i);
    assert_int_equal(buf.len, 5000);
    assert_memory_equal(buf.ptr + 60, "0012,0013,", 10);
    assert_memory_equal(buf.ptr + 4990, "0998,0999,", 10);
    tb_buf_deinit(&buf);
}

static void growth_doubles(void **state)
{
    struct tb_buf buf;
    int changes = 0;
    (void)state;
    tb_buf_init(&buf, 1 << 20);
    for (size_t i = 0, cap = 0; i < 1 << 20; i++) {
        tb_buf_push_byte(&buf, 'x');
        changes += buf.cap != cap;
        cap = buf.cap;
    }
    assert_uint_in_range(changes, 2, 20);
    tb_buf_deinit(&buf);
}

static void reserved_room_counts_once_committed(void **state)
{
    struct tb_buf buf;
    (void)state;
    tb_buf_init(&buf, 100);
    char *place = tb_buf_reserve(&buf, 10);
    assert_non_null(place);
    place[0] = 'a';
    place[1] = 'b';
    place[2] = 'c';
    assert_str(tb_buf_str(&buf), "");
    tb_buf_commit(&buf, 2);
    assert_str(tb_buf_str(&buf), "ab");
    assert_string_equal(buf.ptr, "ab");
    tb_buf_deinit(&buf);
}

static void truncate_goes_back_and_clears_failure(void **state)
{
    struct tb_buf buf;
    (void)state;
    tb_buf_init(&buf, 6);
    tb_buf_push_str(&buf, TB_STR("abcdef"));
    tb_buf_push_byte(&buf, 'g');
    tb_buf_truncate(&buf, 2);
    assert_false(buf.failed);
    assert_string_equal(buf.ptr, "ab");
    tb_buf_deinit(&buf);
}

static void take_hands_over_the_content_or_nothing(void **state)
{
    struct tb_buf buf;
    size_t len = 99;
    (void)state;
    tb_buf_init(&buf, 4);
    char *empty = tb_buf_take(&buf, &len);
    assert_string_equal(empty, "");
    assert_int_equal(len, 0);
    free(empty);

    tb_buf_push_str(&buf, TB_STR("a\0bc"));
    char *taken = tb_buf_take(&buf, &len);
    assert_int_equal(len, 4);
    assert_memory_equal(taken, "a\0bc\0", 5);
    free(taken);
    assert_str(tb_buf_str(&buf), "");

    len = 99;
    tb_buf_push_str(&buf, TB_STR("12345"));
    assert_null(tb_buf_take(&buf, &len));
    assert_int_equal(len, 99);
    tb_buf_push_str(&buf, TB_STR("1234")); /* usable again */
    assert_str(tb_buf_str(&buf), "1234");
    tb_buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushes_append_and_end_in_nul),
        cmocka_unit_test(the_ceiling_is_reached_exactly),
        cmocka_unit_test(failure_stays_until_reset),
        cmocka_unit_test(a_length_that_overflows_fails),
        cmocka_unit_test(printf_that_does_not_fit_leaves_the_content_alone),
        cmocka_unit_test(printf_grows_a_buffer_across_its_capacity),
        cmocka_unit_test(growth_doubles),
        cmocka_unit_test(reserved_room_counts_once_committed),
        cmocka_unit_test(truncate_goes_back_and_clears_failure),
        cmocka_unit_test(take_hands_over_the_content_or_nothing),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}

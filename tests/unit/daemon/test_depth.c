/* A queue that fills up is told of, once on the way up, and when it is over. */
#include "depth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void bytes_are_estimated_by_what_came(void **state)
{
    (void)state;
    assert_int_equal(tb_depth_estimate_bytes(1000, 4, 1200), 300000);
    assert_int_equal(tb_depth_estimate_bytes(0, 0, 0), 0);
    assert_int_equal(tb_depth_estimate_bytes(5, 0, 0), -1);
    assert_int_equal(tb_depth_estimate_bytes(-1, 4, 1200), -1);
    assert_int_equal(tb_depth_estimate_bytes(INT64_MAX, 1, UINT64_MAX), INT64_MAX);
}

static void levels_have_room_between_up_and_down(void **state)
{
    static const struct {
        enum tb_depth_level level;
        int64_t bytes;
        enum tb_depth_level next;
    } cases[] = {
        {TB_DEPTH_FINE, 499, TB_DEPTH_FINE},
        {TB_DEPTH_FINE, 500, TB_DEPTH_HALF},
        {TB_DEPTH_HALF, 400, TB_DEPTH_HALF},
        {TB_DEPTH_HALF, 399, TB_DEPTH_FINE},
        {TB_DEPTH_HALF, 899, TB_DEPTH_HALF},
        {TB_DEPTH_HALF, 900, TB_DEPTH_NEARLY_FULL},
        {TB_DEPTH_FINE, 850, TB_DEPTH_HALF},
        {TB_DEPTH_FINE, 2000, TB_DEPTH_NEARLY_FULL},
        {TB_DEPTH_NEARLY_FULL, 800, TB_DEPTH_NEARLY_FULL},
        {TB_DEPTH_NEARLY_FULL, 799, TB_DEPTH_HALF},
        {TB_DEPTH_NEARLY_FULL, 0, TB_DEPTH_FINE},
        {TB_DEPTH_HALF, -1, TB_DEPTH_HALF},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(tb_depth_next(cases[i].level, cases[i].bytes, 1000), cases[i].next);
    assert_int_equal(tb_depth_next(TB_DEPTH_FINE, INT64_MAX, 0), TB_DEPTH_FINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_estimated_by_what_came),
        cmocka_unit_test(levels_have_room_between_up_and_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

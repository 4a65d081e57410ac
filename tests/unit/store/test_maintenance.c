/* A cleanup rests as long as it worked, within bounds. */
#include "taskbridge/store/maintenance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_cleanup_rests_as_long_as_it_worked_within_bounds(void **state)
{
    (void)state;
    assert_int_equal(tb_cleanup_rest_us(0), 5000);
    assert_int_equal(tb_cleanup_rest_us(4999), 5000);
    assert_int_equal(tb_cleanup_rest_us(70000), 70000);
    assert_int_equal(tb_cleanup_rest_us(1000001), 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cleanup_rests_as_long_as_it_worked_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

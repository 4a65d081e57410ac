/* Failures of one kind have one name, others have another. */
#include "failure.h"

#include "unit/check.h"

#include "taskbridge/base/limits.h"

static struct tb_arena arena;

static int set_up(void **state)
{
    (void)state;
    tb_arena_init(&arena, TB_MIB);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tb_arena_deinit(&arena);
    return 0;
}

static struct tb_failure named(const char *error, const char *traceback)
{
    struct tb_failure failure = {.error = tb_str_of(error), .traceback = tb_str_of(traceback)};

    assert_int_equal(tb_failure_name(&failure, &arena), 0);
    return failure;
}

#define OWN(line) "  File \"/srv/shop/cart.py\", line " line ", in sell\n    charge()\n"
#define STRANGE   "  File \"/usr/lib/python3/dist-packages/requests/api.py\", line 5, in get\n    raise\n"

static void the_class_is_the_exceptions_without_its_module(void **state)
{
    (void)state;
    assert_str(named("ValueError('x')", NULL).exception, "ValueError");
    assert_str(named("shop.errors.NoStock: 5 left", NULL).exception, "NoStock");
    assert_str(named("KeyError", NULL).exception, "KeyError");
    assert_str(named("something went wrong", NULL).exception, "");
    assert_str(named("", NULL).exception, "");
}

static void the_place_is_the_deepest_frame_of_the_products_own(void **state)
{
    (void)state;
    assert_str(named("E()", "Traceback:\n" STRANGE OWN("7") STRANGE "E\n").place, "shop/cart.py: sell");
    assert_str(named("E()", "Traceback:\n" STRANGE "E\n").place, "requests/api.py: get");
    assert_str(named("E()", "no frame").place, "");
}

static void lines_numbers_and_ids_make_no_other_kind(void **state)
{
    (void)state;
    struct tb_str kind = named("E('order 5')", "T:\n" OWN("7") "E\n").fingerprint;

    assert_true(tb_str_equal(named("E('order 6')", "T:\n" STRANGE OWN("99") STRANGE).fingerprint, kind));
    assert_false(tb_str_equal(named("F('order 5')", "T:\n" OWN("7") "E\n").fingerprint, kind));
    assert_false(tb_str_equal(named("E('order 5')", "T:\n" OWN("7") OWN("9") "E\n").fingerprint, kind));
    kind = named("E: no order 5 of a1b2", NULL).fingerprint;
    assert_true(tb_str_equal(named("E: no order 61 of 77ff", NULL).fingerprint, kind));
    assert_false(tb_str_equal(named("E: no customer 5 of a1b2", NULL).fingerprint, kind));
    assert_int_equal(kind.len, 16);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_class_is_the_exceptions_without_its_module),
        TEST(the_place_is_the_deepest_frame_of_the_products_own),
        TEST(lines_numbers_and_ids_make_no_other_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

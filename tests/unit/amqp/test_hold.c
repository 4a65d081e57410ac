/* Deliveries that wait in memory: order, copies, and the ceiling. */
#include "hold.h"

#include "unit/check.h"

static struct tb_delivery delivery_of(uint64_t tag, const char *body)
{
    return (struct tb_delivery){.tag = tag,
                                .body = tb_str_of(body),
                                .routing_key = TB_STR("task.sent"),
                                .headers = TB_STR("{}"),
                                .received_at = 7,
                                .redelivered = true};
}

static void what_comes_first_leaves_first(void **state)
{
    struct tb_hold hold;
    (void)state;
    tb_hold_init(&hold, 10000);
    assert_null(tb_hold_first(&hold));
    for (uint64_t tag = 1; tag <= 3; tag++) {
        struct tb_delivery delivery = delivery_of(tag, "body");
        assert_true(tb_hold_push(&hold, &delivery));
    }
    assert_int_equal(hold.count, 3);
    for (uint64_t tag = 1; tag <= 3; tag++) {
        assert_int_equal(tb_hold_first(&hold)->tag, tag);
        tb_hold_pop(&hold);
    }
    assert_null(tb_hold_first(&hold));
    assert_int_equal(hold.bytes, 0);
    assert_int_equal(hold.count, 0);
}

static void what_is_held_is_a_copy(void **state)
{
    char body[] = "changes";
    struct tb_hold hold;
    struct tb_delivery delivery = delivery_of(1, body);
    (void)state;
    tb_hold_init(&hold, 10000);
    assert_true(tb_hold_push(&hold, &delivery));
    memset(body, 'x', sizeof(body) - 1);
    const struct tb_delivery *held = tb_hold_first(&hold);
    assert_str(held->body, "changes");
    assert_str(held->routing_key, "task.sent");
    assert_str(held->headers, "{}");
    assert_null(held->content_type.ptr);
    assert_null(held->compression.ptr);
    assert_int_equal(held->received_at, 7);
    assert_true(held->redelivered);
    tb_hold_clear(&hold);
    tb_hold_clear(&hold);
}

static void a_full_hold_takes_nothing_until_there_is_room(void **state)
{
    struct tb_hold hold;
    struct tb_delivery delivery = delivery_of(1, "body");
    (void)state;
    tb_hold_init(&hold, 10000);
    assert_true(tb_hold_push(&hold, &delivery));
    hold.max_bytes = 3 * hold.bytes;
    assert_true(tb_hold_push(&hold, &delivery));
    assert_true(tb_hold_push(&hold, &delivery));
    assert_false(tb_hold_push(&hold, &delivery));
    assert_int_equal(hold.count, 3);
    tb_hold_pop(&hold);
    assert_true(tb_hold_push(&hold, &delivery));
    tb_hold_clear(&hold);
    assert_int_equal(hold.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_first_leaves_first),
        cmocka_unit_test(what_is_held_is_a_copy),
        cmocka_unit_test(a_full_hold_takes_nothing_until_there_is_room),
    };
    return cmocka_run_group_tests_name("hold", tests, NULL, NULL);
}

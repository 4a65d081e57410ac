/* The table of records: what is found, and in which order it was used. */
#include "auth/table.h"

#include "unit/check.h"

#define COUNT 100

static void set_digest(struct tb_place *place, unsigned number)
{
    memset(place->digest, 0, sizeof(place->digest));
    /* Few differ in what chooses the chain. */
    place->digest[0] = (unsigned char)(number % 4);
    place->digest[31] = (unsigned char)number;
}

static void what_was_added_is_found_until_it_is_removed(void **state)
{
    struct tb_place places[COUNT] = {0};
    struct tb_table table;

    (void)state;
    assert_int_equal(tb_table_init(&table, COUNT), 0);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_false(tb_table_is_full(&table));
        set_digest(&places[i], i);
        assert_null(tb_table_find(&table, places[i].digest));
        tb_table_add(&table, &places[i], i);
        assert_ptr_equal(tb_table_find(&table, places[i].digest), &places[i]);
    }
    assert_true(tb_table_is_full(&table));
    for (unsigned i = 0; i < COUNT; i += 3)
        tb_table_remove(&table, &places[i]);
    for (unsigned i = 0; i < COUNT; i++)
        assert_ptr_equal(tb_table_find(&table, places[i].digest), i % 3 ? &places[i] : NULL);
    assert_false(tb_table_is_full(&table));
    tb_table_deinit(&table);
}

static void the_oldest_is_the_one_that_was_not_used_for_longest(void **state)
{
    struct tb_place places[4] = {0};
    struct tb_table table;
    static const unsigned order[] = {1, 3, 0, 2};

    (void)state;
    assert_int_equal(tb_table_init(&table, 4), 0);
    for (unsigned i = 0; i < 4; i++) {
        set_digest(&places[i], i);
        tb_table_add(&table, &places[i], i);
    }
    tb_table_use(&table, &places[0], 10);
    tb_table_use(&table, &places[2], 11);
    tb_table_use(&table, &places[2], 12);
    const struct tb_place *place = table.oldest;
    for (unsigned i = 0; i < 4; i++) {
        assert_ptr_equal(place, &places[order[i]]);
        place = place->newer;
    }
    assert_null(place);
    assert_int_equal(places[2].used_us, 12);
    for (unsigned i = 0; i < 4; i++)
        tb_table_remove(&table, table.oldest);
    assert_null(table.oldest);
    assert_null(table.newest);
    tb_table_deinit(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_found_until_it_is_removed),
        cmocka_unit_test(the_oldest_is_the_one_that_was_not_used_for_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The arena: alignment, ceiling, and what a reset keeps. */
#include "taskbridge/base/arena.h"

#include "unit/check.h"

#include <stdalign.h>

static void pieces_are_aligned_and_apart(void **state)
{
    struct tb_arena arena;
    char *pieces[300];
    (void)state;
    tb_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < TB_COUNT(pieces); i++) {
        pieces[i] = tb_arena_alloc(&arena, i);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        memset(pieces[i], (int)(i % 251), i);
    }
    for (size_t i = 0; i < TB_COUNT(pieces); i++)
        for (size_t j = 0; j < i; j++)
            assert_int_equal((unsigned char)pieces[i][j], i % 251);
    tb_arena_deinit(&arena);
}

static void the_ceiling_is_exact_and_a_refusal_harms_nothing(void **state)
{
    struct tb_arena arena;
    (void)state;
    tb_arena_init(&arena, 64);
    assert_non_null(tb_arena_alloc(&arena, 48));
    assert_null(tb_arena_alloc(&arena, 17));
    assert_non_null(tb_arena_alloc(&arena, 16));
    assert_int_equal(arena.used_bytes, 64);
    assert_null(tb_arena_alloc(&arena, 1));
    tb_arena_reset(&arena);
    assert_non_null(tb_arena_alloc(&arena, 64));
    tb_arena_deinit(&arena);
}

static void calloc_zeroes_used_memory_and_sees_overflow(void **state)
{
    struct tb_arena arena;
    static const char zeroes[1000];
    (void)state;
    tb_arena_init(&arena, 1 << 20);
    memset(tb_arena_alloc(&arena, 1000), 0xFF, 1000);
    tb_arena_reset(&arena);
    void *piece = tb_arena_calloc(&arena, 10, 100);
    assert_memory_equal(piece, zeroes, 1000);
    assert_null(tb_arena_calloc(&arena, SIZE_MAX / 2, 3));
    assert_null(tb_arena_alloc(&arena, SIZE_MAX));
    tb_arena_deinit(&arena);
}

static void copies_end_in_nul_and_null_stays_null(void **state)
{
    struct tb_arena arena;
    struct tb_str copy = TB_STR("before");
    (void)state;
    tb_arena_init(&arena, 16);
    assert_true(tb_arena_copy(&arena, (struct tb_str){"abcdef", 3}, &copy));
    assert_str(copy, "abc");
    assert_int_equal(copy.ptr[3], '\0');
    assert_true(tb_arena_copy(&arena, TB_STR_NULL, &copy));
    assert_true(tb_str_is_null(copy));
    assert_true(tb_arena_copy(&arena, TB_STR(""), &copy));
    assert_str(copy, "");
    /* 5 of 16 bytes are used: 11 with their NUL don't fit any more. */
    assert_false(tb_arena_copy(&arena, TB_STR("12345678901"), &copy));
    assert_str(copy, "");
    assert_true(tb_arena_copy(&arena, TB_STR("1234567890"), &copy));
    tb_arena_deinit(&arena);
}

static void copies_stand_without_gaps(void **state)
{
    struct tb_arena arena;
    struct tb_str copy;
    (void)state;
    tb_arena_init(&arena, 1000);
    for (int i = 0; i < 100; i++)
        assert_true(tb_arena_copy(&arena, TB_STR("123456789"), &copy));
    assert_int_equal(arena.used_bytes, 1000);
    tb_arena_deinit(&arena);
}

/* One round of a load: many small pieces. Returns the first. */
static char *small_pieces(struct tb_arena *arena)
{
    char *first = tb_arena_alloc(arena, 100);
    for (int i = 0; i < 3000; i++)
        assert_non_null(tb_arena_alloc(arena, 100));
    return first;
}

static void a_steady_load_settles_in_one_block(void **state)
{
    struct tb_arena arena;
    (void)state;
    tb_arena_init(&arena, 1 << 24);
    for (int round = 0; round < 8; round++) {
        small_pieces(&arena);
        tb_arena_reset(&arena);
    }
    struct tb_arena_block *settled = arena.first;
    char *first = small_pieces(&arena);
    assert_ptr_equal(arena.first, settled);
    assert_ptr_equal(arena.current, settled);
    tb_arena_reset(&arena);
    assert_ptr_equal(small_pieces(&arena), first);
    tb_arena_deinit(&arena);
}

static void a_large_piece_leaves_the_block_in_use_and_goes_with_the_reset(void **state)
{
    struct tb_arena arena;
    (void)state;
    tb_arena_init(&arena, 64 << 20);
    assert_non_null(tb_arena_alloc(&arena, 16));
    struct tb_arena_block *current = arena.current;
    char *large = tb_arena_alloc(&arena, 16 << 20);
    assert_non_null(large);
    large[(16 << 20) - 1] = 'x';
    assert_non_null(tb_arena_alloc(&arena, 16));
    assert_ptr_equal(arena.current, current);
    tb_arena_reset(&arena);
    assert_ptr_equal(arena.first, current);
    assert_int_equal(arena.used_bytes, 0);
    tb_arena_deinit(&arena);
}

static void a_large_first_piece_is_not_kept(void **state)
{
    struct tb_arena arena;
    (void)state;
    tb_arena_init(&arena, 64 << 20);
    assert_non_null(tb_arena_alloc(&arena, 16 << 20));
    assert_non_null(tb_arena_alloc(&arena, 16));
    tb_arena_reset(&arena);
    assert_non_null(tb_arena_alloc(&arena, 16));
    tb_arena_reset(&arena);
    tb_arena_deinit(&arena);
    assert_null(arena.first);
    tb_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(the_ceiling_is_exact_and_a_refusal_harms_nothing),
        cmocka_unit_test(calloc_zeroes_used_memory_and_sees_overflow),
        cmocka_unit_test(copies_end_in_nul_and_null_stays_null),
        cmocka_unit_test(copies_stand_without_gaps),
        cmocka_unit_test(a_steady_load_settles_in_one_block),
        cmocka_unit_test(a_large_piece_leaves_the_block_in_use_and_goes_with_the_reset),
        cmocka_unit_test(a_large_first_piece_is_not_kept),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}

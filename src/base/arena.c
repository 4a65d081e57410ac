/* An arena: blocks of memory from which pieces are cut and never given back one by one.
 *
 * Blocks double from BLOCK_MIN to BLOCK_MAX. A piece too large to share a block gets one of its own, and the
 * current block stays current. A reset keeps the largest shared block, so that after a few rounds of a steady
 * load one block holds a whole round. Invariant: the list starts at first; current is in it; blocks of their
 * own follow first and are never current. The ceiling counts the bytes that were asked for, with what
 * alignment added. */
#include "taskbridge/base/arena.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define BLOCK_MIN   ((size_t)4096)
#define BLOCK_SMALL ((size_t)128)
#define BLOCK_MAX   ((size_t)4 << 20)
/* A piece larger than this would waste too much of the current block's rest. */
#define SHARED_PIECE_MAX (BLOCK_MAX / 4)

struct tb_arena_block {
    struct tb_arena_block *next;
    size_t size, used; /* of data */
    alignas(max_align_t) char data[];
};

void tb_arena_init(struct tb_arena *arena, size_t max_bytes)
{
    *arena = (struct tb_arena){.max_bytes = max_bytes};
}

void tb_arena_init_small(struct tb_arena *arena, size_t max_bytes)
{
    *arena = (struct tb_arena){.max_bytes = max_bytes, .is_small = true};
}

static void free_blocks_but(struct tb_arena *arena, struct tb_arena_block *kept)
{
    struct tb_arena_block *next;
    for (struct tb_arena_block *block = arena->first; block; block = next) {
        next = block->next;
        if (block != kept)
            free(block);
    }
}

void tb_arena_deinit(struct tb_arena *arena)
{
    free_blocks_but(arena, NULL);
    *arena = (struct tb_arena){0};
}

void tb_arena_reset(struct tb_arena *arena)
{
    struct tb_arena_block *kept = NULL;
    for (struct tb_arena_block *block = arena->first; block; block = block->next)
        if (block->size <= BLOCK_MAX && (!kept || block->size > kept->size))
            kept = block;
    free_blocks_but(arena, kept);
    if (kept) {
        kept->next = NULL;
        kept->used = 0;
    }
    arena->first = arena->current = kept;
    arena->used_bytes = 0;
}

/* A block with room for a piece of size bytes; NULL without memory. */
static struct tb_arena_block *add_block(struct tb_arena *arena, size_t size)
{
    bool own = size > SHARED_PIECE_MAX && arena->first;
    size_t block_size = size;
    if (!own) {
        size_t first = arena->is_small ? BLOCK_SMALL : BLOCK_MIN;
        size_t grown = arena->current ? arena->current->size * 2 : first;
        if (grown > BLOCK_MAX)
            grown = BLOCK_MAX;
        if (grown > size)
            block_size = grown;
    }
    if (block_size > SIZE_MAX - sizeof(struct tb_arena_block))
        return NULL;

    struct tb_arena_block *block = malloc(sizeof(*block) + block_size);
    if (!block)
        return NULL;
    *block = (struct tb_arena_block){.size = block_size};
    if (arena->first) {
        block->next = arena->first->next;
        arena->first->next = block;
    } else {
        arena->first = block;
    }
    if (!own)
        arena->current = block;
    return block;
}

/* A piece at a multiple of alignment, a power of two of at most max_align_t's. */
static void *take(struct tb_arena *arena, size_t size, size_t alignment)
{
    struct tb_arena_block *block = arena->current;
    size_t padding = block ? -block->used & (alignment - 1) : 0;

    if (size > arena->max_bytes - arena->used_bytes || padding > arena->max_bytes - arena->used_bytes - size)
        return NULL;
    if (!block || padding > block->size - block->used || size > block->size - block->used - padding) {
        padding = 0;
        block = add_block(arena, size);
        if (!block)
            return NULL;
    }
    char *piece = block->data + block->used + padding;
    block->used += padding + size;
    arena->used_bytes += padding + size;
    return piece;
}

void *tb_arena_alloc(struct tb_arena *arena, size_t size)
{
    return take(arena, size, alignof(max_align_t));
}

void *tb_arena_calloc(struct tb_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    void *piece = tb_arena_alloc(arena, bytes);
    if (piece)
        memset(piece, 0, bytes);
    return piece;
}

bool tb_arena_copy(struct tb_arena *arena, struct tb_str str, struct tb_str *ret_copy)
{
    if (tb_str_is_null(str)) {
        *ret_copy = TB_STR_NULL;
        return true;
    }
    if (str.len == SIZE_MAX)
        return false;
    char *copy = take(arena, str.len + 1, 1);
    if (!copy)
        return false;
    memcpy(copy, str.ptr, str.len);
    copy[str.len] = '\0';
    *ret_copy = (struct tb_str){copy, str.len};
    return true;
}

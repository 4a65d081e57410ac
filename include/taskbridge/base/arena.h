/* Memory that is freed whole: one arena a batch, one a request.
 *
 * Blocks grow as needed up to a ceiling; reset keeps the largest shared one, so a steady load soon allocates
 * nothing. */
#ifndef TASKBRIDGE_BASE_ARENA_H
#define TASKBRIDGE_BASE_ARENA_H

#include "taskbridge/base/attributes.h"
#include "taskbridge/base/str.h"

struct tb_arena_block;

struct tb_arena {
    struct tb_arena_block *first, *current; /* owned */
    size_t used_bytes;                      /* of all blocks, the one measure of the ceiling */
    size_t max_bytes;
    bool is_small;
};

void tb_arena_init(struct tb_arena *arena, size_t max_bytes);
/* One of many that hold little: it begins with a block of a few bytes, not of a page. */
void tb_arena_init_small(struct tb_arena *arena, size_t max_bytes);

/* Back to the null state; may run twice. */
void tb_arena_deinit(struct tb_arena *arena);

/* Everything taken from it is gone; large blocks go back to the system. */
void tb_arena_reset(struct tb_arena *arena);

/* Aligned for any type, not zeroed; borrowed until reset or deinit. NULL when memory or the ceiling is
 * reached. */
void *tb_arena_alloc(struct tb_arena *arena, size_t size) TB_MUST_CHECK;

/* Zeroed; NULL also when count * size overflows. */
void *tb_arena_calloc(struct tb_arena *arena, size_t count, size_t size) TB_MUST_CHECK;

/* Copies str, with a NUL behind it that len does not count. The null string stays null. false when full. */
bool tb_arena_copy(struct tb_arena *arena, struct tb_str str, struct tb_str *ret_copy) TB_MUST_CHECK;

#endif

/* Where in an array the entry of a key stands: open addressing, beside the array, which may move. */
#ifndef TASKBRIDGE_CORE_SLOTS_H
#define TASKBRIDGE_CORE_SLOTS_H

#include "taskbridge/base/str.h"
#include "taskbridge/core/batch.h"

#define TB_SLOTS_END UINT32_MAX

/* Fast, and good in all bits; not secret. */
uint32_t tb_slots_hash(struct tb_str key, uint64_t seed);

/* Room for so many entries in all. 0 or -ENOMEM with everything as it was. */
int tb_slots_reserve(struct tb_slots *slots, size_t entries) TB_MUST_CHECK;

/* All entries gone; memory kept for no more than max_entries. */
void tb_slots_reset(struct tb_slots *slots, size_t max_entries);
void tb_slots_deinit(struct tb_slots *slots);

/* Adds an entry for which there is room (tb_slots_reserve). */
void tb_slots_add(struct tb_slots *slots, uint32_t hash, uint32_t entry);

/* The next entry of this hash, or TB_SLOTS_END; *cursor is the hash at first. Whether its key is the one that
 * is meant only the array knows. */
static inline uint32_t tb_slots_next(const struct tb_slots *slots, uint32_t hash, uint32_t *cursor)
{
    if (!slots->cap)
        return TB_SLOTS_END;
    for (;;) {
        const struct tb_slot *slot = &slots->slots[*cursor & (slots->cap - 1)];
        if (!slot->entry_plus_1)
            return TB_SLOTS_END;
        ++*cursor;
        if (slot->hash == hash)
            return slot->entry_plus_1 - 1;
    }
}

#endif

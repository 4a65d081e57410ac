/* Finding a key's entry in an array without moving the array's entries about.
 *
 * A table of (hash, index) pairs, a power of two of them and never more than half full, probed one by one
 * from the hash's low bits. The hash is kept beside the index, so that growing needs no keys, and a probe
 * that passes another key does not touch that key's memory. Entries are never removed one by one, so no
 * graves are needed. */
#include "slots.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define CAP_MIN ((size_t)16)

static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t load(const char *bytes, size_t len)
{
    uint64_t word = 0;
    memcpy(&word, bytes, len);
    return word;
}

uint32_t tb_slots_hash(struct tb_str key, uint64_t seed)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15), other = UINT64_C(0xd6e8feb86659fd93);
    uint64_t hash = mix(seed ^ odd, (uint64_t)key.len ^ other);
    size_t at = 0;

    for (; key.len - at >= sizeof(uint64_t); at += sizeof(uint64_t))
        hash = mix(hash ^ load(key.ptr + at, sizeof(uint64_t)), odd);
    if (at < key.len)
        hash = mix(hash ^ load(key.ptr + at, key.len - at), other);
    hash = mix(hash, odd);
    return (uint32_t)(hash ^ hash >> 32);
}

static void place(struct tb_slot *slots, size_t cap, struct tb_slot slot)
{
    size_t at = slot.hash & (cap - 1);
    while (slots[at].entry_plus_1)
        at = (at + 1) & (cap - 1);
    slots[at] = slot;
}

int tb_slots_reserve(struct tb_slots *slots, size_t entries)
{
    if (entries <= slots->cap / 2)
        return 0;
    if (entries >= TB_SLOTS_END / 4)
        return -ENOMEM;
    size_t cap = slots->cap ? slots->cap : CAP_MIN;
    while (cap / 2 < entries)
        cap *= 2;

    struct tb_slot *grown = calloc(cap, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    for (size_t i = 0; i < slots->cap; i++)
        if (slots->slots[i].entry_plus_1)
            place(grown, cap, slots->slots[i]);
    free(slots->slots);
    *slots = (struct tb_slots){grown, cap};
    return 0;
}

void tb_slots_reset(struct tb_slots *slots, size_t max_entries)
{
    if (slots->cap / 4 > max_entries)
        tb_slots_deinit(slots);
    else if (slots->cap)
        memset(slots->slots, 0, slots->cap * sizeof(*slots->slots));
}

void tb_slots_deinit(struct tb_slots *slots)
{
    free(slots->slots);
    *slots = (struct tb_slots){0};
}

void tb_slots_add(struct tb_slots *slots, uint32_t hash, uint32_t entry)
{
    assert(slots->cap);
    place(slots->slots, slots->cap, (struct tb_slot){hash, entry + 1});
}

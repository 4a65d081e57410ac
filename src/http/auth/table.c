/* A bounded table of things by their digest, in the order of their use.
 *
 * Digests of credentials can't be chosen so that they share a chain, so chains are short and the table never
 * grows. Whose place is needed is its user's to decide: it goes from the oldest on. */
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int tb_table_init(struct tb_table *table, size_t max)
{
    *table = (struct tb_table){.max = max, .chain_count = 1};
    while (table->chain_count < max)
        table->chain_count *= 2;
    table->chains = calloc(table->chain_count, sizeof(struct tb_place *));
    return table->chains ? 0 : -ENOMEM;
}

void tb_table_deinit(struct tb_table *table)
{
    free(table->chains);
    *table = (struct tb_table){0};
}

static struct tb_place **chain_of(const struct tb_table *table, const unsigned char digest[TB_DIGEST_BYTES])
{
    size_t word = 0;

    memcpy(&word, digest, sizeof(word));
    return &table->chains[word & (table->chain_count - 1)];
}

struct tb_place *tb_table_find(const struct tb_table *table, const unsigned char digest[TB_DIGEST_BYTES])
{
    for (struct tb_place *place = *chain_of(table, digest); place; place = place->chained) {
        if (memcmp(place->digest, digest, TB_DIGEST_BYTES) == 0)
            return place;
    }
    return NULL;
}

bool tb_table_is_full(const struct tb_table *table)
{
    return table->count >= table->max;
}

static void link_newest(struct tb_table *table, struct tb_place *place, int64_t now_us)
{
    place->used_us = now_us;
    place->newer = NULL;
    place->older = table->newest;
    *(table->newest ? &table->newest->newer : &table->oldest) = place;
    table->newest = place;
}

static void unlink_use(struct tb_table *table, const struct tb_place *place)
{
    *(place->older ? &place->older->newer : &table->oldest) = place->newer;
    *(place->newer ? &place->newer->older : &table->newest) = place->older;
}

void tb_table_add(struct tb_table *table, struct tb_place *place, int64_t now_us)
{
    struct tb_place **chain = chain_of(table, place->digest);

    place->chained = *chain;
    *chain = place;
    table->count++;
    link_newest(table, place, now_us);
}

void tb_table_remove(struct tb_table *table, struct tb_place *place)
{
    struct tb_place **at = chain_of(table, place->digest);

    while (*at != place)
        at = &(*at)->chained;
    *at = place->chained;
    table->count--;
    unlink_use(table, place);
}

void tb_table_use(struct tb_table *table, struct tb_place *place, int64_t now_us)
{
    unlink_use(table, place);
    link_newest(table, place, now_us);
}

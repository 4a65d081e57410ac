/* Counts by address, in a table of chains.
 *
 * An address without a connection has no entry, so the table is as large as the number of open connections at
 * most. */
#include "quota.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS ((size_t)1024)

struct entry {
    struct entry *next;
    size_t count;
    char address[];
};

struct tb_quota {
    size_t max;
    struct entry *slots[SLOTS];
};

static struct entry **find(struct tb_quota *quota, const char *address)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (const char *c = address; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
    struct entry **at = &quota->slots[hash % SLOTS];
    while (*at && strcmp((*at)->address, address) != 0)
        at = &(*at)->next;
    return at;
}

struct tb_quota *tb_quota_new(size_t max)
{
    struct tb_quota *quota = calloc(1, sizeof(*quota));

    if (quota)
        quota->max = max;
    return quota;
}

void tb_quota_free(struct tb_quota *quota)
{
    if (!quota)
        return;
    for (size_t i = 0; i < SLOTS; i++) {
        while (quota->slots[i]) {
            struct entry *entry = quota->slots[i];
            quota->slots[i] = entry->next;
            free(entry);
        }
    }
    free(quota);
}

bool tb_quota_take(struct tb_quota *quota, const char *address)
{
    struct entry **at = find(quota, address);

    if (!*at) {
        size_t len = strlen(address) + 1;
        struct entry *entry = calloc(1, sizeof(*entry) + len);
        if (!entry)
            return false;
        memcpy(entry->address, address, len);
        *at = entry;
    }
    if ((*at)->count >= quota->max)
        return false;
    (*at)->count++;
    return true;
}

void tb_quota_give(struct tb_quota *quota, const char *address)
{
    struct entry **at = find(quota, address);

    assert(*at && (*at)->count);
    if (--(*at)->count)
        return;
    struct entry *entry = *at;
    *at = entry->next;
    free(entry);
}

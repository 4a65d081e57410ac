/* A bounded table of things by their digest, in the order of their use. Each has its place in it embedded. */
#ifndef TASKBRIDGE_HTTP_AUTH_TABLE_H
#define TASKBRIDGE_HTTP_AUTH_TABLE_H

#include "taskbridge/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TB_DIGEST_BYTES 32

struct tb_place {
    unsigned char digest[TB_DIGEST_BYTES]; /* evenly distributed */
    int64_t used_us;                       /* monotonic */
    struct tb_place *chained, *older, *newer;
};

struct tb_table {
    struct tb_place **chains; /* owned; what is in the table is not */
    size_t chain_count, count, max;
    struct tb_place *oldest, *newest; /* by use */
};

/* 0 or -ENOMEM. */
int tb_table_init(struct tb_table *table, size_t max) TB_MUST_CHECK;
void tb_table_deinit(struct tb_table *table);

/* NULL without it. */
struct tb_place *tb_table_find(const struct tb_table *table, const unsigned char digest[TB_DIGEST_BYTES]);
bool tb_table_is_full(const struct tb_table *table);
/* One that is not in it; its digest is set. It is the newest then. */
void tb_table_add(struct tb_table *table, struct tb_place *place, int64_t now_us);
void tb_table_remove(struct tb_table *table, struct tb_place *place);
/* It is the newest now. */
void tb_table_use(struct tb_table *table, struct tb_place *place, int64_t now_us);

#endif

/* Deliveries that wait in our memory. */
#ifndef TASKBRIDGE_AMQP_HOLD_H
#define TASKBRIDGE_AMQP_HOLD_H

#include "taskbridge/base/attributes.h"
#include "taskbridge/core/delivery.h"

struct tb_hold_node;

/* A queue of copies. */
struct tb_hold {
    struct tb_hold_node *first, *last; /* owned */
    size_t count, bytes, max_bytes;
};

void tb_hold_init(struct tb_hold *hold, size_t max_bytes);

/* Empty again; may run twice. */
void tb_hold_clear(struct tb_hold *hold);

/* Copies. false when it is full, or memory is. */
bool tb_hold_push(struct tb_hold *hold, const struct tb_delivery *delivery) TB_MUST_CHECK;

/* The oldest, borrowed until pop or clear; NULL when empty. */
const struct tb_delivery *tb_hold_first(const struct tb_hold *hold);

/* Of a hold that is not empty. */
void tb_hold_pop(struct tb_hold *hold);

#endif

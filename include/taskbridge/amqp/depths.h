/* How much waits in the queues that tasks come from. Looked at over a connection that lasts no longer than
 * the question, made beside the loop. Needs no right to the queues. */
#ifndef TASKBRIDGE_AMQP_DEPTHS_H
#define TASKBRIDGE_AMQP_DEPTHS_H

#include "taskbridge/amqp/broker.h"
#include "taskbridge/base/str.h"

#define TB_DEPTHS_MAX ((size_t)64)

enum tb_queue_finding {
    TB_QUEUE_UNKNOWN, /* the broker did not say */
    TB_QUEUE_EMPTY,   /* nothing waits; what consumers hold is not counted */
    TB_QUEUE_HOLDS,
    TB_QUEUE_GONE /* there is no such queue */
};

struct tb_depths;

/* Opens without connecting. count findings, in the order of the names that were asked for; with err nothing
 * was found out. Never from inside tb_depths_ask. */
int tb_depths_new(const struct tb_broker *broker,
                  void (*on_done)(void *owner, const enum tb_queue_finding *findings, size_t count,
                                  const struct tb_error *err),
                  void *owner, struct tb_depths **ret_depths, struct tb_error *err) TB_MUST_CHECK;
/* No callback any more. NULL is fine. */
void tb_depths_free(struct tb_depths *depths);

/* Copies the names, TB_DEPTHS_MAX at most; one question at a time. 0 or -ENOMEM: then nothing comes. */
int tb_depths_ask(struct tb_depths *depths, const struct tb_str *names, size_t count) TB_MUST_CHECK;

#endif

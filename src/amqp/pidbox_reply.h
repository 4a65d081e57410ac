/* What a worker answers. */
#ifndef TASKBRIDGE_AMQP_PIDBOX_REPLY_H
#define TASKBRIDGE_AMQP_PIDBOX_REPLY_H

#include <jansson.h>

#include "taskbridge/amqp/pidbox.h"
#include "taskbridge/core/delivery.h"

enum tb_pidbox_reply_outcome {
    TB_PIDBOX_REPLY_UNREADABLE = 1 /* err says why: the serializer, or an error of the worker's own */
};

struct tb_pidbox_reply {
    json_t *root; /* owned: the text of all below is in it */
    struct tb_str worker;
    struct tb_pidbox_task *tasks; /* owned */
    size_t task_count;
};

/* Reads the answer to a question by method. 0, TB_PIDBOX_REPLY_UNREADABLE or -ENOMEM. */
int tb_pidbox_reply_parse(const struct tb_delivery *delivery, enum tb_pidbox_method method,
                          struct tb_pidbox_reply *ret_reply, struct tb_error *err) TB_MUST_CHECK;

/* May run twice. */
void tb_pidbox_reply_deinit(struct tb_pidbox_reply *reply);

/* Which question an answer belongs to: the number behind "ROUND." in the header "ticket". false for answers
 * to others' questions. */
bool tb_pidbox_reply_find_question(const struct tb_delivery *delivery, const char *round,
                                   size_t *ret_question) TB_MUST_CHECK;

#endif

/* A message as rabbitmq-c writes it. */
#ifndef TASKBRIDGE_AMQP_MESSAGE_WRITE_H
#define TASKBRIDGE_AMQP_MESSAGE_WRITE_H

#include "session.h"
#include "taskbridge/amqp/message.h"

/* Whether it can be written at all: 0, -EINVAL or -ENOMEM. pool is used and emptied. */
int tb_message_check(const struct tb_message *message, amqp_pool_t *pool, struct tb_error *err) TB_MUST_CHECK;

/* Writes it on channel; id (may be the null string) is its message_id. pool is used and emptied. 0; -EINVAL,
 * and nothing was written; -ENOMEM; or negative, and the connection is of no use any more. */
int tb_message_write(struct tb_session *session, amqp_channel_t channel, const struct tb_message *message,
                     struct tb_str id, amqp_pool_t *pool, struct tb_error *err) TB_MUST_CHECK;

#endif

/* Publishing with confirmation, waiting for it: for commands, not for the event path. */
#ifndef TASKBRIDGE_AMQP_PUBLISHER_H
#define TASKBRIDGE_AMQP_PUBLISHER_H

#include "taskbridge/amqp/message.h"
#include "taskbridge/amqp/options.h"

struct tb_publisher;

/* TB_PUBLISH_BLOCKED comes after ten seconds or all the time given; TB_PUBLISH_FULL never. */

/* Connects and switches confirmation on, within the options' timeouts. 0 or negative. */
int tb_publisher_open(const struct tb_amqp_options *options, struct tb_publisher **ret_publisher,
                      struct tb_error *err) TB_MUST_CHECK;
void tb_publisher_close(struct tb_publisher *publisher);

/* Sends one message. Waits for confirmations only when 256 are due, so that many go quickly. 0, an outcome
 * (of this message or of one before it), or negative: the connection is of no use any more, close it. headers
 * that are no JSON object give -EINVAL, and nothing was sent. */
int tb_publisher_publish(struct tb_publisher *publisher, const struct tb_message *message,
                         struct tb_error *err) TB_MUST_CHECK;

/* Waits, at most timeout_us, until everything that was sent is confirmed. 0, an outcome of any of these, or
 * negative (-ETIMEDOUT: not known). After TB_PUBLISH_FORBIDDEN and TB_PUBLISH_NO_EXCHANGE the publisher can
 * go on; what was unconfirmed then was not published. */
int tb_publisher_confirm(struct tb_publisher *publisher, int64_t timeout_us,
                         struct tb_error *err) TB_MUST_CHECK;

/* How many of all messages so far were confirmed and routed. */
int64_t tb_publisher_confirmed(const struct tb_publisher *publisher);

#endif

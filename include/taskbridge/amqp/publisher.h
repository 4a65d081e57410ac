/* Publishing with confirmation, waiting for it: for commands, not for the event path. */
#ifndef TASKBRIDGE_AMQP_PUBLISHER_H
#define TASKBRIDGE_AMQP_PUBLISHER_H

#include "taskbridge/amqp/options.h"
#include "taskbridge/base/str.h"

struct tb_publisher;

/* Null strings are left out of the message. */
struct tb_message {
    const char *exchange; /* "": the default exchange, whose routing key is the queue's name */
    struct tb_str routing_key, body;
    struct tb_str content_type, content_encoding;
    struct tb_str headers; /* a JSON object, as struct tb_delivery has it */
    struct tb_str correlation_id, reply_to;
    bool is_persistent;
    bool is_mandatory; /* no queue takes it: TB_PUBLISH_UNROUTED instead of silence */
};

enum tb_publish_outcome {
    TB_PUBLISH_UNROUTED = 1, /* mandatory, and bound to no queue */
    TB_PUBLISH_REFUSED,      /* the broker said no: a full queue that rejects, or a fault of its own */
    TB_PUBLISH_FORBIDDEN,    /* 403: the user may not write there */
    TB_PUBLISH_NO_EXCHANGE,  /* 404 */
    TB_PUBLISH_BLOCKED /* by an alarm of the broker, for ten seconds or all the time given; err names it */
};

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

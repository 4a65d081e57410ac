/* A way to the broker for what must arrive: messages with confirmation, and a mailbox for their answers.
 *
 * It has a connection of its own, made beside the loop when it is first needed and then kept. Nothing waits:
 * what is given to it goes out as the socket takes it, bounded in number and bytes, and every message ends in
 * a callback. A message that costs the channel (403, 404) costs no other its connection. */
#ifndef TASKBRIDGE_AMQP_CHANNEL_H
#define TASKBRIDGE_AMQP_CHANNEL_H

#include "taskbridge/amqp/broker.h"
#include "taskbridge/amqp/message.h"
#include "taskbridge/core/delivery.h"

struct tb_channel;

/* One message under way; embedded in its owner, who sets on_sent and owner. */
struct tb_sending {
    /* Once, never from inside tb_channel_publish: 0, the broker has it; an outcome of enum
     * tb_publish_outcome, it has not; or negative, the connection was lost before it said so: it may have it
     * or not. */
    void (*on_sent)(struct tb_sending *sending, int outcome, const struct tb_error *err);
    void *owner;
    struct tb_letter *letter; /* the channel's own; NULL when not under way */
};

/* Where answers come to: a queue of the channel's own, bound to the exchange replies under the channel's key.
 */
struct tb_mailbox {
    const char *asks;    /* a fanout exchange that must be there */
    const char *replies; /* a direct exchange, made as Celery makes it where it is missing */
};

enum tb_listen_outcome {
    TB_LISTEN_FORBIDDEN = 1, /* err names the right that is missing */
    TB_LISTEN_NOBODY         /* the exchange asks is not there */
};

/* Everything is borrowed until the callback returns; none may close the channel. */
struct tb_channel_events {
    /* The end of tb_channel_listen: 0 or an outcome. */
    void (*on_listening)(void *owner, int outcome, const struct tb_error *err);
    void (*on_reply)(void *owner, const struct tb_delivery *delivery);
    /* No connection, or none any more (err's code is negative): comes after every attempt, and after the end
     * of all that was under way. Listening is over. What was not written yet goes out over the next
     * connection. */
    void (*on_lost)(void *owner, const struct tb_error *err);
    void *owner;
};

/* Opens without connecting; role names it in the broker's list of connections and is borrowed, as the
 * broker's options are. 0, -EINVAL or -ENOMEM. */
int tb_channel_open(const struct tb_broker *broker, const char *role, const struct tb_channel_events *events,
                    struct tb_channel **ret_channel, struct tb_error *err) TB_MUST_CHECK;

/* Ends all without a callback, and the connection within a tenth of a second. NULL is fine. */
void tb_channel_close(struct tb_channel *channel);

/* Takes a copy of message. 0; TB_PUBLISH_FULL: try again when another has ended; -EINVAL for headers that are
 * no JSON object or more than TB_CHANNEL_MAX_MESSAGE_BYTES; -ENOMEM. Only with 0 does on_sent come. */
int tb_channel_publish(struct tb_channel *channel, const struct tb_message *message,
                       struct tb_sending *sending, struct tb_error *err) TB_MUST_CHECK;

/* No callback any more: not sent if it was not written yet. Fine when not under way. */
void tb_channel_withdraw(struct tb_channel *channel, struct tb_sending *sending);

/* Sets the mailbox up, unless that was done; on_listening comes, never from inside this call, or on_lost. The
 * mailbox is borrowed until close, and the same each time. */
void tb_channel_listen(struct tb_channel *channel, const struct tb_mailbox *mailbox);

/* The routing key of answers: for the life of the channel. */
const char *tb_channel_reply_key(const struct tb_channel *channel);

/* Why the broker takes no messages at present, or NULL. */
const char *tb_channel_blocked(const struct tb_channel *channel);

#endif

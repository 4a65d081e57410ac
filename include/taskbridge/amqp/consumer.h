/* The source of deliveries: one consumer on the bridge's queue, driven by the loop.
 *
 * It connects, declares what is missing, consumes, and connects again by itself, with a backoff, for as long
 * as it is open. Nothing waits: connecting is the dialler's, everything else happens when the
 * socket is ready. Nothing is acknowledged but through struct tb_source; what was not goes back to
 * the queue when the connection ends. */
#ifndef TASKBRIDGE_AMQP_CONSUMER_H
#define TASKBRIDGE_AMQP_CONSUMER_H

#include "taskbridge/amqp/broker.h"
#include "taskbridge/core/seam.h"

struct tb_consumer;

/* What the broker said when the consumer began; texts are borrowed until the callback returns. */
struct tb_consumer_info {
    const char *product, *version; /* "RabbitMQ", "3.10.8" */
    const char *place;             /* "host:port/vhost as user" */
    const char *tls;               /* "TLSv1.3", or NULL without TLS */
    int64_t queue_messages;        /* that wait, as the queue was declared */
    int64_t queue_consumers;       /* beside this one */
    bool queue_was_made;           /* it was not there before */
    int heartbeat_s;
};

/* What the daemon logs; none may close the consumer. Every function may be NULL. */
struct tb_consumer_events {
    void (*on_connected)(void *owner, const struct tb_consumer_info *info);
    /* Not connected, or not any more; tried again in retry_in_us. Comes before the source's on_lost, and also
     * after every attempt that failed. */
    void (*on_disconnected)(void *owner, const struct tb_error *err, int64_t retry_in_us);
    /* Something is not as configured, and is used all the same; once for each connection. */
    void (*on_warning)(void *owner, const char *text);
    /* The broker takes no messages at present (its memory or disk is low), or does again; reason is null
     * then. Consuming goes on. */
    void (*on_blocked)(void *owner, bool is_blocked, struct tb_str reason);
    /* The answer to tb_consumer_measure: messages that were not handed out yet, neither to other consumers
     * nor to the source's owner. When it is 0, on_delivery was called for all that this consumer got. */
    void (*on_measured)(void *owner, int64_t messages, int64_t consumers);
    void *owner;
};

/* Opens without connecting: the first attempt is made in the loop's next turn. The tables are copied, the
 * options borrowed until close. 0, -EINVAL for options that tb_amqp_options_check refuses, -ENOMEM. */
int tb_consumer_open(const struct tb_broker *broker, const struct tb_source_events *deliveries,
                     const struct tb_consumer_events *events, struct tb_consumer **ret_consumer,
                     struct tb_error *err) TB_MUST_CHECK;

/* Borrowed until close. ack of a tag of a connection that is gone does nothing: such tags are recognised, for
 * tags are never used again over the consumer's life. */
struct tb_source *tb_consumer_source(struct tb_consumer *consumer);

bool tb_consumer_is_connected(const struct tb_consumer *consumer);

/* Asks for the queue's depth, without waiting; on_measured comes if the broker answers. */
void tb_consumer_measure(struct tb_consumer *consumer);

/* Cancels at the broker, without waiting: no delivery comes any more, those under way can still be
 * acknowledged. A connection that is lost after this is not made again. */
void tb_consumer_stop_consuming(struct tb_consumer *consumer);

/* Sends acknowledgements that are due, closes within at most a second, frees. NULL is fine. Not from inside a
 * callback of the consumer. */
void tb_consumer_close(struct tb_consumer *consumer);

#endif

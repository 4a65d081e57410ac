/* What a person wants to know of the broker: for `doctor` and `status`. Waits, within the options' timeouts.
 *
 * Changes nothing that lasts: exchange and queue are looked at, rights are tried on a queue and an exchange
 * of its own (taskbridge.inspect.…), which vanish with the connection. */
#ifndef TASKBRIDGE_AMQP_INSPECT_H
#define TASKBRIDGE_AMQP_INSPECT_H

#include "taskbridge/amqp/options.h"

enum tb_finding {
    TB_FINDING_UNKNOWN = 0, /* not looked at, or no answer; the text says why */
    TB_FINDING_GOOD,
    TB_FINDING_MISSING,   /* it is not there */
    TB_FINDING_DIFFERENT, /* it is there with other arguments; the text has the broker's words */
    TB_FINDING_FORBIDDEN  /* 403; the text has the broker's words */
};

#define TB_INSPECT_TEXT_BYTES TB_ERROR_TEXT_BYTES

struct tb_inspect_item {
    enum tb_finding finding;
    char text[TB_INSPECT_TEXT_BYTES]; /* "" when there is nothing to say */
};

struct tb_inspection {
    char place[TB_INSPECT_TEXT_BYTES]; /* "host:port/vhost as user": that was reached, or all that were not */
    char host[TB_INSPECT_TEXT_BYTES / 4], vhost[64], user[64];
    char product[64], version[64];
    char tls[16]; /* "TLSv1.3", or "" without */
    int heartbeat_s;
    struct tb_inspect_item exchange; /* GOOD: topic, durable, not auto-delete. MISSING: the daemon makes it */
    struct tb_inspect_item queue;    /* GOOD: as configured. MISSING: the daemon makes it */
    int64_t queue_messages, queue_consumers; /* -1 when not known */
    /* Whether the queue gives what it has. DIFFERENT: it does not answer, though the broker counts its
     * messages: most of the nodes that hold it are away, and the counts mean nothing. */
    struct tb_inspect_item reading;
    struct tb_inspect_item binding; /* rights to make a queue of ours, bind it to the exchange, consume it */
    struct tb_inspect_item asking;  /* rights and exchanges for asking workers; MISSING: none listens */
    /* GOOD: the broker takes messages. DIFFERENT: it is blocked by an alarm, which the text names. */
    struct tb_inspect_item alarm;
};

/* 0 when connected, whatever was found; negative when not, err says why and what to do. */
int tb_inspect_broker(const struct tb_amqp_options *options, struct tb_inspection *ret_inspection,
                      struct tb_error *err) TB_MUST_CHECK;

/* Only place, product, version, queue_messages, queue_consumers and reading, and the queue's finding without
 * its arguments: quick enough for `status`. 0 or negative. */
int tb_inspect_depth(const struct tb_amqp_options *options, struct tb_inspection *ret_inspection,
                     struct tb_error *err) TB_MUST_CHECK;

#endif

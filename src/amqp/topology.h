/* The exchange and the queue that the bridge needs. */
#ifndef TASKBRIDGE_AMQP_TOPOLOGY_H
#define TASKBRIDGE_AMQP_TOPOLOGY_H

#include "session.h"
#include "taskbridge/base/buf.h"

struct tb_topology {
    bool queue_was_made;
    int64_t messages, consumers; /* of the queue, as it was declared */
    /* Sentences, one a line, on what is not as configured and is used all the same; "" when all is well. */
    char warnings[2 * TB_ERROR_TEXT_BYTES];
};

/* Looks at exchange and queue and makes what is missing, on channel, which is open before and after. 0 or
 * negative with a text that says what to do. */
int tb_topology_declare(struct tb_session *session, amqp_channel_t channel,
                        const struct tb_amqp_options *options, struct tb_topology *ret_topology,
                        struct tb_error *err) TB_MUST_CHECK;

/* The single steps, as tb_session_check_rpc answers: 404 missing, 406 other arguments, 403 not allowed. */
int tb_topology_find_exchange(struct tb_session *session, amqp_channel_t channel, const char *name,
                              struct tb_error *err) TB_MUST_CHECK;
int tb_topology_make_exchange(struct tb_session *session, amqp_channel_t channel, const char *name,
                              struct tb_error *err) TB_MUST_CHECK;
int tb_topology_find_queue(struct tb_session *session, amqp_channel_t channel, const char *name,
                           struct tb_topology *ret_topology, struct tb_error *err) TB_MUST_CHECK;
int tb_topology_make_queue(struct tb_session *session, amqp_channel_t channel,
                           const struct tb_amqp_options *options, struct tb_topology *ret_topology,
                           struct tb_error *err) TB_MUST_CHECK;
int tb_topology_bind(struct tb_session *session, amqp_channel_t channel, const char *queue,
                     const char *exchange, struct tb_error *err) TB_MUST_CHECK;

#endif

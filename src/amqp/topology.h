/* The exchange and the queue that the bridge needs. */
#ifndef TASKBRIDGE_AMQP_TOPOLOGY_H
#define TASKBRIDGE_AMQP_TOPOLOGY_H

#include "session.h"
#include "taskbridge/base/buf.h"

struct tb_topology {
    bool queue_was_made, exchange_was_made;
    int64_t messages, consumers; /* of the queue, as it was declared */
    /* Sentences, one a line, on what is not as configured and is used all the same; "" when all is well. */
    char warnings[2 * TB_ERROR_TEXT_BYTES];
};

/* What a connection is asked for before the loop gets it. */
struct tb_topology_task {
    unsigned prefetch;
    char bound_to[TB_SESSION_NAME_BYTES]; /* the broker whose binding is known; "" none */
    /* Set by the set-up. */
    struct tb_topology topology;
    int binding; /* enum tb_binding; 0: it is there */
};

#define TB_TOPOLOGY_CHANNEL      1
#define TB_TOPOLOGY_BIND_CHANNEL 2

/* Opens both channels, makes what is missing of exchange, queue and binding, and begins to consume. data is a
 * struct tb_topology_task; as connector.h wants it. */
int tb_topology_set_up(struct tb_session *session, const struct tb_amqp_options *options, void *data,
                       struct tb_error *err);

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
/* ---- the binding ---- */

/* Sends the request and waits for nothing; the answer comes as a frame of channel. 0 or negative. */
int tb_topology_ask_to_bind(struct tb_session *session, amqp_channel_t channel,
                            const struct tb_amqp_options *options, struct tb_error *err) TB_MUST_CHECK;

enum tb_binding {
    TB_BINDING_UNKNOWN = 1, /* there was no answer yet */
    TB_BINDING_REFUSED      /* err: the user may not; it is there, or is not. The channel is gone */
};

/* What a frame of channel says of the request: 0 bound, an outcome, or negative. */
int tb_topology_take_binding(struct tb_session *session, const amqp_frame_t *frame,
                             const struct tb_amqp_options *options, struct tb_error *err) TB_MUST_CHECK;

/* The same, as a single step that waits. */
int tb_topology_bind(struct tb_session *session, amqp_channel_t channel, const char *queue,
                     const char *exchange, struct tb_error *err) TB_MUST_CHECK;

#endif

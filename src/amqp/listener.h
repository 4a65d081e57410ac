/* A queue of our own for answers, on a connection that others use too. */
#ifndef TASKBRIDGE_AMQP_LISTENER_H
#define TASKBRIDGE_AMQP_LISTENER_H

#include "assembly.h"
#include "session.h"
#include "taskbridge/amqp/channel.h"
#include "taskbridge/base/random.h"

#define TB_LISTENER_CHANNEL 2
#define TB_LISTENER_PREFIX  "taskbridge.reply."

/* What is asked for next where the answer to the last came. */
enum tb_listener_step {
    TB_LISTENER_NOT,
    TB_LISTENER_OPENS,
    TB_LISTENER_FINDS_ASKS,
    TB_LISTENER_FINDS_REPLIES,
    TB_LISTENER_OPENS_AGAIN,
    TB_LISTENER_MAKES_REPLIES,
    TB_LISTENER_MAKES_QUEUE,
    TB_LISTENER_BINDS,
    TB_LISTENER_CONSUMES,
    TB_LISTENER_READY
};

struct tb_listener {
    const struct tb_mailbox *mailbox; /* borrowed; NULL until begun */
    enum tb_listener_step step;
    bool is_due;  /* the request of the step is to be written */
    bool is_open; /* the AMQP channel */
    char key[TB_UUID_TEXT_BYTES];
    char queue[sizeof(TB_LISTENER_PREFIX) + TB_UUID_TEXT_BYTES];
    struct tb_assembly assembly;
};

/* 0 or a negative errno. */
int tb_listener_init(struct tb_listener *listener) TB_MUST_CHECK;
void tb_listener_deinit(struct tb_listener *listener);

/* The connection is gone, and with it queue and steps. */
void tb_listener_reset(struct tb_listener *listener);

/* Begins the steps, unless they were begun or are done. */
void tb_listener_begin(struct tb_listener *listener, const struct tb_mailbox *mailbox);

/* Writes the request that is due; a status of rabbitmq-c. */
int tb_listener_write(struct tb_listener *listener, struct tb_session *session) TB_MUST_CHECK;

enum tb_listener_outcome {
    TB_LISTENER_DONE = 1,  /* the steps: it listens */
    TB_LISTENER_FORBIDDEN, /* the steps: err names the right that is missing */
    TB_LISTENER_NOBODY,    /* the steps: the exchange of questions is not there */
    TB_LISTENER_REPLY      /* assembly.delivery is whole, borrowed until the next frame */
};

/* Takes a frame of the channel. 0: nothing to be told; an outcome; or negative: the connection is of no use.
 */
int tb_listener_take(struct tb_listener *listener, struct tb_session *session, const amqp_frame_t *frame,
                     struct tb_error *err) TB_MUST_CHECK;

#endif

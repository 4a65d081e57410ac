/* The source of deliveries: one channel with one consumer, and the connection under it.
 *
 * Only connecting waits (connecting.c). Afterwards frames are read when the socket has some (intake.c), and
 * what is written (acknowledgements, heartbeats) is small and goes out when the socket takes it, else as soon
 * as it does.
 *
 * Tags that leave the consumer count on over all connections: tag_base is what earlier connections used up,
 * so an acknowledgement that comes too late is recognised and dropped. Callbacks of the source may
 * acknowledge and stop; trouble met there is noted in fault and dealt with in the loop's next turn, so that
 * nothing is lost under the feet of a caller. */
#include "taskbridge/amqp/consumer.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "consumer_state.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/base/random.h"

#define RETRY_FIRST_US (100 * TB_US_PER_MS)
#define RETRY_MAX_US   (5 * TB_US_PER_S)

static struct tb_consumer *consumer_of(struct tb_source *source)
{
    return (struct tb_consumer *)source;
}

/* ---- output ---- */

void tb_consumer_note_fault(struct tb_consumer *consumer, int status, const char *what)
{
    tb_session_fail(&consumer->session, status, &consumer->fault, what);
    tb_loop_arm(consumer->loop, &consumer->turn, 0);
}

bool tb_consumer_may_read(const struct tb_consumer *consumer)
{
    return !consumer->delivery_waits && (!consumer->is_paused || consumer->is_holding);
}

void tb_consumer_update_watch(struct tb_consumer *consumer)
{
    bool wants_output = consumer->ack_due || consumer->beat_is_due || consumer->cancel_is_due;
    uint32_t wanted = (tb_consumer_may_read(consumer) ? EPOLLIN : 0U) | (wants_output ? EPOLLOUT : 0U);
    if (wanted != consumer->watched)
        tb_loop_change(consumer->loop, &consumer->watch, wanted);
    consumer->watched = wanted;
}

static int send_ack(struct tb_consumer *consumer)
{
    uint64_t tag = consumer->ack_due - consumer->tag_base;
    consumer->acked = consumer->ack_due;
    consumer->ack_due = 0;
    return amqp_basic_ack(consumer->session.state, TB_CONSUMER_CHANNEL, tag, 1);
}

static int send_beat(struct tb_consumer *consumer)
{
    amqp_frame_t frame = {.frame_type = AMQP_FRAME_HEARTBEAT};
    consumer->beat_is_due = false;
    return amqp_send_frame(consumer->session.state, &frame);
}

static int send_cancel(struct tb_consumer *consumer)
{
    amqp_basic_cancel_t cancel = {.consumer_tag = amqp_cstring_bytes(consumer->options.instance),
                                  .nowait = 1};
    consumer->cancel_is_due = false;
    return amqp_send_method(consumer->session.state, TB_CONSUMER_CHANNEL, AMQP_BASIC_CANCEL_METHOD, &cancel);
}

void tb_consumer_flush(struct tb_consumer *consumer)
{
    int status = AMQP_STATUS_OK;
    while (status == AMQP_STATUS_OK && !consumer->fault.code && tb_session_is_writable(&consumer->session)) {
        if (consumer->ack_due)
            status = send_ack(consumer);
        else if (consumer->cancel_is_due)
            status = send_cancel(consumer);
        else if (consumer->beat_is_due)
            status = send_beat(consumer);
        else
            break;
    }
    if (status != AMQP_STATUS_OK)
        tb_consumer_note_fault(consumer, status, "sending");
    tb_consumer_update_watch(consumer);
}

/* ---- what the loop calls ---- */

static void on_ready(struct tb_watch *watch, uint32_t events)
{
    struct tb_consumer *consumer = watch->owner;
    if (events & EPOLLOUT)
        tb_consumer_flush(consumer);
    if (!tb_consumer_may_read(consumer) && (events & (EPOLLERR | EPOLLHUP)))
        tb_consumer_note_fault(consumer, AMQP_STATUS_CONNECTION_CLOSED, "waiting");
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        tb_consumer_take_turn(consumer);
}

static void on_turn(struct tb_timer *timer)
{
    struct tb_consumer *consumer = timer->owner;
    if (consumer->is_connected)
        tb_consumer_take_turn(consumer);
}

/* Twice a heartbeat. A socket that did not take the last one since is stuck. */
static void on_beat(struct tb_timer *timer)
{
    struct tb_consumer *consumer = timer->owner;
    if (consumer->beat_is_due)
        tb_consumer_note_fault(consumer, AMQP_STATUS_TIMEOUT, "sending");
    consumer->beat_is_due = true;
    tb_consumer_flush(consumer);
    tb_loop_arm(consumer->loop, timer, amqp_get_heartbeat(consumer->session.state) * TB_US_PER_S / 2);
    /* rabbitmq-c tells a silent peer when it is asked for frames. */
    tb_consumer_take_turn(consumer);
}

static void on_patience(struct tb_timer *timer)
{
    tb_consumer_begin_holding(timer->owner);
}

static void on_connect(struct tb_timer *timer)
{
    tb_consumer_connect(timer->owner);
}

/* ---- what others call ---- */

static void ack(struct tb_source *source, uint64_t tag)
{
    struct tb_consumer *consumer = consumer_of(source);
    if (!consumer->is_connected || tag <= consumer->tag_base || tag <= consumer->acked)
        return;
    assert(tag <= consumer->last_tag);
    if (tag > consumer->ack_due)
        consumer->ack_due = tag;
    tb_consumer_flush(consumer);
}

static void unpause(struct tb_consumer *consumer)
{
    consumer->is_paused = consumer->is_holding = false;
    tb_loop_disarm(consumer->loop, &consumer->patience);
    tb_consumer_update_watch(consumer);
    tb_loop_arm(consumer->loop, &consumer->turn, 0);
}

static void resume(struct tb_source *source)
{
    struct tb_consumer *consumer = consumer_of(source);
    if (consumer->is_paused)
        unpause(consumer);
}

int tb_consumer_open(struct tb_loop *loop, const struct tb_amqp_options *options,
                     const struct tb_source_events *deliveries, const struct tb_consumer_events *events,
                     struct tb_consumer **ret_consumer, struct tb_error *err)
{
    int rc = tb_amqp_options_check(options, err);
    if (rc < 0)
        return rc;
    uint64_t seed;
    rc = tb_random_bytes(&seed, sizeof(seed));
    struct tb_consumer *consumer = rc < 0 ? NULL : calloc(1, sizeof(*consumer));
    if (!consumer)
        return tb_error_set_errno(err, rc < 0 ? rc : -ENOMEM, "opening the consumer");

    consumer->source = (struct tb_source){.ack = ack, .resume = resume};
    consumer->loop = loop;
    consumer->options = *options;
    consumer->deliveries = *deliveries;
    consumer->events = *events;
    tb_session_init(&consumer->session);
    tb_assembly_init(&consumer->assembly);
    tb_hold_init(&consumer->hold, TB_HOLD_MAX_BYTES);
    consumer->prefetch = options->prefetch;
    consumer->watch = (struct tb_watch){.fd = -1, .on_ready = on_ready, .owner = consumer};
    consumer->connect = (struct tb_timer){.on_expire = on_connect, .owner = consumer};
    consumer->turn = (struct tb_timer){.on_expire = on_turn, .owner = consumer};
    consumer->beat = (struct tb_timer){.on_expire = on_beat, .owner = consumer};
    consumer->patience = (struct tb_timer){.on_expire = on_patience, .owner = consumer};
    tb_backoff_init(&consumer->backoff, RETRY_FIRST_US, RETRY_MAX_US, seed);
    tb_loop_arm(loop, &consumer->connect, 0);
    *ret_consumer = consumer;
    return 0;
}

struct tb_source *tb_consumer_source(struct tb_consumer *consumer)
{
    return &consumer->source;
}

bool tb_consumer_is_connected(const struct tb_consumer *consumer)
{
    return consumer->is_connected;
}

void tb_consumer_measure(struct tb_consumer *consumer)
{
    if (!consumer->is_connected || consumer->fault.code || !tb_session_is_writable(&consumer->session))
        return;
    amqp_queue_declare_t question = {.queue = amqp_cstring_bytes(consumer->options.queue), .passive = 1};
    int status =
        amqp_send_method(consumer->session.state, TB_CONSUMER_CHANNEL, AMQP_QUEUE_DECLARE_METHOD, &question);
    if (status != AMQP_STATUS_OK)
        tb_consumer_note_fault(consumer, status, "sending");
}

void tb_consumer_stop_consuming(struct tb_consumer *consumer)
{
    if (consumer->is_stopping)
        return;
    consumer->is_stopping = true;
    tb_loop_disarm(consumer->loop, &consumer->connect);
    if (!consumer->is_connected)
        return;
    consumer->cancel_is_due = true;
    tb_consumer_flush(consumer);
    unpause(consumer);
}

void tb_consumer_close(struct tb_consumer *consumer)
{
    if (!consumer)
        return;
    tb_loop_disarm(consumer->loop, &consumer->connect);
    tb_loop_disarm(consumer->loop, &consumer->turn);
    tb_loop_disarm(consumer->loop, &consumer->beat);
    tb_loop_disarm(consumer->loop, &consumer->patience);
    if (consumer->is_connected) {
        struct pollfd place = {.fd = consumer->session.fd, .events = POLLOUT};
        (void)poll(&place, 1, TB_CONSUMER_GOODBYE_US / TB_US_PER_MS);
        tb_consumer_flush(consumer);
        tb_loop_disarm(consumer->loop, &consumer->turn);
        tb_loop_remove(consumer->loop, &consumer->watch);
        tb_session_close(&consumer->session, TB_CONSUMER_GOODBYE_US);
    }
    tb_assembly_deinit(&consumer->assembly);
    tb_hold_clear(&consumer->hold);
    free(consumer);
}

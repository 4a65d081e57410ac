/* The source of deliveries: one channel with one consumer, and the connection under it.
 *
 * Only connecting waits. Afterwards frames are read when the socket has some, at most for a few milliseconds
 * a turn, and what is written (acknowledgements, heartbeats) is small and goes out when the socket takes it,
 * else as soon as it does.
 *
 * While the pipeline takes nothing, nothing is read at first. RabbitMQ cuts a connection on which it could
 * send nothing for 30 seconds, so after some seconds what it sends is read and held in our memory; the
 * prefetch bounds it, and so does the hold. Where a hold was too small, the next connection asks for less at
 * a time.
 *
 * Tags that leave this file count on over all connections: tag_base is what earlier connections used up, so
 * an acknowledgement that comes too late is recognised and dropped. Callbacks of the source may acknowledge
 * and stop; trouble met there is noted in fault and dealt with in the loop's next turn, so that nothing is
 * lost under the feet of a caller. */
#include "taskbridge/amqp/consumer.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "assembly.h"
#include "hold.h"
#include "session.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/base/random.h"
#include "taskbridge/io/backoff.h"
#include "topology.h"

#define EVENTS_CHANNEL  1
#define MEASURE_CHANNEL 2

#define RETRY_FIRST_US (100 * TB_US_PER_MS)
#define RETRY_MAX_US   (10 * TB_US_PER_S)
/* A connection that lasted so long was a good one: the next attempt comes quickly. */
#define LASTING_US (5 * TB_US_PER_S)
/* How long frames are read before the loop gets its turn, and how many between looks at the clock. */
#define TURN_US     (4 * TB_US_PER_MS)
#define TURN_FRAMES 64
#define GOODBYE_US  TB_US_PER_S
/* How long the pipeline may take nothing before deliveries are held; RabbitMQ waits for 30 s. */
#define PATIENCE_US (5 * TB_US_PER_S)

struct tb_consumer {
    struct tb_source source; /* first: what the pipeline holds */
    struct tb_loop *loop;
    struct tb_amqp_options options;
    struct tb_source_events deliveries;
    struct tb_consumer_events events;

    struct tb_session session;
    struct tb_assembly assembly;
    struct tb_watch watch;
    uint32_t watched; /* what it waits for */
    struct tb_hold hold;
    struct tb_timer connect, turn, beat, patience;
    struct tb_backoff backoff;

    bool is_connected, is_stopping;
    bool is_paused;      /* the pipeline takes nothing until resume */
    bool is_holding;     /* what comes meanwhile goes into hold */
    bool delivery_waits; /* the delivery in assembly was neither taken nor held yet; comes after those held */
    unsigned prefetch;
    bool beat_is_due, cancel_is_due;
    bool can_measure; /* the channel for it is open */
    struct tb_error fault;
    int64_t connected_at; /* monotonic */
    uint64_t tag_base, last_tag;
    uint64_t acked;   /* up to where; what is acknowledged twice would cost the channel */
    uint64_t ack_due; /* 0: none */
};

static void lose(struct tb_consumer *consumer, const struct tb_error *err, bool is_polite);

static struct tb_consumer *consumer_of(struct tb_source *source)
{
    return (struct tb_consumer *)source;
}

/* ---- output ---- */

static void note_fault(struct tb_consumer *consumer, int status, const char *what)
{
    tb_session_fail(&consumer->session, status, &consumer->fault, what);
    tb_loop_arm(consumer->loop, &consumer->turn, 0);
}

static bool may_read(const struct tb_consumer *consumer)
{
    return !consumer->delivery_waits && (!consumer->is_paused || consumer->is_holding);
}

static void update_watch(struct tb_consumer *consumer)
{
    bool wants_output = consumer->ack_due || consumer->beat_is_due || consumer->cancel_is_due;
    uint32_t wanted = (may_read(consumer) ? EPOLLIN : 0U) | (wants_output ? EPOLLOUT : 0U);
    if (wanted != consumer->watched)
        tb_loop_change(consumer->loop, &consumer->watch, wanted);
    consumer->watched = wanted;
}

static int send_ack(struct tb_consumer *consumer)
{
    uint64_t tag = consumer->ack_due - consumer->tag_base;
    consumer->acked = consumer->ack_due;
    consumer->ack_due = 0;
    return amqp_basic_ack(consumer->session.state, EVENTS_CHANNEL, tag, 1);
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
    return amqp_send_method(consumer->session.state, EVENTS_CHANNEL, AMQP_BASIC_CANCEL_METHOD, &cancel);
}

/* Writes what is due, as long as the socket takes it without waiting. */
static void flush(struct tb_consumer *consumer)
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
        note_fault(consumer, status, "sending");
    update_watch(consumer);
}

/* ---- frames ---- */

static void on_blocked(struct tb_consumer *consumer, const amqp_method_t *method)
{
    bool is_blocked = method->id == AMQP_CONNECTION_BLOCKED_METHOD;
    struct tb_str reason = TB_STR_NULL;
    if (is_blocked)
        reason = tb_session_str(((const amqp_connection_blocked_t *)method->decoded)->reason);
    if (consumer->events.on_blocked)
        consumer->events.on_blocked(consumer->events.owner, is_blocked, reason);
}

static void on_measured(struct tb_consumer *consumer, const amqp_queue_declare_ok_t *answer)
{
    if (consumer->events.on_measured)
        consumer->events.on_measured(consumer->events.owner, answer->message_count, answer->consumer_count);
}

/* Any method but basic.deliver. 0, or negative when the connection is of no use any more. */
static int take_method(struct tb_consumer *consumer, const amqp_frame_t *frame, struct tb_error *err)
{
    const amqp_method_t *method = &frame->payload.method;
    switch (method->id) {
    case AMQP_CONNECTION_CLOSE_METHOD:
    case AMQP_CHANNEL_CLOSE_METHOD:
        if (frame->channel == MEASURE_CHANNEL) {
            consumer->can_measure = false;
            tb_session_closed_by_peer(&consumer->session, frame, NULL);
            return 0;
        }
        tb_session_closed_by_peer(&consumer->session, frame, err);
        return -ECONNRESET;
    case AMQP_BASIC_CANCEL_METHOD:
        return tb_error_set(err, -ECONNRESET,
                            "the broker cancelled the consumer: the queue was deleted or moved, or "
                            "deliveries waited for longer than its consumer_timeout");
    case AMQP_CONNECTION_BLOCKED_METHOD:
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
        on_blocked(consumer, method);
        return 0;
    case AMQP_QUEUE_DECLARE_OK_METHOD:
        on_measured(consumer, method->decoded);
        return 0;
    default:
        return 0;
    }
}

/* Whether the pipeline took it; if not, it is paused. A consumer that stops drops it: it goes back to the
 * queue.
 */
static bool offer(struct tb_consumer *consumer, const struct tb_delivery *delivery)
{
    if (consumer->is_stopping)
        return true;
    consumer->last_tag = delivery->tag;
    if (consumer->deliveries.on_delivery(consumer->deliveries.owner, delivery) || consumer->is_stopping)
        return true;
    consumer->is_paused = true;
    tb_loop_arm(consumer->loop, &consumer->patience, PATIENCE_US);
    return false;
}

/* Brings the delivery in assembly to where it can wait or be used. */
static void place_delivery(struct tb_consumer *consumer)
{
    const struct tb_delivery *delivery = &consumer->assembly.delivery;
    bool is_placed = !consumer->is_paused && offer(consumer, delivery);
    if (!is_placed && consumer->is_holding)
        is_placed = tb_hold_push(&consumer->hold, delivery);
    consumer->delivery_waits = !is_placed;
    if (is_placed)
        tb_session_release(&consumer->session, EVENTS_CHANNEL);
    update_watch(consumer);
}

/* What was held, then what waits. false when the turn was over before. */
static bool place_waiting(struct tb_consumer *consumer, int64_t end_us)
{
    const struct tb_delivery *held;
    for (unsigned count = 1; !consumer->is_paused && (held = tb_hold_first(&consumer->hold)); count++) {
        if (offer(consumer, held))
            tb_hold_pop(&consumer->hold);
        if (count % TURN_FRAMES == 0 && tb_clock_monotonic_us() >= end_us)
            return false;
    }
    if (consumer->delivery_waits)
        place_delivery(consumer);
    return true;
}

static int take_frame(struct tb_consumer *consumer, const amqp_frame_t *frame, struct tb_error *err)
{
    bool is_content =
        frame->channel == EVENTS_CHANNEL &&
        (frame->frame_type != AMQP_FRAME_METHOD || frame->payload.method.id == AMQP_BASIC_DELIVER_METHOD);
    if (!is_content) {
        int rc = frame->frame_type == AMQP_FRAME_METHOD ? take_method(consumer, frame, err) : 0;
        tb_session_release(&consumer->session, frame->channel);
        return rc;
    }
    int rc = tb_assembly_push(&consumer->assembly, frame, err);
    if (rc == TB_ASSEMBLY_DONE) {
        consumer->assembly.delivery.tag += consumer->tag_base;
        consumer->assembly.delivery.received_at = tb_clock_now_us();
        place_delivery(consumer);
        return 0;
    }
    tb_session_release(&consumer->session, EVENTS_CHANNEL);
    return rc;
}

/* 0 when the turn is over, positive when all that was at hand is taken or nothing more can be, negative when
 * the connection is of no use any more. */
static int take_frames(struct tb_consumer *consumer, int64_t end_us, bool *ret_is_readable,
                       struct tb_error *err)
{
    for (unsigned count = 1; may_read(consumer) && !consumer->fault.code; count++) {
        amqp_frame_t frame;
        int rc = tb_session_read(&consumer->session, &frame, err);
        if (rc == 0 && !consumer->is_paused)
            consumer->deliveries.on_idle(consumer->deliveries.owner);
        if (rc == 0)
            return 1;
        *ret_is_readable = rc > 0;
        if (rc > 0)
            rc = take_frame(consumer, &frame, err);
        if (rc < 0)
            return rc;
        if (count % TURN_FRAMES == 0 && tb_clock_monotonic_us() >= end_us)
            return 0;
    }
    return 1;
}

/* Takes what is at hand until there is nothing, the pipeline is full, or the turn is over. */
static void take_turn(struct tb_consumer *consumer)
{
    struct tb_error err = {0};
    int64_t end_us = tb_clock_monotonic_us() + TURN_US;
    bool is_readable = true;
    int rc = place_waiting(consumer, end_us) ? take_frames(consumer, end_us, &is_readable, &err) : 0;
    if (rc < 0)
        lose(consumer, &err, is_readable);
    else if (consumer->fault.code)
        lose(consumer, &consumer->fault, false);
    else if (rc == 0)
        tb_loop_arm(consumer->loop, &consumer->turn, 0);
}

static void on_patience(struct tb_timer *timer)
{
    struct tb_consumer *consumer = timer->owner;
    consumer->is_holding = true;
    take_turn(consumer);
}

static void on_ready(struct tb_watch *watch, uint32_t events)
{
    struct tb_consumer *consumer = watch->owner;
    if (events & EPOLLOUT)
        flush(consumer);
    if (!may_read(consumer) && (events & (EPOLLERR | EPOLLHUP)))
        note_fault(consumer, AMQP_STATUS_CONNECTION_CLOSED, "waiting");
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        take_turn(consumer);
}

static void on_turn(struct tb_timer *timer)
{
    struct tb_consumer *consumer = timer->owner;
    if (consumer->is_connected)
        take_turn(consumer);
}

/* Twice a heartbeat. A socket that did not take the last one since is stuck. */
static void on_beat(struct tb_timer *timer)
{
    struct tb_consumer *consumer = timer->owner;
    if (consumer->beat_is_due)
        note_fault(consumer, AMQP_STATUS_TIMEOUT, "sending");
    consumer->beat_is_due = true;
    flush(consumer);
    tb_loop_arm(consumer->loop, timer, amqp_get_heartbeat(consumer->session.state) * TB_US_PER_S / 2);
    /* rabbitmq-c tells a silent peer when it is asked for frames. */
    take_turn(consumer);
}

/* ---- connecting ---- */

/* As configured, unless that was more than could be held. */
static void choose_prefetch(struct tb_consumer *consumer)
{
    bool was_full = consumer->is_holding && consumer->delivery_waits;
    consumer->prefetch = consumer->options.prefetch;
    if (was_full)
        consumer->prefetch = consumer->hold.count > 1 ? (unsigned)consumer->hold.count / 2 : 1;
}

static void lose(struct tb_consumer *consumer, const struct tb_error *err, bool is_polite)
{
    struct tb_error reason = *err;
    bool was_connected = consumer->is_connected;
    int64_t retry_us;

    tb_loop_remove(consumer->loop, &consumer->watch);
    tb_loop_disarm(consumer->loop, &consumer->turn);
    tb_loop_disarm(consumer->loop, &consumer->beat);
    tb_loop_disarm(consumer->loop, &consumer->patience);
    tb_session_close(&consumer->session, is_polite ? GOODBYE_US : 0);
    choose_prefetch(consumer);
    tb_hold_clear(&consumer->hold);
    tb_assembly_reset(&consumer->assembly);
    consumer->is_connected = consumer->is_paused = consumer->is_holding = consumer->delivery_waits = false;
    consumer->beat_is_due = consumer->cancel_is_due = consumer->can_measure = false;
    consumer->tag_base = consumer->last_tag;
    consumer->ack_due = 0;
    tb_error_clear(&consumer->fault);

    if (was_connected && tb_clock_monotonic_us() - consumer->connected_at >= LASTING_US)
        tb_backoff_reset(&consumer->backoff);
    retry_us = tb_backoff_next_us(&consumer->backoff);
    if (!consumer->is_stopping)
        tb_loop_arm(consumer->loop, &consumer->connect, retry_us);
    if (consumer->events.on_disconnected)
        consumer->events.on_disconnected(consumer->events.owner, &reason, retry_us);
    if (was_connected)
        consumer->deliveries.on_lost(consumer->deliveries.owner);
}

static int consume(struct tb_consumer *consumer, struct tb_error *err)
{
    struct tb_session *session = &consumer->session;
    const char *queue = consumer->options.queue;
    tb_session_before_rpc(session);
    amqp_basic_qos(session->state, EVENTS_CHANNEL, 0, (uint16_t)consumer->prefetch, 0);
    int code = tb_session_check_rpc(session, EVENTS_CHANNEL, err, "setting the prefetch");
    if (code)
        return code < 0 ? code : -EIO;

    struct tb_error reason = {0};
    tb_session_before_rpc(session);
    amqp_basic_consume(session->state, EVENTS_CHANNEL, amqp_cstring_bytes(queue),
                       amqp_cstring_bytes(consumer->options.instance), 0, 0, 0, amqp_empty_table);
    code = tb_session_check_rpc(session, EVENTS_CHANNEL, &reason, "consuming queue %s", queue);
    if (code == TB_SESSION_BROKER_FAULT)
        return tb_error_set(
            err, -EIO,
            "the broker can't serve queue %s, its log says why; if it can't be repaired, delete the "
            "queue, and it is made anew: %s",
            queue, reason.text);
    if (code == AMQP_ACCESS_REFUSED)
        return tb_error_set(err, -EACCES, "user %s needs the right to read queue %s: %s", session->user,
                            queue, reason.text);
    return code ? tb_error_set(err, code < 0 ? code : -EIO, "%s", reason.text) : 0;
}

static int begin(struct tb_consumer *consumer, struct tb_topology *topology, struct tb_error *err)
{
    struct tb_session *session = &consumer->session;
    int rc = tb_session_open(session, &consumer->options, "taskbridged", err);
    if (rc == 0)
        rc = tb_session_open_channel(session, EVENTS_CHANNEL, err);
    if (rc == 0)
        rc = tb_topology_declare(session, EVENTS_CHANNEL, &consumer->options, topology, err);
    if (rc == 0)
        rc = tb_session_open_channel(session, MEASURE_CHANNEL, err);
    if (rc == 0)
        rc = consume(consumer, err);
    if (rc < 0)
        return rc;
    consumer->watch.fd = session->fd;
    consumer->watched = EPOLLIN;
    rc = tb_loop_add(consumer->loop, &consumer->watch, EPOLLIN);
    return rc < 0 ? tb_error_set_errno(err, rc, "waiting for the broker") : 0;
}

static void tell_connected(struct tb_consumer *consumer, const struct tb_topology *topology)
{
    const struct tb_consumer_events *events = &consumer->events;
    char memory[2 * TB_ERROR_TEXT_BYTES];
    struct tb_buf place;
    tb_buf_init(&place, sizeof(memory));
    tb_amqp_options_push_place(&consumer->options, &place);
    struct tb_consumer_info info = {
        .product = consumer->session.product,
        .version = consumer->session.version,
        .place = place.ptr ? place.ptr : "",
        .tls = consumer->session.tls[0] ? consumer->session.tls : NULL,
        .queue_messages = topology->messages,
        .queue_consumers = topology->consumers,
        .queue_was_made = topology->queue_was_made,
        .heartbeat_s = amqp_get_heartbeat(consumer->session.state),
    };
    if (events->on_connected)
        events->on_connected(events->owner, &info);
    tb_buf_deinit(&place);

    char *rest = memory;
    snprintf(memory, sizeof(memory), "%s", topology->warnings);
    for (char *line; events->on_warning && (line = strsep(&rest, "\n"));)
        if (line[0])
            events->on_warning(events->owner, line);
}

static void on_connect(struct tb_timer *timer)
{
    struct tb_consumer *consumer = timer->owner;
    struct tb_error err = {0};
    struct tb_topology topology;
    if (begin(consumer, &topology, &err) < 0) {
        lose(consumer, &err, false);
        return;
    }
    consumer->is_connected = consumer->can_measure = true;
    consumer->connected_at = tb_clock_monotonic_us();
    if (amqp_get_heartbeat(consumer->session.state) > 0)
        tb_loop_arm(consumer->loop, &consumer->beat, 0);
    /* Deliveries may have come together with the last answer: no readiness would tell. */
    tb_loop_arm(consumer->loop, &consumer->turn, 0);
    tell_connected(consumer, &topology);
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
    flush(consumer);
}

static void unpause(struct tb_consumer *consumer)
{
    consumer->is_paused = consumer->is_holding = false;
    tb_loop_disarm(consumer->loop, &consumer->patience);
    update_watch(consumer);
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
    if (!consumer->is_connected || !consumer->can_measure || consumer->fault.code ||
        !tb_session_is_writable(&consumer->session))
        return;
    amqp_queue_declare_t question = {.queue = amqp_cstring_bytes(consumer->options.queue), .passive = 1};
    int status =
        amqp_send_method(consumer->session.state, MEASURE_CHANNEL, AMQP_QUEUE_DECLARE_METHOD, &question);
    if (status != AMQP_STATUS_OK)
        note_fault(consumer, status, "sending");
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
    flush(consumer);
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
        (void)poll(&place, 1, GOODBYE_US / TB_US_PER_MS);
        flush(consumer);
        tb_loop_disarm(consumer->loop, &consumer->turn);
        tb_loop_remove(consumer->loop, &consumer->watch);
        tb_session_close(&consumer->session, GOODBYE_US);
    }
    tb_assembly_deinit(&consumer->assembly);
    tb_hold_clear(&consumer->hold);
    free(consumer);
}

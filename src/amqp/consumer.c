/* The source of deliveries: a connection with one consumer, whose frames become deliveries.
 *
 * The connection is made and set up beside the loop (connector.c). From then on frames are read when the
 * socket has some, for a few milliseconds at most, and what is written (acknowledgements, heartbeats) is
 * small and goes out when the socket takes it, else as soon as it does.
 *
 * A delivery goes to the pipeline. While that takes none, nothing is read at first; RabbitMQ cuts a
 * connection on which it could send nothing for 30 seconds, so after some seconds what it sends is read and
 * held in our memory, bounded by the prefetch and by the hold. Order is kept: what was held comes before the
 * delivery that found no room, and that before what was not read.
 *
 * Tags that leave the consumer count on over all connections: tag_base is what earlier connections used up,
 * so an acknowledgement that comes too late is recognised and dropped. Callbacks of the source may
 * acknowledge and stop; trouble met there is noted in fault and dealt with in the loop's next turn, so that
 * nothing is lost under the feet of a caller. */
#include "taskbridge/amqp/consumer.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "assembly.h"
#include "connector.h"
#include "hold.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/base/random.h"
#include "taskbridge/io/backoff.h"
#include "topology.h"

#define CHANNEL      TB_TOPOLOGY_CHANNEL
#define BIND_CHANNEL TB_TOPOLOGY_BIND_CHANNEL

#define RETRY_FIRST_US (100 * TB_US_PER_MS)
#define RETRY_MAX_US   (5 * TB_US_PER_S)
/* A connection that lasted so long was a good one: the next attempt comes quickly. */
#define LASTING_US (5 * TB_US_PER_S)
/* How long a goodbye may take at the end; in the loop nobody waits for its answer. */
#define GOODBYE_US       TB_US_PER_S
#define SHORT_GOODBYE_US 1
/* How long frames are read before the loop gets its turn, and how many between looks at the clock. */
#define TURN_US     (4 * TB_US_PER_MS)
#define TURN_FRAMES 64
/* How long the pipeline may take nothing before deliveries are held; RabbitMQ waits for 30 s. */
#define PATIENCE_US (5 * TB_US_PER_S)
/* When nothing came for so long the queue may have lost its binding; asked for ever more rarely. */
#define QUIET_FIRST_US (10 * TB_US_PER_S)
#define QUIET_MAX_US   (600 * TB_US_PER_S)

struct tb_consumer {
    struct tb_source source; /* first: what the pipeline holds */
    struct tb_broker broker;
    struct tb_source_events deliveries;
    struct tb_consumer_events events;

    struct tb_connector *connector;
    struct tb_session *session; /* owned; NULL while there is no connection */
    struct tb_assembly assembly;
    struct tb_watch watch;
    uint32_t watched; /* what it waits for */
    struct tb_hold hold;
    struct tb_timer connect, turn, beat, patience, quiet;
    struct tb_backoff backoff;

    bool is_stopping;
    bool is_paused;      /* the pipeline takes nothing until resume */
    bool is_holding;     /* what comes meanwhile goes into hold */
    bool delivery_waits; /* the delivery in assembly was neither taken nor held yet; comes after those held */
    unsigned prefetch;
    bool beat_is_due, cancel_is_due, bind_is_due;
    bool may_bind; /* the channel for it is open, and no answer is waited for */
    bool was_quiet;
    int64_t quiet_us;
    /* The broker whose binding is known: it was asked for, and queue and exchange are the same since. */
    char bound_to[TB_SESSION_NAME_BYTES];
    struct tb_error fault;
    int64_t connected_at; /* monotonic */
    uint64_t tag_base, last_tag;
    uint64_t acked;   /* up to where; what is acknowledged twice would cost the channel */
    uint64_t ack_due; /* 0: none */
};

static struct tb_consumer *consumer_of(struct tb_source *source)
{
    return (struct tb_consumer *)source;
}

/* ---- output ---- */

/* Remembers a status of rabbitmq-c; the connection is given up in the loop's next turn. */
static void note_fault(struct tb_consumer *consumer, int status, const char *what)
{
    tb_session_fail(consumer->session, status, &consumer->fault, what);
    tb_loop_arm(consumer->broker.loop, &consumer->turn, 0);
}

/* Whether more frames can be placed. */
static bool may_read(const struct tb_consumer *consumer)
{
    return !consumer->delivery_waits && (!consumer->is_paused || consumer->is_holding);
}

static void update_watch(struct tb_consumer *consumer)
{
    bool wants_output =
        consumer->ack_due || consumer->beat_is_due || consumer->cancel_is_due || consumer->bind_is_due;
    uint32_t wanted = (may_read(consumer) ? EPOLLIN : 0U) | (wants_output ? EPOLLOUT : 0U);
    if (wanted != consumer->watched)
        tb_loop_change(consumer->broker.loop, &consumer->watch, wanted);
    consumer->watched = wanted;
}

static int send_ack(struct tb_consumer *consumer)
{
    uint64_t tag = consumer->ack_due - consumer->tag_base;
    consumer->acked = consumer->ack_due;
    consumer->ack_due = 0;
    return amqp_basic_ack(consumer->session->state, CHANNEL, tag, 1);
}

static int send_beat(struct tb_consumer *consumer)
{
    amqp_frame_t frame = {.frame_type = AMQP_FRAME_HEARTBEAT};
    consumer->beat_is_due = false;
    return amqp_send_frame(consumer->session->state, &frame);
}

static int send_cancel(struct tb_consumer *consumer)
{
    amqp_basic_cancel_t cancel = {.consumer_tag = amqp_cstring_bytes(consumer->broker.options->instance),
                                  .nowait = 1};
    consumer->cancel_is_due = false;
    return amqp_send_method(consumer->session->state, CHANNEL, AMQP_BASIC_CANCEL_METHOD, &cancel);
}

static int send_bind(struct tb_consumer *consumer)
{
    consumer->bind_is_due = consumer->may_bind = false;
    return tb_topology_ask_to_bind(consumer->session, BIND_CHANNEL, consumer->broker.options, NULL)
               ? AMQP_STATUS_SOCKET_ERROR
               : AMQP_STATUS_OK;
}

/* Writes what is due, as long as the socket takes it without waiting. */
static void flush(struct tb_consumer *consumer)
{
    int status = AMQP_STATUS_OK;
    while (status == AMQP_STATUS_OK && !consumer->fault.code && tb_session_is_writable(consumer->session)) {
        if (consumer->ack_due)
            status = send_ack(consumer);
        else if (consumer->cancel_is_due)
            status = send_cancel(consumer);
        else if (consumer->beat_is_due)
            status = send_beat(consumer);
        else if (consumer->bind_is_due)
            status = send_bind(consumer);
        else
            break;
    }
    if (status != AMQP_STATUS_OK)
        note_fault(consumer, status, "sending");
    update_watch(consumer);
}

/* ---- the connection's end ---- */

/* As configured, unless that was more than could be held. */
static void choose_prefetch(struct tb_consumer *consumer)
{
    bool was_full = consumer->is_holding && consumer->delivery_waits;
    consumer->prefetch = consumer->broker.options->prefetch;
    if (was_full)
        consumer->prefetch = consumer->hold.count > 1 ? (unsigned)consumer->hold.count / 2 : 1;
}

static void disarm_all(struct tb_consumer *consumer)
{
    struct tb_timer *const timers[] = {&consumer->connect, &consumer->turn, &consumer->beat,
                                       &consumer->patience, &consumer->quiet};
    for (size_t i = 0; i < TB_COUNT(timers); i++)
        tb_loop_disarm(consumer->broker.loop, timers[i]);
}

static void drop_session(struct tb_consumer *consumer, int64_t polite_us)
{
    tb_loop_remove(consumer->broker.loop, &consumer->watch);
    if (consumer->session)
        tb_session_close(consumer->session, polite_us);
    free(consumer->session);
    consumer->session = NULL;
}

static void retry_later(struct tb_consumer *consumer, const struct tb_error *err)
{
    int64_t retry_us = tb_backoff_next_us(&consumer->backoff);
    if (!consumer->is_stopping)
        tb_loop_arm(consumer->broker.loop, &consumer->connect, retry_us);
    if (consumer->events.on_disconnected)
        consumer->events.on_disconnected(consumer->events.owner, err, retry_us);
}

/* Leaves the state of a consumer that never had a connection but for the tags: what they were counted up to
 * is the base of the next connection's. err may be the consumer's own fault. */
static void lose(struct tb_consumer *consumer, const struct tb_error *err)
{
    struct tb_error reason = *err;
    disarm_all(consumer);
    drop_session(consumer, SHORT_GOODBYE_US);
    choose_prefetch(consumer);
    tb_hold_clear(&consumer->hold);
    tb_assembly_reset(&consumer->assembly);
    consumer->is_paused = consumer->is_holding = consumer->delivery_waits = false;
    consumer->beat_is_due = consumer->cancel_is_due = consumer->bind_is_due = consumer->may_bind = false;
    consumer->tag_base = consumer->last_tag;
    consumer->ack_due = 0;
    tb_error_clear(&consumer->fault);
    if (tb_clock_monotonic_us() - consumer->connected_at >= LASTING_US)
        tb_backoff_reset(&consumer->backoff);
    retry_later(consumer, &reason);
    consumer->deliveries.on_lost(consumer->deliveries.owner);
}

/* ---- deliveries ---- */

/* Whether the pipeline took it; if not, it is paused. A consumer that stops drops it, back to the queue. */
static bool offer(struct tb_consumer *consumer, const struct tb_delivery *delivery)
{
    if (consumer->is_stopping)
        return true;
    consumer->last_tag = delivery->tag;
    if (consumer->deliveries.on_delivery(consumer->deliveries.owner, delivery) || consumer->is_stopping)
        return true;
    consumer->is_paused = true;
    tb_loop_arm(consumer->broker.loop, &consumer->patience, PATIENCE_US);
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
        tb_session_release(consumer->session, CHANNEL);
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

static int take_content(struct tb_consumer *consumer, const amqp_frame_t *frame, struct tb_error *err)
{
    int r = tb_assembly_push(&consumer->assembly, frame, err);
    if (r != TB_ASSEMBLY_DONE) {
        tb_session_release(consumer->session, CHANNEL);
        return r;
    }
    consumer->assembly.delivery.tag += consumer->tag_base;
    consumer->assembly.delivery.received_at = tb_clock_now_us();
    consumer->was_quiet = false;
    place_delivery(consumer);
    return 0;
}

/* ---- what else the broker says ---- */

static void tell_blocked(struct tb_consumer *consumer, const amqp_method_t *method)
{
    bool is_blocked = method->id == AMQP_CONNECTION_BLOCKED_METHOD;
    struct tb_str reason = TB_STR_NULL;
    if (is_blocked)
        reason = tb_session_str(((const amqp_connection_blocked_t *)method->decoded)->reason);
    if (consumer->events.on_blocked)
        consumer->events.on_blocked(consumer->events.owner, is_blocked, reason);
}

/* The answer comes on the channel of the deliveries, behind all that had left the queue when it was counted:
 * what is in neither count has been handed over. */
static void tell_measured(struct tb_consumer *consumer, const amqp_queue_declare_ok_t *answer)
{
    int64_t waiting = (int64_t)consumer->hold.count + consumer->delivery_waits;
    if (consumer->events.on_measured)
        consumer->events.on_measured(consumer->events.owner, answer->message_count + waiting,
                                     answer->consumer_count);
}

static void remember_binding(struct tb_consumer *consumer)
{
    consumer->may_bind = true;
    memcpy(consumer->bound_to, consumer->session->name, sizeof(consumer->bound_to));
}

/* The late answer to a request that nobody waited for. */
static int take_binding(struct tb_consumer *consumer, const amqp_frame_t *frame, struct tb_error *err)
{
    struct tb_error reason = {0};
    int r = tb_topology_take_binding(consumer->session, frame, consumer->broker.options, &reason);
    if (r == 0)
        remember_binding(consumer);
    if (r == TB_BINDING_REFUSED && consumer->events.on_warning)
        consumer->events.on_warning(consumer->events.owner, reason.text);
    return r < 0 ? tb_error_set(err, -ECONNRESET, "%s", reason.text) : 0;
}

/* Any method but basic.deliver. 0, or negative when the connection is of no use any more. */
static int take_method(struct tb_consumer *consumer, const amqp_frame_t *frame, struct tb_error *err)
{
    const amqp_method_t *method = &frame->payload.method;
    if (frame->channel == BIND_CHANNEL)
        return take_binding(consumer, frame, err);
    switch (method->id) {
    case AMQP_CONNECTION_CLOSE_METHOD:
    case AMQP_CHANNEL_CLOSE_METHOD:
        tb_session_closed_by_peer(consumer->session, frame, err);
        return -ECONNRESET;
    case AMQP_BASIC_CANCEL_METHOD:
        return tb_error_set(err, -ECONNRESET,
                            "the broker cancelled the consumer: the queue was deleted or moved, or "
                            "deliveries waited for longer than its consumer_timeout");
    case AMQP_CONNECTION_BLOCKED_METHOD:
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
        tell_blocked(consumer, method);
        return 0;
    case AMQP_QUEUE_DECLARE_OK_METHOD:
        tell_measured(consumer, method->decoded);
        return 0;
    default:
        return 0;
    }
}

static int take_frame(struct tb_consumer *consumer, const amqp_frame_t *frame, struct tb_error *err)
{
    bool is_method = frame->frame_type == AMQP_FRAME_METHOD;
    if (frame->channel == CHANNEL && (!is_method || frame->payload.method.id == AMQP_BASIC_DELIVER_METHOD))
        return take_content(consumer, frame, err);
    int r = is_method ? take_method(consumer, frame, err) : 0;
    tb_session_release(consumer->session, frame->channel);
    return r;
}

/* 0 when the turn is over, positive when all that was at hand is taken or nothing more can be, negative when
 * the connection is of no use any more. */
static int take_frames(struct tb_consumer *consumer, int64_t end_us, struct tb_error *err)
{
    for (unsigned count = 1; may_read(consumer) && !consumer->fault.code; count++) {
        amqp_frame_t frame;
        int r = tb_session_read(consumer->session, &frame, err);
        if (r == 0 && !consumer->is_paused)
            consumer->deliveries.on_idle(consumer->deliveries.owner);
        if (r == 0)
            return 1;
        if (r > 0)
            r = take_frame(consumer, &frame, err);
        if (r < 0)
            return r;
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
    int r = place_waiting(consumer, end_us) ? take_frames(consumer, end_us, &err) : 0;
    if (r < 0)
        lose(consumer, &err);
    else if (consumer->fault.code)
        lose(consumer, &consumer->fault);
    else if (r == 0)
        tb_loop_arm(consumer->broker.loop, &consumer->turn, 0);
}

/* ---- the connection's beginning ---- */

static void tell_connected(struct tb_consumer *consumer, const struct tb_topology *topology)
{
    const struct tb_consumer_events *events = &consumer->events;
    const struct tb_session *session = consumer->session;
    char place[TB_ERROR_TEXT_BYTES], warnings[sizeof(topology->warnings)];
    snprintf(place, sizeof(place), "%s as %s", session->name, session->user);
    struct tb_consumer_info info = {
        .product = session->product,
        .version = session->version,
        .place = place,
        .tls = session->tls[0] ? session->tls : NULL,
        .queue_messages = topology->messages,
        .queue_consumers = topology->consumers,
        .queue_was_made = topology->queue_was_made,
        .heartbeat_s = amqp_get_heartbeat(session->state),
    };
    if (events->on_connected)
        events->on_connected(events->owner, &info);

    char *rest = warnings;
    memcpy(warnings, topology->warnings, sizeof(warnings));
    for (char *line; events->on_warning && (line = strsep(&rest, "\n"));)
        if (line[0])
            events->on_warning(events->owner, line);
}

static void begin(struct tb_consumer *consumer, const struct tb_topology_task *task)
{
    struct tb_loop *loop = consumer->broker.loop;
    consumer->connected_at = tb_clock_monotonic_us();
    consumer->was_quiet = true;
    consumer->quiet_us = QUIET_FIRST_US;
    if (task->binding == 0)
        remember_binding(consumer);
    if (tb_session_beat_us(consumer->session) > 0)
        tb_loop_arm(loop, &consumer->beat, 0);
    tb_loop_arm(loop, &consumer->quiet, QUIET_FIRST_US);
    /* Deliveries may have come together with the last answer: no readiness would tell. */
    tb_loop_arm(loop, &consumer->turn, 0);
    tell_connected(consumer, &task->topology);
}

static void on_session(void *owner, struct tb_session *session, size_t broker, void *task)
{
    struct tb_consumer *consumer = owner;
    struct tb_error err = {0};
    (void)broker;
    consumer->session = session;
    consumer->watch.fd = session->fd;
    consumer->watched = EPOLLIN;
    int r = tb_loop_add(consumer->broker.loop, &consumer->watch, EPOLLIN);
    if (r == 0) {
        begin(consumer, task);
    } else {
        tb_error_set_errno(&err, r, "waiting for the broker");
        drop_session(consumer, 0);
        retry_later(consumer, &err);
    }
    free(task);
}

static void on_failed(void *owner, const struct tb_error *err)
{
    retry_later(owner, err);
}

static void on_connect(struct tb_timer *timer)
{
    struct tb_consumer *consumer = timer->owner;
    struct tb_topology_task *task = calloc(1, sizeof(*task));
    if (task) {
        task->prefetch = consumer->prefetch;
        memcpy(task->bound_to, consumer->bound_to, sizeof(task->bound_to));
        tb_connector_start(consumer->connector, task);
        return;
    }
    struct tb_error err = {0};
    tb_error_set_errno(&err, -ENOMEM, "connecting to the broker");
    retry_later(consumer, &err);
}

/* ---- what the loop calls ---- */

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
    take_turn(timer->owner);
}

/* A socket that did not take the last one since is stuck. */
static void on_beat(struct tb_timer *timer)
{
    struct tb_consumer *consumer = timer->owner;
    if (consumer->beat_is_due)
        note_fault(consumer, AMQP_STATUS_TIMEOUT, "sending");
    consumer->beat_is_due = true;
    flush(consumer);
    tb_loop_arm(consumer->broker.loop, timer, tb_session_beat_us(consumer->session));
    /* rabbitmq-c tells a silent peer when it is asked for frames. */
    take_turn(consumer);
}

/* The pipeline takes nothing for so long that deliveries must be held. */
static void on_patience(struct tb_timer *timer)
{
    struct tb_consumer *consumer = timer->owner;
    consumer->is_holding = true;
    take_turn(consumer);
}

/* Where workers run their heartbeats come; silence may be an exchange that was deleted and made anew. */
static void on_quiet(struct tb_timer *timer)
{
    struct tb_consumer *consumer = timer->owner;
    consumer->quiet_us = consumer->was_quiet ? consumer->quiet_us * 2 : QUIET_FIRST_US;
    if (consumer->quiet_us > QUIET_MAX_US)
        consumer->quiet_us = QUIET_MAX_US;
    consumer->bind_is_due = consumer->was_quiet && consumer->may_bind && !consumer->is_stopping;
    consumer->was_quiet = true;
    tb_loop_arm(consumer->broker.loop, timer, consumer->quiet_us);
    flush(consumer);
}

/* ---- what others call ---- */

static void ack(struct tb_source *source, uint64_t tag)
{
    struct tb_consumer *consumer = consumer_of(source);
    if (!consumer->session || tag <= consumer->tag_base || tag <= consumer->acked)
        return;
    assert(tag <= consumer->last_tag);
    if (tag > consumer->ack_due)
        consumer->ack_due = tag;
    flush(consumer);
}

static void unpause(struct tb_consumer *consumer)
{
    consumer->is_paused = consumer->is_holding = false;
    tb_loop_disarm(consumer->broker.loop, &consumer->patience);
    update_watch(consumer);
    tb_loop_arm(consumer->broker.loop, &consumer->turn, 0);
}

static void resume(struct tb_source *source)
{
    struct tb_consumer *consumer = consumer_of(source);
    if (consumer->is_paused)
        unpause(consumer);
}

static void init_timers(struct tb_consumer *consumer)
{
    consumer->connect = (struct tb_timer){.on_expire = on_connect, .owner = consumer};
    consumer->turn = (struct tb_timer){.on_expire = on_turn, .owner = consumer};
    consumer->beat = (struct tb_timer){.on_expire = on_beat, .owner = consumer};
    consumer->patience = (struct tb_timer){.on_expire = on_patience, .owner = consumer};
    consumer->quiet = (struct tb_timer){.on_expire = on_quiet, .owner = consumer};
}

int tb_consumer_open(const struct tb_broker *broker, const struct tb_source_events *deliveries,
                     const struct tb_consumer_events *events, struct tb_consumer **ret_consumer,
                     struct tb_error *err)
{
    uint64_t seed;
    struct tb_consumer *consumer =
        tb_random_bytes(&seed, sizeof(seed)) < 0 ? NULL : calloc(1, sizeof(*consumer));
    if (!consumer)
        return tb_error_set_errno(err, -ENOMEM, "preparing to consume");
    const struct tb_connector_events connecting = {
        .set_up = tb_topology_set_up, .on_ready = on_session, .on_failed = on_failed, .owner = consumer};
    int r = tb_connector_new(broker, "taskbridged", &connecting, &consumer->connector, err);
    if (r < 0) {
        free(consumer);
        return r;
    }
    consumer->source = (struct tb_source){.ack = ack, .resume = resume};
    consumer->broker = *broker;
    consumer->deliveries = *deliveries;
    consumer->events = *events;
    consumer->prefetch = broker->options->prefetch;
    tb_assembly_init(&consumer->assembly);
    tb_hold_init(&consumer->hold, TB_HOLD_MAX_BYTES);
    consumer->watch = (struct tb_watch){.fd = -1, .on_ready = on_ready, .owner = consumer};
    init_timers(consumer);
    tb_backoff_init(&consumer->backoff, RETRY_FIRST_US, RETRY_MAX_US, seed);
    tb_loop_arm(broker->loop, &consumer->connect, 0);
    *ret_consumer = consumer;
    return 0;
}

struct tb_source *tb_consumer_source(struct tb_consumer *consumer)
{
    return &consumer->source;
}

bool tb_consumer_is_connected(const struct tb_consumer *consumer)
{
    return consumer->session != NULL;
}

void tb_consumer_measure(struct tb_consumer *consumer)
{
    if (!consumer->session || consumer->fault.code || !tb_session_is_writable(consumer->session))
        return;
    amqp_queue_declare_t question = {.queue = amqp_cstring_bytes(consumer->broker.options->queue),
                                     .passive = 1};
    int status = amqp_send_method(consumer->session->state, CHANNEL, AMQP_QUEUE_DECLARE_METHOD, &question);
    if (status != AMQP_STATUS_OK)
        note_fault(consumer, status, "sending");
}

void tb_consumer_stop_consuming(struct tb_consumer *consumer)
{
    if (consumer->is_stopping)
        return;
    consumer->is_stopping = true;
    tb_loop_disarm(consumer->broker.loop, &consumer->connect);
    tb_connector_stop(consumer->connector);
    if (!consumer->session)
        return;
    consumer->cancel_is_due = true;
    flush(consumer);
    unpause(consumer);
}

void tb_consumer_close(struct tb_consumer *consumer)
{
    if (!consumer)
        return;
    disarm_all(consumer);
    tb_connector_free(consumer->connector);
    if (consumer->session) {
        struct pollfd place = {.fd = consumer->session->fd, .events = POLLOUT};
        (void)poll(&place, 1, GOODBYE_US / TB_US_PER_MS);
        flush(consumer);
        tb_loop_disarm(consumer->broker.loop, &consumer->turn);
        drop_session(consumer, GOODBYE_US);
    }
    tb_assembly_deinit(&consumer->assembly);
    tb_hold_clear(&consumer->hold);
    free(consumer);
}

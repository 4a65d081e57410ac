/* Frames into deliveries, and these to where they can go: to the pipeline, or, while it takes none, into the
 * hold.
 *
 * Frames are taken for a few milliseconds at most, then the loop gets its turn. While the pipeline takes
 * nothing, nothing is read at first. RabbitMQ cuts a connection on which it could send nothing for 30
 * seconds, so after some seconds what it sends is read and held in our memory; the prefetch bounds it, and so
 * does the hold. Order is kept: what was held comes before the delivery that found no room, and that before
 * what was not read.
 *
 * A delivery that was offered has its tag in last_tag; it is acknowledged by others. */
#include <errno.h>
#include <sys/epoll.h>

#include "consumer_state.h"

/* How long frames are read before the loop gets its turn, and how many between looks at the clock. */
#define TURN_US     (4 * TB_US_PER_MS)
#define TURN_FRAMES 64
/* How long the pipeline may take nothing before deliveries are held; RabbitMQ waits for 30 s. */
#define PATIENCE_US (5 * TB_US_PER_S)

static void on_blocked(struct tb_consumer *consumer, const amqp_method_t *method)
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
static void on_measured(struct tb_consumer *consumer, const amqp_queue_declare_ok_t *answer)
{
    int64_t waiting = (int64_t)consumer->hold.count + consumer->delivery_waits;
    if (consumer->events.on_measured)
        consumer->events.on_measured(consumer->events.owner, answer->message_count + waiting,
                                     answer->consumer_count);
}

/* Any method but basic.deliver. 0, or negative when the connection is of no use any more. */
static int take_method(struct tb_consumer *consumer, const amqp_frame_t *frame, struct tb_error *err)
{
    const amqp_method_t *method = &frame->payload.method;
    switch (method->id) {
    case AMQP_CONNECTION_CLOSE_METHOD:
    case AMQP_CHANNEL_CLOSE_METHOD:
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

/* Whether the pipeline took it; if not, it is paused. A consumer that stops drops it, back to the queue. */
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
        tb_session_release(&consumer->session, TB_CONSUMER_CHANNEL);
    tb_consumer_update_watch(consumer);
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
        frame->channel == TB_CONSUMER_CHANNEL &&
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
    tb_session_release(&consumer->session, TB_CONSUMER_CHANNEL);
    return rc;
}

/* 0 when the turn is over, positive when all that was at hand is taken or nothing more can be, negative when
 * the connection is of no use any more. */
static int take_frames(struct tb_consumer *consumer, int64_t end_us, bool *ret_is_readable,
                       struct tb_error *err)
{
    for (unsigned count = 1; tb_consumer_may_read(consumer) && !consumer->fault.code; count++) {
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

void tb_consumer_take_turn(struct tb_consumer *consumer)
{
    struct tb_error err = {0};
    int64_t end_us = tb_clock_monotonic_us() + TURN_US;
    bool is_readable = true;
    int rc = place_waiting(consumer, end_us) ? take_frames(consumer, end_us, &is_readable, &err) : 0;
    if (rc < 0)
        tb_consumer_lose(consumer, &err, is_readable);
    else if (consumer->fault.code)
        tb_consumer_lose(consumer, &consumer->fault, false);
    else if (rc == 0)
        tb_loop_arm(consumer->loop, &consumer->turn, 0);
}

void tb_consumer_begin_holding(struct tb_consumer *consumer)
{
    consumer->is_holding = true;
    tb_consumer_take_turn(consumer);
}

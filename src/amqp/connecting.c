/* The connection's beginning and end. Only the beginning waits, bounded by the options.
 *
 * Whatever ends a connection ends in tb_consumer_lose, which leaves the state of one that was never made but
 * for the tags: what they were counted up to is the base of the next connection's. Then a backoff runs. Where
 * the hold had been too small for what the broker sent, the next connection asks for less at a time. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "consumer_state.h"
#include "topology.h"

/* A connection that lasted so long was a good one: the next attempt comes quickly. */
#define LASTING_US (5 * TB_US_PER_S)

/* As configured, unless that was more than could be held. */
static void choose_prefetch(struct tb_consumer *consumer)
{
    bool was_full = consumer->is_holding && consumer->delivery_waits;
    consumer->prefetch = consumer->options.prefetch;
    if (was_full)
        consumer->prefetch = consumer->hold.count > 1 ? (unsigned)consumer->hold.count / 2 : 1;
}

void tb_consumer_lose(struct tb_consumer *consumer, const struct tb_error *err, bool is_polite)
{
    struct tb_error reason = *err;
    bool was_connected = consumer->is_connected;
    int64_t retry_us;

    tb_loop_remove(consumer->loop, &consumer->watch);
    tb_loop_disarm(consumer->loop, &consumer->turn);
    tb_loop_disarm(consumer->loop, &consumer->beat);
    tb_loop_disarm(consumer->loop, &consumer->patience);
    tb_session_close(&consumer->session, is_polite ? TB_CONSUMER_GOODBYE_US : 0);
    choose_prefetch(consumer);
    tb_hold_clear(&consumer->hold);
    tb_assembly_reset(&consumer->assembly);
    consumer->is_connected = consumer->is_paused = consumer->is_holding = consumer->delivery_waits = false;
    consumer->beat_is_due = consumer->cancel_is_due = false;
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
    amqp_basic_qos(session->state, TB_CONSUMER_CHANNEL, 0, (uint16_t)consumer->prefetch, 0);
    int code = tb_session_check_rpc(session, TB_CONSUMER_CHANNEL, err, "setting the prefetch");
    if (code)
        return code < 0 ? code : -EIO;

    struct tb_error reason = {0};
    tb_session_before_rpc(session);
    amqp_basic_consume(session->state, TB_CONSUMER_CHANNEL, amqp_cstring_bytes(queue),
                       amqp_cstring_bytes(consumer->options.instance), 0, 0, 0, amqp_empty_table);
    code = tb_session_check_rpc(session, TB_CONSUMER_CHANNEL, &reason, "consuming queue %s", queue);
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
        rc = tb_session_open_channel(session, TB_CONSUMER_CHANNEL, err);
    if (rc == 0)
        rc = tb_topology_declare(session, TB_CONSUMER_CHANNEL, &consumer->options, topology, err);
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

void tb_consumer_connect(struct tb_consumer *consumer)
{
    struct tb_error err = {0};
    struct tb_topology topology;
    if (begin(consumer, &topology, &err) < 0) {
        tb_consumer_lose(consumer, &err, false);
        return;
    }
    consumer->is_connected = true;
    consumer->connected_at = tb_clock_monotonic_us();
    if (amqp_get_heartbeat(consumer->session.state) > 0)
        tb_loop_arm(consumer->loop, &consumer->beat, 0);
    /* Deliveries may have come together with the last answer: no readiness would tell. */
    tb_loop_arm(consumer->loop, &consumer->turn, 0);
    tell_connected(consumer, &topology);
}

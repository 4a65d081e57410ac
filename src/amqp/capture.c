/* A copy of everything that passes the exchange, on a queue that lives as long as the connection.
 *
 * Deliveries are acknowledged, many at a time, once the caller has come for the next one: a slow caller makes
 * the broker hold back instead of filling our memory, and the acknowledgements keep the connection alive
 * while so much comes that rabbitmq-c never finds the time for a heartbeat. */
#include "taskbridge/amqp/capture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "assembly.h"
#include "session.h"
#include "taskbridge/base/random.h"
#include "topology.h"

#define CHANNEL    1
#define PREFETCH   1000
#define ACK_EVERY  100
#define GOODBYE_US TB_US_PER_S

struct tb_capture {
    struct tb_session session;
    struct tb_assembly assembly;
    char queue[64];
    uint64_t last_tag, acked_tag;
    bool holds_frame; /* the last delivery borrows from rabbitmq-c's memory */
};

static int explain_access(struct tb_capture *capture, const struct tb_amqp_options *options, int code,
                          const struct tb_error *reason, struct tb_error *err)
{
    if (code == AMQP_NOT_FOUND)
        return tb_error_set(err, -ENOENT,
                            "exchange %s is not there yet: start a Celery worker with -E, or a daemon (%s)",
                            options->exchange, reason->text);
    if (code == AMQP_ACCESS_REFUSED)
        return tb_error_set(err, -EACCES,
                            "user %s needs the rights to configure, write and read taskbridge.* and to read "
                            "exchange %s (%s)",
                            capture->session.user, options->exchange, reason->text);
    return tb_error_set(err, code < 0 ? code : -EIO, "%s", reason->text);
}

/* Exclusive and auto-delete; bounded like the bridge's own. */
static int make_queue(struct tb_capture *capture, const struct tb_amqp_options *options, struct tb_error *err)
{
    amqp_table_entry_t bound = {
        .key = amqp_cstring_bytes("x-max-length-bytes"),
        .value = {.kind = AMQP_FIELD_KIND_I64, .value.i64 = options->queue_max_bytes},
    };
    amqp_table_t arguments = {.num_entries = options->queue_max_bytes > 0, .entries = &bound};
    tb_session_before_rpc(&capture->session);
    amqp_queue_declare(capture->session.state, CHANNEL, amqp_cstring_bytes(capture->queue), 0, 0, 1, 1,
                       arguments);
    return tb_session_check_rpc(&capture->session, CHANNEL, err, "declaring queue %s", capture->queue);
}

static int consume(struct tb_capture *capture, struct tb_error *err)
{
    struct tb_session *session = &capture->session;
    tb_session_before_rpc(session);
    amqp_basic_qos(session->state, CHANNEL, 0, PREFETCH, 0);
    int code = tb_session_check_rpc(session, CHANNEL, err, "setting the prefetch");
    if (code)
        return code;
    tb_session_before_rpc(session);
    amqp_basic_consume(session->state, CHANNEL, amqp_cstring_bytes(capture->queue), amqp_empty_bytes, 0, 0, 1,
                       amqp_empty_table);
    return tb_session_check_rpc(session, CHANNEL, err, "consuming queue %s", capture->queue);
}

static int begin(struct tb_capture *capture, const struct tb_amqp_options *options, struct tb_error *err)
{
    struct tb_session *session = &capture->session;
    struct tb_error reason = {0};
    char uuid[TB_UUID_TEXT_BYTES];
    int code = tb_random_uuid(uuid);
    if (code)
        return tb_error_set_errno(err, code, "naming a queue");
    snprintf(capture->queue, sizeof(capture->queue), "taskbridge.capture.%s", uuid);
    code = tb_session_open(session, options, "taskbridge", err);
    if (code == 0)
        code = tb_session_open_channel(session, CHANNEL, err);
    if (code)
        return code;
    code = make_queue(capture, options, &reason);
    if (code == 0)
        code = tb_topology_bind(session, CHANNEL, capture->queue, options->exchange, &reason);
    if (code == 0)
        code = consume(capture, &reason);
    return code ? explain_access(capture, options, code, &reason, err) : 0;
}

int tb_capture_open(const struct tb_amqp_options *options, struct tb_capture **ret_capture,
                    struct tb_error *err)
{
    int code = tb_amqp_options_check(options, err);
    if (code)
        return code;
    struct tb_capture *capture = calloc(1, sizeof(*capture));
    if (!capture)
        return tb_error_set_errno(err, -ENOMEM, "connecting to the broker");
    tb_session_init(&capture->session);
    tb_assembly_init(&capture->assembly);
    code = begin(capture, options, err);
    if (code) {
        tb_capture_close(capture);
        return code;
    }
    *ret_capture = capture;
    return 0;
}

void tb_capture_close(struct tb_capture *capture)
{
    if (!capture)
        return;
    tb_session_close(&capture->session, GOODBYE_US);
    tb_assembly_deinit(&capture->assembly);
    free(capture);
}

/* Settles what the caller is done with, if it is worth a frame. */
static int settle(struct tb_capture *capture, uint64_t least, struct tb_error *err)
{
    struct tb_session *session = &capture->session;
    if (capture->holds_frame)
        tb_session_release(session, CHANNEL);
    capture->holds_frame = false;
    if (capture->last_tag - capture->acked_tag < least)
        return 0;
    int status = amqp_basic_ack(session->state, CHANNEL, capture->last_tag, 1);
    if (status != AMQP_STATUS_OK)
        return tb_session_fail(session, status, err, "acknowledging");
    capture->acked_tag = capture->last_tag;
    return 0;
}

static bool is_method(const amqp_frame_t *frame, amqp_method_number_t id)
{
    return frame->frame_type == AMQP_FRAME_METHOD && frame->payload.method.id == id;
}

static int take_frame(struct tb_capture *capture, const amqp_frame_t *frame, struct tb_captured *captured,
                      struct tb_error *err)
{
    if (is_method(frame, AMQP_CONNECTION_CLOSE_METHOD) || is_method(frame, AMQP_CHANNEL_CLOSE_METHOD)) {
        int code = tb_session_closed_by_peer(&capture->session, frame, err);
        return code < 0 ? code : -EIO;
    }
    if (is_method(frame, AMQP_BASIC_CANCEL_METHOD))
        return tb_error_set(err, -EIO, "somebody deleted queue %s", capture->queue);
    if (frame->channel != CHANNEL)
        return 0; /* connection.blocked and the like concern publishers */
    if (frame->frame_type == AMQP_FRAME_HEADER) {
        const amqp_basic_properties_t *properties = frame->payload.properties.decoded;
        bool has_mode = properties->_flags & AMQP_BASIC_DELIVERY_MODE_FLAG;
        captured->delivery_mode = has_mode ? properties->delivery_mode : 0;
    }
    return tb_assembly_push(&capture->assembly, frame, err);
}

int tb_capture_next(struct tb_capture *capture, int64_t timeout_us, struct tb_captured *ret_captured,
                    struct tb_error *err)
{
    int64_t deadline_us = tb_clock_monotonic_us() + timeout_us;
    int outcome = settle(capture, ACK_EVERY, err);
    while (outcome == 0) {
        amqp_frame_t frame;
        int got = tb_session_wait(&capture->session, deadline_us, &frame, err);
        if (got < 0)
            return got;
        if (got == 0) {
            outcome = settle(capture, 1, err);
            return outcome ? outcome : TB_CAPTURE_NOTHING;
        }
        outcome = take_frame(capture, &frame, ret_captured, err);
        if (outcome != TB_ASSEMBLY_DONE)
            tb_session_release(&capture->session, frame.channel);
    }
    if (outcome != TB_ASSEMBLY_DONE)
        return outcome;
    capture->holds_frame = true;
    capture->last_tag = capture->assembly.delivery.tag;
    ret_captured->delivery = capture->assembly.delivery;
    ret_captured->delivery.received_at = tb_clock_now_us();
    return 0;
}

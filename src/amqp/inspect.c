/* Looking at the broker for a person: is everything there, is it as it must be, may the user do what the
 * daemon does, does the broker take messages.
 *
 * Exchange and queue are first looked for, then declared as the daemon would: a declaration of what exists
 * changes nothing and tells whether its arguments are the same. What does not exist is not made. Rights and
 * alarms are tried on a queue and an exchange of the bridge's own that are gone with the connection. Every
 * step stands alone: what one finds does not keep the others from looking. */
#include "taskbridge/amqp/inspect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "session.h"
#include "taskbridge/base/random.h"
#include "topology.h"

#define CHANNEL    1
#define OWN_PREFIX "taskbridge.inspect."
#define GOODBYE_US (TB_US_PER_S / 2)
/* An alarm is told at once when a message comes; a broker without one confirms it in no time. */
#define ALARM_WAIT_US TB_US_PER_S
/* A queue that is well gives a message in milliseconds. */
#define READING_US (2 * TB_US_PER_S)

static void set_text(struct tb_inspect_item *item, const char *text)
{
    snprintf(item->text, sizeof(item->text), "%s", text);
}

/* The code of a step as a finding; code 0 is GOOD. */
static void record(struct tb_inspect_item *item, int code, const struct tb_error *reason)
{
    item->finding = code == 0                          ? TB_FINDING_GOOD
                    : code == AMQP_NOT_FOUND           ? TB_FINDING_MISSING
                    : code == AMQP_PRECONDITION_FAILED ? TB_FINDING_DIFFERENT
                    : code == AMQP_ACCESS_REFUSED      ? TB_FINDING_FORBIDDEN
                                                       : TB_FINDING_UNKNOWN;
    set_text(item, code == 0 ? "" : reason->text);
}

static int connect_to(struct tb_session *session, const struct tb_amqp_options *options,
                      struct tb_inspection *inspection, struct tb_error *err)
{
    *inspection = (struct tb_inspection){.queue_messages = -1, .queue_consumers = -1};
    int r = tb_amqp_options_check(options, err);
    if (r < 0)
        return r;
    struct tb_buf place;
    tb_buf_init(&place, 4096);
    tb_amqp_options_push_place(options, &place);
    snprintf(inspection->place, sizeof(inspection->place), "%s", place.ptr ? place.ptr : "");
    tb_buf_deinit(&place);

    r = tb_session_open(session, options, "taskbridge", err);
    if (r == 0)
        r = tb_session_open_channel(session, CHANNEL, err);
    if (r < 0) {
        tb_session_close(session, 0);
        return r;
    }
    snprintf(inspection->place, sizeof(inspection->place), "%s as %s", session->name, session->user);
    memcpy(inspection->host, session->host, sizeof(inspection->host));
    memcpy(inspection->vhost, session->vhost, sizeof(inspection->vhost));
    memcpy(inspection->user, session->user, sizeof(inspection->user));
    memcpy(inspection->product, session->product, sizeof(inspection->product));
    memcpy(inspection->version, session->version, sizeof(inspection->version));
    memcpy(inspection->tls, session->tls, sizeof(inspection->tls));
    inspection->heartbeat_s = amqp_get_heartbeat(session->state);
    return 0;
}

/* ---- exchange and queue ---- */

static void look_at_exchange(struct tb_session *session, const struct tb_amqp_options *options,
                             struct tb_inspection *inspection)
{
    struct tb_error reason = {0};
    int code = tb_topology_find_exchange(session, CHANNEL, options->exchange, &reason);
    if (code == 0)
        code = tb_topology_make_exchange(session, CHANNEL, options->exchange, &reason);
    /* Who may only read it can't compare; that it is there is all the daemon needs. */
    if (code == AMQP_ACCESS_REFUSED)
        code = 0;
    record(&inspection->exchange, code, &reason);
}

static int find_queue(struct tb_session *session, const struct tb_amqp_options *options,
                      struct tb_inspection *inspection, struct tb_error *reason)
{
    struct tb_topology topology = {0};
    int code = tb_topology_find_queue(session, CHANNEL, options->queue, &topology, reason);
    if (code == 0) {
        inspection->queue_messages = topology.messages;
        inspection->queue_consumers = topology.consumers;
    }
    return code;
}

/* The broker names the first argument that differs, and the size comes before the type. Asked without a size
 * it names the type, if that differs too. */
static void name_gravest(struct tb_session *session, const struct tb_amqp_options *options,
                         struct tb_error *reason)
{
    struct tb_amqp_options unbounded = *options;
    struct tb_topology topology = {0};
    struct tb_error other = {0};
    unbounded.queue_max_bytes = 0;
    if (tb_topology_make_queue(session, CHANNEL, &unbounded, &topology, &other) == AMQP_PRECONDITION_FAILED &&
        strstr(other.text, "'x-queue-type'"))
        *reason = other;
}

static void look_at_queue(struct tb_session *session, const struct tb_amqp_options *options,
                          struct tb_inspection *inspection)
{
    struct tb_error reason = {0};
    struct tb_topology topology = {0};
    int code = find_queue(session, options, inspection, &reason);
    if (code == 0)
        code = tb_topology_make_queue(session, CHANNEL, options, &topology, &reason);
    if (code == AMQP_PRECONDITION_FAILED)
        name_gravest(session, options, &reason);
    record(&inspection->queue, code, &reason);
}

/* The broker tells of a queue without asking its nodes; only who takes from it learns that they are gone. A
 * message that is taken goes back with the connection. To be called last: what does not answer leaves it
 * useless. */
static void try_reading(struct tb_session *session, const struct tb_amqp_options *options,
                        struct tb_inspection *inspection)
{
    struct tb_error reason = {0};
    if (inspection->queue_messages < 0)
        return;
    session->deadline_us = tb_clock_monotonic_us() + READING_US;
    tb_session_before_rpc(session);
    amqp_basic_get(session->state, CHANNEL, amqp_cstring_bytes(options->queue), 0);
    int code = tb_session_check_rpc(session, CHANNEL, &reason, "reading queue %s", options->queue);
    inspection->reading.finding = code == 0 ? TB_FINDING_GOOD
                                  : code == -ETIMEDOUT || code == TB_SESSION_BROKER_FAULT
                                      ? TB_FINDING_DIFFERENT
                                      : TB_FINDING_UNKNOWN;
    if (inspection->reading.finding != TB_FINDING_DIFFERENT)
        return;
    set_text(&inspection->reading, "it does not answer: most of the broker's nodes that hold it are away");
    inspection->queue_messages = inspection->queue_consumers = -1;
}

/* ---- rights, on things of our own ---- */

static int make_own_queue(struct tb_session *session, const char *name, struct tb_error *err)
{
    tb_session_before_rpc(session);
    amqp_queue_declare(session->state, CHANNEL, amqp_cstring_bytes(name), 0, 0, 1, 1, amqp_empty_table);
    return tb_session_check_rpc(session, CHANNEL, err, "declaring queue %s", name);
}

static void try_binding(struct tb_session *session, const struct tb_amqp_options *options, const char *own,
                        struct tb_inspection *inspection)
{
    struct tb_error reason = {0};
    int code = make_own_queue(session, own, &reason);
    if (code == 0)
        code = tb_topology_bind(session, CHANNEL, own, options->exchange, &reason);
    if (code == 0) {
        tb_session_before_rpc(session);
        amqp_basic_get(session->state, CHANNEL, amqp_cstring_bytes(own), 1);
        code = tb_session_check_rpc(session, CHANNEL, &reason, "reading queue %s", own);
    }
    record(&inspection->binding, code, &reason);
}

static void try_asking(struct tb_session *session, const struct tb_amqp_options *options, const char *own,
                       struct tb_inspection *inspection)
{
    struct tb_error reason = {0};
    char asks[256], replies[256];
    const char *names[] = {asks, replies};
    snprintf(asks, sizeof(asks), "%s.pidbox", options->control_exchange);
    snprintf(replies, sizeof(replies), "reply.%s.pidbox", options->control_exchange);
    int code = 0;
    for (size_t i = 0; code == 0 && i < TB_COUNT(names); i++)
        code = tb_topology_find_exchange(session, CHANNEL, names[i], &reason);
    if (code == 0)
        code = tb_topology_bind(session, CHANNEL, own, replies, &reason);
    record(&inspection->asking, code, &reason);
}

/* ---- alarms ---- */

static int make_own_exchange(struct tb_session *session, const char *name, struct tb_error *err)
{
    tb_session_before_rpc(session);
    amqp_exchange_declare(session->state, CHANNEL, amqp_cstring_bytes(name), amqp_cstring_bytes("direct"), 0,
                          0, 1, 0, amqp_empty_table);
    int code = tb_session_check_rpc(session, CHANNEL, err, "declaring exchange %s", name);
    if (code)
        return code;
    /* Bound, so that it goes when the queue goes with the connection. */
    code = tb_topology_bind(session, CHANNEL, name, name, err);
    if (code)
        return code;
    tb_session_before_rpc(session);
    amqp_confirm_select(session->state, CHANNEL);
    return tb_session_check_rpc(session, CHANNEL, err, "asking for confirmations");
}

static void wait_for_alarm(struct tb_session *session, struct tb_inspect_item *item)
{
    int64_t deadline_us = tb_clock_monotonic_us() + ALARM_WAIT_US;
    amqp_frame_t frame;
    struct tb_error reason = {0};
    while (item->finding == TB_FINDING_UNKNOWN && !reason.code &&
           tb_session_wait(session, deadline_us, &frame, &reason) > 0) {
        amqp_method_number_t id = frame.frame_type == AMQP_FRAME_METHOD ? frame.payload.method.id : 0;
        if (id == AMQP_BASIC_ACK_METHOD)
            item->finding = TB_FINDING_GOOD;
        if (id == AMQP_CHANNEL_CLOSE_METHOD || id == AMQP_CONNECTION_CLOSE_METHOD)
            tb_session_closed_by_peer(session, &frame, &reason);
        if (id == AMQP_CONNECTION_BLOCKED_METHOD) {
            const amqp_connection_blocked_t *blocked = frame.payload.method.decoded;
            item->finding = TB_FINDING_DIFFERENT;
            snprintf(item->text, sizeof(item->text), "%.*s", TB_STR_FMT(tb_session_str(blocked->reason)));
        }
        tb_session_release(session, frame.channel);
    }
    if (item->finding == TB_FINDING_UNKNOWN)
        set_text(item, reason.code ? reason.text : "the broker did not confirm a message in time");
}

static void try_publishing(struct tb_session *session, const char *own, struct tb_inspection *inspection)
{
    struct tb_error reason = {0};
    int code = make_own_exchange(session, own, &reason);
    if (code) {
        record(&inspection->alarm, code, &reason);
        return;
    }
    amqp_bytes_t body = amqp_cstring_bytes("{}");
    int status = amqp_basic_publish(session->state, CHANNEL, amqp_cstring_bytes(own), amqp_cstring_bytes("#"),
                                    0, 0, NULL, body);
    if (status == AMQP_STATUS_OK)
        wait_for_alarm(session, &inspection->alarm);
    else
        set_text(&inspection->alarm, amqp_error_string2(status));
}

/* ---- the whole ---- */

/* Whether the last step found no answer at all: then no other will, and what is left is as unknown. */
static bool is_over(const struct tb_inspect_item *last, struct tb_inspection *inspection)
{
    struct tb_inspect_item *const left[] = {&inspection->binding, &inspection->asking, &inspection->alarm};
    if (last->finding != TB_FINDING_UNKNOWN)
        return false;
    for (size_t i = 0; i < TB_COUNT(left); i++)
        if (left[i] != last && left[i]->finding == TB_FINDING_UNKNOWN)
            memcpy(left[i]->text, last->text, sizeof(left[i]->text));
    return true;
}

int tb_inspect_broker(const struct tb_amqp_options *options, struct tb_inspection *ret_inspection,
                      struct tb_error *err)
{
    struct tb_session session;
    char uuid[TB_UUID_TEXT_BYTES], own[sizeof(OWN_PREFIX) + TB_UUID_TEXT_BYTES];
    tb_session_init(&session);
    int r = tb_random_uuid(uuid);
    if (r < 0)
        return tb_error_set_errno(err, r, "looking at the broker");
    snprintf(own, sizeof(own), OWN_PREFIX "%s", uuid);
    r = connect_to(&session, options, ret_inspection, err);
    if (r < 0)
        return r;
    look_at_exchange(&session, options, ret_inspection);
    look_at_queue(&session, options, ret_inspection);
    tb_session_restart_deadline(&session);
    if (!is_over(&ret_inspection->queue, ret_inspection)) {
        try_binding(&session, options, own, ret_inspection);
        try_asking(&session, options, own, ret_inspection);
    }
    tb_session_restart_deadline(&session);
    if (!is_over(&ret_inspection->asking, ret_inspection))
        try_publishing(&session, own, ret_inspection);
    try_reading(&session, options, ret_inspection);
    tb_session_close(&session, GOODBYE_US);
    return 0;
}

int tb_inspect_depth(const struct tb_amqp_options *options, struct tb_inspection *ret_inspection,
                     struct tb_error *err)
{
    struct tb_session session;
    struct tb_error reason = {0};
    tb_session_init(&session);
    int r = connect_to(&session, options, ret_inspection, err);
    if (r < 0)
        return r;
    record(&ret_inspection->queue, find_queue(&session, options, ret_inspection, &reason), &reason);
    try_reading(&session, options, ret_inspection);
    tb_session_close(&session, GOODBYE_US);
    return 0;
}

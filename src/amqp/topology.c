/* The exchange of Celery's events and the queue of the bridge.
 *
 * The exchange is Celery's: it is looked at first, and made, exactly as Celery makes it, only where no worker
 * with events ever ran. The queue is the bridge's: durable and replicated (quorum), so that nothing is lost
 * with a node, bounded in bytes, so that a forgotten daemon can't fill the broker's disk, and without the
 * limit of deliveries that RabbitMQ 4 brought, which would drop what waits while the database is away.
 *
 * The binding can't be looked at over AMQP, and asking for it anew is no small thing: where a node of a
 * cluster hangs, RabbitMQ holds the answer until it counts the node as gone (60 seconds by default), on every
 * node, while the queue itself can be consumed. So it is asked for on a channel of its own, for whose answer
 * nobody has to wait.
 *
 * A queue that exists with other arguments is used as it is: what waits in it is worth more than its form. */
#include "topology.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define TOPIC "topic"
/* How long consuming waits for the binding: a healthy broker answers in milliseconds, and one that can't may
 * take a minute. */
#define BINDING_US TB_US_PER_S

int tb_topology_find_exchange(struct tb_session *session, amqp_channel_t channel, const char *name,
                              struct tb_error *err)
{
    tb_session_before_rpc(session);
    amqp_exchange_declare(session->state, channel, amqp_cstring_bytes(name), amqp_cstring_bytes(TOPIC), 1, 0,
                          0, 0, amqp_empty_table);
    return tb_session_check_rpc(session, channel, err, "looking for exchange %s", name);
}

int tb_topology_make_exchange(struct tb_session *session, amqp_channel_t channel, const char *name,
                              struct tb_error *err)
{
    tb_session_before_rpc(session);
    amqp_exchange_declare(session->state, channel, amqp_cstring_bytes(name), amqp_cstring_bytes(TOPIC), 0, 1,
                          0, 0, amqp_empty_table);
    return tb_session_check_rpc(session, channel, err, "declaring exchange %s", name);
}

static void remember_depth(struct tb_topology *topology, const amqp_queue_declare_ok_t *answer)
{
    if (!answer)
        return;
    topology->messages = answer->message_count;
    topology->consumers = answer->consumer_count;
}

int tb_topology_find_queue(struct tb_session *session, amqp_channel_t channel, const char *name,
                           struct tb_topology *ret_topology, struct tb_error *err)
{
    tb_session_before_rpc(session);
    remember_depth(ret_topology, amqp_queue_declare(session->state, channel, amqp_cstring_bytes(name), 1, 1,
                                                    0, 0, amqp_empty_table));
    return tb_session_check_rpc(session, channel, err, "looking for queue %s", name);
}

static amqp_table_entry_t text_argument(const char *key, const char *value)
{
    return (amqp_table_entry_t){
        .key = amqp_cstring_bytes(key),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes(value)},
    };
}

static amqp_table_entry_t number_argument(const char *key, int64_t value)
{
    return (amqp_table_entry_t){
        .key = amqp_cstring_bytes(key),
        .value = {.kind = AMQP_FIELD_KIND_I64, .value.i64 = value},
    };
}

int tb_topology_make_queue(struct tb_session *session, amqp_channel_t channel,
                           const struct tb_amqp_options *options, struct tb_topology *ret_topology,
                           struct tb_error *err)
{
    amqp_table_entry_t entries[4];
    amqp_table_t arguments = {.entries = entries};
    entries[arguments.num_entries++] = text_argument("x-queue-type", "quorum");
    if (options->queue_max_bytes > 0) {
        entries[arguments.num_entries++] = number_argument("x-max-length-bytes", options->queue_max_bytes);
        entries[arguments.num_entries++] = text_argument("x-overflow", "drop-head");
    }
    if (session->version_major >= 4)
        entries[arguments.num_entries++] = number_argument("x-delivery-limit", -1);

    tb_session_before_rpc(session);
    remember_depth(ret_topology,
                   amqp_queue_declare(session->state, channel, amqp_cstring_bytes(options->queue), 0, 1, 0, 0,
                                      arguments));
    return tb_session_check_rpc(session, channel, err, "declaring queue %s", options->queue);
}

int tb_topology_bind(struct tb_session *session, amqp_channel_t channel, const char *queue,
                     const char *exchange, struct tb_error *err)
{
    tb_session_before_rpc(session);
    amqp_queue_bind(session->state, channel, amqp_cstring_bytes(queue), amqp_cstring_bytes(exchange),
                    amqp_cstring_bytes("#"), amqp_empty_table);
    return tb_session_check_rpc(session, channel, err, "binding queue %s to exchange %s", queue, exchange);
}

/* ---- exchange and queue ---- */

static void TB_PRINTF(2, 3) warn(struct tb_topology *topology, const char *format, ...)
{
    size_t len = strlen(topology->warnings);
    if (len && len + 1 < sizeof(topology->warnings))
        topology->warnings[len++] = '\n';
    va_list args;
    va_start(args, format);
    vsnprintf(topology->warnings + len, sizeof(topology->warnings) - len, format, args);
    va_end(args);
}

static int declare_exchange(struct tb_session *session, amqp_channel_t channel,
                            const struct tb_amqp_options *options, struct tb_topology *topology,
                            struct tb_error *err)
{
    struct tb_error reason = {0};
    int code = tb_topology_find_exchange(session, channel, options->exchange, &reason);
    if (code == AMQP_NOT_FOUND) {
        tb_error_clear(&reason);
        code = tb_topology_make_exchange(session, channel, options->exchange, &reason);
        topology->exchange_was_made = code == 0;
    }
    if (code == 0)
        return 0;
    if (code == AMQP_ACCESS_REFUSED)
        return tb_error_set(
            err, -EACCES,
            "exchange %s does not exist yet, and user %s may not make it: start a Celery worker with "
            "-E once, or give the user the right to configure it (%s)",
            options->exchange, session->user, reason.text);
    return tb_error_set(err, code < 0 ? code : -EIO, "%s", reason.text);
}

/* The queue is there, whatever its arguments. */
static int use_queue_as_it_is(struct tb_session *session, amqp_channel_t channel,
                              const struct tb_amqp_options *options, struct tb_topology *topology, int code,
                              const struct tb_error *reason, struct tb_error *err)
{
    if (code == AMQP_PRECONDITION_FAILED)
        warn(topology,
             "queue %s exists with other arguments and is used as it is; to have it as configured, start "
             "daemons "
             "with another amqp.queue.name beside these, and when this queue is empty stop these and delete "
             "it (%s)",
             options->queue, reason->text);
    else
        warn(topology, "queue %s is used as it is: user %s may not configure it (%s)", options->queue,
             session->user, reason->text);
    code = tb_topology_find_queue(session, channel, options->queue, topology, err);
    return code > 0 ? -EIO : code;
}

static int declare_queue(struct tb_session *session, amqp_channel_t channel,
                         const struct tb_amqp_options *options, struct tb_topology *topology,
                         struct tb_error *err)
{
    struct tb_error reason = {0};
    int code = tb_topology_find_queue(session, channel, options->queue, topology, &reason);
    if (code < 0)
        return tb_error_set(err, code, "%s", reason.text);
    topology->queue_was_made = code == AMQP_NOT_FOUND;

    tb_error_clear(&reason);
    code = tb_topology_make_queue(session, channel, options, topology, &reason);
    if (code == 0)
        return 0;
    if (code == AMQP_PRECONDITION_FAILED || (code == AMQP_ACCESS_REFUSED && !topology->queue_was_made)) {
        topology->queue_was_made = false;
        return use_queue_as_it_is(session, channel, options, topology, code, &reason, err);
    }
    if (code == AMQP_ACCESS_REFUSED)
        return tb_error_set(err, -EACCES,
                            "user %s may not make queue %s: give it the rights to configure, write and read "
                            "it (%s)",
                            session->user, options->queue, reason.text);
    return tb_error_set(err, code < 0 ? code : -EIO, "%s", reason.text);
}

static int declare(struct tb_session *session, amqp_channel_t channel, const struct tb_amqp_options *options,
                   struct tb_topology *ret_topology, struct tb_error *err)
{
    *ret_topology = (struct tb_topology){0};
    int r = declare_exchange(session, channel, options, ret_topology, err);
    return r ? r : declare_queue(session, channel, options, ret_topology, err);
}

/* ---- the binding ---- */

int tb_topology_ask_to_bind(struct tb_session *session, amqp_channel_t channel,
                            const struct tb_amqp_options *options, struct tb_error *err)
{
    amqp_queue_bind_t request = {.queue = amqp_cstring_bytes(options->queue),
                                 .exchange = amqp_cstring_bytes(options->exchange),
                                 .routing_key = amqp_cstring_bytes("#")};
    int status = amqp_send_method(session->state, channel, AMQP_QUEUE_BIND_METHOD, &request);
    return status == AMQP_STATUS_OK ? 0 : tb_session_fail(session, status, err, "binding the queue");
}

static int refuse_binding(struct tb_session *session, const amqp_frame_t *frame,
                          const struct tb_amqp_options *options, struct tb_error *err)
{
    struct tb_error reason = {0};
    int code = tb_session_closed_by_peer(session, frame, &reason);
    if (code == AMQP_ACCESS_REFUSED)
        return tb_error_set(err, TB_BINDING_REFUSED,
                            "user %s may not bind queue %s to exchange %s: if it is not bound already, no "
                            "event arrives; give "
                            "the user the rights to write the queue and to read the exchange (%s)",
                            session->user, options->queue, options->exchange, reason.text);
    return tb_error_set(err, code < 0 ? code : -EIO, "binding queue %s to exchange %s: %s", options->queue,
                        options->exchange, reason.text);
}

int tb_topology_take_binding(struct tb_session *session, const amqp_frame_t *frame,
                             const struct tb_amqp_options *options, struct tb_error *err)
{
    if (frame->frame_type != AMQP_FRAME_METHOD)
        return TB_BINDING_UNKNOWN;
    switch (frame->payload.method.id) {
    case AMQP_QUEUE_BIND_OK_METHOD:
        return 0;
    case AMQP_CHANNEL_CLOSE_METHOD:
    case AMQP_CONNECTION_CLOSE_METHOD:
        return refuse_binding(session, frame, options, err);
    default:
        return TB_BINDING_UNKNOWN;
    }
}

static int await_binding(struct tb_session *session, amqp_channel_t channel,
                         const struct tb_amqp_options *options, int64_t deadline_us, struct tb_error *err)
{
    for (;;) {
        amqp_frame_t frame;
        int r = tb_session_wait(session, deadline_us, &frame, err);
        if (r <= 0)
            return r < 0 ? r : TB_BINDING_UNKNOWN;
        r = frame.channel == channel || frame.channel == 0
                ? tb_topology_take_binding(session, &frame, options, err)
                : TB_BINDING_UNKNOWN;
        tb_session_release(session, frame.channel);
        if (r != TB_BINDING_UNKNOWN)
            return r;
    }
}

/* ---- the whole ---- */

static int find_binding(struct tb_session *session, const struct tb_amqp_options *options,
                        struct tb_topology_task *task, struct tb_error *err)
{
    struct tb_topology *topology = &task->topology;
    struct tb_error reason = {0};
    bool is_new = topology->queue_was_made || topology->exchange_was_made;
    int r = tb_session_open_channel(session, TB_TOPOLOGY_BIND_CHANNEL, err);
    if (r < 0 || (!is_new && strcmp(task->bound_to, session->name) == 0))
        return r;
    r = tb_topology_ask_to_bind(session, TB_TOPOLOGY_BIND_CHANNEL, options, err);
    if (r < 0)
        return r;
    int64_t deadline_us = is_new ? session->deadline_us : tb_clock_monotonic_us() + BINDING_US;
    task->binding = await_binding(session, TB_TOPOLOGY_BIND_CHANNEL, options, deadline_us, &reason);
    if (task->binding == TB_BINDING_REFUSED && !topology->queue_was_made)
        warn(topology, "%s", reason.text);
    else if (task->binding == TB_BINDING_REFUSED)
        return tb_error_set(err, -EACCES, "%s", reason.text);
    else if (task->binding == TB_BINDING_UNKNOWN && is_new)
        return tb_error_set(err, -ETIMEDOUT, "the broker %s did not bind queue %s to exchange %s in time",
                            session->place, options->queue, options->exchange);
    return task->binding < 0 ? tb_error_set(err, task->binding, "%s", reason.text) : 0;
}

static int consume(struct tb_session *session, const struct tb_amqp_options *options, unsigned prefetch,
                   struct tb_error *err)
{
    const char *queue = options->queue;
    tb_session_before_rpc(session);
    amqp_basic_qos(session->state, TB_TOPOLOGY_CHANNEL, 0, (uint16_t)prefetch, 0);
    int code = tb_session_check_rpc(session, TB_TOPOLOGY_CHANNEL, err, "setting the prefetch");
    if (code)
        return code < 0 ? code : -EIO;

    struct tb_error reason = {0};
    tb_session_before_rpc(session);
    amqp_basic_consume(session->state, TB_TOPOLOGY_CHANNEL, amqp_cstring_bytes(queue),
                       amqp_cstring_bytes(options->instance), 0, 0, 0, amqp_empty_table);
    code = tb_session_check_rpc(session, TB_TOPOLOGY_CHANNEL, &reason, "consuming queue %s", queue);
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

int tb_topology_set_up(struct tb_session *session, const struct tb_amqp_options *options, void *data,
                       struct tb_error *err)
{
    struct tb_topology_task *task = data;
    task->binding = 0;
    int r = tb_session_open_channel(session, TB_TOPOLOGY_CHANNEL, err);
    if (r == 0)
        r = declare(session, TB_TOPOLOGY_CHANNEL, options, &task->topology, err);
    if (r == 0)
        r = find_binding(session, options, task, err);
    return r < 0 ? r : consume(session, options, task->prefetch, err);
}

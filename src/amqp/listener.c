/* A queue of our own for answers, set up by steps while the connection serves others.
 *
 * Each step is a request whose answer brings the next; a refusal costs the AMQP channel, and is either the
 * end or another way. A broker that does not answer one holds nothing but this.
 *
 * The exchange of answers must be declared exactly as workers do it, or their channels break: it is looked
 * for first. The queue bears the bridge's own name, for its user owns nothing else. */
#include "listener.h"

#include <errno.h>
#include <stdio.h>

#define CHANNEL TB_LISTENER_CHANNEL

int tb_listener_init(struct tb_listener *listener)
{
    *listener = (struct tb_listener){.step = TB_LISTENER_NOT};
    int r = tb_random_uuid(listener->key);
    if (r < 0)
        return r;
    snprintf(listener->queue, sizeof(listener->queue), TB_LISTENER_PREFIX "%s", listener->key);
    tb_assembly_init(&listener->assembly);
    return 0;
}

void tb_listener_deinit(struct tb_listener *listener)
{
    tb_assembly_deinit(&listener->assembly);
}

void tb_listener_reset(struct tb_listener *listener)
{
    tb_assembly_reset(&listener->assembly);
    listener->step = TB_LISTENER_NOT;
    listener->is_due = listener->is_open = false;
}

static void go_to(struct tb_listener *listener, enum tb_listener_step step)
{
    listener->step = step;
    listener->is_due = step != TB_LISTENER_NOT && step != TB_LISTENER_READY;
}

void tb_listener_begin(struct tb_listener *listener, const struct tb_mailbox *mailbox)
{
    listener->mailbox = mailbox;
    if (listener->step == TB_LISTENER_NOT)
        go_to(listener, listener->is_open ? TB_LISTENER_FINDS_ASKS : TB_LISTENER_OPENS);
}

/* ---- requests ---- */

static int send_exchange(struct tb_session *session, const char *name, const char *type, bool is_passive)
{
    amqp_exchange_declare_t declare = {
        .exchange = amqp_cstring_bytes(name), .type = amqp_cstring_bytes(type), .passive = is_passive};
    return amqp_send_method(session->state, CHANNEL, AMQP_EXCHANGE_DECLARE_METHOD, &declare);
}

static int send_bind(const struct tb_listener *listener, struct tb_session *session)
{
    amqp_queue_bind_t bind = {.queue = amqp_cstring_bytes(listener->queue),
                              .exchange = amqp_cstring_bytes(listener->mailbox->replies),
                              .routing_key = amqp_cstring_bytes(listener->key)};
    return amqp_send_method(session->state, CHANNEL, AMQP_QUEUE_BIND_METHOD, &bind);
}

int tb_listener_write(struct tb_listener *listener, struct tb_session *session)
{
    amqp_connection_state_t state = session->state;
    const struct tb_mailbox *mailbox = listener->mailbox;
    amqp_bytes_t queue = amqp_cstring_bytes(listener->queue);
    amqp_channel_open_t open = {0};
    amqp_queue_declare_t declare = {.queue = queue, .exclusive = 1, .auto_delete = 1};
    amqp_basic_consume_t consume = {.queue = queue, .no_ack = 1, .exclusive = 1};
    listener->is_due = false;
    switch (listener->step) {
    case TB_LISTENER_OPENS:
    case TB_LISTENER_OPENS_AGAIN:
        return amqp_send_method(state, CHANNEL, AMQP_CHANNEL_OPEN_METHOD, &open);
    case TB_LISTENER_FINDS_ASKS:
        return send_exchange(session, mailbox->asks, "fanout", true);
    case TB_LISTENER_FINDS_REPLIES:
        return send_exchange(session, mailbox->replies, "direct", true);
    case TB_LISTENER_MAKES_REPLIES:
        return send_exchange(session, mailbox->replies, "direct", false);
    case TB_LISTENER_MAKES_QUEUE:
        return amqp_send_method(state, CHANNEL, AMQP_QUEUE_DECLARE_METHOD, &declare);
    case TB_LISTENER_BINDS:
        return send_bind(listener, session);
    case TB_LISTENER_CONSUMES:
        return amqp_send_method(state, CHANNEL, AMQP_BASIC_CONSUME_METHOD, &consume);
    case TB_LISTENER_NOT:
    case TB_LISTENER_READY:
        break;
    }
    return AMQP_STATUS_OK;
}

/* ---- answers ---- */

#define QUEUES "queues " TB_LISTENER_PREFIX "…"

static const struct step {
    amqp_method_number_t answer;
    enum tb_listener_step next;
    const char *right; /* what it takes; NULL: nothing of its own */
} steps[] = {
    [TB_LISTENER_OPENS] = {AMQP_CHANNEL_OPEN_OK_METHOD, TB_LISTENER_FINDS_ASKS, NULL},
    [TB_LISTENER_FINDS_ASKS] = {AMQP_EXCHANGE_DECLARE_OK_METHOD, TB_LISTENER_FINDS_REPLIES, NULL},
    [TB_LISTENER_FINDS_REPLIES] = {AMQP_EXCHANGE_DECLARE_OK_METHOD, TB_LISTENER_MAKES_QUEUE, NULL},
    [TB_LISTENER_OPENS_AGAIN] = {AMQP_CHANNEL_OPEN_OK_METHOD, TB_LISTENER_MAKES_REPLIES, NULL},
    [TB_LISTENER_MAKES_REPLIES] = {AMQP_EXCHANGE_DECLARE_OK_METHOD, TB_LISTENER_MAKES_QUEUE,
                                   "configure exchange "},
    [TB_LISTENER_MAKES_QUEUE] = {AMQP_QUEUE_DECLARE_OK_METHOD, TB_LISTENER_BINDS,
                                 "configure, write and read " QUEUES},
    [TB_LISTENER_BINDS] = {AMQP_QUEUE_BIND_OK_METHOD, TB_LISTENER_CONSUMES,
                           "write " QUEUES " and read exchange "},
    [TB_LISTENER_CONSUMES] = {AMQP_BASIC_CONSUME_OK_METHOD, TB_LISTENER_READY, "read " QUEUES},
    [TB_LISTENER_READY] = {0, TB_LISTENER_READY, NULL},
};

/* The right that the step lacks; one that names an exchange ends with a space. */
static int forbid(const struct tb_listener *listener, const struct tb_session *session,
                  const struct tb_error *reason, struct tb_error *err)
{
    const char *right = steps[listener->step].right ? steps[listener->step].right : "see exchange ";
    bool is_exchange = tb_str_ends_with(tb_str_of(right), TB_STR(" "));
    return tb_error_set(err, TB_LISTENER_FORBIDDEN, "user %s needs the right to %s%s (%s)", session->user,
                        right, is_exchange ? listener->mailbox->replies : "", reason->text);
}

static int take_refusal(struct tb_listener *listener, struct tb_session *session, const amqp_frame_t *frame,
                        struct tb_error *err)
{
    struct tb_error reason = {0};
    enum tb_listener_step step = listener->step;
    int code = tb_session_closed_by_peer(session, frame, &reason);
    listener->is_open = false;
    if (code == AMQP_NOT_FOUND && step == TB_LISTENER_FINDS_REPLIES) {
        go_to(listener, TB_LISTENER_OPENS_AGAIN);
        return 0;
    }
    int r = code < 0 ? code : -EIO;
    if (code == AMQP_NOT_FOUND && step == TB_LISTENER_FINDS_ASKS)
        r = tb_error_set(err, TB_LISTENER_NOBODY, "%s", reason.text);
    else if (code == AMQP_ACCESS_REFUSED && step != TB_LISTENER_READY)
        r = forbid(listener, session, &reason, err);
    else
        tb_error_set(err, r, "%s", reason.text);
    go_to(listener, TB_LISTENER_NOT);
    return r;
}

static int take_method(struct tb_listener *listener, struct tb_session *session, const amqp_frame_t *frame,
                       struct tb_error *err)
{
    amqp_method_number_t id = frame->payload.method.id;
    if (id == AMQP_CHANNEL_CLOSE_METHOD)
        return take_refusal(listener, session, frame, err);
    if (id == AMQP_BASIC_CANCEL_METHOD)
        return tb_error_set(err, -ECONNRESET, "the broker cancelled the queue of answers");
    if (id != steps[listener->step].answer)
        return 0;
    listener->is_open = true;
    go_to(listener, steps[listener->step].next);
    return listener->step == TB_LISTENER_READY ? TB_LISTENER_DONE : 0;
}

int tb_listener_take(struct tb_listener *listener, struct tb_session *session, const amqp_frame_t *frame,
                     struct tb_error *err)
{
    if (frame->frame_type == AMQP_FRAME_METHOD && frame->payload.method.id != AMQP_BASIC_DELIVER_METHOD)
        return take_method(listener, session, frame, err);
    int r = tb_assembly_push(&listener->assembly, frame, err);
    return r == TB_ASSEMBLY_DONE ? TB_LISTENER_REPLY : r;
}

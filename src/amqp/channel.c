/* Messages with confirmation, without waiting for it.
 *
 * A letter is a message under way: it waits to be written, then for the broker's word. Letters are written in
 * the order in which they came, as many as may be unconfirmed, and only when the kernel takes a whole one at
 * once. The broker confirms numbers; what it could not route it returns, before the confirmation, and is
 * known by its message_id.
 *
 * A message that the broker refuses (403, 404) costs the AMQP channel, which is opened again by steps, each
 * the answer to the one before; letters unconfirmed by then have the refusal as their outcome where it names
 * their exchange, and are of unknown fate otherwise. Answers come on a second one (listener.c). */
#include "taskbridge/amqp/channel.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "connector.h"
#include "listener.h"
#include "message.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/base/random.h"
#include "taskbridge/io/backoff.h"

#define PUBLISHING 1
#define LISTENING  TB_LISTENER_CHANNEL
#define POOL_BYTES (4 * TB_KIB)
/* How many frames are taken before the loop gets its turn. */
#define TURN_FRAMES    256
#define GOODBYE_US     (TB_US_PER_S / 10)
#define RETRY_FIRST_US (100 * TB_US_PER_MS)
#define RETRY_MAX_US   (5 * TB_US_PER_S)
/* A connection that lasted so long was a good one: the next attempt comes quickly. */
#define LASTING_US (5 * TB_US_PER_S)
/* How soon is looked again whether the kernel has room for a letter. */
#define ROOM_US (5 * TB_US_PER_MS)
/* What the kernel is asked to hold: twice this, of which a message with its overhead is a part. */
#define SEND_BUFFER_BYTES ((int)(512 * TB_KIB))

struct tb_letter {
    struct tb_letter *next;
    struct tb_sending *sending; /* NULL once withdrawn */
    struct tb_message message;  /* texts behind this struct */
    uint64_t number;            /* on the channel; 0 while it waits */
    uint64_t id;                /* over the channel's life */
    size_t bytes;
    bool is_returned;
    char text[];
};

struct letters {
    struct tb_letter *first, **end;
    size_t count;
};

/* What is asked for next on the channel of messages where the answer to the last came. */
enum publishing { PUBLISHING_CLOSED, PUBLISHING_OPENS, PUBLISHING_SELECTS, PUBLISHING_READY };

struct tb_channel {
    struct tb_broker broker;
    struct tb_channel_events events;
    const struct tb_mailbox *mailbox; /* that is wanted; NULL: none at present */
    struct tb_connector *connector;
    struct tb_session *session; /* owned; NULL while there is no connection */
    struct tb_listener listener;
    struct tb_watch watch;
    struct tb_timer connect, turn, beat;
    struct tb_backoff backoff;
    int64_t connected_at, retry_at; /* monotonic */
    enum publishing publishing;
    bool publishing_is_due; /* the request of the step is to be written */
    bool is_returning;      /* a returned message's header and body come next */
    bool beat_is_due;
    struct letters waiting, written;
    size_t bytes; /* of all letters */
    uint64_t last_number, last_id;
    amqp_pool_t pool; /* of one message's headers */
    bool is_blocked;
    char block_reason[128];
    struct tb_error fault;
};

/* ---- letters ---- */

static void push_letter(struct letters *letters, struct tb_letter *letter)
{
    if (!letters->first)
        letters->end = &letters->first;
    letter->next = NULL;
    *letters->end = letter;
    letters->end = &letter->next;
    letters->count++;
}

static struct tb_letter *pop_letter(struct letters *letters)
{
    struct tb_letter *letter = letters->first;
    letters->first = letter->next;
    if (!letters->first)
        letters->end = &letters->first;
    letters->count--;
    return letter;
}

static void copy_text(struct tb_str *text, char **at)
{
    if (tb_str_is_null(*text))
        return;
    if (text->len)
        memcpy(*at, text->ptr, text->len);
    text->ptr = *at;
    *at += text->len;
}

static size_t text_bytes(const struct tb_message *message)
{
    return strlen(message->exchange) + 1 + message->routing_key.len + message->body.len +
           message->content_type.len + message->content_encoding.len + message->headers.len +
           message->correlation_id.len + message->reply_to.len;
}

/* NULL without memory. */
static struct tb_letter *new_letter(const struct tb_message *message)
{
    size_t bytes = sizeof(struct tb_letter) + text_bytes(message);
    struct tb_letter *letter = malloc(bytes);
    if (!letter)
        return NULL;
    *letter = (struct tb_letter){.message = *message, .bytes = bytes};
    char *at = letter->text;
    letter->message.exchange = at;
    at = stpcpy(at, message->exchange) + 1;
    struct tb_str *const texts[] = {&letter->message.routing_key,  &letter->message.body,
                                    &letter->message.content_type, &letter->message.content_encoding,
                                    &letter->message.headers,      &letter->message.correlation_id,
                                    &letter->message.reply_to};
    for (size_t i = 0; i < TB_COUNT(texts); i++)
        copy_text(texts[i], &at);
    return letter;
}

/* Of a letter that is in no list any more. */
static void settle(struct tb_channel *channel, struct tb_letter *letter, int outcome,
                   const struct tb_error *err)
{
    struct tb_sending *sending = letter->sending;
    channel->bytes -= letter->bytes;
    free(letter);
    if (!sending)
        return;
    sending->letter = NULL;
    sending->on_sent(sending, outcome, err);
}

static void unlink_letter(struct letters *letters, struct tb_letter *letter)
{
    struct tb_letter **at = &letters->first;
    while (*at != letter)
        at = &(*at)->next;
    *at = letter->next;
    if (letters->end == &letter->next)
        letters->end = at;
    letters->count--;
}

static void settle_returned(struct tb_channel *channel, struct tb_letter *letter)
{
    struct tb_error err = {0};
    tb_error_set(&err, TB_PUBLISH_UNROUTED, "no queue takes messages of exchange \"%s\" with key \"%.*s\"",
                 letter->message.exchange, TB_STR_FMT(letter->message.routing_key));
    settle(channel, letter, TB_PUBLISH_UNROUTED, &err);
}

static void settle_answered(struct tb_channel *channel, struct tb_letter *letter, bool is_good)
{
    struct tb_error err = {0};
    unlink_letter(&channel->written, letter);
    if (letter->is_returned) {
        settle_returned(channel, letter);
        return;
    }
    if (!is_good)
        tb_error_set(
            &err, TB_PUBLISH_REFUSED,
            "the broker refused a message: its queue is full and rejects, or the broker's log says why");
    settle(channel, letter, is_good ? 0 : TB_PUBLISH_REFUSED, &err);
}

static struct tb_letter *find_written(const struct tb_channel *channel, uint64_t number, bool is_multiple)
{
    for (struct tb_letter *letter = channel->written.first; letter; letter = letter->next)
        if (letter->number == number || (is_multiple && letter->number < number))
            return letter;
    return NULL;
}

/* A callback may publish or withdraw: the list is looked at anew each time. */
static void take_answer(struct tb_channel *channel, uint64_t number, bool is_multiple, bool is_good)
{
    struct tb_letter *letter;
    while ((letter = find_written(channel, number, is_multiple)))
        settle_answered(channel, letter, is_good);
}

/* Of all that were written: what the broker made of them is not known, but of those to an exchange that it
 * refused. */
static void settle_all(struct tb_channel *channel, int outcome, const char *exchange,
                       const struct tb_error *err)
{
    struct letters written = channel->written;
    struct tb_error unknown = {0};
    tb_error_set(&unknown, -ECONNRESET, "not known to be published: %s", err->text);
    channel->written = (struct letters){0};
    while (written.first) {
        struct tb_letter *letter = pop_letter(&written);
        bool is_refused = exchange && strcmp(letter->message.exchange, exchange) == 0;
        settle(channel, letter, is_refused ? outcome : -ECONNRESET, is_refused ? err : &unknown);
    }
}

/* ---- output ---- */

static int send_publishing_step(struct tb_channel *channel)
{
    amqp_connection_state_t state = channel->session->state;
    amqp_channel_open_t open = {0};
    amqp_confirm_select_t confirm = {0};
    channel->publishing_is_due = false;
    return channel->publishing == PUBLISHING_OPENS
               ? amqp_send_method(state, PUBLISHING, AMQP_CHANNEL_OPEN_METHOD, &open)
               : amqp_send_method(state, PUBLISHING, AMQP_CONFIRM_SELECT_METHOD, &confirm);
}

static int send_beat(struct tb_channel *channel)
{
    amqp_frame_t frame = {.frame_type = AMQP_FRAME_HEARTBEAT};
    channel->beat_is_due = false;
    return amqp_send_frame(channel->session->state, &frame);
}

/* Whether the kernel takes a whole letter at once: rabbitmq-c would wait for the rest. */
static bool has_room(const struct tb_channel *channel, size_t bytes)
{
    int queued = 0;
    if (ioctl(channel->session->fd, SIOCOUTQ, &queued) < 0)
        queued = 0;
    return queued == 0 || (size_t)queued + bytes <= TB_CHANNEL_MAX_MESSAGE_BYTES;
}

static bool may_write_letter(const struct tb_channel *channel)
{
    return channel->waiting.first && channel->publishing == PUBLISHING_READY && !channel->is_blocked &&
           channel->written.count < TB_CHANNEL_MAX_UNCONFIRMED;
}

static void write_letter(struct tb_channel *channel)
{
    char id[24];
    struct tb_error err = {0};
    struct tb_letter *letter = pop_letter(&channel->waiting);
    snprintf(id, sizeof(id), "%llu", (unsigned long long)letter->id);
    int r =
        tb_message_write(channel->session, PUBLISHING, &letter->message, tb_str_of(id), &channel->pool, &err);
    letter->number = ++channel->last_number;
    push_letter(&channel->written, letter);
    if (r < 0)
        channel->fault = err;
}

/* Whether something was written. */
static bool write_next(struct tb_channel *channel)
{
    int status = AMQP_STATUS_OK;
    if (channel->publishing_is_due)
        status = send_publishing_step(channel);
    else if (channel->listener.is_due)
        status = tb_listener_write(&channel->listener, channel->session);
    else if (channel->beat_is_due)
        status = send_beat(channel);
    else if (may_write_letter(channel) && has_room(channel, channel->waiting.first->bytes))
        write_letter(channel);
    else
        return false;
    if (status != AMQP_STATUS_OK)
        tb_session_fail(channel->session, status, &channel->fault, "sending");
    return true;
}

/* Writes what is due, as long as the socket takes it without waiting. */
static void flush(struct tb_channel *channel)
{
    bool is_writable = true, has_written = true;
    while (has_written && !channel->fault.code && (is_writable = tb_session_is_writable(channel->session)))
        has_written = write_next(channel);
    if (channel->fault.code)
        tb_loop_arm(channel->broker.loop, &channel->turn, 0);
    else if (is_writable && may_write_letter(channel))
        tb_loop_arm(channel->broker.loop, &channel->turn, ROOM_US);
    tb_loop_change(channel->broker.loop, &channel->watch, is_writable ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

/* ---- the connection's end ---- */

static bool is_needed(const struct tb_channel *channel)
{
    return channel->waiting.first || channel->mailbox;
}

static void need_connection(struct tb_channel *channel)
{
    if (channel->session || channel->connect.armed || tb_connector_is_under_way(channel->connector))
        return;
    tb_loop_arm(channel->broker.loop, &channel->connect, channel->retry_at - tb_clock_monotonic_us());
}

static void tell_lost(struct tb_channel *channel, const struct tb_error *err)
{
    channel->mailbox = NULL;
    channel->retry_at = tb_clock_monotonic_us() + tb_backoff_next_us(&channel->backoff);
    channel->events.on_lost(channel->events.owner, err);
    if (is_needed(channel))
        need_connection(channel);
}

static void drop_session(struct tb_channel *channel, int64_t polite_us)
{
    tb_loop_disarm(channel->broker.loop, &channel->turn);
    tb_loop_disarm(channel->broker.loop, &channel->beat);
    tb_loop_remove(channel->broker.loop, &channel->watch);
    if (channel->session)
        tb_session_close(channel->session, polite_us);
    free(channel->session);
    channel->session = NULL;
}

/* err may be the channel's own fault. */
static void lose(struct tb_channel *channel, const struct tb_error *err)
{
    struct tb_error reason = *err;
    /* Where the broker closed it in words, the code is the broker's: no outcome of ours. */
    if (reason.code >= 0)
        reason.code = -ECONNRESET;
    drop_session(channel, 0);
    tb_listener_reset(&channel->listener);
    channel->publishing = PUBLISHING_CLOSED;
    channel->is_blocked = channel->is_returning = channel->beat_is_due = false;
    channel->publishing_is_due = false;
    tb_error_clear(&channel->fault);
    if (tb_clock_monotonic_us() - channel->connected_at >= LASTING_US)
        tb_backoff_reset(&channel->backoff);
    settle_all(channel, -ECONNRESET, NULL, &reason);
    tell_lost(channel, &reason);
}

/* ---- what comes on the channel of messages ---- */

static void step_publishing(struct tb_channel *channel, enum publishing next)
{
    channel->publishing = next;
    channel->publishing_is_due = next == PUBLISHING_OPENS || next == PUBLISHING_SELECTS;
}

/* The name in single quotes, as in "no exchange 'x' in vhost '/'" and "access to exchange 'x' … refused". */
static bool find_exchange(const char *text, char *ret_name, size_t bytes)
{
    const char *begin = strstr(text, "exchange '");
    const char *end = begin ? strchr(begin + strlen("exchange '"), '\'') : NULL;
    if (!end)
        return false;
    begin += strlen("exchange '");
    snprintf(ret_name, bytes, "%.*s", (int)(end - begin), begin);
    return true;
}

static int take_refusal(struct tb_channel *channel, const amqp_frame_t *frame, struct tb_error *err)
{
    struct tb_error reason = {0};
    char exchange[256];
    int code = tb_session_closed_by_peer(channel->session, frame, &reason);
    bool is_refusal = code == AMQP_ACCESS_REFUSED || code == AMQP_NOT_FOUND;
    if (!is_refusal || channel->publishing != PUBLISHING_READY)
        return tb_error_set(err, -EIO, "%s", reason.text);
    int outcome = code == AMQP_NOT_FOUND ? TB_PUBLISH_NO_EXCHANGE : TB_PUBLISH_FORBIDDEN;
    bool is_named = find_exchange(reason.text, exchange, sizeof(exchange));
    struct tb_error told = {0};
    if (outcome == TB_PUBLISH_FORBIDDEN)
        tb_error_set(&told, outcome, "user %s needs the right to write exchange %s (%s)",
                     channel->session->user, is_named ? exchange : "of a message", reason.text);
    else
        tb_error_set(&told, outcome, "%s", reason.text);
    step_publishing(channel, PUBLISHING_OPENS);
    channel->last_number = 0;
    channel->is_returning = false;
    settle_all(channel, outcome, is_named ? exchange : NULL, &told);
    return 0;
}

/* The header of a message that came back. */
static void take_returned(struct tb_channel *channel, const amqp_frame_t *frame)
{
    const amqp_basic_properties_t *properties = frame->payload.properties.decoded;
    int64_t id = -1;
    channel->is_returning = false;
    if (!(properties->_flags & AMQP_BASIC_MESSAGE_ID_FLAG) ||
        !tb_str_parse_int64(tb_session_str(properties->message_id), &id))
        return;
    for (struct tb_letter *letter = channel->written.first; letter; letter = letter->next)
        if (letter->id == (uint64_t)id)
            letter->is_returned = true;
}

static int take_publishing_method(struct tb_channel *channel, const amqp_frame_t *frame, struct tb_error *err)
{
    const amqp_method_t *method = &frame->payload.method;
    const amqp_basic_ack_t *ack = method->decoded;
    const amqp_basic_nack_t *nack = method->decoded;
    switch (method->id) {
    case AMQP_CHANNEL_OPEN_OK_METHOD:
        step_publishing(channel, PUBLISHING_SELECTS);
        return 0;
    case AMQP_CONFIRM_SELECT_OK_METHOD:
        step_publishing(channel, PUBLISHING_READY);
        return 0;
    case AMQP_BASIC_ACK_METHOD:
        take_answer(channel, ack->delivery_tag, ack->multiple, true);
        return 0;
    case AMQP_BASIC_NACK_METHOD:
        take_answer(channel, nack->delivery_tag, nack->multiple, false);
        return 0;
    case AMQP_BASIC_RETURN_METHOD:
        channel->is_returning = true;
        return 0;
    case AMQP_CHANNEL_CLOSE_METHOD:
        return take_refusal(channel, frame, err);
    default:
        return 0;
    }
}

static int take_publishing(struct tb_channel *channel, const amqp_frame_t *frame, struct tb_error *err)
{
    if (frame->frame_type == AMQP_FRAME_HEADER && channel->is_returning)
        take_returned(channel, frame);
    return frame->frame_type == AMQP_FRAME_METHOD ? take_publishing_method(channel, frame, err) : 0;
}

/* ---- what comes on the channel of answers ---- */

static void end_listening(struct tb_channel *channel, int outcome, const struct tb_error *err)
{
    channel->mailbox = NULL;
    channel->events.on_listening(channel->events.owner, outcome, err);
}

static int take_listening(struct tb_channel *channel, const amqp_frame_t *frame, struct tb_error *err)
{
    struct tb_error reason = {0};
    int r = tb_listener_take(&channel->listener, channel->session, frame, &reason);
    switch (r) {
    case TB_LISTENER_DONE:
        end_listening(channel, 0, &reason);
        return 0;
    case TB_LISTENER_FORBIDDEN:
        end_listening(channel, TB_LISTEN_FORBIDDEN, &reason);
        return 0;
    case TB_LISTENER_NOBODY:
        end_listening(channel, TB_LISTEN_NOBODY, &reason);
        return 0;
    case TB_LISTENER_REPLY:
        channel->events.on_reply(channel->events.owner, &channel->listener.assembly.delivery);
        return 0;
    default:
        return r < 0 ? tb_error_set(err, r, "%s", reason.text) : 0;
    }
}

/* ---- what comes ---- */

static int take_connection_method(struct tb_channel *channel, const amqp_frame_t *frame, struct tb_error *err)
{
    const amqp_connection_blocked_t *blocked = frame->payload.method.decoded;
    switch (frame->payload.method.id) {
    case AMQP_CONNECTION_CLOSE_METHOD:
        tb_session_closed_by_peer(channel->session, frame, err);
        return -ECONNRESET;
    case AMQP_CONNECTION_BLOCKED_METHOD:
        channel->is_blocked = true;
        snprintf(channel->block_reason, sizeof(channel->block_reason), "%.*s",
                 TB_STR_FMT(tb_session_str(blocked->reason)));
        return 0;
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
        channel->is_blocked = false;
        return 0;
    default:
        return 0;
    }
}

static int take_frame(struct tb_channel *channel, const amqp_frame_t *frame, struct tb_error *err)
{
    if (frame->channel == PUBLISHING)
        return take_publishing(channel, frame, err);
    if (frame->channel == LISTENING)
        return take_listening(channel, frame, err);
    return frame->frame_type == AMQP_FRAME_METHOD ? take_connection_method(channel, frame, err) : 0;
}

static int take_frames(struct tb_channel *channel, struct tb_error *err)
{
    for (unsigned count = 0; count < TURN_FRAMES; count++) {
        amqp_frame_t frame;
        int r = tb_session_read(channel->session, &frame, err);
        if (r <= 0)
            return r;
        r = take_frame(channel, &frame, err);
        tb_session_release(channel->session, frame.channel);
        if (r < 0)
            return r;
    }
    tb_loop_arm(channel->broker.loop, &channel->turn, 0);
    return 0;
}

static void take_turn(struct tb_channel *channel)
{
    struct tb_error err = {0};
    int r = channel->fault.code ? 0 : take_frames(channel, &err);
    if (r == 0 && channel->mailbox && channel->listener.step == TB_LISTENER_READY)
        end_listening(channel, 0, &err);
    if (r == 0 && !channel->fault.code)
        flush(channel);
    if (r < 0)
        lose(channel, &err);
    else if (channel->fault.code)
        lose(channel, &channel->fault);
}

static void on_ready(struct tb_watch *watch, uint32_t events)
{
    (void)events;
    take_turn(watch->owner);
}

static void on_turn(struct tb_timer *timer)
{
    take_turn(timer->owner);
}

/* A socket that did not take the last one since is stuck. */
static void on_beat(struct tb_timer *timer)
{
    struct tb_channel *channel = timer->owner;
    if (channel->beat_is_due)
        tb_session_fail(channel->session, AMQP_STATUS_TIMEOUT, &channel->fault, "sending");
    channel->beat_is_due = true;
    tb_loop_arm(channel->broker.loop, timer, tb_session_beat_us(channel->session));
    take_turn(channel);
}

/* ---- the connection's beginning ---- */

/* On a thread. */
static int set_up(struct tb_session *session, const struct tb_amqp_options *options, void *task,
                  struct tb_error *err)
{
    int bytes = SEND_BUFFER_BYTES;
    (void)options, (void)task;
    (void)setsockopt(session->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    int r = tb_session_open_channel(session, PUBLISHING, err);
    if (r < 0)
        return r;
    tb_session_before_rpc(session);
    amqp_confirm_select(session->state, PUBLISHING);
    r = tb_session_check_rpc(session, PUBLISHING, err, "asking for confirmations");
    return r > 0 ? -EIO : r;
}

static void on_session(void *owner, struct tb_session *session, size_t broker, void *task)
{
    struct tb_channel *channel = owner;
    struct tb_error err = {0};
    (void)broker, (void)task;
    channel->session = session;
    channel->connected_at = tb_clock_monotonic_us();
    channel->publishing = PUBLISHING_READY;
    channel->last_number = 0;
    channel->watch.fd = session->fd;
    int r = tb_loop_add(channel->broker.loop, &channel->watch, EPOLLIN);
    if (r < 0) {
        tb_error_set_errno(&err, r, "waiting for the broker");
        lose(channel, &err);
        return;
    }
    if (tb_session_beat_us(session) > 0)
        tb_loop_arm(channel->broker.loop, &channel->beat, tb_session_beat_us(session));
    if (channel->mailbox)
        tb_listener_begin(&channel->listener, channel->mailbox);
    tb_loop_arm(channel->broker.loop, &channel->turn, 0);
}

static void on_failed(void *owner, const struct tb_error *err)
{
    tell_lost(owner, err);
}

static void on_connect(struct tb_timer *timer)
{
    struct tb_channel *channel = timer->owner;
    if (is_needed(channel))
        tb_connector_start(channel->connector, NULL);
}

/* ---- what others call ---- */

int tb_channel_open(const struct tb_broker *broker, const char *role, const struct tb_channel_events *events,
                    struct tb_channel **ret_channel, struct tb_error *err)
{
    uint64_t seed;
    struct tb_channel *channel = calloc(1, sizeof(*channel));
    int r = channel ? tb_random_bytes(&seed, sizeof(seed)) : -ENOMEM;
    if (r == 0)
        r = tb_listener_init(&channel->listener);
    if (r < 0) {
        free(channel);
        return tb_error_set_errno(err, r, "preparing a channel to the broker");
    }
    const struct tb_connector_events connecting = {set_up, on_session, on_failed, channel};
    r = tb_connector_new(broker, role, &connecting, &channel->connector, err);
    if (r < 0) {
        free(channel);
        return r;
    }
    channel->broker = *broker;
    channel->events = *events;
    init_amqp_pool(&channel->pool, POOL_BYTES);
    channel->watch = (struct tb_watch){.fd = -1, .on_ready = on_ready, .owner = channel};
    channel->connect = (struct tb_timer){.on_expire = on_connect, .owner = channel};
    channel->turn = (struct tb_timer){.on_expire = on_turn, .owner = channel};
    channel->beat = (struct tb_timer){.on_expire = on_beat, .owner = channel};
    tb_backoff_init(&channel->backoff, RETRY_FIRST_US, RETRY_MAX_US, seed);
    *ret_channel = channel;
    return 0;
}

static void free_letters(struct letters *letters)
{
    while (letters->first) {
        struct tb_letter *letter = pop_letter(letters);
        if (letter->sending)
            letter->sending->letter = NULL;
        free(letter);
    }
}

void tb_channel_close(struct tb_channel *channel)
{
    if (!channel)
        return;
    tb_loop_disarm(channel->broker.loop, &channel->connect);
    tb_connector_free(channel->connector);
    drop_session(channel, GOODBYE_US);
    free_letters(&channel->waiting);
    free_letters(&channel->written);
    tb_listener_deinit(&channel->listener);
    empty_amqp_pool(&channel->pool);
    free(channel);
}

int tb_channel_publish(struct tb_channel *channel, const struct tb_message *message,
                       struct tb_sending *sending, struct tb_error *err)
{
    size_t bytes = text_bytes(message);
    assert(!sending->letter);
    if (bytes > TB_CHANNEL_MAX_MESSAGE_BYTES)
        return tb_error_set(err, -EINVAL, "a message of %zu bytes is too large for this channel", bytes);
    if (channel->waiting.count + channel->written.count >= TB_CHANNEL_MAX_WAITING ||
        channel->bytes + bytes > TB_CHANNEL_MAX_BYTES)
        return tb_error_set(err, TB_PUBLISH_FULL, "too many messages wait for the broker already");
    int r = tb_message_check(message, &channel->pool, err);
    if (r < 0)
        return r;
    struct tb_letter *letter = new_letter(message);
    if (!letter)
        return tb_error_set_errno(err, -ENOMEM, "publishing");
    letter->sending = sending;
    letter->id = ++channel->last_id;
    sending->letter = letter;
    channel->bytes += letter->bytes;
    push_letter(&channel->waiting, letter);
    need_connection(channel);
    if (channel->session)
        tb_loop_arm(channel->broker.loop, &channel->turn, 0);
    return 0;
}

void tb_channel_withdraw(struct tb_channel *channel, struct tb_sending *sending)
{
    struct tb_letter *letter = sending->letter;
    if (!letter)
        return;
    sending->letter = NULL;
    letter->sending = NULL;
    if (letter->number)
        return;
    unlink_letter(&channel->waiting, letter);
    settle(channel, letter, 0, NULL);
}

void tb_channel_listen(struct tb_channel *channel, const struct tb_mailbox *mailbox)
{
    channel->mailbox = mailbox;
    need_connection(channel);
    if (!channel->session)
        return;
    tb_listener_begin(&channel->listener, mailbox);
    tb_loop_arm(channel->broker.loop, &channel->turn, 0);
}

const char *tb_channel_reply_key(const struct tb_channel *channel)
{
    return channel->listener.key;
}

const char *tb_channel_blocked(const struct tb_channel *channel)
{
    return channel->is_blocked ? channel->block_reason : NULL;
}

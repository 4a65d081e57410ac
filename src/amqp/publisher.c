/* Publishing with confirmation.
 *
 * Every message is numbered; the broker confirms numbers, single or all up to one. What it could not route
 * comes back before its confirmation. So a command knows what became of each message, and may still send many
 * at a time: a window of unconfirmed ones is open. All waits are bounded; where an alarm of the broker makes
 * them long, that is said, for no retry will help before it is over.
 *
 * A refusal for the exchange (403, 404) closes the channel: the messages under way on it were not published,
 * the channel is opened again and numbering begins anew. */
#include "taskbridge/amqp/publisher.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "taskbridge/base/limits.h"

#define CHANNEL    1
#define WINDOW     256
#define GOODBYE_US TB_US_PER_S
#define POOL_BYTES (4 * TB_KIB)
/* How long the end of an alarm is waited for: it takes a person, more often than not. */
#define ALARM_US (10 * TB_US_PER_S)

struct tb_publisher {
    struct tb_session session;
    amqp_pool_t pool; /* of one message's headers */
    int64_t timeout_us;
    uint64_t sent, settled;  /* on this channel: the last number, and up to where all are settled */
    bool is_settled[WINDOW]; /* of the numbers behind, by number modulo WINDOW */
    int64_t confirmed;       /* over all, and routed */
    bool is_blocked;
    int64_t blocked_us; /* since when, monotonic */
    char block_reason[128];
    /* The first of what came since it was last told; 0 none. */
    int outcome;
    struct tb_error reason;
};

/* Always 0, so that a handler can end in it. */
static int TB_PRINTF(3, 4) note(struct tb_publisher *publisher, int outcome, const char *format, ...)
{
    char text[TB_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    tb_error_set(&publisher->reason, outcome, "%s", text);
    if (!publisher->outcome)
        publisher->outcome = outcome;
    return 0;
}

static int open_channel(struct tb_publisher *publisher, struct tb_error *err)
{
    struct tb_session *session = &publisher->session;
    tb_session_restart_deadline(session);
    int r = tb_session_open_channel(session, CHANNEL, err);
    if (r < 0)
        return r;
    tb_session_before_rpc(session);
    amqp_confirm_select(session->state, CHANNEL);
    r = tb_session_check_rpc(session, CHANNEL, err, "asking for confirmations");
    publisher->sent = publisher->settled = 0;
    memset(publisher->is_settled, 0, sizeof(publisher->is_settled));
    return r > 0 ? -EIO : r;
}

int tb_publisher_open(const struct tb_amqp_options *options, struct tb_publisher **ret_publisher,
                      struct tb_error *err)
{
    int r = tb_amqp_options_check(options, err);
    if (r < 0)
        return r;
    struct tb_publisher *publisher = calloc(1, sizeof(*publisher));
    if (!publisher)
        return tb_error_set_errno(err, -ENOMEM, "connecting to the broker");
    init_amqp_pool(&publisher->pool, POOL_BYTES);
    publisher->timeout_us = options->connect_timeout_us;
    r = tb_session_open(&publisher->session, options, "taskbridge", err);
    if (r == 0)
        r = open_channel(publisher, err);
    if (r < 0) {
        tb_publisher_close(publisher);
        return r;
    }
    *ret_publisher = publisher;
    return 0;
}

void tb_publisher_close(struct tb_publisher *publisher)
{
    if (!publisher)
        return;
    tb_session_close(&publisher->session, GOODBYE_US);
    empty_amqp_pool(&publisher->pool);
    free(publisher);
}

/* ---- what the broker says ---- */

static void settle_one(struct tb_publisher *publisher, uint64_t number, bool is_good)
{
    bool *is_settled = &publisher->is_settled[number % WINDOW];
    if (number <= publisher->settled || number > publisher->sent || *is_settled)
        return;
    *is_settled = true;
    if (is_good)
        publisher->confirmed++;
}

/* The broker confirms in any order. What it returned it also confirms; that was taken off before. */
static void settle(struct tb_publisher *publisher, uint64_t number, bool is_multiple, bool is_good)
{
    for (uint64_t each = is_multiple ? publisher->settled + 1 : number; each <= number; each++)
        settle_one(publisher, each, is_good);
    while (publisher->settled < publisher->sent && publisher->is_settled[(publisher->settled + 1) % WINDOW])
        publisher->is_settled[++publisher->settled % WINDOW] = false;
    if (!is_good)
        note(publisher, TB_PUBLISH_REFUSED,
             "the broker refused a message: its queue is full and rejects, or the broker's log says why");
}

static int take_close(struct tb_publisher *publisher, const amqp_frame_t *frame, struct tb_error *err)
{
    struct tb_error reason = {0};
    int code = tb_session_closed_by_peer(&publisher->session, frame, &reason);
    bool is_refusal = frame->payload.method.id == AMQP_CHANNEL_CLOSE_METHOD &&
                      (code == AMQP_ACCESS_REFUSED || code == AMQP_NOT_FOUND);
    if (!is_refusal)
        return tb_error_set(err, -EIO, "%s", reason.text);
    note(publisher, code == AMQP_NOT_FOUND ? TB_PUBLISH_NO_EXCHANGE : TB_PUBLISH_FORBIDDEN, "%s",
         reason.text);
    return open_channel(publisher, err);
}

static int take_method(struct tb_publisher *publisher, const amqp_frame_t *frame, struct tb_error *err)
{
    const amqp_method_t *method = &frame->payload.method;
    switch (method->id) {
    case AMQP_BASIC_ACK_METHOD: {
        const amqp_basic_ack_t *ack = method->decoded;
        settle(publisher, ack->delivery_tag, ack->multiple, true);
        return 0;
    }
    case AMQP_BASIC_NACK_METHOD: {
        const amqp_basic_nack_t *nack = method->decoded;
        settle(publisher, nack->delivery_tag, nack->multiple, false);
        return 0;
    }
    case AMQP_BASIC_RETURN_METHOD: {
        const amqp_basic_return_t *back = method->decoded;
        publisher->confirmed--;
        return note(
            publisher, TB_PUBLISH_UNROUTED, "no queue takes messages of exchange \"%.*s\" with key \"%.*s\"",
            TB_STR_FMT(tb_session_str(back->exchange)), TB_STR_FMT(tb_session_str(back->routing_key)));
    }
    case AMQP_CONNECTION_BLOCKED_METHOD: {
        const amqp_connection_blocked_t *blocked = method->decoded;
        publisher->is_blocked = true;
        publisher->blocked_us = tb_clock_monotonic_us();
        snprintf(publisher->block_reason, sizeof(publisher->block_reason), "%.*s",
                 TB_STR_FMT(tb_session_str(blocked->reason)));
        return 0;
    }
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
        publisher->is_blocked = false;
        return 0;
    case AMQP_CHANNEL_CLOSE_METHOD:
    case AMQP_CONNECTION_CLOSE_METHOD:
        return take_close(publisher, frame, err);
    default:
        return 0;
    }
}

/* Waits until at most so many messages are unconfirmed, and none is blocked. */
static int wait_until(struct tb_publisher *publisher, uint64_t unconfirmed_max, int64_t timeout_us,
                      struct tb_error *err)
{
    int64_t deadline_us = tb_clock_monotonic_us() + timeout_us;
    while (publisher->is_blocked || publisher->sent - publisher->settled > unconfirmed_max) {
        amqp_frame_t frame;
        int64_t alarm_us = publisher->blocked_us + ALARM_US;
        bool is_alarm_first = publisher->is_blocked && alarm_us < deadline_us;
        int r = tb_session_wait(&publisher->session, is_alarm_first ? alarm_us : deadline_us, &frame, err);
        if (r < 0)
            return r;
        if (r == 0 && publisher->is_blocked)
            return tb_error_set(
                err, TB_PUBLISH_BLOCKED,
                "the broker %s takes no messages at present, an alarm is on: %s; free its memory or "
                "disk",
                publisher->session.place, publisher->block_reason);
        if (r == 0)
            return tb_error_set(err, -ETIMEDOUT, "the broker %s did not confirm %llu messages in time",
                                publisher->session.place,
                                (unsigned long long)(publisher->sent - publisher->settled));
        r = frame.frame_type == AMQP_FRAME_METHOD ? take_method(publisher, &frame, err) : 0;
        tb_session_release(&publisher->session, frame.channel);
        if (r < 0)
            return r;
    }
    return 0;
}

/* What came without being waited for, above all that the broker is blocked. */
static int take_pending(struct tb_publisher *publisher, struct tb_error *err)
{
    for (;;) {
        amqp_frame_t frame;
        int r = tb_session_read(&publisher->session, &frame, err);
        if (r <= 0)
            return r;
        r = frame.frame_type == AMQP_FRAME_METHOD ? take_method(publisher, &frame, err) : 0;
        tb_session_release(&publisher->session, frame.channel);
        if (r < 0)
            return r;
    }
}

static int tell_outcome(struct tb_publisher *publisher, struct tb_error *err)
{
    int outcome = publisher->outcome;
    if (outcome)
        tb_error_set(err, outcome, "%s", publisher->reason.text);
    publisher->outcome = 0;
    tb_error_clear(&publisher->reason);
    return outcome;
}

/* ---- sending ---- */

int tb_publisher_publish(struct tb_publisher *publisher, const struct tb_message *message,
                         struct tb_error *err)
{
    int r = tb_message_check(message, &publisher->pool, err);
    if (r == 0)
        r = take_pending(publisher, err);
    if (r == 0)
        r = wait_until(publisher, WINDOW - 1, publisher->timeout_us, err);
    if (r)
        return r;
    r = tb_message_write(&publisher->session, CHANNEL, message, TB_STR_NULL, &publisher->pool, err);
    if (r < 0)
        return r;
    publisher->sent++;
    return tell_outcome(publisher, err);
}

int tb_publisher_confirm(struct tb_publisher *publisher, int64_t timeout_us, struct tb_error *err)
{
    int r = wait_until(publisher, 0, timeout_us, err);
    return r ? r : tell_outcome(publisher, err);
}

int64_t tb_publisher_confirmed(const struct tb_publisher *publisher)
{
    return publisher->confirmed;
}

/* What goes over an open connection: requests of the set-up and their answers, frames that are at hand, the
 * peer's closing of a channel or of everything.
 *
 * A request that the server refuses costs the channel it was made on: it is opened again at once, so that the
 * next request can be made, and only the reply code tells. INTERNAL_ERROR is told apart from refusals, for
 * its remedy is in the server's log. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>

#include "session.h"

int tb_session_read(struct tb_session *session, amqp_frame_t *ret_frame, struct tb_error *err)
{
    struct timeval none = {0};
    int status = amqp_simple_wait_frame_noblock(session->state, ret_frame, &none);
    if (status == AMQP_STATUS_OK)
        return 1;
    return status == AMQP_STATUS_TIMEOUT ? 0 : tb_session_fail(session, status, err, "receiving");
}

int tb_session_wait(struct tb_session *session, int64_t deadline_us, amqp_frame_t *ret_frame,
                    struct tb_error *err)
{
    int64_t left_us = deadline_us - tb_clock_monotonic_us();
    if (left_us <= 0)
        return tb_session_read(session, ret_frame, err);
    struct timeval left = {.tv_sec = left_us / TB_US_PER_S, .tv_usec = left_us % TB_US_PER_S};
    int status = amqp_simple_wait_frame_noblock(session->state, ret_frame, &left);
    if (status == AMQP_STATUS_OK)
        return 1;
    return status == AMQP_STATUS_TIMEOUT ? 0 : tb_session_fail(session, status, err, "receiving");
}

void tb_session_release(struct tb_session *session, amqp_channel_t channel)
{
    amqp_maybe_release_buffers_on_channel(session->state, channel);
}

bool tb_session_is_writable(const struct tb_session *session)
{
    struct pollfd place = {.fd = session->fd, .events = POLLOUT};
    return poll(&place, 1, 0) == 1 && (place.revents & POLLOUT);
}

int tb_session_open_channel(struct tb_session *session, amqp_channel_t channel, struct tb_error *err)
{
    tb_session_before_rpc(session);
    amqp_channel_open(session->state, channel);
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(session->state);
    if (reply.reply_type == AMQP_RESPONSE_NORMAL)
        return 0;
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION)
        return tb_session_fail(session, reply.library_error, err, "opening a channel");
    return tb_error_set(err, -EPROTO, "the broker %s opens no channel: its limits of channels may be reached",
                        session->place);
}

static int code_of(unsigned reply_code)
{
    return reply_code == AMQP_INTERNAL_ERROR ? TB_SESSION_BROKER_FAULT : (int)reply_code;
}

int tb_session_check_rpc(struct tb_session *session, amqp_channel_t channel, struct tb_error *err,
                         const char *format, ...)
{
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(session->state);
    if (reply.reply_type == AMQP_RESPONSE_NORMAL)
        return 0;
    char what[TB_ERROR_TEXT_BYTES / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);

    if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION)
        return tb_session_fail(session, reply.library_error, err, what);
    if (reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *close = reply.reply.decoded;
        int code = close->reply_code == AMQP_INTERNAL_ERROR ? TB_SESSION_BROKER_FAULT : -EIO;
        return tb_error_set(err, code, "%s: the broker %s closed the connection: %.*s", what, session->place,
                            TB_STR_FMT(tb_session_str(close->reply_text)));
    }
    const amqp_channel_close_t *close = reply.reply.decoded;
    int code = code_of(close->reply_code);
    tb_error_set(err, code, "%s: %.*s", what, TB_STR_FMT(tb_session_str(close->reply_text)));
    amqp_channel_close_ok_t answer = {0};
    int status = amqp_send_method(session->state, channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &answer);
    if (status != AMQP_STATUS_OK)
        return tb_session_fail(session, status, err, what);
    int rc = tb_session_open_channel(session, channel, NULL);
    return rc < 0 ? rc : code;
}

int tb_session_closed_by_peer(struct tb_session *session, const amqp_frame_t *frame, struct tb_error *err)
{
    bool is_channel = frame->payload.method.id == AMQP_CHANNEL_CLOSE_METHOD;
    /* Both methods have the same fields. */
    const amqp_connection_close_t *close = frame->payload.method.decoded;
    int code = code_of(close->reply_code);
    tb_error_set(err, code, "the broker %s closed the %s: %.*s", session->place,
                 is_channel ? "channel" : "connection", TB_STR_FMT(tb_session_str(close->reply_text)));
    amqp_channel_close_ok_t answer = {0};
    if (tb_session_is_writable(session))
        amqp_send_method(session->state, frame->channel,
                         is_channel ? AMQP_CHANNEL_CLOSE_OK_METHOD : AMQP_CONNECTION_CLOSE_OK_METHOD,
                         &answer);
    return code;
}

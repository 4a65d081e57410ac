/* One connection to one address of one broker, and what goes over it.
 *
 * Connecting, logging in and the requests of the set-up wait, all together no longer than the options'
 * timeout: on a thread of the dialler's, or in a command. After that nothing waits: frames are read when they
 * are at hand, small frames are written when the socket takes them. A connection on which data stays
 * unacknowledged is ended by the kernel (TCP_USER_TIMEOUT), one on which nothing comes by rabbitmq-c after
 * two heartbeats.
 *
 * A request that the server refuses costs the channel it was made on: it is opened again at once, so that the
 * next request can be made, and only the reply code tells. INTERNAL_ERROR is told apart from refusals, for
 * its remedy is in the server's log.
 *
 * Texts name the place and the remedy, and never hold the password. */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "taskbridge/io/resolver.h"
#include "tls.h"

#define FRAME_MAX_BYTES    131072
#define CHANNEL_MAX        16
#define USER_TIMEOUT_MS    15000
#define KEEPALIVE_IDLE_S   15
#define KEEPALIVE_PERIOD_S 5
#define KEEPALIVE_PROBES   3

static struct timeval as_timeval(int64_t us)
{
    if (us < 1)
        us = 1; /* rabbitmq-c takes 0 for a wait of no time, and that is what is meant */
    return (struct timeval){.tv_sec = us / TB_US_PER_S, .tv_usec = us % TB_US_PER_S};
}

void tb_session_init(struct tb_session *session)
{
    *session = (struct tb_session){.fd = -1};
}

void tb_session_restart_deadline(struct tb_session *session)
{
    session->deadline_us = tb_clock_monotonic_us() + session->timeout_us;
}

static struct timeval time_left(const struct tb_session *session)
{
    return as_timeval(session->deadline_us - tb_clock_monotonic_us());
}

void tb_session_before_rpc(struct tb_session *session)
{
    struct timeval left = time_left(session);
    amqp_set_rpc_timeout(session->state, &left);
}

int tb_session_fail(const struct tb_session *session, int status, struct tb_error *err, const char *what)
{
    switch (status) {
    case AMQP_STATUS_NO_MEMORY:
        return tb_error_set_errno(err, -ENOMEM, "%s at the broker %s", what, session->place);
    case AMQP_STATUS_HEARTBEAT_TIMEOUT:
        return tb_error_set(err, -ETIMEDOUT, "the broker %s was silent for two heartbeats", session->place);
    case AMQP_STATUS_TIMEOUT:
        return tb_error_set(err, -ETIMEDOUT, "%s: the broker %s did not answer in time", what,
                            session->place);
    case AMQP_STATUS_CONNECTION_CLOSED:
    case AMQP_STATUS_SOCKET_CLOSED:
    case AMQP_STATUS_SOCKET_ERROR:
    case AMQP_STATUS_SSL_ERROR:
        return tb_error_set(err, -ECONNRESET, "%s: the connection to the broker %s broke", what,
                            session->place);
    default:
        return tb_error_set(err, -EPROTO, "%s at the broker %s: %s", what, session->place,
                            amqp_error_string2(status));
    }
}

/* Whether a socket could be opened at all; the remedy differs from that of a connection that broke later. */
static int fail_to_connect(const struct tb_session *session, int status, struct tb_error *err)
{
    switch (status) {
    case AMQP_STATUS_TIMEOUT:
        return tb_error_set(
            err, -ETIMEDOUT,
            "the broker %s did not answer within %lld ms: check that it runs and that nothing "
            "between blocks the port",
            session->place, (long long)(session->timeout_us / TB_US_PER_MS));
    case AMQP_STATUS_SOCKET_ERROR:
        return tb_error_set(
            err, -ECONNREFUSED,
            "no connection to the broker %s: check that it runs, and host and port in amqp.url",
            session->place);
    case AMQP_STATUS_SSL_CONNECTION_FAILED:
    case AMQP_STATUS_SSL_PEER_VERIFY_FAILED:
    case AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED:
    case AMQP_STATUS_SSL_ERROR:
        return tb_error_set(
            err, -EPROTO, "TLS with the broker %s failed: %s%s", session->place, tb_tls_reason(session),
            session->verify_error ? ": check amqp.tls.ca_file, and the host in amqp.url" : "");
    default:
        return tb_session_fail(session, status, err, "connecting");
    }
}

/* ---- the socket ---- */

static void set_option(int fd, int level, int name, int value)
{
    /* A system that lacks one is no worse off than without asking. */
    (void)setsockopt(fd, level, name, &value, sizeof(value));
}

/* Our own descriptor of the socket: rabbitmq-c closes its when it sees fit. Watched by the dial, so that the
 * waiting ends when nobody wants the connection any more. */
static int keep_descriptor(struct tb_session *session, int fd, struct tb_error *err)
{
    session->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (session->fd < 0)
        return tb_error_set_errno(err, -errno, "connecting to the broker %s", session->place);
    if (session->dial)
        tb_dial_watch(session->dial, session->fd);
    return 0;
}

void tb_session_began_handshake(struct tb_session *session, int fd)
{
    if (session->fd < 0 && fd >= 0)
        (void)keep_descriptor(session, fd, NULL);
}

static void tune_socket(int fd)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_PERIOD_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
}

static int status_of(int r)
{
    return r == -ETIMEDOUT ? AMQP_STATUS_TIMEOUT : AMQP_STATUS_SOCKET_ERROR;
}

static int open_plain(struct tb_session *session, const char *address, int port, struct tb_error *err)
{
    int fd;
    int r = tb_dial_connect(session->dial, address, port, session->deadline_us, &fd);
    if (r < 0)
        return fail_to_connect(session, status_of(r), err);
    r = keep_descriptor(session, fd, err);
    amqp_socket_t *socket = r < 0 ? NULL : amqp_tcp_socket_new(session->state);
    if (!socket) {
        if (session->dial)
            tb_dial_watch(session->dial, session->fd);
        close(fd);
        return r < 0 ? r : tb_error_set_errno(err, -ENOMEM, "connecting to the broker");
    }
    amqp_tcp_socket_set_sockfd(socket, fd);
    return 0;
}

/* rabbitmq-c connects itself here; the name for certificate and server is given to OpenSSL (tls.c), so that
 * an address suffices. */
static int open_tls(struct tb_session *session, const struct tb_amqp_options *options, const char *address,
                    int port, struct tb_error *err)
{
    amqp_socket_t *socket = amqp_ssl_socket_new(session->state);
    if (!socket)
        return tb_error_set_errno(err, -ENOMEM, "connecting to the broker");
    int r = tb_tls_configure(session, socket, session->host, options, err);
    if (r < 0)
        return r;
    struct timeval left = time_left(session);
    int status = amqp_socket_open_noblock(socket, address, port, &left);
    if (status != AMQP_STATUS_OK)
        return fail_to_connect(session, status, err);
    return session->fd >= 0 ? 0 : keep_descriptor(session, amqp_get_sockfd(session->state), err);
}

/* ---- the login ---- */

static amqp_table_entry_t text_entry(const char *key, const char *value)
{
    return (amqp_table_entry_t){
        .key = amqp_cstring_bytes(key),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes(value)},
    };
}

static amqp_table_entry_t flag_entry(const char *key)
{
    return (amqp_table_entry_t){
        .key = amqp_cstring_bytes(key),
        .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1},
    };
}

static struct tb_str server_property(const struct tb_session *session, const char *name)
{
    const amqp_table_t *table = amqp_get_server_properties(session->state);
    for (int i = 0; i < table->num_entries; i++)
        if (tb_str_equal(tb_session_str(table->entries[i].key), tb_str_of(name)) &&
            table->entries[i].value.kind == AMQP_FIELD_KIND_UTF8)
            return tb_session_str(table->entries[i].value.value.bytes);
    return TB_STR("unknown");
}

static void remember_server(struct tb_session *session)
{
    snprintf(session->product, sizeof(session->product), "%.*s",
             TB_STR_FMT(server_property(session, "product")));
    snprintf(session->version, sizeof(session->version), "%.*s",
             TB_STR_FMT(server_property(session, "version")));
    session->version_major = (int)strtol(session->version, NULL, 10);
}

static int explain_login(const struct tb_session *session, amqp_rpc_reply_t reply, struct tb_error *err)
{
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION && reply.library_error == AMQP_STATUS_TIMEOUT)
        return fail_to_connect(session, AMQP_STATUS_TIMEOUT, err);
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
        (reply.library_error == AMQP_STATUS_CONNECTION_CLOSED ||
         reply.library_error == AMQP_STATUS_SOCKET_ERROR || reply.library_error == AMQP_STATUS_SSL_ERROR))
        return tb_error_set(err, -ECONNRESET,
                            "the broker %s closed the connection during the login: check that the port "
                            "speaks AMQP, with TLS if amqp.url begins with amqps://, and whether it asks for "
                            "a client certificate; else its log says why",
                            session->place);
    if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION || reply.reply.id != AMQP_CONNECTION_CLOSE_METHOD)
        return tb_session_fail(session, reply.library_error, err, "logging in");

    const amqp_connection_close_t *close = reply.reply.decoded;
    struct tb_str words = tb_session_str(close->reply_text);
    if (close->reply_code == AMQP_ACCESS_REFUSED)
        return tb_error_set(err, -EACCES,
                            "the broker %s refuses user %s: check user and password in amqp.url (%.*s)",
                            session->place, session->user, TB_STR_FMT(words));
    if (close->reply_code == AMQP_NOT_ALLOWED)
        return tb_error_set(
            err, -EACCES,
            "the broker %s refuses vhost \"%s\" to user %s: check the vhost in amqp.url and the user's "
            "permissions (%.*s)",
            session->place, session->vhost, session->user, TB_STR_FMT(words));
    return tb_error_set(err, -EPROTO, "the broker %s refuses the login: %.*s", session->place,
                        TB_STR_FMT(words));
}

static int log_in(struct tb_session *session, const struct tb_amqp_url *url,
                  const struct tb_amqp_options *options, const char *role, struct tb_error *err)
{
    char name[256];
    snprintf(name, sizeof(name), "%s %s", role, options->instance);
    amqp_table_entry_t capabilities[] = {
        flag_entry("authentication_failure_close"), flag_entry("basic.nack"),
        flag_entry("connection.blocked"),           flag_entry("consumer_cancel_notify"),
        flag_entry("publisher_confirms"),
    };
    amqp_table_entry_t entries[] = {
        text_entry("product", "taskbridge"),
        text_entry("version", TASKBRIDGE_VERSION),
        text_entry("connection_name", name),
        {.key = amqp_cstring_bytes("capabilities"),
         .value = {.kind = AMQP_FIELD_KIND_TABLE,
                   .value.table = {.num_entries = TB_COUNT(capabilities), .entries = capabilities}}},
    };
    amqp_table_t properties = {.num_entries = TB_COUNT(entries), .entries = entries};

    struct timeval left = time_left(session);
    amqp_set_handshake_timeout(session->state, &left);
    tb_session_before_rpc(session);
    amqp_rpc_reply_t reply = amqp_login_with_properties(session->state, url->vhost, CHANNEL_MAX,
                                                        FRAME_MAX_BYTES, options->heartbeat_s, &properties,
                                                        AMQP_SASL_METHOD_PLAIN, url->user, url->password);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        return explain_login(session, reply, err);
    remember_server(session);
    return 0;
}

static void name_place(struct tb_session *session, const struct tb_amqp_url *url, const char *address)
{
    bool is_ipv6 = strchr(url->host, ':') != NULL;
    int len = snprintf(session->place, sizeof(session->place), "%s%.60s%s:%d", is_ipv6 ? "[" : "", url->host,
                       is_ipv6 ? "]" : "", url->port);
    snprintf(session->name, sizeof(session->name), "%s%s%.64s", session->place,
             url->vhost[0] == '/' ? "" : "/", url->vhost);
    if (strcmp(url->host, address) != 0)
        snprintf(session->place + len, sizeof(session->place) - (size_t)len, " (%s)", address);
    snprintf(session->host, sizeof(session->host), "%s", url->host);
    snprintf(session->vhost, sizeof(session->vhost), "%s", url->vhost);
    snprintf(session->user, sizeof(session->user), "%s", url->user);
}

int tb_session_dial(struct tb_session *session, const struct tb_session_target *target, struct tb_dial *dial,
                    struct tb_error *err)
{
    const struct tb_amqp_url *url = target->url;
    tb_session_init(session);
    name_place(session, url, target->address);
    session->dial = dial;
    session->timeout_us = target->options->connect_timeout_us;
    tb_session_restart_deadline(session);
    session->state = amqp_new_connection();
    if (!session->state)
        return tb_error_set_errno(err, -ENOMEM, "connecting to the broker");
    int r = url->is_tls ? open_tls(session, target->options, target->address, url->port, err)
                        : open_plain(session, target->address, url->port, err);
    if (r == 0) {
        tune_socket(session->fd);
        r = log_in(session, url, target->options, target->role, err);
    }
    if (r < 0)
        tb_session_close(session, 0);
    return r;
}

/* ---- every broker of the list, for commands ---- */

static int open_broker(struct tb_session *session, const struct tb_amqp_url *url,
                       const struct tb_amqp_options *options, const char *role, struct tb_error *err)
{
    struct tb_addresses addresses = {0};
    int r = tb_lookup_wait(url->host, options->connect_timeout_us, &addresses, err);
    if (r < 0)
        tb_error_prefix(err, "amqp.url");
    for (size_t i = 0; i < addresses.count; i++) {
        const struct tb_session_target target = {url, addresses.list[i], options, role};
        r = tb_session_dial(session, &target, NULL, err);
        if (r == 0)
            break;
    }
    return r;
}

int tb_session_open(struct tb_session *session, const struct tb_amqp_options *options, const char *role,
                    struct tb_error *err)
{
    struct tb_amqp_urls urls;
    struct tb_buf reasons;
    tb_session_init(session);
    int r = tb_amqp_urls_parse(options->url, &urls, err);
    if (r < 0)
        return r;
    tb_buf_init(&reasons, TB_SESSION_REASONS_BYTES);
    r = -1;
    for (size_t i = 0; r < 0 && i < urls.count; i++) {
        struct tb_error reason = {0};
        r = open_broker(session, &urls.list[i], options, role, &reason);
        if (r < 0)
            tb_session_add_reason(&reasons, &reason);
    }
    if (r < 0)
        tb_error_set(err, r, "%s", reasons.ptr ? reasons.ptr : "connecting to the broker");
    tb_buf_deinit(&reasons);
    tb_amqp_urls_deinit(&urls);
    return r;
}

void tb_session_add_reason(struct tb_buf *reasons, const struct tb_error *reason)
{
    if (reasons->len > 0)
        tb_buf_push_str(reasons, TB_STR("; "));
    tb_buf_push_str(reasons, tb_str_of(reason->text));
}

/* ---- what goes over it ---- */

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

int64_t tb_session_beat_us(const struct tb_session *session)
{
    return amqp_get_heartbeat(session->state) * TB_US_PER_S / 3;
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
    int r = tb_session_open_channel(session, channel, NULL);
    return r < 0 ? r : code;
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

/* ---- the end ---- */

static void say_goodbye(struct tb_session *session, int64_t polite_us)
{
    int64_t deadline_us = tb_clock_monotonic_us() + polite_us;
    amqp_connection_close_t goodbye = {.reply_code = AMQP_REPLY_SUCCESS,
                                       .reply_text = amqp_cstring_bytes("goodbye")};
    if (!tb_session_is_writable(session) ||
        amqp_send_method(session->state, 0, AMQP_CONNECTION_CLOSE_METHOD, &goodbye) != AMQP_STATUS_OK)
        return;
    amqp_frame_t frame;
    while (tb_session_wait(session, deadline_us, &frame, NULL) > 0) {
        bool is_last = frame.frame_type == AMQP_FRAME_METHOD && frame.channel == 0 &&
                       (frame.payload.method.id == AMQP_CONNECTION_CLOSE_OK_METHOD ||
                        frame.payload.method.id == AMQP_CONNECTION_CLOSE_METHOD);
        tb_session_release(session, frame.channel);
        if (is_last)
            return;
    }
}

void tb_session_close(struct tb_session *session, int64_t polite_us)
{
    if (session->state) {
        if (polite_us > 0)
            say_goodbye(session, polite_us);
        amqp_destroy_connection(session->state);
        session->state = NULL;
    }
    if (session->dial)
        tb_dial_watch(session->dial, -1);
    session->dial = NULL;
    if (session->fd >= 0)
        close(session->fd);
    session->fd = -1;
}

void tb_session_hand_over(struct tb_session *session)
{
    if (session->dial)
        tb_dial_watch(session->dial, -1);
    session->dial = NULL;
}

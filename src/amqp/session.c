/* One connection to the broker.
 *
 * Connecting, logging in and the requests of the set-up wait, all together no longer than the options'
 * timeout. After that nothing waits: frames are read when they are at hand, small frames are written when the
 * socket takes them. A connection on which data stays unacknowledged is ended by the kernel
 * (TCP_USER_TIMEOUT), one on which nothing comes by rabbitmq-c after two heartbeats.
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

#include "tls.h"
#include "url.h"

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
    case AMQP_STATUS_HOSTNAME_RESOLUTION_FAILED:
        return tb_error_set(err, -EHOSTUNREACH,
                            "the broker's host in %s has no address: check amqp.url and the DNS",
                            session->place);
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

static int adopt_socket(struct tb_session *session, struct tb_error *err)
{
    int fd = amqp_get_sockfd(session->state);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_PERIOD_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
    session->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (session->fd < 0)
        return tb_error_set_errno(err, -errno, "connecting to the broker %s", session->place);
    return 0;
}

static int open_socket(struct tb_session *session, const struct tb_amqp_url *url,
                       const struct tb_amqp_options *options, struct tb_error *err)
{
    session->state = amqp_new_connection();
    if (!session->state)
        return tb_error_set_errno(err, -ENOMEM, "connecting to the broker");
    amqp_socket_t *socket =
        url->is_tls ? amqp_ssl_socket_new(session->state) : amqp_tcp_socket_new(session->state);
    if (!socket)
        return tb_error_set_errno(err, -ENOMEM, "connecting to the broker");
    int rc = url->is_tls ? tb_tls_configure(session, socket, url->host, options, err) : 0;
    if (rc < 0)
        return rc;
    struct timeval left = time_left(session);
    int status = amqp_socket_open_noblock(socket, url->host, url->port, &left);
    if (status != AMQP_STATUS_OK)
        return fail_to_connect(session, status, err);
    return adopt_socket(session, err);
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

int tb_session_open(struct tb_session *session, const struct tb_amqp_options *options, const char *role,
                    struct tb_error *err)
{
    struct tb_amqp_url url;
    int rc = tb_amqp_url_parse(options->url, &url, err);
    if (rc < 0)
        return rc;

    tb_session_init(session);
    bool is_ipv6 = strchr(url.host, ':') != NULL;
    snprintf(session->place, sizeof(session->place), "%s%.100s%s:%d", is_ipv6 ? "[" : "", url.host,
             is_ipv6 ? "]" : "", url.port);
    snprintf(session->host, sizeof(session->host), "%s", url.host);
    snprintf(session->vhost, sizeof(session->vhost), "%s", url.vhost);
    snprintf(session->user, sizeof(session->user), "%s", url.user);
    session->timeout_us = options->connect_timeout_us;
    tb_session_restart_deadline(session);
    rc = open_socket(session, &url, options, err);
    if (rc == 0)
        rc = log_in(session, &url, options, role, err);
    tb_amqp_url_deinit(&url);
    if (rc < 0)
        tb_session_close(session, 0);
    return rc;
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
    if (session->fd >= 0)
        close(session->fd);
    session->fd = -1;
}

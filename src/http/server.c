/* libmicrohttpd in the program's loop.
 *
 * libmicrohttpd has an epoll descriptor of its own, which is one watch here, and a deadline, which is one
 * timer; when either comes, it is run, and never waits. It calls back for each request: first with the
 * headers, then with pieces of the body, which are dropped, then without, and again after a suspension. An
 * answer to the first of these calls ends the connection, so only a body that is too long is answered there.
 *
 * To drain: nobody is accepted any more, each answer closes its connection, and it is over when nothing is
 * under way and nothing has come for a moment. */
#include "server.h"

#include "problem.h"
#include "routes.h"
#include "taskbridge/base/limits.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

/* Beside connections: the log, the database, epoll, signals. */
#define OTHER_DESCRIPTORS 64

#define LAST_RUNS 3

#define DRAIN_STEP_US  (20 * TB_US_PER_MS)
#define DRAIN_QUIET_US (200 * TB_US_PER_MS)
#define DRAIN_MAX_US   (3 * TB_US_PER_S)

struct tb_server {
    struct tb_loop *loop;         /* borrowed */
    struct tb_services *services; /* borrowed */
    struct MHD_Daemon *mhd;       /* owned */
    struct tb_watch watch;
    struct tb_timer timer;
    bool has_closed; /* a connection, in the run under way */
    size_t connections, requests;
    struct tb_timer drain;
    int64_t drain_since_us, busy_us; /* monotonic; busy: when a request was last under way */
    void (*on_drained)(void *owner);
    void *drained_owner;
};

/* ---- what libmicrohttpd calls ---- */

/* Paths are taken apart before they are decoded, so nothing is decoded for us. */
static size_t keep_escapes(void *owner, struct MHD_Connection *connection, char *text)
{
    (void)owner;
    (void)connection;
    return strlen(text);
}

static bool has_long_body(const struct tb_request *request)
{
    struct tb_str length = tb_request_header(request, "Content-Length");
    int64_t bytes = 0;

    if (!tb_str_is_null(tb_request_header(request, "Transfer-Encoding")))
        return true;
    return !tb_str_is_null(length) &&
           (!tb_str_parse_int64(length, &bytes) || bytes < 0 || bytes > (int64_t)TB_HTTP_BODY_MAX_BYTES);
}

static enum MHD_Result begin(struct tb_server *server, struct MHD_Connection *connection, const char *url,
                             const char *method, void **ret_request)
{
    struct tb_request *request = tb_request_new(server->services, connection, method, url);

    if (!request)
        return MHD_NO;
    *ret_request = request;
    server->requests++;
    if (has_long_body(request))
        tb_problem_answer(request, &(struct tb_problem){.status = MHD_HTTP_CONTENT_TOO_LARGE,
                                                        .detail = "No address here takes a body.",
                                                        .header = {"Connection", "close"}});
    return MHD_YES;
}

static enum MHD_Result queue(struct tb_request *request)
{
    enum MHD_Result queued = MHD_queue_response(request->connection, request->status, request->response);

    MHD_destroy_response(request->response);
    request->response = NULL;
    request->is_queued = true;
    return queued;
}

static enum MHD_Result on_request(void *owner, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *body, size_t *body_len,
                                  void **request_at)
{
    struct tb_server *server = owner;
    bool is_first = !*request_at;

    (void)version;
    (void)body;
    if (is_first && begin(server, connection, url, method, request_at) != MHD_YES)
        return MHD_NO;
    struct tb_request *request = *request_at;
    if (*body_len) {
        *body_len = 0;
        return MHD_YES;
    }
    if (!is_first && !request->is_dispatched) {
        request->is_dispatched = true;
        tb_routes_dispatch(request);
    }
    if (request->has_failed)
        return MHD_NO;
    return request->response ? queue(request) : MHD_YES;
}

static void on_completed(void *owner, struct MHD_Connection *connection, void **request_at,
                         enum MHD_RequestTerminationCode how)
{
    struct tb_server *server = owner;

    (void)connection;
    if (!*request_at)
        return;
    tb_request_free(*request_at, how);
    *request_at = NULL;
    server->requests--;
    server->busy_us = tb_clock_monotonic_us();
}

static void on_connection(void *owner, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct tb_server *server = owner;

    (void)connection;
    (void)context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        server->connections++;
    } else {
        server->connections--;
        server->has_closed = true;
    }
}

static void on_message(void *owner, const char *format, va_list args) TB_PRINTF(2, 0);
static void on_message(void *owner, const char *format, va_list args)
{
    struct tb_server *server = owner;
    char text[256];
    int len = vsnprintf(text, sizeof(text), format, args);

    if (len > 0)
        tb_log(server->services->log, TB_LOG_DEBUG, "libmicrohttpd", TB_F_EVENT("libmicrohttpd"),
               TB_F_STR("says", tb_str_trim(tb_str_of(text))));
}

/* ---- in the loop ---- */

static void run(struct tb_server *server)
{
    unsigned MHD_LONG_LONG ms = 0;

    server->has_closed = false;
    (void)MHD_run(server->mhd);
    /* At its limit libmicrohttpd stops listening, and takes it up again only when it is run after a
     * connection was closed. */
    if (server->has_closed)
        tb_loop_arm(server->loop, &server->timer, 0);
    else if (MHD_get_timeout(server->mhd, &ms) == MHD_YES)
        tb_loop_arm(server->loop, &server->timer, (int64_t)(ms < 3600000 ? ms : 3600000) * TB_US_PER_MS);
    else
        tb_loop_disarm(server->loop, &server->timer);
}

static void on_ready(struct tb_watch *watch, uint32_t events)
{
    (void)events;
    run(watch->owner);
}

static void on_timer(struct tb_timer *timer)
{
    run(timer->owner);
}

static void wake(void *waker)
{
    struct tb_server *server = waker;

    tb_loop_arm(server->loop, &server->timer, 0);
}

/* ---- draining ---- */

static void on_drain(struct tb_timer *timer)
{
    struct tb_server *server = timer->owner;
    int64_t now_us = tb_clock_monotonic_us();
    bool is_quiet = server->requests == 0 && now_us - server->busy_us >= DRAIN_QUIET_US;

    if (server->connections == 0 || is_quiet || now_us - server->drain_since_us >= DRAIN_MAX_US)
        server->on_drained(server->drained_owner);
    else
        tb_loop_arm(server->loop, timer, DRAIN_STEP_US);
}

void tb_server_drain(struct tb_server *server, void (*on_drained)(void *owner), void *owner)
{
    server->on_drained = on_drained;
    server->drained_owner = owner;
    server->services->is_draining = true;
    server->drain_since_us = server->busy_us = tb_clock_monotonic_us();
    run(server); /* who was let in by the kernel already is served */
    int fd = MHD_quiesce_daemon(server->mhd);
    if (fd >= 0)
        close(fd);
    tb_loop_arm(server->loop, &server->drain, DRAIN_STEP_US);
}

/* ---- opening and closing ---- */

/* The soft limit of descriptors is lower than what a server needs, by old custom. */
static void allow_descriptors(int64_t connections)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections + OTHER_DESCRIPTORS;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static struct MHD_Daemon *start(struct tb_server *server, const struct tb_server_options *options)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;

    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_message,
                            server, MHD_OPTION_LISTEN_SOCKET, options->listen_fd, MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)options->max_connections, MHD_OPTION_CONNECTION_TIMEOUT,
                            (unsigned)options->idle_timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            TB_HTTP_CONNECTION_BYTES, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
                            MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
                            on_connection, server, MHD_OPTION_STRICT_FOR_CLIENT, 1,
                            MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
}

int tb_server_open(const struct tb_server_options *options, struct tb_server **ret_server,
                   struct tb_error *err)
{
    struct tb_server *server = calloc(1, sizeof(*server));

    if (!server) {
        close(options->listen_fd);
        return tb_error_set(err, -ENOMEM, "out of memory");
    }
    server->loop = options->loop;
    server->services = options->services;
    server->services->wake = wake;
    server->services->waker = server;
    server->timer = (struct tb_timer){.on_expire = on_timer, .owner = server};
    server->drain = (struct tb_timer){.on_expire = on_drain, .owner = server};
    server->watch = (struct tb_watch){.fd = -1, .on_ready = on_ready, .owner = server};
    allow_descriptors(options->max_connections);
    server->mhd = start(server, options);
    if (!server->mhd) {
        close(options->listen_fd);
        free(server);
        return tb_error_set(err, -EIO, "libmicrohttpd does not start");
    }
    server->watch.fd = MHD_get_daemon_info(server->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    int failed = tb_loop_add(server->loop, &server->watch, EPOLLIN);
    if (failed) {
        tb_server_close(server);
        return tb_error_set_errno(err, failed, "watching the HTTP server");
    }
    run(server);
    *ret_server = server;
    return 0;
}

void tb_server_close(struct tb_server *server)
{
    if (!server)
        return;
    /* Answers that were made last are queued by the first of these runs, and leave. */
    for (int runs = 0; runs < LAST_RUNS && server->requests; runs++)
        (void)MHD_run(server->mhd);
    tb_loop_disarm(server->loop, &server->timer);
    tb_loop_disarm(server->loop, &server->drain);
    tb_loop_remove(server->loop, &server->watch);
    MHD_stop_daemon(server->mhd);
    assert(server->requests == 0);
    free(server);
}

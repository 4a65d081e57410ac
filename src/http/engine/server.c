/* Accepting connections, up to three ceilings: in all, of one address, and of what the process may open.
 *
 * At the first ceiling a client waits in the kernel's queue until another leaves; but whoever holds a place
 * for a second or more without having sent a whole request loses it to the one who waits. Addresses that are
 * trusted (a proxy's) stand for many clients and have no share of their own. */
#include "server.h"

#include "connection.h"
#include "quota.h"
#include "taskbridge/base/limits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Beside connections: the log, the database, epoll, signals. */
#define OTHER_DESCRIPTORS 64
#define ACCEPTED_AT_ONCE  64
#define HEAD_US           (10 * TB_US_PER_S)
#define CROWDED_US        (250 * TB_US_PER_MS)
#define SLOW_US           TB_US_PER_S

#define DRAIN_STEP_US  (20 * TB_US_PER_MS)
#define DRAIN_QUIET_US (200 * TB_US_PER_MS)
#define DRAIN_MAX_US   (3 * TB_US_PER_S)

struct tb_server {
    struct tb_server_options options;
    struct tb_connection_host host;
    size_t max;
    struct tb_quota *quota; /* owned */
    struct tb_watch watch;
    bool is_full;         /* the listening socket is not watched */
    struct tb_timer room; /* when there may be room again */
    struct tb_timer drain;
    int64_t drain_since_us, busy_us; /* monotonic; busy: when a request was last under way */
    void (*on_drained)(void *owner);
    void *drained_owner;
};

/* ---- what connections tell ---- */

static void on_request(void *owner, struct tb_request *request)
{
    struct tb_server *server = owner;

    server->options.on_request(server->options.owner, request);
}

static void on_malformed(void *owner, struct tb_request *request, unsigned code, const char *wrong)
{
    struct tb_server *server = owner;

    server->options.on_malformed(server->options.owner, request, code, wrong);
}

static void on_gone(void *owner, struct tb_request *request)
{
    struct tb_server *server = owner;

    server->busy_us = tb_clock_monotonic_us();
    server->options.on_gone(server->options.owner, request);
}

static void on_answered(void *owner, struct tb_request *request, unsigned code, size_t bytes, bool is_whole)
{
    struct tb_server *server = owner;

    if (server->host.is_draining)
        server->busy_us = tb_clock_monotonic_us();
    server->options.on_answered(server->options.owner, request, code, bytes, is_whole);
}

static void await_room(struct tb_server *server, int64_t delay_us)
{
    if (!server->is_full)
        tb_loop_change(server->options.loop, &server->watch, 0);
    server->is_full = true;
    tb_loop_arm(server->options.loop, &server->room, delay_us);
}

static void on_closed(void *owner, struct tb_connection *connection)
{
    struct tb_server *server = owner;
    const char *address = tb_connection_address(connection);

    if (!server->options.is_trusted(server->options.owner, address))
        tb_quota_give(server->quota, address);
    if (server->is_full)
        tb_loop_arm(server->options.loop, &server->room, 0);
}

/* ---- accepting ---- */

static void name_address(const struct sockaddr_storage *address, char text[TB_CONNECTION_ADDRESS_BYTES])
{
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;

    text[0] = '\0';
    if (address->ss_family == AF_INET)
        inet_ntop(AF_INET, &v4->sin_addr, text, TB_CONNECTION_ADDRESS_BYTES);
    else if (address->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], text, TB_CONNECTION_ADDRESS_BYTES);
    else if (address->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &v6->sin6_addr, text, TB_CONNECTION_ADDRESS_BYTES);
}

static void admit(struct tb_server *server, int fd, const struct sockaddr_storage *from)
{
    char address[TB_CONNECTION_ADDRESS_BYTES];
    int on = 1;

    name_address(from, address);
    bool is_counted = !server->options.is_trusted(server->options.owner, address);
    if (is_counted && !tb_quota_take(server->quota, address)) {
        close(fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct tb_connection *connection = tb_connection_new(&server->host, fd, address);
    if (!connection && is_counted)
        tb_quota_give(server->quota, address);
}

/* The place of whoever has been without a whole request for longest. */
static bool make_room(struct tb_server *server)
{
    struct tb_connection *slow = server->host.unfinished_first;

    if (!slow || tb_clock_monotonic_us() - tb_connection_waits_since_us(slow) < SLOW_US)
        return false;
    tb_connection_close(slow);
    return true;
}

static void accept_some(struct tb_server *server)
{
    for (int i = 0; i < ACCEPTED_AT_ONCE; i++) {
        struct sockaddr_storage from = {0};
        socklen_t len = sizeof(from);
        if (server->host.count >= server->max && !make_room(server)) {
            await_room(server, CROWDED_US);
            return;
        }
        int fd = accept4(server->watch.fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            admit(server, fd, &from);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            await_room(server, CROWDED_US);
        return;
    }
}

static void on_ready(struct tb_watch *watch, uint32_t events)
{
    (void)events;
    accept_some(watch->owner);
}

static void on_room(struct tb_timer *timer)
{
    struct tb_server *server = timer->owner;

    if (!server->watch.added)
        return;
    server->is_full = false;
    tb_loop_change(server->options.loop, &server->watch, EPOLLIN);
}

/* ---- draining ---- */

static void stop_accepting(struct tb_server *server)
{
    tb_loop_remove(server->options.loop, &server->watch);
    tb_loop_disarm(server->options.loop, &server->room);
    if (server->watch.fd >= 0)
        close(server->watch.fd);
    server->watch.fd = -1;
    server->is_full = false;
}

static void on_drain(struct tb_timer *timer)
{
    struct tb_server *server = timer->owner;
    int64_t now_us = tb_clock_monotonic_us();
    bool is_quiet =
        server->host.requests == 0 && server->host.streams == 0 && now_us - server->busy_us >= DRAIN_QUIET_US;

    if (server->host.count == 0 || is_quiet || now_us - server->drain_since_us >= DRAIN_MAX_US)
        server->on_drained(server->drained_owner);
    else
        tb_loop_arm(server->options.loop, timer, DRAIN_STEP_US);
}

void tb_server_drain(struct tb_server *server, void (*on_drained)(void *owner), void *owner)
{
    server->on_drained = on_drained;
    server->drained_owner = owner;
    server->host.is_draining = true;
    server->drain_since_us = server->busy_us = tb_clock_monotonic_us();
    accept_some(server); /* who was let in by the kernel already is served */
    stop_accepting(server);
    tb_loop_arm(server->options.loop, &server->drain, DRAIN_STEP_US);
}

/* ---- opening and closing ---- */

/* The soft limit of descriptors is lower than what a server needs, by old custom. Returns how many
 * connections there is room for. */
static size_t allow_descriptors(int64_t connections)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections + OTHER_DESCRIPTORS;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return (size_t)connections;
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur >= wanted)
        return (size_t)connections;
    return limit.rlim_cur > 2 * OTHER_DESCRIPTORS ? (size_t)limit.rlim_cur - OTHER_DESCRIPTORS
                                                  : OTHER_DESCRIPTORS;
}

int tb_server_open(const struct tb_server_options *options, struct tb_server **ret_server,
                   struct tb_error *err)
{
    struct tb_server *server = calloc(1, sizeof(*server));
    int64_t idle_us = options->idle_timeout_s * TB_US_PER_S;

    if (server)
        server->quota = tb_quota_new((size_t)options->max_connections_per_address);
    if (!server || !server->quota) {
        close(options->listen_fd);
        free(server);
        return tb_error_set(err, -ENOMEM, "out of memory");
    }
    server->options = *options;
    server->host = (struct tb_connection_host){.loop = options->loop,
                                               .head_us = idle_us < HEAD_US ? idle_us : HEAD_US,
                                               .idle_us = idle_us,
                                               .on_request = on_request,
                                               .on_malformed = on_malformed,
                                               .on_gone = on_gone,
                                               .on_answered = on_answered,
                                               .on_closed = on_closed,
                                               .owner = server};
    server->max = allow_descriptors(options->max_connections);
    server->room = (struct tb_timer){.on_expire = on_room, .owner = server};
    server->drain = (struct tb_timer){.on_expire = on_drain, .owner = server};
    server->watch = (struct tb_watch){.fd = options->listen_fd, .on_ready = on_ready, .owner = server};
    int failed = tb_loop_add(options->loop, &server->watch, EPOLLIN);
    if (failed) {
        tb_server_close(server);
        return tb_error_set_errno(err, failed, "watching the HTTP server's socket");
    }
    *ret_server = server;
    return 0;
}

void tb_server_close(struct tb_server *server)
{
    if (!server)
        return;
    stop_accepting(server);
    tb_loop_disarm(server->options.loop, &server->drain);
    while (server->host.first)
        tb_connection_close(server->host.first);
    tb_connection_host_bury(&server->host);
    tb_quota_free(server->quota);
    free(server);
}

/* Threads for what waits, and nothing else.
 *
 * Each dial is one thread that runs one function; a look-up is a dial that asks the system for a name. A
 * thread shares its dial with the loop until it is done or abandoned, whichever comes first, and both are
 * decided under one lock: a dial that was abandoned is freed by its thread, one that is done by the loop,
 * which an eventfd wakes.
 *
 * A look-up can't be interrupted: who asked goes on after its time, the thread stays. So that they can't
 * become many, there is one thread a name, whoever asks and how often, and threads are counted. */
#include "taskbridge/io/dialler.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "taskbridge/base/limits.h"

/* How long the end of threads is waited for at the dialler's own end. */
#define FAREWELL_US  (200 * TB_US_PER_MS)
#define STACK_BYTES  (512 * TB_KIB)
#define WATCH_MAX_MS 100

/* What threads and loop share; the last one frees it. */
struct shared {
    pthread_mutex_t lock;
    pthread_cond_t ended; /* a thread */
    int event_fd;
    unsigned refs, threads;
    struct tb_dial *done; /* newest first */
};

struct tb_dial {
    struct shared *shared;
    struct tb_dialler *dialler; /* only used in the loop */
    struct tb_dial_job job;
    struct tb_dial *before, *behind; /* of those under way; in the loop only */
    struct tb_dial *next_done;
    int r;
    struct tb_error err;
    /* Under the lock. */
    bool is_done, is_abandoned;
    int fd;
};

struct tb_dialler {
    struct tb_loop *loop;
    struct shared *shared;
    struct tb_watch watch;
    struct tb_dial *dials;
};

/* ---- threads ---- */

static void unref(struct shared *shared)
{
    pthread_mutex_lock(&shared->lock);
    bool is_last = --shared->refs == 0;
    pthread_mutex_unlock(&shared->lock);
    if (!is_last)
        return;
    close(shared->event_fd);
    pthread_cond_destroy(&shared->ended);
    pthread_mutex_destroy(&shared->lock);
    free(shared);
}

/* Whose timed waits go by the monotonic clock. */
static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

static struct timespec end_of(int64_t timeout_us)
{
    int64_t end_us = tb_clock_monotonic_us() + timeout_us;
    return (struct timespec){.tv_sec = end_us / TB_US_PER_S, .tv_nsec = end_us % TB_US_PER_S * 1000};
}

static struct shared *new_shared(void)
{
    struct shared *shared = calloc(1, sizeof(*shared));
    if (!shared)
        return NULL;
    shared->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (shared->event_fd < 0) {
        free(shared);
        return NULL;
    }
    shared->refs = 1;
    pthread_mutex_init(&shared->lock, NULL);
    init_condition(&shared->ended);
    return shared;
}

static void hand_over(struct tb_dial *dial)
{
    static const uint64_t one = 1;
    struct shared *shared = dial->shared;
    dial->is_done = true;
    dial->next_done = shared->done;
    shared->done = dial;
    /* Full only after 2^64 - 1 of them. */
    ssize_t written = write(shared->event_fd, &one, sizeof(one));
    (void)written;
}

static void *run_thread(void *argument)
{
    struct tb_dial *dial = argument;
    struct shared *shared = dial->shared;
    dial->r = dial->job.run(dial->job.work, dial, &dial->err);
    pthread_mutex_lock(&shared->lock);
    bool is_abandoned = dial->is_abandoned;
    dial->fd = -1;
    if (!is_abandoned)
        hand_over(dial);
    pthread_mutex_unlock(&shared->lock);
    if (is_abandoned) {
        dial->job.drop(dial->job.work);
        free(dial);
    }
    pthread_mutex_lock(&shared->lock);
    shared->threads--;
    pthread_cond_broadcast(&shared->ended);
    pthread_mutex_unlock(&shared->lock);
    unref(shared);
    return NULL;
}

/* Detached, and without signals: those are the loop's. */
static int start_thread(void *(*run)(void *), void *argument)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, former;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    int r = -pthread_create(&thread, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    pthread_attr_destroy(&attributes);
    return r;
}

/* ---- dials ---- */

static void link_dial(struct tb_dialler *dialler, struct tb_dial *dial)
{
    dial->behind = dialler->dials;
    if (dial->behind)
        dial->behind->before = dial;
    dialler->dials = dial;
}

static void unlink_dial(struct tb_dial *dial)
{
    if (dial->before)
        dial->before->behind = dial->behind;
    else
        dial->dialler->dials = dial->behind;
    if (dial->behind)
        dial->behind->before = dial->before;
}

static bool count_thread(struct shared *shared)
{
    pthread_mutex_lock(&shared->lock);
    bool has_room = shared->threads < TB_DIALLER_MAX_THREADS;
    shared->threads += has_room;
    shared->refs += has_room;
    pthread_mutex_unlock(&shared->lock);
    return has_room;
}

static void discount_thread(struct shared *shared)
{
    pthread_mutex_lock(&shared->lock);
    shared->threads--;
    pthread_mutex_unlock(&shared->lock);
    unref(shared);
}

int tb_dial_start(struct tb_dialler *dialler, const struct tb_dial_job *job, struct tb_dial **ret_dial,
                  struct tb_error *err)
{
    struct tb_dial *dial = calloc(1, sizeof(*dial));
    if (!dial)
        return tb_error_set_errno(err, -ENOMEM, "connecting");
    dial->shared = dialler->shared;
    dial->dialler = dialler;
    dial->job = *job;
    dial->fd = -1;
    if (!count_thread(dialler->shared)) {
        free(dial);
        return tb_error_set(err, -EAGAIN, "%d look-ups of names or connections hang already",
                            TB_DIALLER_MAX_THREADS);
    }
    int r = start_thread(run_thread, dial);
    if (r < 0) {
        discount_thread(dialler->shared);
        free(dial);
        return tb_error_set_errno(err, r, "starting a thread that connects");
    }
    link_dial(dialler, dial);
    *ret_dial = dial;
    return 0;
}

void tb_dial_abandon(struct tb_dial *dial)
{
    if (!dial)
        return;
    unlink_dial(dial);
    pthread_mutex_lock(&dial->shared->lock);
    dial->is_abandoned = true;
    if (dial->fd >= 0)
        shutdown(dial->fd, SHUT_RDWR);
    pthread_mutex_unlock(&dial->shared->lock);
}

bool tb_dial_is_abandoned(struct tb_dial *dial)
{
    pthread_mutex_lock(&dial->shared->lock);
    bool is_abandoned = dial->is_abandoned;
    pthread_mutex_unlock(&dial->shared->lock);
    return is_abandoned;
}

void tb_dial_watch(struct tb_dial *dial, int fd)
{
    pthread_mutex_lock(&dial->shared->lock);
    dial->fd = fd;
    if (fd >= 0 && dial->is_abandoned)
        shutdown(fd, SHUT_RDWR);
    pthread_mutex_unlock(&dial->shared->lock);
}

static void reap(struct tb_dial *dial)
{
    struct tb_dial_job job = dial->job;
    if (dial->is_abandoned) {
        job.drop(job.work);
        free(dial);
        return;
    }
    unlink_dial(dial);
    int r = dial->r;
    struct tb_error err = dial->err;
    free(dial);
    job.on_done(job.owner, job.work, r, &err);
}

/* One at a time, for a callback may abandon another that is done. */
static struct tb_dial *take_done(struct shared *shared)
{
    pthread_mutex_lock(&shared->lock);
    struct tb_dial *dial = shared->done;
    if (dial)
        shared->done = dial->next_done;
    pthread_mutex_unlock(&shared->lock);
    return dial;
}

static void on_ready(struct tb_watch *watch, uint32_t events)
{
    struct tb_dialler *dialler = watch->owner;
    uint64_t count;
    (void)events;
    if (read(watch->fd, &count, sizeof(count)) < 0)
        return;
    for (struct tb_dial *dial; (dial = take_done(dialler->shared));)
        reap(dial);
}

/* ---- connecting ---- */

static int fill_address(const char *address, int port, struct sockaddr_storage *ret_address,
                        socklen_t *ret_bytes)
{
    char service[16];
    struct addrinfo *info, hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct sockaddr_in *four = (struct sockaddr_in *)ret_address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret_address;
    memset(ret_address, 0, sizeof(*ret_address));
    if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)port);
        *ret_bytes = sizeof(*four);
        return 0;
    }
    if (inet_pton(AF_INET6, address, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons((uint16_t)port);
        *ret_bytes = sizeof(*six);
        return 0;
    }
    /* One with a scope: only the system knows its number. */
    snprintf(service, sizeof(service), "%d", port);
    if (getaddrinfo(address, service, &hints, &info))
        return -EINVAL;
    memcpy(ret_address, info->ai_addr, info->ai_addrlen);
    *ret_bytes = info->ai_addrlen;
    freeaddrinfo(info);
    return 0;
}

/* Looks up from waiting now and then: shutting down a socket that is not connected yet wakes nobody. */
static int wait_for_connection(struct tb_dial *dial, int fd, int64_t deadline_us)
{
    for (;;) {
        int64_t left_ms = (deadline_us - tb_clock_monotonic_us() + TB_US_PER_MS - 1) / TB_US_PER_MS;
        if (dial && tb_dial_is_abandoned(dial))
            return -ECANCELED;
        if (left_ms <= 0)
            return -ETIMEDOUT;
        struct pollfd place = {.fd = fd, .events = POLLOUT};
        int count = poll(&place, 1, left_ms < WATCH_MAX_MS ? (int)left_ms : WATCH_MAX_MS);
        if (count < 0 && errno != EINTR)
            return -errno;
        if (count <= 0)
            continue;
        int error = 0;
        socklen_t bytes = sizeof(error);
        return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) < 0 ? -errno : -error;
    }
}

int tb_dial_connect(struct tb_dial *dial, const char *address, int port, int64_t deadline_us, int *ret_fd)
{
    struct sockaddr_storage place;
    socklen_t bytes;
    int r = fill_address(address, port, &place, &bytes);
    if (r < 0)
        return r;
    int fd = socket(place.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    r = connect(fd, (const struct sockaddr *)&place, bytes) < 0 ? -errno : 0;
    if (r == -EINPROGRESS)
        r = wait_for_connection(dial, fd, deadline_us);
    if (r < 0) {
        close(fd);
        return r;
    }
    if (dial)
        tb_dial_watch(dial, fd);
    *ret_fd = fd;
    return 0;
}

/* ---- the whole ---- */

int tb_dialler_new(struct tb_loop *loop, struct tb_dialler **ret_dialler, struct tb_error *err)
{
    struct tb_dialler *dialler = calloc(1, sizeof(*dialler));
    if (dialler)
        dialler->shared = new_shared();
    if (!dialler || !dialler->shared) {
        free(dialler);
        return tb_error_set_errno(err, -ENOMEM, "preparing to connect");
    }
    dialler->loop = loop;
    dialler->watch =
        (struct tb_watch){.fd = dialler->shared->event_fd, .on_ready = on_ready, .owner = dialler};
    int r = tb_loop_add(loop, &dialler->watch, EPOLLIN);
    if (r < 0) {
        tb_dialler_free(dialler);
        return tb_error_set_errno(err, r, "preparing to connect");
    }
    *ret_dialler = dialler;
    return 0;
}

static void await_threads(struct shared *shared)
{
    const struct timespec end = end_of(FAREWELL_US);
    int code = 0;
    pthread_mutex_lock(&shared->lock);
    while (shared->threads && code == 0)
        code = pthread_cond_timedwait(&shared->ended, &shared->lock, &end);
    pthread_mutex_unlock(&shared->lock);
}

void tb_dialler_free(struct tb_dialler *dialler)
{
    if (!dialler)
        return;
    while (dialler->dials)
        tb_dial_abandon(dialler->dials);
    await_threads(dialler->shared);
    for (struct tb_dial *dial; (dial = take_done(dialler->shared));)
        reap(dial);
    tb_loop_remove(dialler->loop, &dialler->watch);
    unref(dialler->shared);
    free(dialler);
}

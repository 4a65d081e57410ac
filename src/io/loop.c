/* The loop: waits for descriptors, timers and signals, and calls back, in one thread.
 *
 * A turn is: wait; the callbacks of the descriptors that are ready; the callbacks of the timers that are due.
 * Both get their share in every turn: a timer armed from a callback, even with a delay of 0, is due in the
 * next turn at the earliest. Callbacks may add, change and remove any watch, and arm and disarm any timer,
 * their own too, and free them: events of the wakeup under way hold pointers to watches, so removing a watch
 * also takes it out of these.
 *
 * Invariants: timers is a binary heap by due_us, and timers[i]->index == i. The loop doesn't own watches and
 * timers. */
#include "taskbridge/io/loop.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define EVENTS_MAX     64
#define TIMERS_CAP_MIN ((size_t)16)

struct tb_loop {
    int epoll_fd;
    bool stopping;
    /* The wakeup under way: events[event_at] is the next one. */
    struct epoll_event events[EVENTS_MAX];
    int event_at, event_count;
    struct tb_timer **timers;
    size_t timer_count, timer_cap;
    int64_t turn_us; /* when the timers of the last turn were looked at */
    struct tb_watch signals;
    void (*on_signal)(void *owner, int signal);
    void *signal_owner;
};

int tb_loop_new(struct tb_loop **ret_loop, struct tb_error *err)
{
    struct tb_loop *loop = calloc(1, sizeof(*loop));
    if (!loop)
        return tb_error_set_errno(err, -ENOMEM, "creating the event loop");
    loop->signals.fd = -1;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        int rc = tb_error_set_errno(err, -errno, "creating the event loop's epoll descriptor");
        free(loop);
        return rc;
    }
    *ret_loop = loop;
    return 0;
}

void tb_loop_free(struct tb_loop *loop)
{
    if (!loop)
        return;
    if (loop->signals.fd >= 0)
        close(loop->signals.fd);
    close(loop->epoll_fd);
    free(loop->timers);
    free(loop);
}

int tb_loop_add(struct tb_loop *loop, struct tb_watch *watch, uint32_t events)
{
    assert(!watch->added);
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) < 0)
        return -errno;
    watch->added = true;
    return 0;
}

int tb_loop_add_foreign(struct tb_loop *loop, struct tb_watch *watch, int fd, uint32_t events)
{
    assert(!watch->added);
    watch->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (watch->fd < 0)
        return -errno;
    int rc = tb_loop_add(loop, watch, events);
    if (rc) {
        close(watch->fd);
        watch->fd = -1;
    }
    watch->owns_fd = watch->added;
    return rc;
}

/* Takes all but the wanted events of watch out of the wakeup under way. */
static void restrict_pending(struct tb_loop *loop, const struct tb_watch *watch, uint32_t wanted)
{
    for (int i = loop->event_at; i < loop->event_count; i++) {
        if (loop->events[i].data.ptr != watch)
            continue;
        loop->events[i].events &= wanted;
        if (!loop->events[i].events)
            loop->events[i].data.ptr = NULL;
    }
}

void tb_loop_change(struct tb_loop *loop, struct tb_watch *watch, uint32_t events)
{
    assert(watch->added);
    struct epoll_event event = {.events = events, .data.ptr = watch};
    int rc = epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
    assert(rc == 0);
    (void)rc;
    restrict_pending(loop, watch, events | EPOLLERR | EPOLLHUP);
}

void tb_loop_remove(struct tb_loop *loop, struct tb_watch *watch)
{
    if (!watch->added)
        return;
    int rc = epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    assert(rc == 0);
    (void)rc;
    watch->added = false;
    if (watch->owns_fd) {
        close(watch->fd);
        watch->fd = -1;
    }
    watch->owns_fd = false;
    restrict_pending(loop, watch, 0);
}

static void dispatch_events(struct tb_loop *loop)
{
    while (!loop->stopping && loop->event_at < loop->event_count) {
        const struct epoll_event event = loop->events[loop->event_at++];
        struct tb_watch *watch = event.data.ptr;
        if (watch)
            watch->on_ready(watch, event.events);
    }
    loop->event_at = loop->event_count = 0;
}

static void place(struct tb_loop *loop, struct tb_timer *timer, size_t index)
{
    loop->timers[index] = timer;
    timer->index = index;
}

/* Finds timer's place from index upwards or downwards; one of the two does nothing. */
static void settle(struct tb_loop *loop, struct tb_timer *timer, size_t index)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (loop->timers[parent]->due_us <= timer->due_us)
            break;
        place(loop, loop->timers[parent], index);
        index = parent;
    }
    for (;;) {
        size_t child = 2 * index + 1;
        if (child + 1 < loop->timer_count && loop->timers[child + 1]->due_us < loop->timers[child]->due_us)
            child++;
        if (child >= loop->timer_count || timer->due_us <= loop->timers[child]->due_us)
            break;
        place(loop, loop->timers[child], index);
        index = child;
    }
    place(loop, timer, index);
}

static void make_room(struct tb_loop *loop)
{
    if (loop->timer_count < loop->timer_cap)
        return;
    size_t cap = loop->timer_cap ? loop->timer_cap * 2 : TIMERS_CAP_MIN;
    struct tb_timer **timers = reallocarray(loop->timers, cap, sizeof(struct tb_timer *));
    if (!timers)
        abort(); /* a timer that silently never came would be worse than a restart */
    loop->timers = timers;
    loop->timer_cap = cap;
}

void tb_loop_arm(struct tb_loop *loop, struct tb_timer *timer, int64_t delay_us)
{
    int64_t due_us;
    tb_loop_disarm(loop, timer);
    if (__builtin_add_overflow(tb_clock_monotonic_us(), delay_us > 0 ? delay_us : 0, &due_us))
        due_us = INT64_MAX;
    timer->due_us = due_us > loop->turn_us ? due_us : loop->turn_us + 1;
    make_room(loop);
    timer->armed = true;
    settle(loop, timer, loop->timer_count++);
}

void tb_loop_disarm(struct tb_loop *loop, struct tb_timer *timer)
{
    if (!timer->armed)
        return;
    assert(loop->timers[timer->index] == timer);
    timer->armed = false;
    struct tb_timer *last = loop->timers[--loop->timer_count];
    if (last != timer)
        settle(loop, last, timer->index);
}

static void expire_timers(struct tb_loop *loop)
{
    loop->turn_us = tb_clock_monotonic_us();
    while (!loop->stopping && loop->timer_count && loop->timers[0]->due_us <= loop->turn_us) {
        struct tb_timer *timer = loop->timers[0];
        tb_loop_disarm(loop, timer);
        timer->on_expire(timer);
    }
}

/* Milliseconds until the first timer, rounded up, so that no turn is spent waking too early; -1 without one.
 */
static int wait_ms(const struct tb_loop *loop)
{
    if (loop->timer_count == 0)
        return -1;
    int64_t left_us = loop->timers[0]->due_us - tb_clock_monotonic_us();
    if (left_us <= 0)
        return 0;
    int64_t left_ms = left_us / TB_US_PER_MS + (left_us % TB_US_PER_MS != 0);
    return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

int tb_loop_run(struct tb_loop *loop, struct tb_error *err)
{
    while (!loop->stopping) {
        int count = epoll_wait(loop->epoll_fd, loop->events, EVENTS_MAX, wait_ms(loop));
        if (count < 0 && errno != EINTR)
            return tb_error_set_errno(err, -errno, "waiting for events");
        loop->event_at = 0;
        loop->event_count = count > 0 ? count : 0;
        dispatch_events(loop);
        expire_timers(loop);
    }
    loop->stopping = false;
    return 0;
}

void tb_loop_stop(struct tb_loop *loop)
{
    loop->stopping = true;
}

static void on_signals_ready(struct tb_watch *watch, uint32_t events)
{
    struct tb_loop *loop = watch->owner;
    struct signalfd_siginfo info;
    (void)events;
    while (read(watch->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        loop->on_signal(loop->signal_owner, (int)info.ssi_signo);
}

int tb_loop_catch_signals(struct tb_loop *loop, const int *signals,
                          void (*on_signal)(void *owner, int signal), void *owner, struct tb_error *err)
{
    assert(loop->signals.fd < 0);
    sigset_t set;
    sigemptyset(&set);
    for (const int *signal = signals; *signal; signal++)
        sigaddset(&set, *signal);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return tb_error_set_errno(err, -errno, "blocking the signals that the event loop reads");

    loop->on_signal = on_signal;
    loop->signal_owner = owner;
    loop->signals = (struct tb_watch){
        .fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), .on_ready = on_signals_ready, .owner = loop};
    if (loop->signals.fd < 0)
        return tb_error_set_errno(err, -errno, "creating the descriptor for signals");
    int rc = tb_loop_add(loop, &loop->signals, EPOLLIN);
    return rc < 0 ? tb_error_set_errno(err, rc, "waiting for signals") : 0;
}

/* One epoll loop: sockets, timers, signals. Everything in the daemon happens in its callbacks, in one thread.
 */
#ifndef TASKBRIDGE_IO_LOOP_H
#define TASKBRIDGE_IO_LOOP_H

#include "taskbridge/base/attributes.h"
#include "taskbridge/base/clock.h"
#include "taskbridge/base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct tb_loop;

/* A file descriptor that is waited for; embedded in its owner. Level-triggered. */
struct tb_watch {
    int fd;
    void (*on_ready)(struct tb_watch *watch, uint32_t events); /* EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP */
    void *owner;
    bool added, owns_fd; /* the loop's own */
};

/* A timer, embedded in its owner; one-shot. */
struct tb_timer {
    void (*on_expire)(struct tb_timer *timer);
    void *owner;
    /* The loop's own. */
    bool armed;
    int64_t due_us; /* monotonic */
    size_t index;
};

int tb_loop_new(struct tb_loop **ret_loop, struct tb_error *err) TB_MUST_CHECK;
/* Watches and timers are their owners'; not from inside a callback. */
void tb_loop_free(struct tb_loop *loop);

/* Until tb_loop_stop. 0 or a negative errno. */
int tb_loop_run(struct tb_loop *loop, struct tb_error *err) TB_MUST_CHECK;
/* Ends the run after the callback under way; called before a run, ends that one at once. */
void tb_loop_stop(struct tb_loop *loop);

int tb_loop_add(struct tb_loop *loop, struct tb_watch *watch, uint32_t events) TB_MUST_CHECK;
/* Watches a descriptor that belongs to a library, which may close it at any time, without a word: the loop
 * waits for a duplicate (watch->fd), which tb_loop_remove closes. */
int tb_loop_add_foreign(struct tb_loop *loop, struct tb_watch *watch, int fd, uint32_t events) TB_MUST_CHECK;
/* Of a watch that is added. */
void tb_loop_change(struct tb_loop *loop, struct tb_watch *watch, uint32_t events);
/* Before its fd is closed; fine when not added. No callback of it comes any more, also not of the wakeup
 * under way. */
void tb_loop_remove(struct tb_loop *loop, struct tb_watch *watch);

/* Arms or re-arms; 0 expires in the next turn, never from inside this call. Aborts without memory: a timer
 * that silently never came would be worse. */
void tb_loop_arm(struct tb_loop *loop, struct tb_timer *timer, int64_t delay_us);
void tb_loop_disarm(struct tb_loop *loop, struct tb_timer *timer);

/* The given signals, 0 at the end, are blocked for the process and come as callbacks; the loop owns the
 * signalfd. Once a loop. */
int tb_loop_catch_signals(struct tb_loop *loop, const int *signals,
                          void (*on_signal)(void *owner, int signal), void *owner,
                          struct tb_error *err) TB_MUST_CHECK;

#endif

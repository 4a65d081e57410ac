/* What a system can only do by waiting: looking names up, connecting, logging in. It is done on threads,
 * which exist nowhere else, and the result comes as a callback of the loop; so nothing that a server or the
 * DNS keeps to itself holds the loop. */
#ifndef TASKBRIDGE_IO_DIALLER_H
#define TASKBRIDGE_IO_DIALLER_H

#include "taskbridge/io/loop.h"

struct tb_dialler;

int tb_dialler_new(struct tb_loop *loop, struct tb_dialler **ret_dialler, struct tb_error *err) TB_MUST_CHECK;

/* Abandons what is under way, without callbacks. What hangs in the system stays behind with its thread, and
 * needs nothing of ours any more. NULL is fine; not from inside a callback of the dialler. */
void tb_dialler_free(struct tb_dialler *dialler);

struct tb_dial;

struct tb_dial_job {
    /* On a thread: takes its time, but not for ever. It shares nothing with the loop but work. */
    int (*run)(void *work, struct tb_dial *dial, struct tb_error *err);
    /* In the loop: what run returned and set. work is the owner's again. */
    void (*on_done)(void *owner, void *work, int r, const struct tb_error *err);
    /* Frees work where it was abandoned: on whichever thread is last. */
    void (*drop)(void *work);
    void *work, *owner;
};

/* Takes job's work, if it succeeds: 0 or negative (-EAGAIN: too many threads hang). The dial ends with
 * on_done or with tb_dial_abandon. */
int tb_dial_start(struct tb_dialler *dialler, const struct tb_dial_job *job, struct tb_dial **ret_dial,
                  struct tb_error *err) TB_MUST_CHECK;

/* No callback any more: the socket that run watches is shut down, and the work dropped. NULL is fine. */
void tb_dial_abandon(struct tb_dial *dial);

/* For run: whether nobody wants the result any more; and the socket that is to be shut down then, so that
 * waiting on it ends (-1: none, to be said before it is closed). */
bool tb_dial_is_abandoned(struct tb_dial *dial);
void tb_dial_watch(struct tb_dial *dial, int fd);

/* For run: a TCP connection to a numeric address, non-blocking, close-on-exec, watched; waits until
 * deadline_us (monotonic). 0 or a negative errno, -ECANCELED once abandoned. dial may be NULL. */
int tb_dial_connect(struct tb_dial *dial, const char *address, int port, int64_t deadline_us,
                    int *ret_fd) TB_MUST_CHECK;

#endif

/* Asking Celery's workers over the broker, as `celery inspect` does: never through the result backend.
 *
 * A round is a set of questions, each to one worker by name: they are asked, and what is answered is
 * collected until all did or the time is over. Nothing waits, and the connection is kept for the next round.
 * One round at a time. */
#ifndef TASKBRIDGE_AMQP_PIDBOX_H
#define TASKBRIDGE_AMQP_PIDBOX_H

#include "taskbridge/amqp/channel.h"
#include "taskbridge/base/str.h"

/* Ids in one message; more go in several, whose answers come one by one. */
#define TB_PIDBOX_MAX_IDS ((size_t)100)

enum tb_pidbox_method {
    TB_PIDBOX_QUERY_TASK, /* which of these ids do you have? */
    TB_PIDBOX_ACTIVE,     /* which tasks do you run? */
    TB_PIDBOX_QUEUES      /* which queues do you take tasks from? */
};

struct tb_pidbox_question {
    struct tb_str worker; /* "w1@host" */
    /* At most TB_PIDBOX_MAX_IDS; only with TB_PIDBOX_QUERY_TASK. */
    const struct tb_str *ids;
    size_t id_count;
};

struct tb_pidbox_round {
    enum tb_pidbox_method method;
    const struct tb_pidbox_question *questions;
    size_t question_count; /* 1 or more */
    int64_t timeout_us;    /* for the answers, from when the questions were sent */
};

/* A task that a worker named; with TB_PIDBOX_QUEUES a queue, by its name. */
struct tb_pidbox_task {
    struct tb_str id;
    struct tb_str state; /* "active", "reserved" or "ready"; with TB_PIDBOX_ACTIVE and _QUEUES "active" */
};

enum tb_pidbox_outcome {
    TB_PIDBOX_FORBIDDEN = 1, /* the broker's user may not ask: err names the right that is missing */
    TB_PIDBOX_NOBODY         /* there is no exchange of questions: no worker with remote control ever ran */
};

/* Everything is borrowed until the callback returns. question is an index into the round's questions. */
struct tb_pidbox_events {
    /* The worker answered; tasks are those it has of the ids asked for, or all it runs, or its queues. Once a
     * question. */
    void (*on_answer)(void *owner, size_t question, const struct tb_pidbox_task *tasks, size_t task_count);
    /* The worker answered, and the answer can't be read (another serializer, an error of its own): a sign of
     * life and nothing else. Once a question, instead of on_answer. */
    void (*on_unreadable)(void *owner, size_t question, const struct tb_error *err);
    /* The round is over: 0 (whoever was silent until now did not answer), an outcome, or negative, the
     * connection failed: what came before it stands. The next round may be asked from inside. */
    void (*on_done)(void *owner, int outcome, const struct tb_error *err);
    void *owner;
};

struct tb_pidbox;

/* Opens without connecting. 0, -EINVAL or -ENOMEM. */
int tb_pidbox_new(const struct tb_broker *broker, const struct tb_pidbox_events *events,
                  struct tb_pidbox **ret_pidbox, struct tb_error *err) TB_MUST_CHECK;

/* Ends a round under way without a callback. NULL is fine. */
void tb_pidbox_free(struct tb_pidbox *pidbox);

/* Ends the round under way without a callback; fine when there is none. */
void tb_pidbox_cancel(struct tb_pidbox *pidbox);

bool tb_pidbox_is_busy(const struct tb_pidbox *pidbox);

/* Begins a round, not while busy; the round and all it points to are borrowed until on_done, which always
 * comes, and never from inside this call. */
void tb_pidbox_ask(struct tb_pidbox *pidbox, const struct tb_pidbox_round *round);

#endif

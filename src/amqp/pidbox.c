/* Asking workers, as kombu's mailbox does it: a message to the fanout exchange celery.pidbox, which every
 * worker reads and only the one that is named answers, to a queue of ours through the exchange
 * reply.celery.pidbox.
 *
 * Questions go out over a channel that is kept from round to round, and answers are taken as they come, until
 * every question has one or the time is over. An answer belongs to a question by its ticket, so that also one
 * that can't be read tells who lives, and one to a round that is over is nobody's. A question that the broker
 * did not confirm was not asked: silence is a worker's, never the broker's. */
#include "taskbridge/amqp/pidbox.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "pidbox_reply.h"
#include "taskbridge/base/json.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/base/random.h"

/* How long a round may wait for a connection and its mailbox: so many times what one address may take. What
 * takes longer is there for the next round. */
#define READY_TIMES 2

struct question_state {
    struct tb_sending sending;
    struct tb_pidbox *pidbox;
    bool is_confirmed; /* by the broker */
    bool is_answered;  /* by the worker */
};

struct tb_pidbox {
    struct tb_broker broker;
    struct tb_pidbox_events events;
    struct tb_channel *channel;
    struct tb_mailbox mailbox;
    char asks[256], replies[256]; /* the mailbox's names */
    struct tb_timer begin, end;
    char round_id[TB_UUID_TEXT_BYTES];
    const struct tb_pidbox_round *round; /* borrowed while busy; NULL else */
    struct question_state *questions;    /* owned, one a question */
    bool is_listening;                   /* in this round */
    size_t published, confirmed, answered;
};

/* ---- the round's end ---- */

static void end_round(struct tb_pidbox *pidbox)
{
    tb_loop_disarm(pidbox->broker.loop, &pidbox->begin);
    tb_loop_disarm(pidbox->broker.loop, &pidbox->end);
    for (size_t i = 0; pidbox->questions && i < pidbox->round->question_count; i++)
        tb_channel_withdraw(pidbox->channel, &pidbox->questions[i].sending);
    free(pidbox->questions);
    pidbox->questions = NULL;
    pidbox->round = NULL;
}

static void finish(struct tb_pidbox *pidbox, int outcome, const struct tb_error *err)
{
    struct tb_error reason = err ? *err : (struct tb_error){0};
    end_round(pidbox);
    pidbox->events.on_done(pidbox->events.owner, outcome, &reason);
}

static void TB_PRINTF(3, 4) finish_with(struct tb_pidbox *pidbox, int outcome, const char *format, ...)
{
    struct tb_error err = {0};
    char text[TB_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    tb_error_set(&err, outcome, "%s", text);
    finish(pidbox, outcome, &err);
}

static void find_nobody(struct tb_pidbox *pidbox)
{
    finish_with(
        pidbox, TB_PIDBOX_NOBODY,
        "no worker can be asked: exchange %s does not exist, so none with remote control ever ran on this "
        "vhost",
        pidbox->asks);
}

/* ---- questions ---- */

static void push_arguments(struct tb_json *json, const struct tb_pidbox_round *round,
                           const struct tb_pidbox_question *question)
{
    tb_json_begin_object(json, "arguments");
    if (round->method == TB_PIDBOX_ACTIVE) {
        /* Arguments as reprs: they need not be what JSON can say. */
        tb_json_bool(json, "safe", true);
    } else if (round->method == TB_PIDBOX_QUERY_TASK) {
        tb_json_begin_list(json, "ids");
        for (size_t i = 0; i < question->id_count; i++)
            tb_json_str(json, NULL, question->ids[i]);
        tb_json_end_list(json);
    }
    tb_json_end_object(json);
}

static struct tb_str method_name(enum tb_pidbox_method method)
{
    static const char *const names[] = {[TB_PIDBOX_QUERY_TASK] = "query_task",
                                        [TB_PIDBOX_ACTIVE] = "active",
                                        [TB_PIDBOX_QUEUES] = "active_queues"};

    return tb_str_of(names[method]);
}

static void push_question(const struct tb_pidbox *pidbox, size_t index, struct tb_buf *buf)
{
    const struct tb_pidbox_question *question = &pidbox->round->questions[index];
    char ticket[TB_UUID_TEXT_BYTES + 24];
    snprintf(ticket, sizeof(ticket), "%s.%zu", pidbox->round_id, index);
    struct tb_json json;
    tb_json_init(&json, buf);
    tb_json_begin_object(&json, NULL);
    tb_json_str(&json, "method", method_name(pidbox->round->method));
    push_arguments(&json, pidbox->round, question);
    tb_json_begin_list(&json, "destination");
    tb_json_str(&json, NULL, question->worker);
    tb_json_end_list(&json);
    tb_json_null(&json, "pattern");
    tb_json_null(&json, "matcher");
    tb_json_str(&json, "ticket", tb_str_of(ticket));
    tb_json_begin_object(&json, "reply_to");
    tb_json_str(&json, "exchange", tb_str_of(pidbox->mailbox.replies));
    tb_json_str(&json, "routing_key", tb_str_of(tb_channel_reply_key(pidbox->channel)));
    tb_json_end_object(&json);
    tb_json_end_object(&json);
}

static void on_sent(struct tb_sending *sending, int outcome, const struct tb_error *err);

static int publish(struct tb_pidbox *pidbox, size_t index, struct tb_buf *body, struct tb_error *err)
{
    struct question_state *question = &pidbox->questions[index];
    tb_buf_reset(body);
    push_question(pidbox, index, body);
    if (body->failed)
        return tb_error_set_errno(err, -ENOMEM, "asking workers");
    const struct tb_message message = {
        .exchange = pidbox->asks,
        .body = tb_buf_str(body),
        .routing_key = TB_STR(""),
        .content_type = TB_STR("application/json"),
        .content_encoding = TB_STR("utf-8"),
        /* No expiry: by a worker's clock that is ahead of ours every question would be too old. */
        .headers = TB_STR("{\"clock\": 0, \"expires\": 0}"),
    };
    question->pidbox = pidbox;
    question->sending = (struct tb_sending){.on_sent = on_sent, .owner = question};
    return tb_channel_publish(pidbox->channel, &message, &question->sending, err);
}

/* As many as the channel takes; the rest follow those that are confirmed. The time for answers begins with
 * the last. */
static void publish_questions(struct tb_pidbox *pidbox)
{
    struct tb_error err = {0};
    struct tb_buf body;
    int r = 0;
    tb_buf_init(&body, TB_MIB);
    while (r == 0 && pidbox->published < pidbox->round->question_count) {
        r = publish(pidbox, pidbox->published, &body, &err);
        pidbox->published += r == 0;
    }
    tb_buf_deinit(&body);
    if (r < 0)
        finish(pidbox, r, &err);
    else if (r == 0)
        tb_loop_arm(pidbox->broker.loop, &pidbox->end, pidbox->round->timeout_us);
}

static void on_sent(struct tb_sending *sending, int outcome, const struct tb_error *err)
{
    struct question_state *question = sending->owner;
    struct tb_pidbox *pidbox = question->pidbox;
    if (outcome == TB_PUBLISH_NO_EXCHANGE) {
        find_nobody(pidbox);
    } else if (outcome == TB_PUBLISH_FORBIDDEN) {
        finish_with(pidbox, TB_PIDBOX_FORBIDDEN, "workers can't be asked: %s", err->text);
    } else if (outcome) {
        finish_with(pidbox, outcome < 0 ? outcome : -EIO, "workers can't be asked: %s", err->text);
    } else {
        question->is_confirmed = true;
        pidbox->confirmed++;
        if (pidbox->published < pidbox->round->question_count)
            publish_questions(pidbox);
    }
}

/* ---- answers ---- */

static void on_listening(void *owner, int outcome, const struct tb_error *err)
{
    struct tb_pidbox *pidbox = owner;
    if (!pidbox->round || pidbox->is_listening)
        return;
    if (outcome == TB_LISTEN_NOBODY) {
        find_nobody(pidbox);
    } else if (outcome) {
        finish_with(pidbox, TB_PIDBOX_FORBIDDEN, "workers can't be asked: %s", err->text);
    } else {
        pidbox->is_listening = true;
        publish_questions(pidbox);
    }
}

static void take_reply(struct tb_pidbox *pidbox, const struct tb_delivery *delivery, size_t index)
{
    struct tb_pidbox_reply reply = {0};
    struct tb_error reason = {0};
    int r = tb_pidbox_reply_parse(delivery, pidbox->round->method, &reply, &reason);
    if (r < 0) {
        finish(pidbox, r, &reason);
        return;
    }
    pidbox->questions[index].is_answered = true;
    pidbox->answered++;
    if (r == TB_PIDBOX_REPLY_UNREADABLE)
        pidbox->events.on_unreadable(pidbox->events.owner, index, &reason);
    else
        pidbox->events.on_answer(pidbox->events.owner, index, reply.tasks, reply.task_count);
    tb_pidbox_reply_deinit(&reply);
    if (pidbox->answered == pidbox->round->question_count)
        finish(pidbox, 0, NULL);
}

static void on_reply(void *owner, const struct tb_delivery *delivery)
{
    struct tb_pidbox *pidbox = owner;
    size_t index;
    if (pidbox->round && pidbox->questions &&
        tb_pidbox_reply_find_question(delivery, pidbox->round_id, &index) &&
        index < pidbox->round->question_count && !pidbox->questions[index].is_answered)
        take_reply(pidbox, delivery, index);
}

static void on_lost(void *owner, const struct tb_error *err)
{
    struct tb_pidbox *pidbox = owner;
    if (pidbox->round)
        finish(pidbox, err->code, err);
}

/* ---- the round's beginning, and its time ---- */

static void on_begin(struct tb_timer *timer)
{
    struct tb_pidbox *pidbox = timer->owner;
    const char *block = tb_channel_blocked(pidbox->channel);
    struct tb_error err = {0};
    pidbox->published = pidbox->confirmed = pidbox->answered = 0;
    pidbox->is_listening = false;
    pidbox->questions = calloc(pidbox->round->question_count, sizeof(*pidbox->questions));
    int r = pidbox->questions ? tb_random_uuid(pidbox->round_id) : -ENOMEM;
    if (r < 0) {
        tb_error_set_errno(&err, r, "asking workers");
        finish(pidbox, r, &err);
        return;
    }
    if (block) {
        finish_with(pidbox, -EBUSY, "workers can't be asked: the broker takes no messages at present (%s)",
                    block);
        return;
    }
    tb_loop_arm(pidbox->broker.loop, &pidbox->end, READY_TIMES * pidbox->broker.options->connect_timeout_us);
    tb_channel_listen(pidbox->channel, &pidbox->mailbox);
}

static void on_end(struct tb_timer *timer)
{
    struct tb_pidbox *pidbox = timer->owner;
    const char *block = tb_channel_blocked(pidbox->channel);
    if (pidbox->confirmed == pidbox->round->question_count)
        finish(pidbox, 0, NULL);
    else if (block)
        finish_with(pidbox, -EBUSY, "workers can't be asked: the broker takes no messages at present (%s)",
                    block);
    else
        finish_with(pidbox, -ETIMEDOUT, "workers can't be asked: the broker did not %s in time",
                    pidbox->is_listening ? "take the questions" : "set up the mailbox for their answers");
}

/* ---- what others call ---- */

int tb_pidbox_new(const struct tb_broker *broker, const struct tb_pidbox_events *events,
                  struct tb_pidbox **ret_pidbox, struct tb_error *err)
{
    struct tb_pidbox *pidbox = calloc(1, sizeof(*pidbox));
    if (!pidbox)
        return tb_error_set_errno(err, -ENOMEM, "preparing to ask workers");
    const struct tb_channel_events channel = {on_listening, on_reply, on_lost, pidbox};
    int r = tb_channel_open(broker, "taskbridged (asking workers)", &channel, &pidbox->channel, err);
    if (r < 0) {
        free(pidbox);
        return r;
    }
    pidbox->broker = *broker;
    pidbox->events = *events;
    snprintf(pidbox->asks, sizeof(pidbox->asks), "%s.pidbox", broker->options->control_exchange);
    snprintf(pidbox->replies, sizeof(pidbox->replies), "reply.%s.pidbox", broker->options->control_exchange);
    pidbox->mailbox = (struct tb_mailbox){pidbox->asks, pidbox->replies};
    pidbox->begin = (struct tb_timer){.on_expire = on_begin, .owner = pidbox};
    pidbox->end = (struct tb_timer){.on_expire = on_end, .owner = pidbox};
    *ret_pidbox = pidbox;
    return 0;
}

void tb_pidbox_cancel(struct tb_pidbox *pidbox)
{
    if (pidbox->round)
        end_round(pidbox);
}

void tb_pidbox_free(struct tb_pidbox *pidbox)
{
    if (!pidbox)
        return;
    tb_pidbox_cancel(pidbox);
    tb_channel_close(pidbox->channel);
    free(pidbox);
}

bool tb_pidbox_is_busy(const struct tb_pidbox *pidbox)
{
    return pidbox->round != NULL;
}

void tb_pidbox_ask(struct tb_pidbox *pidbox, const struct tb_pidbox_round *round)
{
    assert(!pidbox->round && round->question_count);
    pidbox->round = round;
    tb_loop_arm(pidbox->broker.loop, &pidbox->begin, 0);
}

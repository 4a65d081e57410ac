/* Asking workers, as kombu's mailbox does it: a message to the fanout exchange celery.pidbox, which every
 * worker reads and only the one that is named answers, to a queue of ours through the exchange
 * reply.celery.pidbox.
 *
 * Setting up waits, bounded; then questions go out as the socket takes them and answers are taken as they
 * come, until every question has one or the time is over. An answer belongs to a question by its ticket, so
 * that also one that can't be read tells who lives.
 *
 * reply.celery.pidbox must be declared exactly as workers do it, or their channels break: it is looked for
 * first. The queue bears the bridge's own name, for its user owns nothing else. */
#include "taskbridge/amqp/pidbox.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "assembly.h"
#include "pidbox_reply.h"
#include "session.h"
#include "taskbridge/base/json.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/base/random.h"

#define CHANNEL        1
#define ASK_EXCHANGE   "celery.pidbox"
#define REPLY_EXCHANGE "reply.celery.pidbox"
#define QUEUE_PREFIX   "taskbridge.reply."
/* How many frames are taken before the loop gets its turn. */
#define TURN_FRAMES 256
#define GOODBYE_US  (TB_US_PER_S / 10)

struct question_state {
    bool is_confirmed; /* by the broker */
    bool is_answered;  /* by the worker */
};

struct tb_pidbox {
    struct tb_loop *loop;
    struct tb_amqp_options options;
    struct tb_pidbox_events events;
    struct tb_session session;
    struct tb_assembly assembly;
    struct tb_watch watch;
    struct tb_timer begin, turn, end;
    char round_id[TB_UUID_TEXT_BYTES];   /* also the routing key of the answers */
    const struct tb_pidbox_round *round; /* borrowed while busy; NULL else */
    struct question_state *questions;    /* owned, one a question */
    size_t sent, confirmed, answered;
};

static void finish(struct tb_pidbox *pidbox, int outcome, const struct tb_error *err)
{
    struct tb_error reason = err ? *err : (struct tb_error){0};
    tb_loop_disarm(pidbox->loop, &pidbox->begin);
    tb_loop_disarm(pidbox->loop, &pidbox->turn);
    tb_loop_disarm(pidbox->loop, &pidbox->end);
    tb_loop_remove(pidbox->loop, &pidbox->watch);
    tb_session_close(&pidbox->session, outcome < 0 ? 0 : GOODBYE_US);
    tb_assembly_reset(&pidbox->assembly);
    free(pidbox->questions);
    pidbox->questions = NULL;
    pidbox->round = NULL;
    pidbox->events.on_done(pidbox->events.owner, outcome, &reason);
}

/* ---- setting up ---- */

/* What a refused step means for the round. */
static int explain(int code, const char *right, struct tb_session *session, const struct tb_error *reason,
                   struct tb_error *err)
{
    if (code == AMQP_ACCESS_REFUSED)
        return tb_error_set(err, TB_PIDBOX_FORBIDDEN,
                            "workers can't be asked: user %s needs the right to %s (%s)", session->user,
                            right, reason->text);
    return tb_error_set(err, code < 0 ? code : -EIO, "%s", reason->text);
}

static int declare_exchange(struct tb_session *session, const char *name, const char *type, bool is_passive,
                            struct tb_error *err)
{
    tb_session_before_rpc(session);
    amqp_exchange_declare(session->state, CHANNEL, amqp_cstring_bytes(name), amqp_cstring_bytes(type),
                          is_passive, 0, 0, 0, amqp_empty_table);
    return tb_session_check_rpc(session, CHANNEL, err, "looking for exchange %s", name);
}

static int find_exchanges(struct tb_session *session, struct tb_error *err)
{
    struct tb_error reason = {0};
    int code = declare_exchange(session, ASK_EXCHANGE, "fanout", true, &reason);
    if (code == AMQP_NOT_FOUND)
        return tb_error_set(err, TB_PIDBOX_NOBODY,
                            "no worker can be asked: exchange " ASK_EXCHANGE
                            " does not exist, so none with remote control ever ran on this vhost");
    if (code == 0)
        code = declare_exchange(session, REPLY_EXCHANGE, "direct", true, &reason);
    if (code == AMQP_NOT_FOUND) {
        tb_error_clear(&reason);
        code = declare_exchange(session, REPLY_EXCHANGE, "direct", false, &reason);
    }
    return code == 0 ? 0 : explain(code, "configure exchange " REPLY_EXCHANGE, session, &reason, err);
}

static int make_queue(struct tb_pidbox *pidbox, const char *name, struct tb_error *err)
{
    struct tb_session *session = &pidbox->session;
    struct tb_error reason = {0};
    amqp_bytes_t queue = amqp_cstring_bytes(name);
    tb_session_before_rpc(session);
    amqp_queue_declare(session->state, CHANNEL, queue, 0, 0, 1, 1, amqp_empty_table);
    int code = tb_session_check_rpc(session, CHANNEL, &reason, "declaring queue %s", name);
    if (code)
        return explain(code, "configure, write and read queues " QUEUE_PREFIX "…", session, &reason, err);

    tb_session_before_rpc(session);
    amqp_queue_bind(session->state, CHANNEL, queue, amqp_cstring_bytes(REPLY_EXCHANGE),
                    amqp_cstring_bytes(pidbox->round_id), amqp_empty_table);
    code = tb_session_check_rpc(session, CHANNEL, &reason, "binding queue %s", name);
    if (code)
        return explain(code, "read exchange " REPLY_EXCHANGE " and write queues " QUEUE_PREFIX "…", session,
                       &reason, err);

    tb_session_before_rpc(session);
    amqp_basic_consume(session->state, CHANNEL, queue, amqp_empty_bytes, 0, 1, 1, amqp_empty_table);
    code = tb_session_check_rpc(session, CHANNEL, &reason, "consuming queue %s", name);
    return code ? explain(code, "read queues " QUEUE_PREFIX "…", session, &reason, err) : 0;
}

/* So that silence is a worker's, never the broker's. */
static int ask_for_confirmations(struct tb_session *session, struct tb_error *err)
{
    tb_session_before_rpc(session);
    amqp_confirm_select(session->state, CHANNEL);
    int code = tb_session_check_rpc(session, CHANNEL, err, "asking for confirmations");
    return code > 0 ? -EIO : code;
}

static int begin(struct tb_pidbox *pidbox, struct tb_error *err)
{
    struct tb_session *session = &pidbox->session;
    pidbox->questions = calloc(pidbox->round->question_count, sizeof(*pidbox->questions));
    int rc = pidbox->questions ? tb_random_uuid(pidbox->round_id) : -ENOMEM;
    if (rc < 0)
        return tb_error_set_errno(err, rc, "asking workers");

    char queue[sizeof(QUEUE_PREFIX) + TB_UUID_TEXT_BYTES];
    snprintf(queue, sizeof(queue), QUEUE_PREFIX "%s", pidbox->round_id);
    rc = tb_session_open(session, &pidbox->options, "taskbridged (asking workers)", err);
    if (rc == 0)
        rc = tb_session_open_channel(session, CHANNEL, err);
    if (rc == 0)
        rc = find_exchanges(session, err);
    if (rc == 0)
        rc = make_queue(pidbox, queue, err);
    if (rc == 0)
        rc = ask_for_confirmations(session, err);
    if (rc)
        return rc;
    pidbox->watch.fd = session->fd;
    rc = tb_loop_add(pidbox->loop, &pidbox->watch, EPOLLIN | EPOLLOUT);
    return rc < 0 ? tb_error_set_errno(err, rc, "waiting for workers' answers") : 0;
}

static void on_begin(struct tb_timer *timer)
{
    struct tb_pidbox *pidbox = timer->owner;
    struct tb_error err = {0};
    pidbox->sent = pidbox->confirmed = pidbox->answered = 0;
    int rc = begin(pidbox, &err);
    if (rc)
        finish(pidbox, rc, &err);
    else
        tb_loop_arm(pidbox->loop, &pidbox->end, pidbox->round->timeout_us);
}

/* ---- questions ---- */

static void push_arguments(struct tb_json *json, const struct tb_pidbox_round *round,
                           const struct tb_pidbox_question *question)
{
    tb_json_begin_object(json, "arguments");
    if (round->method == TB_PIDBOX_ACTIVE) {
        /* Arguments as reprs: they need not be what JSON can say. */
        tb_json_bool(json, "safe", true);
    } else {
        tb_json_begin_list(json, "ids");
        for (size_t i = 0; i < question->id_count; i++)
            tb_json_str(json, NULL, question->ids[i]);
        tb_json_end_list(json);
    }
    tb_json_end_object(json);
}

static void push_question(const struct tb_pidbox *pidbox, size_t index, struct tb_buf *buf)
{
    const struct tb_pidbox_question *question = &pidbox->round->questions[index];
    char ticket[TB_UUID_TEXT_BYTES + 24];
    snprintf(ticket, sizeof(ticket), "%s.%zu", pidbox->round_id, index);
    struct tb_json json;
    tb_json_init(&json, buf);
    tb_json_begin_object(&json, NULL);
    tb_json_str(&json, "method",
                pidbox->round->method == TB_PIDBOX_ACTIVE ? TB_STR("active") : TB_STR("query_task"));
    push_arguments(&json, pidbox->round, question);
    tb_json_begin_list(&json, "destination");
    tb_json_str(&json, NULL, question->worker);
    tb_json_end_list(&json);
    tb_json_null(&json, "pattern");
    tb_json_null(&json, "matcher");
    tb_json_str(&json, "ticket", tb_str_of(ticket));
    tb_json_begin_object(&json, "reply_to");
    tb_json_str(&json, "exchange", TB_STR(REPLY_EXCHANGE));
    tb_json_str(&json, "routing_key", tb_str_of(pidbox->round_id));
    tb_json_end_object(&json);
    tb_json_end_object(&json);
}

static int publish(struct tb_pidbox *pidbox, struct tb_str body, struct tb_error *err)
{
    /* No expiry: by a worker's clock that is ahead of ours every question would be too old. */
    amqp_table_entry_t headers[] = {
        {.key = amqp_cstring_bytes("clock"), .value = {.kind = AMQP_FIELD_KIND_I64, .value.i64 = 0}},
        {.key = amqp_cstring_bytes("expires"), .value = {.kind = AMQP_FIELD_KIND_I64, .value.i64 = 0}},
    };
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG |
                  AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_HEADERS_FLAG,
        .content_type = amqp_cstring_bytes("application/json"),
        .content_encoding = amqp_cstring_bytes("utf-8"),
        .delivery_mode = 1,
        .headers = {.num_entries = TB_COUNT(headers), .entries = headers},
    };
    int status = amqp_basic_publish(pidbox->session.state, CHANNEL, amqp_cstring_bytes(ASK_EXCHANGE),
                                    amqp_empty_bytes, 0, 0, &properties, tb_session_bytes(body));
    return status == AMQP_STATUS_OK ? 0 : tb_session_fail(&pidbox->session, status, err, "asking workers");
}

/* Sends what the socket takes. The time for answers begins with the last question. */
static int send_questions(struct tb_pidbox *pidbox, struct tb_error *err)
{
    struct tb_buf body;
    int rc = 0;
    tb_buf_init(&body, TB_MIB);
    while (rc == 0 && pidbox->sent < pidbox->round->question_count &&
           tb_session_is_writable(&pidbox->session)) {
        tb_buf_reset(&body);
        push_question(pidbox, pidbox->sent++, &body);
        rc = body.failed ? tb_error_set_errno(err, -ENOMEM, "asking workers")
                         : publish(pidbox, tb_buf_str(&body), err);
    }
    tb_buf_deinit(&body);
    if (rc == 0 && pidbox->sent == pidbox->round->question_count) {
        tb_loop_change(pidbox->loop, &pidbox->watch, EPOLLIN);
        tb_loop_arm(pidbox->loop, &pidbox->end, pidbox->round->timeout_us);
    }
    return rc;
}

/* ---- answers ---- */

static int take_answer(struct tb_pidbox *pidbox, const struct tb_delivery *delivery, struct tb_error *err)
{
    size_t index;
    if (!tb_pidbox_reply_find_question(delivery, pidbox->round_id, &index) ||
        index >= pidbox->round->question_count || pidbox->questions[index].is_answered)
        return 0;
    struct tb_pidbox_reply reply = {0};
    struct tb_error reason = {0};
    int rc = tb_pidbox_reply_parse(delivery, pidbox->round->method, &reply, &reason);
    if (rc < 0)
        return tb_error_set(err, rc, "%s", reason.text);
    pidbox->questions[index].is_answered = true;
    pidbox->answered++;
    if (rc == TB_PIDBOX_REPLY_UNREADABLE)
        pidbox->events.on_unreadable(pidbox->events.owner, index, &reason);
    else
        pidbox->events.on_answer(pidbox->events.owner, index, reply.tasks, reply.task_count);
    tb_pidbox_reply_deinit(&reply);
    return 0;
}

static int take_close(struct tb_pidbox *pidbox, const amqp_frame_t *frame, struct tb_error *err)
{
    struct tb_error reason = {0};
    int code = tb_session_closed_by_peer(&pidbox->session, frame, &reason);
    return explain(code, "write exchange " ASK_EXCHANGE, &pidbox->session, &reason, err);
}

/* The number of a question is its index plus one: nothing else is published on the channel. */
static void take_confirmation(struct tb_pidbox *pidbox, const amqp_basic_ack_t *ack)
{
    uint64_t first = ack->multiple ? 1 : ack->delivery_tag;
    for (uint64_t number = first; number && number <= ack->delivery_tag && number <= pidbox->sent; number++) {
        bool *is_confirmed = &pidbox->questions[number - 1].is_confirmed;
        pidbox->confirmed += !*is_confirmed;
        *is_confirmed = true;
    }
}

static int take_block(const amqp_connection_blocked_t *blocked, struct tb_error *err)
{
    return tb_error_set(err, -EBUSY, "workers can't be asked: the broker takes no messages at present (%.*s)",
                        TB_STR_FMT(tb_session_str(blocked->reason)));
}

/* 0 to go on; else the round's outcome. */
static int take_frame(struct tb_pidbox *pidbox, const amqp_frame_t *frame, struct tb_error *err)
{
    bool is_method = frame->frame_type == AMQP_FRAME_METHOD;
    amqp_method_number_t id = is_method ? frame->payload.method.id : 0;
    if (id == AMQP_CHANNEL_CLOSE_METHOD || id == AMQP_CONNECTION_CLOSE_METHOD)
        return take_close(pidbox, frame, err);
    if (id == AMQP_CONNECTION_BLOCKED_METHOD)
        return take_block(frame->payload.method.decoded, err);
    if (id == AMQP_BASIC_ACK_METHOD)
        take_confirmation(pidbox, frame->payload.method.decoded);
    if (frame->channel != CHANNEL || (is_method && id != AMQP_BASIC_DELIVER_METHOD))
        return 0;
    int rc = tb_assembly_push(&pidbox->assembly, frame, err);
    return rc == TB_ASSEMBLY_DONE ? take_answer(pidbox, &pidbox->assembly.delivery, err) : rc;
}

static int take_frames(struct tb_pidbox *pidbox, struct tb_error *err)
{
    for (unsigned count = 0; count < TURN_FRAMES; count++) {
        amqp_frame_t frame;
        int rc = tb_session_read(&pidbox->session, &frame, err);
        if (rc <= 0)
            return rc;
        rc = take_frame(pidbox, &frame, err);
        tb_session_release(&pidbox->session, frame.channel);
        if (rc)
            return rc;
    }
    tb_loop_arm(pidbox->loop, &pidbox->turn, 0);
    return 0;
}

static void take_turn(struct tb_pidbox *pidbox)
{
    struct tb_error err = {0};
    int rc = 0;
    if (pidbox->sent < pidbox->round->question_count)
        rc = send_questions(pidbox, &err);
    if (rc == 0)
        rc = take_frames(pidbox, &err);
    if (rc || pidbox->answered == pidbox->round->question_count)
        finish(pidbox, rc, &err);
}

static void on_ready(struct tb_watch *watch, uint32_t events)
{
    (void)events;
    take_turn(watch->owner);
}

static void on_turn(struct tb_timer *timer)
{
    take_turn(timer->owner);
}

static void on_end(struct tb_timer *timer)
{
    struct tb_pidbox *pidbox = timer->owner;
    struct tb_error err = {0};
    int rc = 0;
    if (pidbox->confirmed < pidbox->round->question_count)
        rc = tb_error_set(&err, -ETIMEDOUT,
                          "workers can't be asked: the broker %s did not take the questions in time",
                          pidbox->session.place);
    finish(pidbox, rc, &err);
}

/* ---- what others call ---- */

int tb_pidbox_new(struct tb_loop *loop, const struct tb_amqp_options *options,
                  const struct tb_pidbox_events *events, struct tb_pidbox **ret_pidbox, struct tb_error *err)
{
    int rc = tb_amqp_options_check(options, err);
    if (rc < 0)
        return rc;
    struct tb_pidbox *pidbox = calloc(1, sizeof(*pidbox));
    if (!pidbox)
        return tb_error_set_errno(err, -ENOMEM, "preparing to ask workers");
    pidbox->loop = loop;
    pidbox->options = *options;
    pidbox->events = *events;
    tb_session_init(&pidbox->session);
    tb_assembly_init(&pidbox->assembly);
    pidbox->watch = (struct tb_watch){.fd = -1, .on_ready = on_ready, .owner = pidbox};
    pidbox->begin = (struct tb_timer){.on_expire = on_begin, .owner = pidbox};
    pidbox->turn = (struct tb_timer){.on_expire = on_turn, .owner = pidbox};
    pidbox->end = (struct tb_timer){.on_expire = on_end, .owner = pidbox};
    *ret_pidbox = pidbox;
    return 0;
}

void tb_pidbox_free(struct tb_pidbox *pidbox)
{
    if (!pidbox)
        return;
    tb_loop_disarm(pidbox->loop, &pidbox->begin);
    tb_loop_disarm(pidbox->loop, &pidbox->turn);
    tb_loop_disarm(pidbox->loop, &pidbox->end);
    tb_loop_remove(pidbox->loop, &pidbox->watch);
    tb_session_close(&pidbox->session, 0);
    tb_assembly_deinit(&pidbox->assembly);
    free(pidbox->questions);
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
    tb_loop_arm(pidbox->loop, &pidbox->begin, 0);
}

/* The doctor's questions to the broker.
 *
 * It looks (amqp/inspect), listens on the exchange for a heartbeat, so that it is known whether any passes,
 * and asks the workers that are known to live, or, where there is none, a name that nobody bears: the right
 * to ask shows either way. Every wait ends after a few seconds. */
#include "doctor_facts.h"

#include "taskbridge/amqp/capture.h"
#include "taskbridge/amqp/pidbox.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/io/loop.h"

#include <errno.h>

#define ASKED_MAX 64
/* A heartbeat comes every two seconds. */
#define LISTEN_US (5 * TB_US_PER_S / 2)
#define ANSWER_US (2 * TB_US_PER_S)
#define NOBODY_US (TB_US_PER_S / 2)
#define NOBODY    "nobody@taskbridge.doctor"
/* No connection is begun after this. */
#define PATIENCE_US (5 * TB_US_PER_S)

struct asking {
    struct tb_loop *loop;
    struct tb_arena *arena;
    struct tb_doctor_broker *broker;
};

static void on_answer(void *owner, size_t question, const struct tb_pidbox_task *tasks, size_t task_count)
{
    struct asking *asking = owner;
    (void)question, (void)tasks, (void)task_count;
    asking->broker->answered++;
}

static void on_unreadable(void *owner, size_t question, const struct tb_error *err)
{
    struct asking *asking = owner;
    (void)question;
    asking->broker->answered++;
    asking->broker->unreadable = tb_doctor_keep(asking->arena, tb_str_of(err->text));
}

static void on_done(void *owner, int outcome, const struct tb_error *err)
{
    struct asking *asking = owner;
    asking->broker->asking = outcome;
    if (outcome)
        asking->broker->asking_problem = tb_doctor_keep(asking->arena, tb_str_of(err->text));
    tb_loop_stop(asking->loop);
}

static size_t choose_workers(const struct tb_doctor_workers *workers,
                             struct tb_pidbox_question *ret_questions)
{
    size_t count = 0;
    for (size_t i = 0; i < workers->count && count < ASKED_MAX; i++)
        if (tb_doctor_is_alive(&workers->list[i]))
            ret_questions[count++] = (struct tb_pidbox_question){.worker = workers->list[i].hostname};
    return count;
}

/* Sets broker->asking and what belongs to it. */
static int ask_workers(const struct tb_amqp_options *options, struct asking *asking,
                       const struct tb_doctor_workers *workers, struct tb_error *err)
{
    struct tb_pidbox_question questions[ASKED_MAX] = {{.worker = TB_STR(NOBODY)}};
    struct tb_pidbox_events events = {on_answer, on_unreadable, on_done, asking};
    struct tb_broker broker = {.options = options};
    struct tb_pidbox *pidbox = NULL;
    size_t count = choose_workers(workers, questions);
    struct tb_pidbox_round round = {.method = TB_PIDBOX_ACTIVE,
                                    .questions = questions,
                                    .question_count = count > 0 ? count : 1,
                                    .timeout_us = count > 0 ? ANSWER_US : NOBODY_US};
    asking->broker->asked = count;
    int rc = tb_loop_new(&asking->loop, err);
    if (rc == 0)
        rc = tb_dialler_new(asking->loop, &broker.dialler, err);
    if (rc == 0)
        rc = tb_resolver_new(asking->loop, broker.dialler, &broker.resolver, err);
    broker.loop = asking->loop;
    if (rc == 0)
        rc = tb_pidbox_new(&broker, &events, &pidbox, err);
    if (rc == 0) {
        tb_pidbox_ask(pidbox, &round);
        rc = tb_loop_run(asking->loop, err);
    }
    tb_pidbox_free(pidbox);
    tb_resolver_free(broker.resolver);
    tb_dialler_free(broker.dialler);
    tb_loop_free(asking->loop);
    return rc;
}

/* Whether a worker's heartbeat passes the exchange now: of that a daemon writes at once that it was heard. */
static void listen(const struct tb_amqp_options *options, struct tb_doctor_broker *broker)
{
    struct tb_capture *capture = NULL;
    struct tb_captured captured;
    int64_t end_us = tb_clock_monotonic_us() + LISTEN_US, left_us = LISTEN_US;
    int r = tb_capture_open(options, &capture, NULL);
    while (r == 0 && !broker->heartbeat_passed && left_us > 0) {
        r = tb_capture_next(capture, left_us, &captured, NULL);
        broker->heartbeat_passed =
            r == 0 && tb_str_equal(captured.delivery.routing_key, TB_STR("worker.heartbeat"));
        broker->passed_us = tb_clock_monotonic_us();
        left_us = end_us - broker->passed_us;
    }
    tb_capture_close(capture);
}

void tb_doctor_ask_broker(struct tb_cli *cli, struct tb_arena *arena, struct tb_doctor_facts *facts)
{
    struct tb_doctor_broker *broker = &facts->broker;
    struct asking asking = {.arena = arena, .broker = broker};
    struct tb_amqp_options options = cli->amqp;
    struct tb_error err = {0};
    int64_t end_us = tb_clock_monotonic_us() + PATIENCE_US;
    if (options.connect_timeout_us > TB_DOCTOR_CONNECT_US)
        options.connect_timeout_us = TB_DOCTOR_CONNECT_US;
    if (tb_inspect_broker(&options, &broker->seen, &err)) {
        broker->problem = tb_doctor_keep(arena, tb_str_of(err.text));
        return;
    }
    if (tb_clock_monotonic_us() > end_us) {
        broker->asking = -ETIMEDOUT;
        broker->asking_problem = "the broker answers too slowly";
        return;
    }
    int rc = ask_workers(&options, &asking, &facts->database.workers, &err);
    if (rc < 0) {
        broker->asking = rc;
        broker->asking_problem = tb_doctor_keep(arena, tb_str_of(err.text));
    }
    if (broker->seen.queue_messages == 0 && tb_clock_monotonic_us() < end_us)
        listen(&options, broker);
}

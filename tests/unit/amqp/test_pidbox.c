/* Rounds of questions against a broker that does what real ones do once in a year: when a worker is silent,
 * and when only the broker is. */
#include "taskbridge/amqp/pidbox.h"

#include "fake_rabbitmq.h"
#include "unit/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    struct tb_broker broker;
    struct tb_amqp_options options;
    char url[64];
    struct tb_pidbox *pidbox;
    struct tb_timer tick;
    struct tb_pidbox_question questions[2];
    struct tb_pidbox_round round;
    int done, outcome, answers;
    char text[TB_ERROR_TEXT_BYTES];
};

static void on_answer(void *owner, size_t question, const struct tb_pidbox_task *tasks, size_t task_count)
{
    (void)question, (void)tasks, (void)task_count;
    ((struct fixture *)owner)->answers++;
}

static void on_unreadable(void *owner, size_t question, const struct tb_error *err)
{
    (void)question, (void)err;
    ((struct fixture *)owner)->answers++;
}

static void on_done(void *owner, int outcome, const struct tb_error *err)
{
    struct fixture *fixture = owner;
    fixture->done++;
    fixture->outcome = outcome;
    snprintf(fixture->text, sizeof(fixture->text), "%s", err->text);
}

static void on_tick(struct tb_timer *timer)
{
    tb_loop_stop(((struct fixture *)timer->owner)->broker.loop);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    const struct tb_pidbox_events events = {on_answer, on_unreadable, on_done, fixture};
    fake_rabbitmq_reset();
    tb_amqp_options_init(&fixture->options);
    snprintf(fixture->url, sizeof(fixture->url), "amqp://u:SECRET@127.0.0.1:%d//", fake_rabbitmq_port());
    fixture->options.url = fixture->url;
    fixture->options.control_exchange = "control";
    fixture->broker.options = &fixture->options;
    assert_int_equal(tb_loop_new(&fixture->broker.loop, NULL), 0);
    assert_int_equal(tb_dialler_new(fixture->broker.loop, &fixture->broker.dialler, NULL), 0);
    assert_int_equal(
        tb_resolver_new(fixture->broker.loop, fixture->broker.dialler, &fixture->broker.resolver, NULL), 0);
    assert_int_equal(tb_pidbox_new(&fixture->broker, &events, &fixture->pidbox, NULL), 0);
    fixture->tick = (struct tb_timer){.on_expire = on_tick, .owner = fixture};
    fixture->questions[0].worker = TB_STR("w1@h");
    fixture->questions[1].worker = TB_STR("w2@h");
    fixture->round = (struct tb_pidbox_round){.method = TB_PIDBOX_ACTIVE,
                                              .questions = fixture->questions,
                                              .question_count = 2,
                                              .timeout_us = 200 * TB_US_PER_MS};
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    tb_pidbox_free(fixture->pidbox);
    tb_resolver_free(fixture->broker.resolver);
    tb_dialler_free(fixture->broker.dialler);
    tb_loop_disarm(fixture->broker.loop, &fixture->tick);
    tb_loop_free(fixture->broker.loop);
    free(fixture);
    return 0;
}

static void turn(struct fixture *fixture)
{
    tb_loop_arm(fixture->broker.loop, &fixture->tick, TB_US_PER_MS);
    assert_int_equal(tb_loop_run(fixture->broker.loop, NULL), 0);
}

#define RUN_UNTIL(condition)                                                                                 \
    do {                                                                                                     \
        alarm(60);                                                                                           \
        while (!(condition))                                                                                 \
            turn(fixture);                                                                                   \
        alarm(0);                                                                                            \
    } while (0)

static bool hears(const char *what)
{
    return strstr(fake_rabbitmq_sent(), what) != NULL;
}

static void answer_step(struct fixture *fixture, const char *request, amqp_method_number_t answer)
{
    RUN_UNTIL(hears(request));
    fake_rabbitmq_say(2, answer, NULL);
}

static void ask(struct fixture *fixture)
{
    tb_pidbox_ask(fixture->pidbox, &fixture->round);
    answer_step(fixture, "channel.open 2", AMQP_CHANNEL_OPEN_OK_METHOD);
    answer_step(fixture, "exchange.find 2", AMQP_EXCHANGE_DECLARE_OK_METHOD);
    answer_step(fixture, "exchange.find 2", AMQP_EXCHANGE_DECLARE_OK_METHOD);
    answer_step(fixture, "queue.declare 2", AMQP_QUEUE_DECLARE_OK_METHOD);
    answer_step(fixture, "queue.bind 2", AMQP_QUEUE_BIND_OK_METHOD);
    answer_step(fixture, "basic.consume 2", AMQP_BASIC_CONSUME_OK_METHOD);
    RUN_UNTIL(hears("publish control.pidbox"));
}

static void confirm(uint64_t number, bool is_multiple)
{
    static amqp_basic_ack_t ack;
    ack = (amqp_basic_ack_t){.delivery_tag = number, .multiple = is_multiple};
    fake_rabbitmq_say(1, AMQP_BASIC_ACK_METHOD, &ack);
}

static void test_workers_are_silent_when_the_broker_has_all_questions(void **state)
{
    struct fixture *fixture = *state;
    ask(fixture);
    confirm(2, true);
    RUN_UNTIL(fixture->done);
    assert_int_equal(fixture->outcome, 0);
    assert_int_equal(fixture->answers, 0);
}

static void test_a_question_that_was_not_confirmed_is_no_silence_of_a_worker(void **state)
{
    struct fixture *fixture = *state;
    ask(fixture);
    confirm(1, false);
    RUN_UNTIL(fixture->done);
    assert_int_equal(fixture->outcome, -ETIMEDOUT);
    assert_non_null(strstr(fixture->text, "did not take the questions in time"));
}

static void test_a_question_that_was_refused_is_no_silence_of_a_worker(void **state)
{
    static amqp_basic_nack_t nack = {.delivery_tag = 2};
    struct fixture *fixture = *state;
    ask(fixture);
    confirm(1, false);
    fake_rabbitmq_say(1, AMQP_BASIC_NACK_METHOD, &nack);
    RUN_UNTIL(fixture->done);
    assert_true(fixture->outcome < 0);
}

static void test_a_connection_that_ends_in_words_is_no_silence_of_a_worker(void **state)
{
    struct fixture *fixture = *state;
    ask(fixture);
    confirm(2, true);
    fake_rabbitmq_say_close(0, 320, "CONNECTION_FORCED - broker forced connection closure");
    RUN_UNTIL(fixture->done);
    assert_true(fixture->outcome < 0);
    assert_non_null(strstr(fixture->text, "CONNECTION_FORCED"));
}

static void test_an_exchange_that_went_meanwhile_is_nobody(void **state)
{
    struct fixture *fixture = *state;
    ask(fixture);
    fake_rabbitmq_say_close(1, AMQP_NOT_FOUND, "NOT_FOUND - no exchange 'control.pidbox' in vhost '/'");
    RUN_UNTIL(fixture->done);
    assert_int_equal(fixture->outcome, TB_PIDBOX_NOBODY);
    assert_non_null(strstr(fixture->text, "exchange control.pidbox does not exist"));
}

static void test_a_broker_that_accepts_and_says_nothing_ends_the_round_in_words(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.connect_timeout_us = 100 * TB_US_PER_MS;
    fake_rabbitmq_be_silent(true);
    tb_pidbox_ask(fixture->pidbox, &fixture->round);
    RUN_UNTIL(fixture->done);
    assert_true(fixture->outcome < 0);
    assert_non_null(strstr(fixture->text, "did not answer within 100 ms"));
    assert_false(tb_pidbox_is_busy(fixture->pidbox));
}

static void test_an_alarm_of_the_broker_is_no_silence_of_a_worker(void **state)
{
    static amqp_connection_blocked_t blocked;
    struct fixture *fixture = *state;
    ask(fixture);
    blocked.reason = amqp_cstring_bytes("low on memory");
    fake_rabbitmq_say(0, AMQP_CONNECTION_BLOCKED_METHOD, &blocked);
    RUN_UNTIL(fixture->done);
    assert_int_equal(fixture->outcome, -EBUSY);
    assert_non_null(strstr(fixture->text, "takes no messages at present (low on memory)"));
    /* The next one does not even try. */
    tb_pidbox_ask(fixture->pidbox, &fixture->round);
    RUN_UNTIL(fixture->done == 2);
    assert_int_equal(fixture->outcome, -EBUSY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_workers_are_silent_when_the_broker_has_all_questions),
        TEST(test_a_question_that_was_not_confirmed_is_no_silence_of_a_worker),
        TEST(test_a_question_that_was_refused_is_no_silence_of_a_worker),
        TEST(test_a_connection_that_ends_in_words_is_no_silence_of_a_worker),
        TEST(test_an_exchange_that_went_meanwhile_is_nobody),
        TEST(test_a_broker_that_accepts_and_says_nothing_ends_the_round_in_words),
        TEST(test_an_alarm_of_the_broker_is_no_silence_of_a_worker),
    };
    return cmocka_run_group_tests_name("pidbox", tests, NULL, NULL);
}

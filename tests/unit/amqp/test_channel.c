/* The channel against a broker that does what real ones do once in a year. */
#include "taskbridge/amqp/channel.h"

#include "fake_rabbitmq.h"
#include "taskbridge/base/limits.h"
#include "unit/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGES_MAX 600

struct sent {
    struct tb_sending sending;
    int calls, outcome;
    char text[TB_ERROR_TEXT_BYTES];
};

struct fixture {
    struct tb_broker broker;
    struct tb_amqp_options options;
    char url[64];
    struct tb_channel *channel;
    struct tb_timer tick;
    struct sent sent[MESSAGES_MAX];
    int listened, listening;
    char listening_text[TB_ERROR_TEXT_BYTES];
    int lost, lost_code;
    char lost_text[TB_ERROR_TEXT_BYTES];
    char reply[64];
};

static const struct tb_mailbox mailbox = {"celery.pidbox", "reply.celery.pidbox"};

static void on_sent(struct tb_sending *sending, int outcome, const struct tb_error *err)
{
    struct sent *sent = sending->owner;
    sent->calls++;
    sent->outcome = outcome;
    snprintf(sent->text, sizeof(sent->text), "%s", err->text);
}

static void on_listening(void *owner, int outcome, const struct tb_error *err)
{
    struct fixture *fixture = owner;
    fixture->listened++;
    fixture->listening = outcome;
    snprintf(fixture->listening_text, sizeof(fixture->listening_text), "%s", err->text);
}

static void on_reply(void *owner, const struct tb_delivery *delivery)
{
    struct fixture *fixture = owner;
    snprintf(fixture->reply, sizeof(fixture->reply), "%.*s", TB_STR_FMT(delivery->body));
}

static void on_lost(void *owner, const struct tb_error *err)
{
    struct fixture *fixture = owner;
    fixture->lost++;
    fixture->lost_code = err->code;
    snprintf(fixture->lost_text, sizeof(fixture->lost_text), "%s", err->text);
}

static void on_tick(struct tb_timer *timer)
{
    tb_loop_stop(((struct fixture *)timer->owner)->broker.loop);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    const struct tb_channel_events events = {on_listening, on_reply, on_lost, fixture};
    fake_rabbitmq_reset();
    tb_amqp_options_init(&fixture->options);
    snprintf(fixture->url, sizeof(fixture->url), "amqp://u:SECRET@127.0.0.1:%d//", fake_rabbitmq_port());
    fixture->options.url = fixture->url;
    fixture->broker.options = &fixture->options;
    assert_int_equal(tb_loop_new(&fixture->broker.loop, NULL), 0);
    assert_int_equal(tb_dialler_new(fixture->broker.loop, &fixture->broker.dialler, NULL), 0);
    assert_int_equal(
        tb_resolver_new(fixture->broker.loop, fixture->broker.dialler, &fixture->broker.resolver, NULL), 0);
    assert_int_equal(tb_channel_open(&fixture->broker, "test", &events, &fixture->channel, NULL), 0);
    fixture->tick = (struct tb_timer){.on_expire = on_tick, .owner = fixture};
    for (size_t i = 0; i < MESSAGES_MAX; i++)
        fixture->sent[i].sending = (struct tb_sending){.on_sent = on_sent, .owner = &fixture->sent[i]};
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    tb_channel_close(fixture->channel);
    tb_resolver_free(fixture->broker.resolver);
    tb_dialler_free(fixture->broker.dialler);
    tb_loop_disarm(fixture->broker.loop, &fixture->tick);
    tb_loop_free(fixture->broker.loop);
    free(fixture);
    return 0;
}

/* Lets the loop turn until it is so. */
#define RUN_UNTIL(condition)                                                                                 \
    do {                                                                                                     \
        alarm(60);                                                                                           \
        while (!(condition))                                                                                 \
            turn(fixture, TB_US_PER_MS);                                                                     \
        alarm(0);                                                                                            \
    } while (0)

static void turn(struct fixture *fixture, int64_t us)
{
    tb_loop_arm(fixture->broker.loop, &fixture->tick, us);
    assert_int_equal(tb_loop_run(fixture->broker.loop, NULL), 0);
}

/* What the broker heard up to and with what the test waits for. */
static void assert_hears(struct fixture *fixture, const char *expected)
{
    char heard[4096] = "";
    alarm(60);
    while (strcmp(heard, expected) != 0) {
        assert_true(strlen(heard) <= strlen(expected));
        turn(fixture, TB_US_PER_MS);
        size_t len = strlen(heard);
        const char *more = fake_rabbitmq_sent();
        snprintf(heard + len, sizeof(heard) - len, "%s%s", len && *more ? "; " : "", more);
    }
    alarm(0);
}

static int publish(struct fixture *fixture, size_t index, const char *exchange)
{
    const struct tb_message message = {
        .exchange = exchange, .routing_key = TB_STR("k"), .body = TB_STR("12345"), .is_mandatory = true};
    return tb_channel_publish(fixture->channel, &message, &fixture->sent[index].sending, NULL);
}

static void confirm(uint64_t number, bool is_multiple)
{
    static amqp_basic_ack_t acks[16];
    static size_t used;
    amqp_basic_ack_t *ack = &acks[used++ % 16];
    *ack = (amqp_basic_ack_t){.delivery_tag = number, .multiple = is_multiple};
    fake_rabbitmq_say(1, AMQP_BASIC_ACK_METHOD, ack);
}

/* ---- messages ---- */

static void test_confirmations_come_in_any_order(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(publish(fixture, i, "x"), 0);
    assert_hears(fixture, "publish x 5; publish x 5; publish x 5; publish x 5");
    confirm(3, false);
    RUN_UNTIL(fixture->sent[2].calls);
    assert_int_equal(fixture->sent[0].calls + fixture->sent[1].calls + fixture->sent[3].calls, 0);
    confirm(2, true);
    confirm(3, false); /* once more, and one that was never sent */
    confirm(99, false);
    confirm(4, false);
    RUN_UNTIL(fixture->sent[3].calls);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(fixture->sent[i].calls, 1);
        assert_int_equal(fixture->sent[i].outcome, 0);
    }
}

static void test_what_no_queue_takes_comes_back_before_it_is_confirmed(void **state)
{
    static amqp_basic_return_t back = {.reply_code = 312};
    struct fixture *fixture = *state;
    publish(fixture, 0, "x");
    publish(fixture, 1, "x");
    assert_hears(fixture, "publish x 5; publish x 5");
    fake_rabbitmq_say(1, AMQP_BASIC_RETURN_METHOD, &back);
    fake_rabbitmq_say_content(1, "2", "12345");
    confirm(2, true);
    RUN_UNTIL(fixture->sent[1].calls);
    assert_int_equal(fixture->sent[0].outcome, 0);
    assert_int_equal(fixture->sent[1].outcome, TB_PUBLISH_UNROUTED);
    assert_string_equal(fixture->sent[1].text, "no queue takes messages of exchange \"x\" with key \"k\"");
}

static void test_a_refusal_is_told(void **state)
{
    static amqp_basic_nack_t nack = {.delivery_tag = 1};
    struct fixture *fixture = *state;
    publish(fixture, 0, "x");
    assert_hears(fixture, "publish x 5");
    fake_rabbitmq_say(1, AMQP_BASIC_NACK_METHOD, &nack);
    RUN_UNTIL(fixture->sent[0].calls);
    assert_int_equal(fixture->sent[0].outcome, TB_PUBLISH_REFUSED);
}

static void test_a_missing_exchange_costs_its_messages_and_no_connection(void **state)
{
    struct fixture *fixture = *state;
    publish(fixture, 0, "good");
    publish(fixture, 1, "gone");
    assert_hears(fixture, "publish good 5; publish gone 5");
    fake_rabbitmq_say_close(1, AMQP_NOT_FOUND, "NOT_FOUND - no exchange 'gone' in vhost '/'");
    publish(fixture, 2, "good");
    assert_hears(fixture, "channel.close-ok 1; channel.open 1");
    assert_int_equal(fixture->sent[0].outcome, -ECONNRESET);
    assert_non_null(strstr(fixture->sent[0].text, "not known to be published"));
    assert_int_equal(fixture->sent[1].outcome, TB_PUBLISH_NO_EXCHANGE);
    fake_rabbitmq_say(1, AMQP_CHANNEL_OPEN_OK_METHOD, NULL);
    assert_hears(fixture, "confirm.select 1");
    fake_rabbitmq_say(1, AMQP_CONFIRM_SELECT_OK_METHOD, NULL);
    assert_hears(fixture, "publish good 5");
    confirm(1, false);
    RUN_UNTIL(fixture->sent[2].calls);
    assert_int_equal(fixture->sent[2].outcome, 0);
    assert_int_equal(fixture->lost, 0);
    assert_int_equal(fake_rabbitmq_logins(), 1);
}

static void test_a_right_that_is_missing_is_named(void **state)
{
    struct fixture *fixture = *state;
    publish(fixture, 0, "x");
    assert_hears(fixture, "publish x 5");
    fake_rabbitmq_say_close(1, AMQP_ACCESS_REFUSED,
                            "ACCESS_REFUSED - access to exchange 'x' in vhost '/' refused for user 'u'");
    RUN_UNTIL(fixture->sent[0].calls);
    assert_int_equal(fixture->sent[0].outcome, TB_PUBLISH_FORBIDDEN);
    assert_non_null(strstr(fixture->sent[0].text, "user u needs the right to write exchange x ("));
}

static void test_a_lost_connection_leaves_the_written_unknown_and_keeps_the_rest(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i <= TB_CHANNEL_MAX_UNCONFIRMED; i++)
        publish(fixture, i, "x");
    RUN_UNTIL(strlen(fake_rabbitmq_sent()) > 0);
    fake_rabbitmq_break(AMQP_STATUS_CONNECTION_CLOSED);
    RUN_UNTIL(fixture->lost);
    for (size_t i = 0; i < TB_CHANNEL_MAX_UNCONFIRMED; i++)
        assert_int_equal(fixture->sent[i].outcome, -ECONNRESET);
    assert_int_equal(fixture->sent[TB_CHANNEL_MAX_UNCONFIRMED].calls, 0);
    assert_hears(fixture, "publish x 5");
    confirm(1, false);
    RUN_UNTIL(fixture->sent[TB_CHANNEL_MAX_UNCONFIRMED].calls);
    assert_int_equal(fixture->sent[TB_CHANNEL_MAX_UNCONFIRMED].outcome, 0);
    assert_int_equal(fake_rabbitmq_logins(), 2);
}

static void test_a_heartbeat_that_never_came_ends_the_connection(void **state)
{
    struct fixture *fixture = *state;
    publish(fixture, 0, "x");
    assert_hears(fixture, "publish x 5");
    fake_rabbitmq_break(AMQP_STATUS_HEARTBEAT_TIMEOUT);
    RUN_UNTIL(fixture->lost);
    assert_non_null(strstr(fixture->lost_text, "was silent for two heartbeats"));
}

/* As an operator's closing of it, or a broker that goes down. */
static void test_a_connection_that_the_broker_closes_in_words_is_a_lost_one(void **state)
{
    struct fixture *fixture = *state;
    publish(fixture, 0, "x");
    assert_hears(fixture, "publish x 5");
    fake_rabbitmq_say_close(0, 320, "CONNECTION_FORCED - by an operator");
    RUN_UNTIL(fixture->lost);
    assert_int_equal(fixture->lost_code, -ECONNRESET);
    assert_int_equal(fixture->sent[0].outcome, -ECONNRESET);
    assert_non_null(strstr(fixture->lost_text, "by an operator"));
}

static void test_nothing_is_written_while_an_alarm_is_on(void **state)
{
    static amqp_connection_blocked_t blocked;
    struct fixture *fixture = *state;
    publish(fixture, 0, "x");
    assert_hears(fixture, "publish x 5");
    blocked.reason = amqp_cstring_bytes("low on disk");
    fake_rabbitmq_say(0, AMQP_CONNECTION_BLOCKED_METHOD, &blocked);
    RUN_UNTIL(tb_channel_blocked(fixture->channel));
    assert_string_equal(tb_channel_blocked(fixture->channel), "low on disk");
    publish(fixture, 1, "x");
    turn(fixture, 50 * TB_US_PER_MS);
    assert_string_equal(fake_rabbitmq_sent(), "");
    fake_rabbitmq_say(0, AMQP_CONNECTION_UNBLOCKED_METHOD, NULL);
    assert_hears(fixture, "publish x 5");
}

static void test_what_waits_has_a_ceiling(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < TB_CHANNEL_MAX_WAITING; i++)
        assert_int_equal(publish(fixture, i, "x"), 0);
    assert_int_equal(publish(fixture, TB_CHANNEL_MAX_WAITING, "x"), TB_PUBLISH_FULL);
    RUN_UNTIL(strlen(fake_rabbitmq_sent()) > 0);
    turn(fixture, 20 * TB_US_PER_MS);
    confirm(1, false);
    RUN_UNTIL(fixture->sent[0].calls);
    assert_int_equal(publish(fixture, TB_CHANNEL_MAX_WAITING, "x"), 0);
}

static void test_a_message_that_can_not_be_said_in_amqp_is_refused_at_once(void **state)
{
    static char large[TB_CHANNEL_MAX_MESSAGE_BYTES + 1];
    struct fixture *fixture = *state;
    const struct tb_message headers = {.exchange = "x", .headers = TB_STR("[1]")};
    const struct tb_message body = {.exchange = "x", .body = {large, sizeof(large)}};
    assert_int_equal(tb_channel_publish(fixture->channel, &headers, &fixture->sent[0].sending, NULL),
                     -EINVAL);
    assert_int_equal(tb_channel_publish(fixture->channel, &body, &fixture->sent[0].sending, NULL), -EINVAL);
    assert_null(fixture->sent[0].sending.letter);
}

static void test_what_was_withdrawn_is_told_of_no_more(void **state)
{
    struct fixture *fixture = *state;
    publish(fixture, 0, "x");
    publish(fixture, 1, "withdrawn");
    publish(fixture, 2, "x");
    tb_channel_withdraw(fixture->channel, &fixture->sent[1].sending);
    tb_channel_withdraw(fixture->channel, &fixture->sent[1].sending);
    assert_hears(fixture, "publish x 5; publish x 5");
    tb_channel_withdraw(fixture->channel, &fixture->sent[0].sending);
    confirm(2, true);
    RUN_UNTIL(fixture->sent[2].calls);
    assert_int_equal(fixture->sent[0].calls + fixture->sent[1].calls, 0);
}

/* ---- the connection ---- */

static void test_a_broker_that_says_nothing_holds_no_loop(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.connect_timeout_us = 2 * TB_US_PER_S;
    fake_rabbitmq_be_silent(true);
    publish(fixture, 0, "x");
    int turns = 0;
    int64_t longest_us = 0;
    while (!fixture->lost) {
        int64_t began_us = tb_clock_monotonic_us();
        turn(fixture, TB_US_PER_MS);
        if (tb_clock_monotonic_us() - began_us > longest_us)
            longest_us = tb_clock_monotonic_us() - began_us;
        turns++;
    }
    assert_true(turns > 10);
    assert_true(longest_us < TB_US_PER_S);
    assert_non_null(strstr(fixture->lost_text, "did not answer within 2000 ms"));
    assert_null(strstr(fixture->lost_text, "SECRET"));
    fake_rabbitmq_be_silent(false);
    assert_hears(fixture, "publish x 5");
}

static void test_it_ends_while_a_broker_says_nothing(void **state)
{
    struct fixture *fixture = *state;
    fake_rabbitmq_be_silent(true);
    publish(fixture, 0, "x");
    RUN_UNTIL(fake_rabbitmq_logins());
    /* The options' five seconds are not waited for. */
    int64_t began_us = tb_clock_monotonic_us();
    tb_channel_close(fixture->channel);
    fixture->channel = NULL;
    assert_true(tb_clock_monotonic_us() - began_us < 3 * TB_US_PER_S);
    assert_int_equal(fixture->sent[0].calls + fixture->lost, 0);
}

/* ---- the mailbox ---- */

static void answer_step(struct fixture *fixture, const char *request, amqp_method_number_t answer)
{
    assert_hears(fixture, request);
    fake_rabbitmq_say(2, answer, NULL);
}

static void listen_up_to_binding(struct fixture *fixture)
{
    tb_channel_listen(fixture->channel, &mailbox);
    answer_step(fixture, "channel.open 2", AMQP_CHANNEL_OPEN_OK_METHOD);
    answer_step(fixture, "exchange.find 2", AMQP_EXCHANGE_DECLARE_OK_METHOD);
    answer_step(fixture, "exchange.find 2", AMQP_EXCHANGE_DECLARE_OK_METHOD);
    answer_step(fixture, "queue.declare 2", AMQP_QUEUE_DECLARE_OK_METHOD);
    assert_hears(fixture, "queue.bind 2");
}

static void listen(struct fixture *fixture)
{
    listen_up_to_binding(fixture);
    fake_rabbitmq_say(2, AMQP_QUEUE_BIND_OK_METHOD, NULL);
    answer_step(fixture, "basic.consume 2", AMQP_BASIC_CONSUME_OK_METHOD);
    RUN_UNTIL(fixture->listened);
    assert_int_equal(fixture->listening, 0);
}

static void test_the_mailbox_is_set_up_once(void **state)
{
    struct fixture *fixture = *state;
    listen(fixture);
    tb_channel_listen(fixture->channel, &mailbox);
    RUN_UNTIL(fixture->listened == 2);
    assert_int_equal(fixture->listening, 0);
    assert_string_equal(fake_rabbitmq_sent(), "");
}

static void test_answers_come_through_it(void **state)
{
    static amqp_basic_deliver_t deliver;
    struct fixture *fixture = *state;
    listen(fixture);
    fake_rabbitmq_say(2, AMQP_BASIC_DELIVER_METHOD, &deliver);
    fake_rabbitmq_say_content(2, NULL, "an answer");
    RUN_UNTIL(fixture->reply[0]);
    assert_string_equal(fixture->reply, "an answer");
}

static void test_a_binding_that_is_not_answered_holds_no_message(void **state)
{
    struct fixture *fixture = *state;
    listen_up_to_binding(fixture);
    publish(fixture, 0, "x");
    assert_hears(fixture, "publish x 5");
    confirm(1, false);
    RUN_UNTIL(fixture->sent[0].calls);
    assert_int_equal(fixture->listened, 0);
}

static void test_an_exchange_of_answers_that_is_missing_is_made(void **state)
{
    struct fixture *fixture = *state;
    tb_channel_listen(fixture->channel, &mailbox);
    answer_step(fixture, "channel.open 2", AMQP_CHANNEL_OPEN_OK_METHOD);
    answer_step(fixture, "exchange.find 2", AMQP_EXCHANGE_DECLARE_OK_METHOD);
    assert_hears(fixture, "exchange.find 2");
    fake_rabbitmq_say_close(2, AMQP_NOT_FOUND, "NOT_FOUND - no exchange 'reply.celery.pidbox' in vhost '/'");
    answer_step(fixture, "channel.close-ok 2; channel.open 2", AMQP_CHANNEL_OPEN_OK_METHOD);
    answer_step(fixture, "exchange.declare 2", AMQP_EXCHANGE_DECLARE_OK_METHOD);
    assert_hears(fixture, "queue.declare 2");
}

static void test_where_nobody_can_be_asked_that_is_said_and_found_out_again(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 1; i <= 2; i++) {
        tb_channel_listen(fixture->channel, &mailbox);
        answer_step(fixture, "channel.open 2", AMQP_CHANNEL_OPEN_OK_METHOD);
        assert_hears(fixture, "exchange.find 2");
        fake_rabbitmq_say_close(2, AMQP_NOT_FOUND, "NOT_FOUND - no exchange 'celery.pidbox' in vhost '/'");
        RUN_UNTIL(fixture->listened == i);
        assert_int_equal(fixture->listening, TB_LISTEN_NOBODY);
        assert_hears(fixture, "channel.close-ok 2");
    }
    assert_int_equal(fake_rabbitmq_logins(), 1);
}

static void test_a_right_that_the_mailbox_needs_is_named(void **state)
{
    struct fixture *fixture = *state;
    listen_up_to_binding(fixture);
    fake_rabbitmq_say_close(2, AMQP_ACCESS_REFUSED, "ACCESS_REFUSED - …");
    RUN_UNTIL(fixture->listened);
    assert_int_equal(fixture->listening, TB_LISTEN_FORBIDDEN);
    assert_non_null(strstr(
        fixture->listening_text,
        "user u needs the right to write queues taskbridge.reply.… and read exchange reply.celery.pidbox"));
}

static void test_a_frame_out_of_order_ends_the_connection(void **state)
{
    struct fixture *fixture = *state;
    listen(fixture);
    fake_rabbitmq_say_content(2, NULL, "whose?");
    RUN_UNTIL(fixture->lost);
    assert_non_null(strstr(fixture->lost_text, "out of order"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_confirmations_come_in_any_order),
        TEST(test_what_no_queue_takes_comes_back_before_it_is_confirmed),
        TEST(test_a_refusal_is_told),
        TEST(test_a_missing_exchange_costs_its_messages_and_no_connection),
        TEST(test_a_right_that_is_missing_is_named),
        TEST(test_a_lost_connection_leaves_the_written_unknown_and_keeps_the_rest),
        TEST(test_a_heartbeat_that_never_came_ends_the_connection),
        TEST(test_a_connection_that_the_broker_closes_in_words_is_a_lost_one),
        TEST(test_nothing_is_written_while_an_alarm_is_on),
        TEST(test_what_waits_has_a_ceiling),
        TEST(test_a_message_that_can_not_be_said_in_amqp_is_refused_at_once),
        TEST(test_what_was_withdrawn_is_told_of_no_more),
        TEST(test_a_broker_that_says_nothing_holds_no_loop),
        TEST(test_it_ends_while_a_broker_says_nothing),
        TEST(test_the_mailbox_is_set_up_once),
        TEST(test_answers_come_through_it),
        TEST(test_a_binding_that_is_not_answered_holds_no_message),
        TEST(test_an_exchange_of_answers_that_is_missing_is_made),
        TEST(test_where_nobody_can_be_asked_that_is_said_and_found_out_again),
        TEST(test_a_right_that_the_mailbox_needs_is_named),
        TEST(test_a_frame_out_of_order_ends_the_connection),
    };
    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}

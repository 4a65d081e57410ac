/* The consumer against a broker that does what real ones do once in a year. */
#include "taskbridge/amqp/consumer.h"

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
    struct tb_consumer *consumer;
    struct tb_timer tick;
    int connected, disconnected, lost, idle;
    char warnings[2048], why[TB_ERROR_TEXT_BYTES];
    bool takes; /* deliveries */
    uint64_t tags[64];
    size_t tag_count;
    int64_t measured;
};

static bool on_delivery(void *owner, const struct tb_delivery *delivery)
{
    struct fixture *fixture = owner;
    if (fixture->takes)
        fixture->tags[fixture->tag_count++] = delivery->tag;
    return fixture->takes;
}

static void on_idle(void *owner)
{
    ((struct fixture *)owner)->idle++;
}

static void on_lost(void *owner)
{
    ((struct fixture *)owner)->lost++;
}

static void on_connected(void *owner, const struct tb_consumer_info *info)
{
    (void)info;
    ((struct fixture *)owner)->connected++;
}

static void on_disconnected(void *owner, const struct tb_error *err, int64_t retry_in_us)
{
    struct fixture *fixture = owner;
    (void)retry_in_us;
    fixture->disconnected++;
    snprintf(fixture->why, sizeof(fixture->why), "%s", err->text);
}

static void on_warning(void *owner, const char *text)
{
    struct fixture *fixture = owner;
    size_t len = strlen(fixture->warnings);
    snprintf(fixture->warnings + len, sizeof(fixture->warnings) - len, "%s\n", text);
}

static void on_measured(void *owner, int64_t messages, int64_t consumers)
{
    (void)consumers;
    ((struct fixture *)owner)->measured = messages;
}

static void on_tick(struct tb_timer *timer)
{
    tb_loop_stop(((struct fixture *)timer->owner)->broker.loop);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    const struct tb_source_events deliveries = {on_delivery, on_idle, on_lost, fixture};
    const struct tb_consumer_events events = {on_connected, on_disconnected, on_warning,
                                              NULL,         on_measured,     fixture};
    fake_rabbitmq_reset();
    tb_amqp_options_init(&fixture->options);
    snprintf(fixture->url, sizeof(fixture->url), "amqp://u:SECRET@127.0.0.1:%d//", fake_rabbitmq_port());
    fixture->options.url = fixture->url;
    fixture->options.connect_timeout_us = 500 * TB_US_PER_MS;
    fixture->broker.options = &fixture->options;
    fixture->takes = true;
    fixture->measured = -1;
    assert_int_equal(tb_loop_new(&fixture->broker.loop, NULL), 0);
    assert_int_equal(tb_dialler_new(fixture->broker.loop, &fixture->broker.dialler, NULL), 0);
    assert_int_equal(
        tb_resolver_new(fixture->broker.loop, fixture->broker.dialler, &fixture->broker.resolver, NULL), 0);
    assert_int_equal(tb_consumer_open(&fixture->broker, &deliveries, &events, &fixture->consumer, NULL), 0);
    fixture->tick = (struct tb_timer){.on_expire = on_tick, .owner = fixture};
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    tb_consumer_close(fixture->consumer);
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

/* The broker answers the request to bind while the consumer waits for it on the thread. */
static void connect(struct fixture *fixture)
{
    int connected = fixture->connected;
    RUN_UNTIL(hears("queue.bind 2"));
    fake_rabbitmq_say(2, AMQP_QUEUE_BIND_OK_METHOD, NULL);
    RUN_UNTIL(fixture->connected > connected);
}

static void deliver(uint64_t tag)
{
    static amqp_basic_deliver_t deliveries[64];
    amqp_basic_deliver_t *delivery = &deliveries[tag % 64];
    *delivery = (amqp_basic_deliver_t){.delivery_tag = tag, .routing_key = amqp_cstring_bytes("k")};
    fake_rabbitmq_say(1, AMQP_BASIC_DELIVER_METHOD, delivery);
    fake_rabbitmq_say_content(1, NULL, "{}");
}

static void ack(struct fixture *fixture, uint64_t tag)
{
    struct tb_source *source = tb_consumer_source(fixture->consumer);
    source->ack(source, tag);
}

static void test_the_binding_is_asked_for_before_anything_comes(void **state)
{
    struct fixture *fixture = *state;
    connect(fixture);
    deliver(1);
    RUN_UNTIL(fixture->tag_count == 1);
    assert_int_equal(fixture->tags[0], 1);
    ack(fixture, 1);
    assert_true(hears("ack 1"));
}

static void test_a_binding_that_is_not_answered_holds_nothing_and_may_come_later(void **state)
{
    struct fixture *fixture = *state;
    RUN_UNTIL(fixture->connected);
    deliver(1);
    RUN_UNTIL(fixture->tag_count == 1);
    fake_rabbitmq_say(2, AMQP_QUEUE_BIND_OK_METHOD, NULL);
    /* Known now: the next connection does not ask. */
    deliver(2);
    RUN_UNTIL(fixture->tag_count == 2);
    fake_rabbitmq_sent();
    fake_rabbitmq_break(AMQP_STATUS_SOCKET_ERROR);
    RUN_UNTIL(fixture->connected == 2);
    assert_false(hears("queue.bind"));
}

static void test_a_binding_that_is_refused_late_is_warned_of_and_consuming_goes_on(void **state)
{
    struct fixture *fixture = *state;
    RUN_UNTIL(fixture->connected);
    fake_rabbitmq_say_close(2, AMQP_ACCESS_REFUSED, "ACCESS_REFUSED - …");
    RUN_UNTIL(fixture->warnings[0]);
    assert_non_null(
        strstr(fixture->warnings, "user u may not bind queue taskbridge.events to exchange celeryev"));
    deliver(1);
    RUN_UNTIL(fixture->tag_count == 1);
    assert_int_equal(fixture->disconnected, 0);
}

static void test_a_queue_that_is_made_needs_its_binding(void **state)
{
    struct fixture *fixture = *state;
    fake_rabbitmq_refuse("queue.find", AMQP_NOT_FOUND, "NOT_FOUND - no queue");
    RUN_UNTIL(fixture->disconnected);
    assert_non_null(
        strstr(fixture->why, "did not bind queue taskbridge.events to exchange celeryev in time"));
    assert_int_equal(fixture->connected, 0);
}

static void test_tags_count_on_over_connections_and_late_acknowledgements_go_nowhere(void **state)
{
    struct fixture *fixture = *state;
    connect(fixture);
    deliver(1);
    deliver(2);
    RUN_UNTIL(fixture->tag_count == 2);
    fake_rabbitmq_break(AMQP_STATUS_CONNECTION_CLOSED);
    RUN_UNTIL(fixture->lost == 1);
    ack(fixture, 2);
    RUN_UNTIL(fixture->connected == 2);
    ack(fixture, 2);
    deliver(1);
    RUN_UNTIL(fixture->tag_count == 3);
    assert_int_equal(fixture->tags[2], 3);
    assert_false(hears("ack"));
    ack(fixture, 3);
    assert_true(hears("ack 1"));
    ack(fixture, 3);
    assert_false(hears("ack"));
}

static void test_a_pipeline_that_is_full_gets_the_same_delivery_again_and_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct tb_source *source = tb_consumer_source(fixture->consumer);
    connect(fixture);
    fixture->takes = false;
    deliver(1);
    deliver(2);
    for (int i = 0; i < 20; i++)
        turn(fixture);
    assert_int_equal(fixture->tag_count, 0);
    fixture->takes = true;
    source->resume(source);
    RUN_UNTIL(fixture->tag_count == 2);
    assert_int_equal(fixture->tags[0], 1);
    assert_int_equal(fixture->tags[1], 2);
}

static void test_frames_out_of_order_end_the_connection_and_not_the_consumer(void **state)
{
    struct fixture *fixture = *state;
    connect(fixture);
    fake_rabbitmq_say_content(1, NULL, "whose?");
    RUN_UNTIL(fixture->lost == 1);
    assert_non_null(strstr(fixture->why, "out of order"));
    RUN_UNTIL(fixture->connected == 2);
    deliver(1);
    RUN_UNTIL(fixture->tag_count == 1);
}

static void test_a_cancel_of_the_broker_is_explained(void **state)
{
    static amqp_basic_cancel_t cancel;
    struct fixture *fixture = *state;
    connect(fixture);
    fake_rabbitmq_say(1, AMQP_BASIC_CANCEL_METHOD, &cancel);
    RUN_UNTIL(fixture->disconnected);
    assert_non_null(strstr(fixture->why, "the broker cancelled the consumer"));
}

static void test_a_heartbeat_that_never_came_ends_the_connection(void **state)
{
    struct fixture *fixture = *state;
    connect(fixture);
    fake_rabbitmq_break(AMQP_STATUS_HEARTBEAT_TIMEOUT);
    RUN_UNTIL(fixture->lost);
    assert_non_null(strstr(fixture->why, "was silent for two heartbeats"));
}

static void test_a_depth_that_nobody_asked_for_is_told_all_the_same(void **state)
{
    static amqp_queue_declare_ok_t depth = {.message_count = 7, .consumer_count = 1};
    struct fixture *fixture = *state;
    connect(fixture);
    fake_rabbitmq_say(1, AMQP_QUEUE_DECLARE_OK_METHOD, &depth);
    RUN_UNTIL(fixture->measured == 7);
}

static void test_it_stops_while_it_connects(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.connect_timeout_us = 30 * TB_US_PER_S;
    fake_rabbitmq_be_silent(true);
    RUN_UNTIL(fake_rabbitmq_logins());
    int64_t began_us = tb_clock_monotonic_us();
    tb_consumer_stop_consuming(fixture->consumer);
    tb_consumer_close(fixture->consumer);
    fixture->consumer = NULL;
    assert_true(tb_clock_monotonic_us() - began_us < 10 * TB_US_PER_S);
    assert_int_equal(fixture->connected + fixture->disconnected, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_binding_is_asked_for_before_anything_comes),
        TEST(test_a_binding_that_is_not_answered_holds_nothing_and_may_come_later),
        TEST(test_a_binding_that_is_refused_late_is_warned_of_and_consuming_goes_on),
        TEST(test_a_queue_that_is_made_needs_its_binding),
        TEST(test_tags_count_on_over_connections_and_late_acknowledgements_go_nowhere),
        TEST(test_a_pipeline_that_is_full_gets_the_same_delivery_again_and_in_order),
        TEST(test_frames_out_of_order_end_the_connection_and_not_the_consumer),
        TEST(test_a_cancel_of_the_broker_is_explained),
        TEST(test_a_heartbeat_that_never_came_ends_the_connection),
        TEST(test_a_depth_that_nobody_asked_for_is_told_all_the_same),
        TEST(test_it_stops_while_it_connects),
    };
    return cmocka_run_group_tests_name("consumer", tests, NULL, NULL);
}

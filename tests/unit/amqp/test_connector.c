/* Finding a broker of a list that can be had, with brokers that refuse, hang, or fail at the set-up. */
#include "connector.h"

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
    char url[256];
    struct tb_connector *connector;
    struct tb_timer tick;
    struct tb_session *session;
    size_t place;
    void *task;
    int ready, failed, set_ups_to_fail;
    struct tb_error err;
};

/* On a thread; what it counts down is its own until it is done. */
static int set_up_session(struct tb_session *session, const struct tb_amqp_options *options, void *task,
                          struct tb_error *err)
{
    int *to_fail = task;
    (void)session, (void)options;
    if (!to_fail || *to_fail == 0)
        return 0;
    (*to_fail)--;
    return tb_error_set(err, -EIO, "the set-up failed");
}

static void on_ready(void *owner, struct tb_session *session, size_t place, void *task)
{
    struct fixture *fixture = owner;
    fixture->session = session;
    fixture->place = place;
    fixture->task = task;
    fixture->ready++;
    tb_loop_stop(fixture->broker.loop);
}

static void on_failed(void *owner, const struct tb_error *err)
{
    struct fixture *fixture = owner;
    fixture->failed++;
    fixture->err = *err;
    tb_loop_stop(fixture->broker.loop);
}

static void on_tick(struct tb_timer *timer)
{
    tb_loop_stop(((struct fixture *)timer->owner)->broker.loop);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    const struct tb_connector_events events = {set_up_session, on_ready, on_failed, fixture};
    fake_rabbitmq_reset();
    tb_amqp_options_init(&fixture->options);
    int port = fake_rabbitmq_port();
    snprintf(fixture->url, sizeof(fixture->url),
             "amqp://u:SECRETA@127.0.0.1:%d/v;amqp://w:SECRETB@127.0.0.1:%d/v2;127.0.0.1", port, port);
    fixture->options.url = fixture->url;
    fixture->broker.options = &fixture->options;
    assert_int_equal(tb_loop_new(&fixture->broker.loop, NULL), 0);
    assert_int_equal(tb_dialler_new(fixture->broker.loop, &fixture->broker.dialler, NULL), 0);
    assert_int_equal(
        tb_resolver_new(fixture->broker.loop, fixture->broker.dialler, &fixture->broker.resolver, NULL), 0);
    assert_int_equal(tb_connector_new(&fixture->broker, "test", &events, &fixture->connector, NULL), 0);
    fixture->tick = (struct tb_timer){.on_expire = on_tick, .owner = fixture};
    *state = fixture;
    return 0;
}

static void drop_session(struct fixture *fixture)
{
    if (fixture->session)
        tb_session_close(fixture->session, 0);
    free(fixture->session);
    free(fixture->task);
    fixture->session = NULL;
    fixture->task = NULL;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    drop_session(fixture);
    tb_connector_free(fixture->connector);
    tb_resolver_free(fixture->broker.resolver);
    tb_dialler_free(fixture->broker.dialler);
    tb_loop_disarm(fixture->broker.loop, &fixture->tick);
    tb_loop_free(fixture->broker.loop);
    free(fixture);
    return 0;
}

static void run(struct fixture *fixture)
{
    alarm(60);
    assert_int_equal(tb_loop_run(fixture->broker.loop, NULL), 0);
    alarm(0);
}

static void start(struct fixture *fixture, int set_ups_to_fail)
{
    int *task = malloc(sizeof(*task));
    *task = set_ups_to_fail;
    tb_connector_start(fixture->connector, task);
    assert_true(tb_connector_is_under_way(fixture->connector));
}

static void test_the_first_that_can_be_had_is_handed_over(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, 0);
    run(fixture);
    assert_int_equal(fixture->ready, 1);
    assert_int_equal(fixture->place, 0);
    assert_string_equal(fixture->session->user, "u");
    assert_null(fixture->session->dial);
    assert_false(tb_connector_is_under_way(fixture->connector));
}

static void test_after_one_that_refuses_comes_the_next_and_there_it_begins_again(void **state)
{
    struct fixture *fixture = *state;
    fake_rabbitmq_refuse_logins(1);
    start(fixture, 0);
    run(fixture);
    assert_int_equal(fixture->place, 1);
    assert_string_equal(fixture->session->vhost, "v2");
    drop_session(fixture);
    start(fixture, 0);
    run(fixture);
    assert_int_equal(fixture->place, 1);
    drop_session(fixture);
    fake_rabbitmq_refuse_logins(2);
    start(fixture, 0);
    run(fixture);
    assert_int_equal(fixture->place, 0);
}

static void test_a_set_up_that_fails_is_as_a_login_that_does(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, 2);
    run(fixture);
    assert_int_equal(fixture->place, 2);
    assert_string_equal(fixture->session->user, "u");
}

static void test_when_none_is_to_be_had_all_reasons_are_told_and_no_password(void **state)
{
    struct fixture *fixture = *state;
    fake_rabbitmq_refuse_logins(1);
    start(fixture, 3);
    run(fixture);
    assert_int_equal(fixture->failed, 1);
    assert_int_equal(fixture->err.code, -EIO);
    assert_non_null(strstr(fixture->err.text, "closed the connection during the login"));
    assert_non_null(strstr(fixture->err.text, "; the set-up failed; the set-up failed"));
    assert_null(strstr(fixture->err.text, "SECRET"));
    assert_int_equal(fake_rabbitmq_logins(), 3);
}

static void test_each_silent_one_has_its_share_and_the_loop_turns(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.connect_timeout_us = 500 * TB_US_PER_MS;
    fake_rabbitmq_be_silent(true);
    int64_t began_us = tb_clock_monotonic_us();
    int turns = 0;
    for (start(fixture, 0); !fixture->failed; turns++) {
        tb_loop_arm(fixture->broker.loop, &fixture->tick, TB_US_PER_MS);
        run(fixture);
    }
    assert_true(turns > 20);
    assert_true(tb_clock_monotonic_us() - began_us >= 1400 * TB_US_PER_MS);
    assert_int_equal(fake_rabbitmq_logins(), 3);
}

static void test_who_stops_hears_nothing_and_waits_for_nothing(void **state)
{
    struct fixture *fixture = *state;
    fake_rabbitmq_be_silent(true);
    start(fixture, 0);
    alarm(60);
    while (!fake_rabbitmq_logins()) {
        tb_loop_arm(fixture->broker.loop, &fixture->tick, TB_US_PER_MS);
        assert_int_equal(tb_loop_run(fixture->broker.loop, NULL), 0);
    }
    alarm(0);
    int64_t began_us = tb_clock_monotonic_us();
    tb_connector_stop(fixture->connector);
    tb_connector_stop(fixture->connector);
    assert_true(tb_clock_monotonic_us() - began_us < 3 * TB_US_PER_S);
    fake_rabbitmq_be_silent(false);
    start(fixture, 0);
    run(fixture);
    assert_int_equal(fixture->ready, 1);
    assert_int_equal(fixture->failed, 0);
}

static void test_names_that_nobody_knows_are_told_as_such(void **state)
{
    struct fixture *fixture = *state;
    const struct tb_connector_events events = {set_up_session, on_ready, on_failed, fixture};
    tb_connector_free(fixture->connector);
    fixture->options.url = "amqp://u:SECRET@does-not-exist.invalid//";
    assert_int_equal(tb_connector_new(&fixture->broker, "test", &events, &fixture->connector, NULL), 0);
    start(fixture, 0);
    run(fixture);
    assert_int_equal(fixture->err.code, -EHOSTUNREACH);
    assert_non_null(strstr(fixture->err.text, "does-not-exist.invalid has no address"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_first_that_can_be_had_is_handed_over),
        TEST(test_after_one_that_refuses_comes_the_next_and_there_it_begins_again),
        TEST(test_a_set_up_that_fails_is_as_a_login_that_does),
        TEST(test_when_none_is_to_be_had_all_reasons_are_told_and_no_password),
        TEST(test_each_silent_one_has_its_share_and_the_loop_turns),
        TEST(test_who_stops_hears_nothing_and_waits_for_nothing),
        TEST(test_names_that_nobody_knows_are_told_as_such),
    };
    return cmocka_run_group_tests_name("connector", tests, NULL, NULL);
}

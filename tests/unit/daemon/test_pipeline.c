/* The pipeline between a fake source and a fake sink: what is acknowledged, when, and what never is. */
#include "pipeline.h"

#include "fake/fake_sink.h"
#include "fake/fake_source.h"
#include "taskbridge/base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct site {
    struct tb_loop *loop;
    struct tb_pipeline *pipeline;
    struct fake_source source;
    struct fake_sink sink;
    struct tb_rules rules;
    int drained;
};

static void on_drained(void *owner)
{
    struct site *site = owner;

    site->drained++;
    tb_loop_stop(site->loop);
}

static int set_up(void **state)
{
    struct site *site = calloc(1, sizeof(*site));

    assert_int_equal(tb_loop_new(&site->loop, NULL), 0);
    const struct tb_pipeline_options options = {
        .loop = site->loop, .rules = &site->rules, .on_drained = on_drained, .owner = site};
    assert_int_equal(tb_pipeline_new(&options, &site->pipeline), 0);
    fake_source_init(&site->source);
    fake_sink_init(&site->sink);
    site->source.events = tb_pipeline_source_events(site->pipeline);
    site->sink.events = tb_pipeline_sink_events(site->pipeline);
    tb_pipeline_connect(site->pipeline, &site->source.source, &site->sink.sink);
    *state = site;
    return 0;
}

static int tear_down(void **state)
{
    struct site *site = *state;

    tb_pipeline_free(site->pipeline);
    tb_loop_free(site->loop);
    free(site);
    return 0;
}

static void idle(struct site *site)
{
    site->source.events.on_idle(site->source.events.owner);
}

static bool deliver(struct site *site, const char *uuid)
{
    char body[256];

    snprintf(
        body, sizeof(body),
        "{\"type\": \"task-started\", \"uuid\": \"%s\", \"hostname\": \"w1@h\", \"timestamp\": 1795557675.5}",
        uuid);
    return fake_source_deliver(&site->source, body);
}

static void stop_loop(struct tb_timer *timer)
{
    tb_loop_stop(timer->owner);
}

/* Lets the loop's timers run for so long. */
static void run_for(struct site *site, int64_t us)
{
    struct tb_timer timer = {.on_expire = stop_loop, .owner = site->loop};

    tb_loop_arm(site->loop, &timer, us);
    assert_int_equal(tb_loop_run(site->loop, NULL), 0);
    tb_loop_disarm(site->loop, &timer);
}

static void test_a_delivery_is_acknowledged_only_after_its_commit(void **state)
{
    struct site *site = *state;

    assert_true(deliver(site, "a"));
    assert_null(site->sink.submitted);
    idle(site);
    assert_non_null(site->sink.submitted);
    assert_int_equal(site->source.acks, 0);
    fake_sink_finish(&site->sink, 0);
    assert_int_equal(site->source.acks, 1);
    assert_int_equal(site->source.acked_tag, 1);
    assert_true(fake_sink_has_task(&site->sink, "a"));
}

static void test_what_is_taken_settled_and_how_late_is_told(void **state)
{
    struct site *site = *state;

    assert_int_equal(tb_pipeline_state(site->pipeline).lag_us, -1);
    deliver(site, "a");
    idle(site);
    deliver(site, "b");
    assert_int_equal(tb_pipeline_state(site->pipeline).taken, 2);
    assert_int_equal(tb_pipeline_state(site->pipeline).settled, 0);
    fake_sink_finish(&site->sink, 0);
    assert_int_equal(tb_pipeline_state(site->pipeline).settled, 1);
    assert_true(tb_pipeline_state(site->pipeline).lag_us >= 0);
    site->source.events.on_lost(site->source.events.owner);
    assert_int_equal(tb_pipeline_state(site->pipeline).taken, 2);
    assert_int_equal(tb_pipeline_state(site->pipeline).settled, 2);
    fake_sink_finish(&site->sink, 0);
    assert_int_equal(tb_pipeline_state(site->pipeline).settled, 2);
}

static void test_while_one_batch_is_written_the_next_gathers(void **state)
{
    struct site *site = *state;

    deliver(site, "a");
    idle(site);
    deliver(site, "b");
    idle(site);
    deliver(site, "c");
    idle(site);
    assert_int_equal(site->sink.submissions, 1);
    fake_sink_finish(&site->sink, 0);
    assert_int_equal(site->sink.submissions, 2);
    assert_int_equal(site->source.acked_tag, 1);
    fake_sink_finish(&site->sink, 0);
    assert_int_equal(site->source.acked_tag, 3);
    assert_int_equal(site->source.acks, 2);
}

static void test_a_full_batch_pauses_the_source_until_the_other_is_written(void **state)
{
    struct site *site = *state;
    char uuid[32];
    size_t taken = 0;

    deliver(site, "first");
    idle(site);
    for (; taken <= TB_BATCH_MAX_ROWS; taken++) {
        snprintf(uuid, sizeof(uuid), "t%zu", taken);
        if (!deliver(site, uuid))
            break;
    }
    assert_int_equal(taken, TB_BATCH_MAX_ROWS);
    assert_true(tb_pipeline_state(site->pipeline).is_paused);
    assert_int_equal(site->source.resumes, 0);
    fake_sink_finish(&site->sink, 0);
    assert_int_equal(site->source.resumes, 1);
    assert_true(deliver(site, uuid));
}

static void test_an_unknown_outcome_is_written_again_unchanged(void **state)
{
    struct site *site = *state;

    deliver(site, "a");
    idle(site);
    struct tb_batch *batch = site->sink.submitted;
    site->sink.is_ready = false;
    fake_sink_finish(&site->sink, TB_SINK_AGAIN);
    assert_int_equal(site->source.acks, 0);
    site->sink.is_ready = true;
    site->sink.events.on_ready(site->sink.events.owner);
    assert_ptr_equal(site->sink.submitted, batch);
    fake_sink_finish(&site->sink, 0);
    assert_int_equal(site->source.acked_tag, 1);
}

static void test_a_busy_database_is_asked_again_after_a_wait(void **state)
{
    struct site *site = *state;

    deliver(site, "a");
    idle(site);
    fake_sink_finish(&site->sink, TB_SINK_AGAIN);
    assert_null(site->sink.submitted);
    run_for(site, 100 * TB_US_PER_MS);
    assert_non_null(site->sink.submitted);
    assert_int_equal(site->sink.submissions, 2);
    fake_sink_finish(&site->sink, TB_SINK_FAILED);
    run_for(site, 200 * TB_US_PER_MS);
    assert_int_equal(site->sink.submissions, 3);
}

static void test_when_the_broker_is_lost_nothing_of_before_is_acknowledged(void **state)
{
    struct site *site = *state;

    deliver(site, "a");
    idle(site);
    deliver(site, "b");
    site->source.events.on_lost(site->source.events.owner);
    fake_sink_finish(&site->sink, 0);
    assert_int_equal(site->source.acks, 0);
    assert_null(site->sink.submitted);
    assert_int_equal(tb_pipeline_state(site->pipeline).gathering_deliveries, 0);
    site->source.next_tag = 1;
    deliver(site, "b");
    idle(site);
    fake_sink_finish(&site->sink, 0);
    assert_int_equal(site->source.acked_tag, 1);
}

static void test_a_void_batch_that_was_not_written_is_given_up(void **state)
{
    struct site *site = *state;

    deliver(site, "a");
    idle(site);
    fake_sink_finish(&site->sink, TB_SINK_AGAIN);
    site->source.events.on_lost(site->source.events.owner);
    run_for(site, 100 * TB_US_PER_MS);
    assert_int_equal(site->sink.submissions, 1);
    assert_int_equal(site->source.acks, 0);
    deliver(site, "b");
    idle(site);
    assert_int_equal(site->sink.submissions, 2);
}

static void test_a_refused_batch_lands_but_for_its_culprit(void **state)
{
    struct site *site = *state;
    char uuid[32];

    site->sink.poison = "t5";
    deliver(site, "first");
    idle(site);
    for (int i = 0; i < 11; i++) {
        snprintf(uuid, sizeof(uuid), "t%d", i);
        deliver(site, uuid);
    }
    fake_sink_finish_all(&site->sink);
    assert_int_equal(site->source.acked_tag, 12);
    assert_int_equal(site->sink.task_count, 11);
    assert_false(fake_sink_has_task(&site->sink, "t5"));
    assert_int_equal(site->sink.dead_count, 1);
    assert_non_null(strstr(site->sink.dead[0], "\"t5\""));
    assert_string_equal(site->sink.reason, "PostgreSQL refuses it: told to fail (SQLSTATE 22021)");
    assert_int_equal(site->sink.deliveries, 12);
}

static void test_of_a_refused_list_only_the_bad_element_dies(void **state)
{
    struct site *site = *state;
    char body[1024];
    size_t len = 0;

    site->sink.poison = "e2";
    for (int i = 0; i < 5; i++)
        len +=
            (size_t)snprintf(body + len, sizeof(body) - len,
                             "%s{\"type\": \"task-started\", \"uuid\": \"e%d\", \"timestamp\": 1795557675.5}",
                             i ? ", " : "[", i);
    snprintf(body + len, sizeof(body) - len, "]");
    fake_source_deliver(&site->source, body);
    idle(site);
    fake_sink_finish_all(&site->sink);
    assert_int_equal(site->source.acked_tag, 1);
    assert_int_equal(site->sink.task_count, 4);
    assert_int_equal(site->sink.dead_count, 1);
    assert_string_equal(site->sink.dead[0],
                        "{\"type\": \"task-started\", \"uuid\": \"e2\", \"timestamp\": 1795557675.5}");
    assert_int_equal(site->sink.deliveries, 1);
}

/* Ends each write as the sink says, with the waits in between, until count are written. */
static void finish_until(struct site *site, size_t count)
{
    for (int i = 0; i < 400 && site->sink.task_count < count; i++) {
        if (site->sink.submitted)
            fake_sink_finish(&site->sink, 0);
        else
            run_for(site, 20 * TB_US_PER_MS);
    }
    assert_int_equal(site->sink.task_count, count);
}

static void test_one_row_that_can_never_be_written_keeps_no_neighbour_waiting(void **state)
{
    struct site *site = *state;
    char uuid[32];

    site->sink.stubborn = "t2";
    site->sink.sqlstate = "55P03";
    for (int i = 0; i < 6; i++) {
        snprintf(uuid, sizeof(uuid), "t%d", i);
        deliver(site, uuid);
    }
    idle(site);
    finish_until(site, 5);
    assert_int_equal(site->sink.dead_count, 0);
    assert_int_equal(site->source.acks, 0);
    /* Until it passes, or is given up. */
    site->sink.stubborn = NULL;
    finish_until(site, 6);
    run_for(site, 100 * TB_US_PER_MS);
    assert_int_equal(site->source.acked_tag, 6);
}

static void test_a_row_that_failed_after_its_neighbours_landed_is_a_dead_letter(void **state)
{
    struct site *site = *state;

    site->sink.stubborn = "b";
    site->sink.sqlstate = "40001";
    deliver(site, "a");
    deliver(site, "b");
    deliver(site, "c");
    idle(site);
    for (int i = 0; i < 1000 && site->source.acks == 0; i++) {
        if (site->sink.submitted)
            fake_sink_finish(&site->sink, 0);
        else
            run_for(site, 20 * TB_US_PER_MS);
    }
    assert_int_equal(site->source.acked_tag, 3);
    assert_int_equal(site->sink.task_count, 2);
    assert_int_equal(site->sink.dead_count, 1);
    assert_string_equal(site->sink.reason, "PostgreSQL refuses it: told to fail (SQLSTATE 40001)");
}

static void test_an_outage_in_the_middle_of_a_bisection_loses_nothing(void **state)
{
    struct site *site = *state;

    site->sink.poison = "b";
    deliver(site, "a");
    deliver(site, "b");
    deliver(site, "c");
    idle(site);
    fake_sink_finish(&site->sink, 0); /* refused */
    fake_sink_finish(&site->sink, TB_SINK_AGAIN);
    run_for(site, 100 * TB_US_PER_MS);
    fake_sink_finish_all(&site->sink);
    assert_int_equal(site->source.acked_tag, 3);
    assert_int_equal(site->sink.task_count, 2);
    assert_int_equal(site->sink.dead_count, 1);
}

static void test_drained_when_all_is_written_and_acknowledged(void **state)
{
    struct site *site = *state;

    deliver(site, "a");
    idle(site);
    deliver(site, "b");
    tb_pipeline_drain(site->pipeline);
    assert_false(deliver(site, "late"));
    fake_sink_finish_all(&site->sink);
    assert_int_equal(site->drained, 0);
    run_for(site, 10 * TB_US_PER_MS);
    assert_int_equal(site->drained, 1);
    assert_int_equal(site->source.acked_tag, 2);
    /* The source still says that it has nothing; that was told already. */
    idle(site);
    run_for(site, 10 * TB_US_PER_MS);
    assert_int_equal(site->drained, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_delivery_is_acknowledged_only_after_its_commit),
        TEST(test_what_is_taken_settled_and_how_late_is_told),
        TEST(test_while_one_batch_is_written_the_next_gathers),
        TEST(test_a_full_batch_pauses_the_source_until_the_other_is_written),
        TEST(test_an_unknown_outcome_is_written_again_unchanged),
        TEST(test_a_busy_database_is_asked_again_after_a_wait),
        TEST(test_when_the_broker_is_lost_nothing_of_before_is_acknowledged),
        TEST(test_a_void_batch_that_was_not_written_is_given_up),
        TEST(test_a_refused_batch_lands_but_for_its_culprit),
        TEST(test_of_a_refused_list_only_the_bad_element_dies),
        TEST(test_one_row_that_can_never_be_written_keeps_no_neighbour_waiting),
        TEST(test_a_row_that_failed_after_its_neighbours_landed_is_a_dead_letter),
        TEST(test_an_outage_in_the_middle_of_a_bisection_loses_nothing),
        TEST(test_drained_when_all_is_written_and_acknowledged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a batch learns of workers: from their own events, from their tasks', and for the meter of missed
 * events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "batch_fixture.h"

static const struct tb_worker *worker_of(const char *hostname)
{
    for (size_t i = 0; i < batch.worker_count; i++)
        if (tb_str_equal(batch.workers[i].hostname, tb_str_of(hostname)))
            return &batch.workers[i];
    fail_msg("no worker %s", hostname);
    return NULL;
}

static void a_worker_is_what_its_latest_event_says(void **unused)
{
    (void)unused;
    add_body(
        "[{\"type\": \"worker-heartbeat\", \"hostname\": \"w@h\", \"pid\": 7, \"timestamp\": 1700000020,"
        "  \"freq\": 5.0, \"sw_ident\": \"py-celery\", \"sw_ver\": \"5.6.3\", \"sw_sys\": \"Linux\"},"
        " {\"type\": \"worker-heartbeat\", \"hostname\": \"w@h\", \"pid\": 7, \"timestamp\": 1700000012,"
        "  \"freq\": 2.0, \"active\": 3, \"processed\": 40, \"loadavg\": [0.5, 0.25, 0.125],"
        "  \"sw_ident\": \"py-celery\", \"sw_ver\": \"5.6.2\", \"sw_sys\": \"Linux\"},"
        " {\"type\": \"worker-online\", \"hostname\": \"w@h\", \"pid\": 7, \"timestamp\": 1700000010,"
        "  \"freq\": 2.0, \"active\": 0, \"processed\": 0, \"loadavg\": [0, 0, 0]},"
        " {\"type\": \"worker-offline\", \"hostname\": \"w@h\", \"pid\": 6, \"timestamp\": 1700000009}]");

    const struct tb_worker *worker = worker_of("w@h");
    assert_int_equal(batch.worker_count, 1);
    assert_int_equal(worker->online_at, AT(10));
    assert_int_equal(worker->heartbeat_at, AT(20));
    assert_int_equal(worker->offline_at, AT(9));
    assert_int_equal(worker->seen_at, AT(20));
    assert_int_equal(worker->skew_us, 980 * TB_US_PER_S);
    assert_int_equal(worker->heard_at, RECEIVED);
    assert_int_equal(worker->pid, 7);
    assert_true(worker->freq_s == 5.0);
    assert_text(worker->sw_ver, "5.6.3");
    assert_int_equal(worker->counted_at, AT(12));
    assert_int_equal(worker->active, 3);
    assert_int_equal(worker->processed, 40);
    assert_true(worker->loadavg[2] == 0.125);
}

static void an_incarnation_has_its_first_and_last_beat_of_the_batch(void **unused)
{
    (void)unused;
    add_body(
        "[{\"type\": \"worker-heartbeat\", \"hostname\": \"w@h\", \"pid\": 7, \"timestamp\": 1700000012,"
        "  \"active\": 0, \"processed\": 40, \"loadavg\": [0, 0, 0]},"
        " {\"type\": \"worker-heartbeat\", \"hostname\": \"w@h\", \"pid\": 7, \"timestamp\": 1700000010,"
        "  \"active\": 0, \"processed\": 30, \"loadavg\": [0, 0, 0]},"
        " {\"type\": \"worker-heartbeat\", \"hostname\": \"w@h\", \"pid\": 7, \"timestamp\": 1700000011,"
        "  \"active\": 0, \"processed\": 35, \"loadavg\": [0, 0, 0]},"
        " {\"type\": \"worker-heartbeat\", \"hostname\": \"w@h\", \"pid\": 7, \"timestamp\": 1700000013},"
        " {\"type\": \"worker-online\", \"hostname\": \"w@h\", \"pid\": 6, \"timestamp\": 1700000001,"
        "  \"active\": 0, \"processed\": 0, \"loadavg\": [0, 0, 0]}]");
    tb_batch_seal(&batch);

    assert_int_equal(batch.beat_count, 2);
    assert_int_equal(batch.beats[0].pid, 6);
    assert_int_equal(batch.beats[1].pid, 7);
    assert_int_equal(batch.beats[1].first_at, AT(10));
    assert_int_equal(batch.beats[1].first_processed, 30);
    assert_int_equal(batch.beats[1].last_at, AT(12));
    assert_int_equal(batch.beats[1].last_processed, 40);
}

static void a_worker_is_heard_through_its_tasks_but_not_through_a_publisher(void **unused)
{
    (void)unused;
    add_body(received_and_started);
    add_body(
        "{\"type\": \"task-sent\", \"uuid\": \"a\", \"hostname\": \"gen1@web\", \"timestamp\": 1700000000}");

    assert_int_equal(batch.worker_count, 1);
    assert_int_equal(worker_of("w@h")->heard_at, RECEIVED);
    assert_int_equal(worker_of("w@h")->seen_at, TB_STAMP_NONE);
}

static void copies_of_one_start_are_one_start(void **unused)
{
    (void)unused;
    struct tb_delivery again = delivery_of(received_and_started);

    again.redelivered = true;
    add(again, NULL);
    add_body(received_and_started);
    add_body(
        "{\"type\": \"task-started\", \"uuid\": \"a\", \"hostname\": \"w@h\", \"pid\": 7, \"timestamp\": "
        "1700000003}");
    add_body(
        "{\"type\": \"task-started\", \"uuid\": \"a\", \"hostname\": \"w@h\", \"timestamp\": 1700000003}");
    tb_batch_seal(&batch);

    assert_int_equal(batch.start_count, 2); /* what names no process is counted for none */
    assert_int_equal(batch.starts[0].stamp, AT(2));
    assert_int_equal(batch.starts[0].pid, 7);
    assert_false(batch.starts[0].redelivered); /* one copy surely is new */
    assert_int_equal(batch.starts[1].stamp, AT(3));
}

static void a_start_that_only_came_again_says_so(void **unused)
{
    (void)unused;
    struct tb_delivery again = delivery_of(received_and_started);

    again.redelivered = true;
    add(again, NULL);
    add(again, NULL);
    tb_batch_seal(&batch);
    assert_int_equal(batch.start_count, 1);
    assert_true(batch.starts[0].redelivered);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BATCH_TEST(a_worker_is_what_its_latest_event_says),
        BATCH_TEST(an_incarnation_has_its_first_and_last_beat_of_the_batch),
        BATCH_TEST(a_worker_is_heard_through_its_tasks_but_not_through_a_publisher),
        BATCH_TEST(copies_of_one_start_are_one_start),
        BATCH_TEST(a_start_that_only_came_again_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* One event at a time: its fields, and what makes it a dead letter. */
#include "decoded.h"

#include "taskbridge/base/limits.h"

#include <math.h>
#include <stdio.h>

static struct decoded *decoded;

static int set_up(void **state)
{
    (void)state;
    decoded = calloc(1, sizeof(*decoded));
    assert_non_null(decoded);
    tb_arena_init(&decoded->arena, 256 * TB_MIB);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tb_arena_deinit(&decoded->arena);
    free(decoded);
    return 0;
}

static void received_brings_all_that_describes_the_task(void **state)
{
    (void)state;
    decode(decoded,
           "{\"hostname\": \"w1@host-a\", \"utcoffset\": 3, \"pid\": 9311, \"clock\": 2, \"uuid\": \"9e15\", "
           "\"name\": \"sii.sync\", \"args\": \"(80,)\", \"kwargs\": \"{'company_id': 73}\", "
           "\"root_id\": \"r\", \"parent_id\": null, \"retries\": 2, "
           "\"eta\": \"2026-11-24T19:03:33.064333-03:00\", \"expires\": null, "
           "\"timestamp\": 1795557676.25, \"type\": \"task-received\"}");
    const struct tb_event *event = only_event(decoded);
    assert_int_equal(event->type, TB_EVENT_TASK_RECEIVED);
    assert_str(event->type_name, "task-received");
    assert_int_equal(event->stamp, INT64_C(1795557676250000));
    assert_str(event->hostname, "w1@host-a");
    assert_int_equal(event->pid, 9311);
    assert_str(event->uuid, "9e15");
    assert_str(event->name, "sii.sync");
    assert_str(event->args, "(80,)");
    assert_str(event->kwargs, "{'company_id': 73}");
    assert_str(event->root_id, "r");
    assert_str(event->parent_id, NULL);
    assert_true(event->has_retries);
    assert_int_equal(event->retries, 2);
    assert_str(event->eta, "2026-11-24T19:03:33.064333-03:00");
    assert_str(event->expires, NULL);
    assert_str(event->queue, NULL);
    assert_str(event->company, NULL);
    assert_true(isnan(event->runtime_s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(received_brings_all_that_describes_the_task, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

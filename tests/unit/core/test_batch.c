/* Deliveries become a batch: joined rows, dead letters, counts; each delivery whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "batch_fixture.h"
#include "row_facts.h"
#include "slots.h"
#include "taskbridge/base/buf.h"
#include "taskbridge/base/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define BASE_S 1700000000

static const struct tb_row *row_of(const char *task_id)
{
    for (size_t i = 0; i < batch.row_count; i++)
        if (tb_str_equal(batch.rows[i].task_id, tb_str_of(task_id)))
            return &batch.rows[i];
    fail_msg("no row of %s", task_id);
    return NULL;
}

static const char succeeded[] =
    "{\"type\": \"task-succeeded\", \"uuid\": \"b\", \"hostname\": \"w@h\", \"pid\": 7,"
    " \"timestamp\": 1700000003.5, \"result\": \"'ok'\", \"runtime\": 1.25}";

static void events_of_one_task_are_one_row_across_deliveries(void **unused)
{
    (void)unused;
    add_body(succeeded);
    add_body(received_and_started);

    assert_int_equal(batch.row_count, 2);
    const struct tb_row *row = row_of("b");
    assert_int_equal(row->received_at, AT(1));
    assert_int_equal(row->succeeded_at, AT(3) + 500000);
    assert_text(row->result, "'ok'");
    assert_true(row->runtime_s == 1.25);
    assert_text(row->received_name.value, "shop.tasks.sync");
    assert_text(row->worker.value, "w@h");
    assert_int_equal(row_of("a")->began_at, AT(2));
}

struct hashed_id {
    uint32_t hash;
    int number;
};

static int compare_hashes(const void *a, const void *b)
{
    const struct hashed_id *first = a, *second = b;
    return (first->hash > second->hash) - (first->hash < second->hash);
}

static void start_numbered(int number)
{
    char body[128];
    snprintf(body, sizeof(body), "{\"type\": \"task-started\", \"uuid\": \"%d\", \"timestamp\": %d}", number,
             BASE_S);
    add_body(body);
}

/* Among so many ids some two have one hash. */
static void tasks_whose_ids_have_one_hash_are_two_rows(void **unused)
{
    (void)unused;
    enum { IDS = 300000 };
    struct hashed_id *ids = malloc(IDS * sizeof(*ids));
    assert_non_null(ids);
    for (int i = 0; i < IDS; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        ids[i] = (struct hashed_id){tb_slots_hash(tb_str_of(text), 0), i};
    }
    qsort(ids, IDS, sizeof(*ids), compare_hashes);
    size_t pairs = 0;
    for (int i = 1; i < IDS; i++) {
        if (ids[i].hash != ids[i - 1].hash)
            continue;
        pairs++;
        start_numbered(ids[i - 1].number);
        start_numbered(ids[i].number);
    }
    free(ids);
    assert_true(pairs > 0 && pairs < 100);
    assert_int_equal(batch.row_count, 2 * pairs);
}

static void a_sealed_batch_is_in_the_order_of_its_keys(void **unused)
{
    (void)unused;
    add_body(received_and_started);
    add_body(
        "{\"type\": \"task-started\", \"uuid\": \"B\", \"hostname\": \"a@h\", \"pid\": 7, \"timestamp\": "
        "1700000002}");
    tb_batch_seal(&batch);

    assert_true(batch.sealed);
    assert_text(batch.rows[0].task_id, "B"); /* by bytes: capitals first */
    assert_text(batch.rows[1].task_id, "a");
    assert_text(batch.rows[2].task_id, "b");
    assert_text(batch.workers[0].hostname, "a@h");
    assert_text(batch.workers[1].hostname, "w@h");
    assert_text(batch.starts[0].task_id, "B");
}

static void everything_is_counted(void **unused)
{
    (void)unused;
    struct tb_delivery again = delivery_of("[]");

    again.redelivered = true;
    again.received_at = RECEIVED - 5;
    again.tag = 9;
    add_body(received_and_started);
    add_body("[{\"type\": \"worker-heartbeat\", \"hostname\": \"w@h\", \"timestamp\": 1700000001},"
             " {\"type\": \"task-custom\", \"uuid\": \"x\", \"timestamp\": 1700000001},"
             " {\"type\": \"task-started\", \"timestamp\": 1700000001}]"); /* no uuid */
    add(again, NULL);

    assert_int_equal(batch.counts.deliveries, 3);
    assert_int_equal(batch.counts.redelivered, 1);
    assert_int_equal(batch.counts.events, 4);
    assert_int_equal(batch.counts.task_events, 2);
    assert_int_equal(batch.counts.worker_events, 1);
    assert_int_equal(batch.counts.unknown, 1);
    assert_int_equal(batch.counts.dead, 1);
    assert_int_equal(batch.counts.bytes, batch.deliveries[0].body.len + batch.deliveries[1].body.len + 2);
    assert_int_equal(batch.last_tag, 9);
    assert_int_equal(batch.first_received_at, RECEIVED - 5);
    assert_int_equal(batch.last_received_at, RECEIVED);
}

static void the_newest_stamp_is_a_tasks_and_not_later_than_its_receipt(void **unused)
{
    (void)unused;
    assert_true(batch.newest_at == TB_STAMP_NONE);
    add_body("{\"type\": \"worker-heartbeat\", \"hostname\": \"w@h\", \"timestamp\": 1700000900}");
    assert_true(batch.newest_at == TB_STAMP_NONE);
    add_body("[{\"type\": \"task-started\", \"uuid\": \"a\", \"timestamp\": 1700000007},"
             " {\"type\": \"task-started\", \"uuid\": \"b\", \"timestamp\": 1700000003}]");
    assert_int_equal(batch.newest_at, AT(7));
    add_body("{\"type\": \"task-started\", \"uuid\": \"c\", \"timestamp\": 1700099999}");
    assert_int_equal(batch.newest_at, RECEIVED);
    tb_batch_reset(&batch);
    assert_true(batch.newest_at == TB_STAMP_NONE);
}

static void deliveries_are_kept_as_they_came(void **unused)
{
    (void)unused;
    struct tb_delivery delivery = delivery_of(succeeded);

    delivery.headers = TB_STR("{\"hostname\": \"w@h\"}");
    delivery.tag = 4;
    delivery.redelivered = true;
    add(delivery, NULL);

    const struct tb_delivery *kept = &batch.deliveries[0];
    assert_int_equal(batch.delivery_count, 1);
    assert_text(kept->body, succeeded);
    assert_text(kept->routing_key, "task.multi");
    assert_text(kept->content_type, "application/json");
    assert_text(kept->content_encoding, "utf-8");
    assert_text(kept->headers, "{\"hostname\": \"w@h\"}");
    assert_true(tb_str_is_null(kept->compression));
    assert_int_equal(kept->tag, 4);
    assert_true(kept->redelivered);
}

static void a_bad_element_goes_alone_with_what_is_known_of_its_delivery(void **unused)
{
    (void)unused;
    struct tb_delivery delivery = delivery_of(
        "[{\"type\": \"task-started\", \"timestamp\": 1}, {\"type\": \"task-started\", \"uuid\": \"a\", "
        "\"hostname\": \"w@h\", \"timestamp\": 1700000002}]");

    delivery.headers = TB_STR("{\"h\": 1}");
    delivery.redelivered = true;
    add(delivery, NULL);
    assert_int_equal(batch.row_count, 1);
    assert_int_equal(batch.dead_count, 1);
    assert_text(batch.dead[0].body, "{\"type\": \"task-started\", \"timestamp\": 1}");
    assert_text(batch.dead[0].routing_key, "task.multi");
    assert_text(batch.dead[0].headers, "{\"h\": 1}");
    assert_int_equal(batch.dead[0].received_at, RECEIVED);
    assert_true(batch.dead[0].redelivered);
    assert_false(tb_str_is_empty(batch.dead[0].reason));
}

static void a_refused_delivery_is_added_as_one_dead_letter(void **unused)
{
    (void)unused;
    struct tb_delivery delivery = delivery_of(received_and_started);
    char reason[] = "refused";

    delivery.tag = 3;
    assert_int_equal(tb_batch_add_dead(&batch, &delivery, NULL, tb_str_of(reason)), 0);
    memset(reason, 'x', sizeof(reason) - 1);
    assert_int_equal(batch.row_count, 0);
    assert_int_equal(batch.dead_count, 1);
    assert_int_equal(batch.counts.dead, 1);
    assert_int_equal(batch.counts.events, 0);
    assert_int_equal(batch.counts.deliveries, 1);
    assert_int_equal(batch.last_tag, 3);
    assert_text(batch.dead[0].body, received_and_started);
    assert_text(batch.dead[0].reason, "refused");
}

static void names_of_unknown_events_have_a_bound(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < 2 * (TB_UNKNOWN_TYPES_MAX + 36); i++) {
        char body[128];
        snprintf(body, sizeof(body), "{\"type\": \"custom-%03zu\", \"timestamp\": 1700000001}",
                 i % (TB_UNKNOWN_TYPES_MAX + 36));
        add_body(body);
    }
    tb_batch_seal(&batch);
    assert_int_equal(batch.unknown_count, TB_UNKNOWN_TYPES_MAX + 1);
    assert_text(batch.unknown[0].type, "");
    assert_int_equal(batch.unknown[0].count, 72);
    assert_text(batch.unknown[1].type, "custom-000");
    assert_int_equal(batch.unknown[1].count, 2);
    assert_int_equal(batch.counts.unknown, 200);
}

static void texts_of_the_rules_outlive_the_rules_and_are_kept_once(void **unused)
{
    (void)unused;
    char type[] = "sync_task", display_name[] = "Sincronizando";
    const struct tb_rule rule = {
        .match = TB_STR("*"), .type = tb_str_of(type), .display_name = tb_str_of(display_name)};
    const struct tb_rules rules = {.rules = &rule, .count = 1};

    add(delivery_of(received_and_started), &rules);
    add(delivery_of("{\"type\": \"task-sent\", \"uuid\": \"c\", \"name\": \"x\", \"timestamp\": 1700000001}"),
        &rules);
    memset(type, 'x', sizeof(type) - 1);
    memset(display_name, 'x', sizeof(display_name) - 1);
    assert_text(row_of("b")->rule_type, "sync_task");
    assert_text(row_of("b")->rule_display_name, "Sincronizando");
    assert_ptr_equal(row_of("c")->rule_type.ptr, row_of("b")->rule_type.ptr);
    assert_ptr_equal(row_of("c")->rule_display_name.ptr, row_of("b")->rule_display_name.ptr);
}

static void a_batch_is_full_by_rows_and_finds_each_of_them_again(void **unused)
{
    (void)unused;
    for (int i = 0; i < (int)TB_BATCH_MAX_ROWS; i++) {
        assert_false(tb_batch_is_full(&batch));
        start_numbered(i);
    }
    for (int i = 0; i < (int)TB_BATCH_MAX_ROWS; i++)
        start_numbered(i);
    assert_true(tb_batch_is_full(&batch));
    assert_int_equal(batch.row_count, TB_BATCH_MAX_ROWS);
}

static void a_batch_is_full_by_deliveries(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < TB_BATCH_MAX_DELIVERIES; i++) {
        assert_false(tb_batch_is_full(&batch));
        add_body("[]");
    }
    assert_true(tb_batch_is_full(&batch));
}

static void a_batch_is_full_by_bytes(void **unused)
{
    (void)unused;
    char *body = calloc(1, TB_BATCH_FULL_BYTES + 1);
    assert_non_null(body);
    memset(body, ' ', TB_BATCH_FULL_BYTES);
    memcpy(body, "[]", 2);
    add_body(body);
    free(body);
    assert_true(tb_batch_is_full(&batch));
}

static void reset_forgets_everything_and_begins_anew(void **unused)
{
    (void)unused;
    add_body(received_and_started);
    add_body("{\"type\": \"worker-online\", \"hostname\": \"w@h\", \"pid\": 7, \"timestamp\": 1700000010,"
             " \"active\": 0, \"processed\": 0, \"loadavg\": [0, 0, 0]}");
    add_body("no JSON");
    tb_batch_seal(&batch);
    tb_batch_reset(&batch);

    assert_true(tb_batch_is_empty(&batch));
    assert_false(tb_batch_is_full(&batch));
    assert_int_equal(batch.row_count + batch.worker_count + batch.beat_count + batch.start_count, 0);
    assert_int_equal(batch.dead_count + batch.unknown_count + batch.delivery_count, 0);
    assert_int_equal(batch.counts.deliveries + batch.counts.events + batch.counts.dead + batch.counts.bytes,
                     0);
    assert_int_equal(batch.arena.used_bytes, 0);

    add_body(succeeded);
    assert_int_equal(batch.row_count, 1);
    assert_int_equal(row_of("b")->received_at, TB_STAMP_NONE);
    assert_int_equal(batch.first_received_at, RECEIVED);
}

static void reset_gives_back_what_an_extraordinary_batch_took(void **unused)
{
    (void)unused;
    size_t events = 4 * TB_BATCH_MAX_ROWS;
    struct tb_buf body;

    tb_buf_init(&body, 4 * TB_MIB);
    for (size_t i = 0; i < events; i++)
        tb_buf_printf(&body, "%c{\"type\": \"task-started\", \"uuid\": \"%zu\", \"timestamp\": %d}",
                      i ? ',' : '[', i, BASE_S);
    tb_buf_push_byte(&body, ']');
    assert_false(body.failed);
    add_body(body.ptr);
    tb_buf_deinit(&body);
    assert_int_equal(batch.row_count, events);
    tb_batch_reset(&batch);
    assert_true(batch.row_cap <= 2 * TB_BATCH_MAX_ROWS);
    assert_true(batch.row_slots.cap <= 4 * TB_BATCH_MAX_ROWS);
}

/* With every ceiling from none on, until it fits: the delivery's copy, what decode unescapes and what the
 * rules say all need memory. */
static void without_memory_a_delivery_leaves_no_trace(void **unused)
{
    (void)unused;
    const struct tb_rule rule = {
        .match = TB_STR("*"), .type = TB_STR("sync_task"), .display_name = TB_STR("Sincronizando")};
    const struct tb_rules rules = {.rules = &rule, .count = 1};
    struct tb_delivery delivery =
        delivery_of("[{\"type\": \"task-sent\", \"uuid\": \"b\", \"timestamp\": 1700000009, "
                    "\"name\": \"a\\u00f1\"}]");
    size_t refused = 0;
    int status;

    add_body(received_and_started);
    struct tb_row before = *row_of("b");
    struct tb_batch_counts counts = batch.counts;
    do {
        batch.arena.max_bytes = batch.arena.used_bytes + refused * 8;
        status = tb_batch_add(&batch, &delivery, &rules);
        if (status) {
            assert_int_equal(status, -ENOMEM);
            assert_null(first_difference(row_of("b"), &before));
            assert_int_equal(batch.row_count, 2);
            assert_int_equal(batch.delivery_count, 1);
            assert_memory_equal(&batch.counts, &counts, sizeof(counts));
            assert_true(++refused < 1000);
        }
    } while (status);
    assert_true(refused > 0);
    assert_int_equal(row_of("b")->sent_at, AT(9));
    assert_text(row_of("b")->name.value, "a\xc3\xb1");
    assert_text(row_of("b")->rule_display_name, "Sincronizando");
    assert_int_equal(batch.delivery_count, 2);
}

static void an_empty_batch_does_not_fill_up_with_refused_deliveries(void **unused)
{
    (void)unused;
    struct tb_delivery delivery = delivery_of(received_and_started);

    batch.arena.max_bytes = delivery.body.len + 1;
    for (int i = 0; i < 10; i++)
        assert_int_equal(tb_batch_add(&batch, &delivery, NULL), -ENOMEM);
    assert_int_equal(batch.arena.used_bytes, 0);
    batch.arena.max_bytes = TB_MIB;
    add_body(received_and_started);
    assert_int_equal(batch.row_count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BATCH_TEST(events_of_one_task_are_one_row_across_deliveries),
        BATCH_TEST(tasks_whose_ids_have_one_hash_are_two_rows),
        BATCH_TEST(a_sealed_batch_is_in_the_order_of_its_keys),
        BATCH_TEST(everything_is_counted),
        BATCH_TEST(the_newest_stamp_is_a_tasks_and_not_later_than_its_receipt),
        BATCH_TEST(deliveries_are_kept_as_they_came),
        BATCH_TEST(a_bad_element_goes_alone_with_what_is_known_of_its_delivery),
        BATCH_TEST(a_refused_delivery_is_added_as_one_dead_letter),
        BATCH_TEST(names_of_unknown_events_have_a_bound),
        BATCH_TEST(texts_of_the_rules_outlive_the_rules_and_are_kept_once),
        BATCH_TEST(a_batch_is_full_by_rows_and_finds_each_of_them_again),
        BATCH_TEST(a_batch_is_full_by_deliveries),
        BATCH_TEST(a_batch_is_full_by_bytes),
        BATCH_TEST(reset_forgets_everything_and_begins_anew),
        BATCH_TEST(reset_gives_back_what_an_extraordinary_batch_took),
        BATCH_TEST(an_empty_batch_does_not_fill_up_with_refused_deliveries),
        BATCH_TEST(without_memory_a_delivery_leaves_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

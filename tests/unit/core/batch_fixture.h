/* A batch and deliveries for it, in tests. cmocka.h comes before. */
#ifndef TASKBRIDGE_TESTS_UNIT_CORE_BATCH_FIXTURE_H
#define TASKBRIDGE_TESTS_UNIT_CORE_BATCH_FIXTURE_H

#include "taskbridge/core/batch.h"

#include <stdlib.h>

/* Stamps in the deliveries below are this many seconds plus the number given. */
#define AT(s)    ((INT64_C(1700000000) + (s)) * TB_US_PER_S)
#define RECEIVED AT(1000)

static struct tb_batch batch;

static inline int init_batch(void **unused)
{
    (void)unused;
    return tb_batch_init(&batch);
}

static inline int deinit_batch(void **unused)
{
    (void)unused;
    tb_batch_deinit(&batch);
    tb_batch_deinit(&batch);
    return 0;
}

static inline struct tb_delivery delivery_of(const char *body)
{
    return (struct tb_delivery){
        .body = tb_str_of(body),
        .routing_key = TB_STR("task.multi"),
        .content_type = TB_STR("application/json"),
        .content_encoding = TB_STR("utf-8"),
        .received_at = RECEIVED,
        .tag = 1,
    };
}

static inline struct tb_str lend(struct tb_str text)
{
    return text.ptr ? (struct tb_str){strndup(text.ptr, text.len), text.len} : text;
}

static inline void take_back(struct tb_str text)
{
    char *memory = (char *)(uintptr_t)text.ptr;
    if (memory)
        memset(memory, 'x', text.len);
    free(memory);
}

/* The delivery's memory is overwritten afterwards: nothing of it may be borrowed. */
static inline void add(struct tb_delivery delivery, const struct tb_rules *rules)
{
    delivery.body = lend(delivery.body);
    delivery.routing_key = lend(delivery.routing_key);
    delivery.content_type = lend(delivery.content_type);
    delivery.content_encoding = lend(delivery.content_encoding);
    delivery.headers = lend(delivery.headers);
    assert_int_equal(tb_batch_add(&batch, &delivery, rules), 0);
    take_back(delivery.body);
    take_back(delivery.routing_key);
    take_back(delivery.content_type);
    take_back(delivery.content_encoding);
    take_back(delivery.headers);
}

static inline void add_body(const char *body)
{
    add(delivery_of(body), NULL);
}

static inline void assert_text(struct tb_str text, const char *expected)
{
    if (!tb_str_equal(text, tb_str_of(expected)))
        fail_msg("'%.*s' is not '%s'", TB_STR_FMT(text), expected);
}

static const char received_and_started[] =
    "[{\"type\": \"task-received\", \"uuid\": \"b\", \"hostname\": \"w@h\", \"pid\": 7, \"timestamp\": "
    "1700000001,"
    "  \"name\": \"shop.tasks.sync\", \"args\": \"(1,)\", \"kwargs\": \"{}\", \"retries\": 0},"
    " {\"type\": \"task-started\", \"uuid\": \"a\", \"hostname\": \"w@h\", \"pid\": 7, \"timestamp\": "
    "1700000002}]";

#define BATCH_TEST(test) cmocka_unit_test_setup_teardown(test, init_batch, deinit_batch)

#endif

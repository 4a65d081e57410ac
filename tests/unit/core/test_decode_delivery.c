/* Deliveries: what they say about their body, compressed bodies, bodies split, and captured ones. */
#include "decoded.h"

#include "taskbridge/base/limits.h"

#include <jansson.h>
#include <stdio.h>
#include <zlib.h>

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

#define GOOD(uuid) "{\"type\": \"task-started\", \"uuid\": \"" uuid "\", \"timestamp\": 1700000000}"

static void only_json_in_utf8_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *type, *encoding, *reason;
    } cases[] = {
        {"application/json", "utf-8", NULL},
        {"APPLICATION/JSON", "UTF-8", NULL},
        {"application/json; charset=utf-8", "utf8", NULL},
        {" application/json ;x", "binary", NULL},
        {NULL, "us-ascii", NULL},
        {"", "", NULL},
        {"application/x-python-serialize", "binary",
         "the body is application/x-python-serialize (pickle); set event_serializer to json"},
        {"application/x-yaml", "utf-8",
         "the body is application/x-yaml (YAML); set event_serializer to json"},
        {"application/x-msgpack", "binary",
         "the body is application/x-msgpack (msgpack); set event_serializer to json"},
        {"text/plain", "utf-8", "the body is text/plain; set event_serializer to json"},
        {"application/json", "latin-1", "the body's encoding is latin-1; only utf-8 is read"},
        {"application/json", "utf-16", "the body's encoding is utf-16; only utf-8 is read"},
    };
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        decode_delivery(decoded, &(struct tb_delivery){.body = TB_STR(GOOD("a")),
                                                       .content_type = tb_str_of(cases[i].type),
                                                       .content_encoding = tb_str_of(cases[i].encoding)});
        if (cases[i].reason)
            assert_only_dead(decoded, TB_STR(GOOD("a")), cases[i].reason);
        else
            assert_str(only_event(decoded)->uuid, "a");
    }
}

/* ---- compressed bodies ---- */

static struct tb_str compress_zlib(const char *text, unsigned char *room, size_t room_len)
{
    uLongf len = room_len;
    assert_int_equal(compress(room, &len, (const unsigned char *)text, strlen(text)), Z_OK);
    return (struct tb_str){(const char *)room, len};
}

static void of_a_compressed_list_the_bad_element_is_kept_in_the_clear(void **state)
{
    (void)state;
    unsigned char room[1024];
    struct tb_delivery delivery = {.compression = TB_STR("application/x-gzip")};

    delivery.body = compress_zlib("[" GOOD("a") ", {\"type\": 1}, " GOOD("b") "]", room, sizeof(room));
    decode_delivery(decoded, &delivery);
    assert_int_equal(decoded->event_count, 2);
    assert_int_equal(decoded->dead_count, 1);
    assert_str(decoded->dead[0].body, "{\"type\": 1}");

    /* sent again with the same headers, it is read as it is */
    delivery.body = TB_STR(" {\"type\": \"task-x\"}");
    decode_delivery(decoded, &delivery);
    assert_int_equal(decoded->unknown_count, 1);
}

static void a_compressed_body_that_is_dead_whole_is_kept_as_it_came(void **state)
{
    (void)state;
    unsigned char room[1024];
    static const char *const bodies[] = {"{\"type\": 1}", "7", "{\"type\": ", "  "};

    for (size_t i = 0; i < TB_COUNT(bodies); i++) {
        struct tb_delivery delivery = {.compression = TB_STR("zlib")};
        delivery.body = compress_zlib(bodies[i], room, sizeof(room));
        decode_delivery(decoded, &delivery);
        assert_int_equal(decoded->dead_count, 1);
        assert_ptr_equal(decoded->dead[0].body.ptr, delivery.body.ptr);
        assert_int_equal(decoded->dead[0].body.len, delivery.body.len);
    }
}

static void what_cannot_be_decompressed_is_dead_whole(void **state)
{
    (void)state;
    decode_delivery(
        decoded, &(struct tb_delivery){.body = TB_STR("(zstd)"), .compression = TB_STR("application/zstd")});
    assert_only_dead(
        decoded, TB_STR("(zstd)"),
        "the body's compression application/zstd is not known here; set it to gzip or bzip2, or to none");
    decode_delivery(decoded, &(struct tb_delivery){.body = TB_STR("x\x9C?"), .compression = TB_STR("gzip")});
    assert_int_equal(decoded->dead_count, 1);
    assert_int_equal(decoded->event_count, 0);
}

/* ---- split ---- */

static void split_gives_a_lists_pieces(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        size_t count;
        const char *elements[3];
    } cases[] = {
        {"[" GOOD("a") " , 7,{\"a\": tru}]", 3, {GOOD("a"), "7", "{\"a\": tru}"}},
        {"\xEF\xBB\xBF [1]", 1, {"1"}},
        {"[1, {\"a\": ", 2, {"1", "{\"a\": "}},
        {"[1] x", 2, {"1", "x"}},
        {"[]", 0, {NULL}},
        {GOOD("a"), 0, {NULL}},
        {"7", 0, {NULL}},
        {"", 0, {NULL}},
    };
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        struct tb_str *elements;
        size_t count;
        struct tb_delivery delivery = {.body = tb_str_of(cases[i].body)};
        assert_int_equal(tb_decode_split(&delivery, &decoded->arena, &elements, &count), 0);
        assert_int_equal(count, cases[i].count);
        for (size_t j = 0; j < count; j++)
            assert_str(elements[j], cases[i].elements[j]);
    }
}

static void split_looks_into_compressed_lists_and_refuses_what_decode_refuses(void **state)
{
    (void)state;
    unsigned char room[256];
    struct tb_str *elements;
    size_t count;
    struct tb_delivery delivery = {.compression = TB_STR("gzip")};

    delivery.body = compress_zlib("[1, 2]", room, sizeof(room));
    assert_int_equal(tb_decode_split(&delivery, &decoded->arena, &elements, &count), 0);
    assert_int_equal(count, 2);
    assert_str(elements[1], "2");
    delivery.content_type = TB_STR("application/x-yaml");
    assert_int_equal(tb_decode_split(&delivery, &decoded->arena, &elements, &count), 0);
    assert_int_equal(count, 0);
}

/* ---- captures ---- */

struct census {
    size_t deliveries, dead;
    size_t types[TB_EVENT_TYPES];
    size_t lost_texts, limit_texts;
};

static void count_delivery(struct census *census, struct tb_str body)
{
    decode_str(decoded, body);
    census->deliveries++;
    census->dead += decoded->dead_count;
    census->types[TB_EVENT_UNKNOWN] += decoded->unknown_count;
    for (size_t i = 0; i < decoded->event_count; i++) {
        const struct tb_event *event = &decoded->events[i];
        census->types[event->type]++;
        if (event->type == TB_EVENT_TASK_FAILED) {
            census->lost_texts +=
                tb_str_find(event->traceback, TB_STR("\nbilliard.exceptions.WorkerLostError: Worker "
                                                     "exited prematurely: signal 9 (SIGKILL) Job: 10.\n")) !=
                SIZE_MAX;
            census->limit_texts +=
                tb_str_find(event->traceback,
                            TB_STR("\nbilliard.exceptions.TimeLimitExceeded: TimeLimitExceeded(1,)\n")) !=
                SIZE_MAX;
        }
    }
}

/* A file of deliveries, one a line. */
static struct census count_capture(const char *path)
{
    struct census census = {0};
    char *line = NULL;
    size_t room = 0;
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    while (getline(&line, &room, file) > 0) {
        json_t *delivery = json_loads(line, 0, NULL);
        json_t *body = json_object_get(delivery, "body");
        assert_true(json_is_string(body));
        count_delivery(&census, (struct tb_str){json_string_value(body), json_string_length(body)});
        json_decref(delivery);
    }
    free(line);
    fclose(file);
    return census;
}

static void captured_deliveries_land_whole(void **state)
{
    (void)state;
    static const struct census faults = {
        .deliveries = 53,
        .types = {[TB_EVENT_WORKER_ONLINE] = 1,
                  [TB_EVENT_WORKER_HEARTBEAT] = 7,
                  [TB_EVENT_TASK_SENT] = 10,
                  [TB_EVENT_TASK_RECEIVED] = 10,
                  [TB_EVENT_TASK_STARTED] = 8,
                  [TB_EVENT_TASK_PROGRESS] = 9,
                  [TB_EVENT_TASK_REVOKED] = 3,
                  [TB_EVENT_TASK_FAILED] = 4,
                  [TB_EVENT_TASK_RETRIED] = 3,
                  [TB_EVENT_TASK_SUCCEEDED] = 1},
        .limit_texts = 2,
    };
    static const struct census lifecycles = {
        .deliveries = 287,
        .types = {[TB_EVENT_UNKNOWN] = 1,
                  [TB_EVENT_WORKER_ONLINE] = 1,
                  [TB_EVENT_WORKER_HEARTBEAT] = 8,
                  [TB_EVENT_WORKER_OFFLINE] = 1,
                  [TB_EVENT_TASK_SENT] = 91,
                  [TB_EVENT_TASK_RECEIVED] = 90,
                  [TB_EVENT_TASK_STARTED] = 88,
                  [TB_EVENT_TASK_PROGRESS] = 34,
                  [TB_EVENT_TASK_SUCCEEDED] = 79,
                  [TB_EVENT_TASK_RETRIED] = 1,
                  [TB_EVENT_TASK_FAILED] = 7,
                  [TB_EVENT_TASK_REJECTED] = 2,
                  [TB_EVENT_TASK_REVOKED] = 1},
        .lost_texts = 1,
    };
    struct census found = count_capture(TB_FIXTURES "/events/celery-5.6-faults.ndjson");
    assert_memory_equal(&found, &faults, sizeof(found));
    found = count_capture(TB_FIXTURES "/events/celery-5.6-lifecycles.ndjson");
    assert_memory_equal(&found, &lifecycles, sizeof(found));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_json_in_utf8_is_read),
        TEST(of_a_compressed_list_the_bad_element_is_kept_in_the_clear),
        TEST(a_compressed_body_that_is_dead_whole_is_kept_as_it_came),
        TEST(what_cannot_be_decompressed_is_dead_whole),
        TEST(split_gives_a_lists_pieces),
        TEST(split_looks_into_compressed_lists_and_refuses_what_decode_refuses),
        TEST(captured_deliveries_land_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

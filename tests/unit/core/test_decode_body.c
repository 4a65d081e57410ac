/* Bodies: lists of which parts are damaged, what surrounds the JSON, and what is refused whole. */
#include "decoded.h"

#include "taskbridge/base/limits.h"

#include <bzlib.h>
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

/* A body, the uuids of the events that land, joined, and the dead letters' bodies in their order. */
struct salvage {
    const char *body, *uuids;
    const char *dead[3];
    const char *reason; /* of the first dead letter; NULL to leave it unchecked */
};

static void assert_salvaged(const struct salvage *salvage)
{
    char uuids[256] = "";
    size_t dead = 0;

    decode(decoded, salvage->body);
    for (size_t i = 0; i < decoded->event_count; i++)
        snprintf(uuids + strlen(uuids), sizeof(uuids) - strlen(uuids), "%.*s",
                 TB_STR_FMT(decoded->events[i].uuid));
    if (strcmp(uuids, salvage->uuids) != 0)
        fail_msg("%s gives events \"%s\", not \"%s\"", salvage->body, uuids, salvage->uuids);
    while (dead < TB_COUNT(salvage->dead) && salvage->dead[dead]) {
        if (dead == decoded->dead_count)
            fail_msg("%s gives %zu dead letters only", salvage->body, dead);
        assert_str(decoded->dead[dead].body, salvage->dead[dead]);
        dead++;
    }
    if (decoded->dead_count != dead)
        fail_msg("%s gives %zu dead letters", salvage->body, decoded->dead_count);
    if (salvage->reason)
        assert_str(decoded->dead[0].reason, salvage->reason);
}

static void assert_all_salvaged(const struct salvage *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_salvaged(&cases[i]);
}

static void a_list_lands_element_by_element(void **state)
{
    (void)state;
    static const struct salvage cases[] = {
        {"[]", "", {NULL}, NULL},
        {" [ ] ", "", {NULL}, NULL},
        {"[" GOOD("a") "]", "a", {NULL}, NULL},
        {"[" GOOD("a") "," GOOD("b") " ,\n\t" GOOD("c") "\r]\n", "abc", {NULL}, NULL},
        {"\xEF\xBB\xBF[" GOOD("a") "]", "a", {NULL}, NULL},
        {"\xEF\xBB\xBF" GOOD("a"), "a", {NULL}, NULL},
        {" \n" GOOD("a") " \n", "a", {NULL}, NULL},
        {"[" GOOD("a") ", {\"type\": \"task-started\", \"uuid\": \"b\"}, " GOOD("c") "]",
         "ac",
         {"{\"type\": \"task-started\", \"uuid\": \"b\"}"},
         "the timestamp is missing"},
        {"[7, " GOOD("a") ", null, \"x\"]",
         "a",
         {"7", "null", "\"x\""},
         "a number stands where an event should"},
        {"[" GOOD("a") ", [" GOOD("b") "], true]",
         "a",
         {"[" GOOD("b") "]", "true"},
         "a list stands where an event should"},
    };
    assert_all_salvaged(cases, TB_COUNT(cases));
}

static void a_damaged_element_goes_alone_where_its_end_can_be_told(void **state)
{
    (void)state;
    static const struct salvage cases[] = {
        {"[" GOOD("a") ", {\"a\": tru}, " GOOD("c") "]",
         "ac",
         {"{\"a\": tru}"},
         "the JSON is damaged: no value that JSON knows at byte 6"},
        {"[{\"a\": \"x\ny\"} , " GOOD("c") "]",
         "c",
         {"{\"a\": \"x\ny\"}"},
         "the JSON is damaged: a control character inside a string at byte 8"},
        {"[{\"a\": \"\\q, ], }\"}, " GOOD("c") "]",
         "c",
         {"{\"a\": \"\\q, ], }\"}"},
         "the JSON is damaged: an escape that JSON does not have at byte 7"},
        {"[{\"a\": \"\\u12g4\"}, " GOOD("c") "]", "c", {"{\"a\": \"\\u12g4\"}"}, NULL},
        {"[{\"a\" 1}, " GOOD("c") "]",
         "c",
         {"{\"a\" 1}"},
         "the JSON is damaged: no colon behind a key at byte 5"},
        {"[{\"a\": 1,}, " GOOD("c") "]", "c", {"{\"a\": 1,}"}, NULL},
        {"[{'a': 1}, " GOOD("c") "]", "c", {"{'a': 1}"}, NULL},
        {"[{\"a\": [1, 2}], " GOOD("c") "]", "c", {"{\"a\": [1, 2}]"}, NULL},
        {"[{\"a\": 01}, {\"a\": 1.}, {\"a\": -}, " GOOD("c") "]",
         "c",
         {"{\"a\": 01}", "{\"a\": 1.}", "{\"a\": -}"},
         "the JSON is damaged: a number that begins with 0 at byte 7"},
        {"[nonsense, " GOOD("c") "]", "c", {"nonsense"}, NULL},
        {"[" GOOD("a") " " GOOD("b") ", " GOOD("c") "]",
         "ac",
         {GOOD("b")},
         "the JSON is damaged: neither a comma nor the closing bracket follows an element at byte 0"},
        {"[" GOOD("a") "}, " GOOD("c") "]", "ac", {"}"}, NULL},
        {"[, " GOOD("c") "]", "c", {""}, NULL},
        {"[" GOOD("a") ", ]", "a", {""}, NULL},
        {"[{\"a\": \"\xC3\xB1\xFF\"}, " GOOD("c") "]",
         "c",
         {"{\"a\": \"\xC3\xB1\xFF\"}"},
         "the JSON is damaged: invalid UTF-8 at byte 9"},
        {"[{\"\xE2\x98\": 1}, " GOOD("c") "]", "c", {"{\"\xE2\x98\": 1}"}, NULL},
        {"[{\"a\": \"\xED\xA0\x80\"}, " GOOD("c") "]", "c", {"{\"a\": \"\xED\xA0\x80\"}"}, NULL},
    };
    assert_all_salvaged(cases, TB_COUNT(cases));
}

static void what_was_cut_is_one_dead_letter_and_the_whole_before_it_lands(void **state)
{
    (void)state;
    static const struct salvage cases[] = {
        {"[" GOOD("a") ", " GOOD("b") ", {\"type\": \"ta",
         "ab",
         {"{\"type\": \"ta"},
         "the JSON is damaged: a string without its end at byte 12"},
        {"[" GOOD("a") ", {\"type\": ", "a", {"{\"type\": "}, NULL},
        {"[" GOOD("a") ", " GOOD("b"), "ab", {""}, "the list ends without its closing bracket"},
        {"[" GOOD("a") ", ", "a", {", "}, "the list ends without its closing bracket"},
        {"[", "", {"["}, "the list ends without its closing bracket"},
        {"[{\"a\": \"x}, " GOOD("b") "]", "", {"{\"a\": \"x}, " GOOD("b") "]"}, NULL},
        {"{\"type\": \"task-st",
         "",
         {"{\"type\": \"task-st"},
         "the JSON is damaged: a string without its end at byte 17"},
        {"{", "", {"{"}, NULL},
        {"{\"a\"", "", {"{\"a\""}, NULL},
        {"[" GOOD("a") ", nul", "a", {"nul"}, NULL},
    };
    assert_all_salvaged(cases, TB_COUNT(cases));
}

/* Whatever the cut, each event that is whole lands, and the rest is kept. */
static void a_list_cut_at_any_byte_loses_nothing(void **state)
{
    (void)state;
    const char *body = "[" GOOD("a") ", " GOOD("b") "]";
    size_t first = 1 + strlen(GOOD("a")), second = first + 2 + strlen(GOOD("b"));

    for (size_t cut = 1; cut <= second; cut++) {
        size_t whole = cut == second ? 2 : cut >= first ? 1 : 0;
        decode_str(decoded, (struct tb_str){body, cut});
        assert_int_equal(decoded->event_count, whole);
        assert_int_equal(decoded->dead_count, 1);
        struct tb_str dead = decoded->dead[0].body;
        assert_ptr_equal(dead.ptr + dead.len, body + cut);
        size_t start = cut == 1 ? 0 : whole == 0 ? 1 : whole == 1 ? first : second;
        assert_true(dead.ptr == body + start || (whole == 1 && dead.ptr == body + first + 2));
    }
}

static void what_follows_the_json_is_a_dead_letter(void **state)
{
    (void)state;
    static const struct salvage cases[] = {
        {GOOD("a") " garbage",
         "a",
         {"garbage"},
         "the JSON is damaged: more text follows the end of the JSON at byte 0"},
        {GOOD("a") GOOD("b"), "a", {GOOD("b")}, NULL},
        {"[" GOOD("a") "] ]", "a", {"]"}, NULL},
        {"{} x", "", {"{}", "x"}, "the type is missing"},
    };
    assert_all_salvaged(cases, TB_COUNT(cases));
}

static void what_is_no_event_is_dead_whole(void **state)
{
    (void)state;
    static const struct salvage cases[] = {
        {"", "", {""}, "the body is empty"},
        {" \n ", "", {" \n "}, "the body is empty"},
        {"\xEF\xBB\xBF", "", {"\xEF\xBB\xBF"}, NULL},
        {" 42 ", "", {" 42 "}, "a number stands where an event should"},
        {"\"text\"", "", {"\"text\""}, "text stands where an event should"},
        {"null", "", {"null"}, "null stands where an event should"},
        {"true x", "", {"true x"}, NULL},
        {" {\"type\": \"task-started\"} ",
         "",
         {" {\"type\": \"task-started\"} "},
         "the timestamp is missing"},
        {"nothing", "", {"nothing"}, "the JSON is damaged: no value that JSON knows at byte 0"},
        {"\x80\x04\x95", "", {"\x80\x04\x95"}, NULL},
    };
    assert_all_salvaged(cases, TB_COUNT(cases));
    decode_delivery(decoded, &(struct tb_delivery){.body = TB_STR_NULL});
    assert_only_dead(decoded, TB_STR(""), "the body is empty");
}

static void everything_that_python_writes_is_read(void **state)
{
    (void)state;
    static const char *const values[] = {"NaN",
                                         "Infinity",
                                         "-Infinity",
                                         "1e400",
                                         "-0",
                                         "-0.0",
                                         "1E+5",
                                         "0.1e-7",
                                         "\"\\ud800\"",
                                         "\"\\u0000\"",
                                         "\"\\ud800\\ud800\\udc00\"",
                                         "123456789012345678901234567890123456789012345678901234567890",
                                         "{}",
                                         "[]",
                                         "[[], {}, [{}], {\"a\": []}]",
                                         "\"\\b\\f\\n\\r\\t\\/\\\\\\\"\"",
                                         "\"\x7F\"",
                                         "{\"\": 1, \"\": 2}",
                                         "[ 1 , 2 ]"};
    for (size_t i = 0; i < TB_COUNT(values); i++) {
        char body[512];
        snprintf(body, sizeof(body),
                 "[{\"extra\": %s, \"type\": \"task-started\", \"uuid\": \"u\", \"timestamp\": 1700000000, "
                 "\"more\": %s}]",
                 values[i], values[i]);
        decode(decoded, body);
        assert_str(only_event(decoded)->uuid, "u");
    }
}

/* [{"a": [[[…]]], <event>}, <event>] with that many levels, the event's own included. */
static void decode_nested(size_t levels, char opener, char closer)
{
    size_t inner = levels - 1, room = 3 * inner + 512;
    char *body = malloc(room), *end = body;

    assert_non_null(body);
    end = stpcpy(end, "[{\"a\": ");
    for (size_t i = 0; i < inner; i++)
        end = stpcpy(end, opener == '[' ? "[" : i + 1 < inner ? "{\"\":" : "{");
    memset(end, closer, inner);
    end += inner;
    stpcpy(end, ", \"type\": \"task-started\", \"uuid\": \"a\", \"timestamp\": 1700000000}, " GOOD("b") "]");
    decode(decoded, body);
    free(body);
}

static void deep_nesting_has_its_ceiling_per_element(void **state)
{
    (void)state;
    decode_nested(512, '[', ']');
    assert_int_equal(decoded->event_count, 2);
    decode_nested(513, '[', ']');
    assert_int_equal(decoded->event_count, 1);
    assert_int_equal(decoded->dead_count, 1);
    assert_str(decoded->dead[0].reason, "the JSON is damaged: deeper nesting than 512 levels at byte 517");
    decode_nested(1000000, '[', ']');
    assert_int_equal(decoded->event_count, 1);
    assert_int_equal(decoded->dead_count, 1);
}

static void a_body_of_ten_mebibytes_is_read(void **state)
{
    (void)state;
    size_t len = 10 * TB_MIB;
    const char *start =
        "[{\"type\": \"task-failed\", \"uuid\": \"a\", \"timestamp\": 1700000000, \"traceback\": \"";
    const char *end = "last\"}, " GOOD("b") "]";
    char *body = malloc(len);

    assert_non_null(body);
    for (size_t i = 0; i < len; i++)
        body[i] = "line\\n"[i % 6];
    size_t start_len = strlen(start), end_len = strlen(end);
    memcpy(body, start, start_len);
    memcpy(body + len - end_len, end, end_len);
    memset(body + start_len, 'x', 12);
    /* begins with the "n" of an escape, should one be cut there */
    memcpy(body + len - end_len - 15, "n\\nxxxxxxxxxxxx", 15);
    decode_str(decoded, (struct tb_str){body, len});
    assert_int_equal(decoded->dead_count, 0);
    assert_int_equal(decoded->event_count, 2);
    assert_int_equal(decoded->events[0].traceback.len, 65536);
    assert_str(decoded->events[0].error, "xxxxxxxxxxxxlast");
    free(body);
}

static void a_body_past_the_ceiling_is_dead_whole(void **state)
{
    (void)state;
    size_t len = 16 * TB_MIB + 1;
    char *body = malloc(len);

    assert_non_null(body);
    memset(body, ' ', len);
    memcpy(body, GOOD("a"), strlen(GOOD("a")));
    decode_str(decoded, (struct tb_str){body, len});
    assert_only_dead(decoded, (struct tb_str){body, len},
                     "the body has 16777217 bytes; at most 16777216 are read");
    decode_str(decoded, (struct tb_str){body, len - 1});
    assert_int_equal(decoded->event_count, 1);
    free(body);
}

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
                tb_str_equal(event->error, TB_STR("billiard.exceptions.WorkerLostError: Worker "
                                                  "exited prematurely: signal 9 (SIGKILL) Job: 10."));
            census->limit_texts += tb_str_equal(
                event->error, TB_STR("billiard.exceptions.TimeLimitExceeded: TimeLimitExceeded(1,)"));
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
        TEST(a_list_lands_element_by_element),
        TEST(a_damaged_element_goes_alone_where_its_end_can_be_told),
        TEST(what_was_cut_is_one_dead_letter_and_the_whole_before_it_lands),
        TEST(a_list_cut_at_any_byte_loses_nothing),
        TEST(what_follows_the_json_is_a_dead_letter),
        TEST(what_is_no_event_is_dead_whole),
        TEST(everything_that_python_writes_is_read),
        TEST(deep_nesting_has_its_ceiling_per_element),
        TEST(a_body_of_ten_mebibytes_is_read),
        TEST(a_body_past_the_ceiling_is_dead_whole),
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

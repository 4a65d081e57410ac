/* Bodies: lists of which parts are damaged, and what surrounds the JSON. */
#include "decoded.h"

#include "taskbridge/base/limits.h"

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

#define GOOD(uuid)                                                                                           \
    "{\"type\": \"task-started\", \"uuid\": \"" uuid "\", \"hostname\": \"h\", \"timestamp\": 1700000000}"

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

static void the_neighbours_of_an_element_that_broke_off_land(void **state)
{
    (void)state;
    static const struct salvage cases[] = {
        {"[" GOOD("a") ", {\"type\": \"task-sta, " GOOD("b") ", " GOOD("c") "]",
         "abc",
         {"{\"type\": \"task-sta"},
         "the JSON is damaged: neither a comma nor the closing bracket behind a value at byte 22"},
        {"[{\"type\": \"task-started\", \"uuid\": , " GOOD("b") "]",
         "b",
         {"{\"type\": \"task-started\", \"uuid\":"},
         NULL},
        {"[{\"type\": \"task-started\"," GOOD("b") ",{\"a\": [1," GOOD("c") "]",
         "bc",
         {"{\"type\": \"task-started\"", "{\"a\": [1"},
         NULL},
        {"[" GOOD("a") " x\" , " GOOD("b") "]", "ab", {"x\""}, NULL},
        /* not events: a name, an object without a type, text in a string, an event that is damaged itself */
        {"[{\"a: , {\"type\": \"task-x\", \"uuid\": 1, \"timestamp\": 1}]",
         "",
         {"{\"a: , {\"type\": \"task-x\", \"uuid\": 1, \"timestamp\": 1}]"},
         NULL},
        {"[{\"a: , {\"type\": \"task-started\", \"uuid\": \"b\", \"timestamp\": 1}]",
         "",
         {"{\"a: , {\"type\": \"task-started\", \"uuid\": \"b\", \"timestamp\": 1}]"},
         NULL},
        {"[{\"a: , {\"uuid\": 1, \"timestamp\": 1}]", "", {"{\"a: , {\"uuid\": 1, \"timestamp\": 1}]"}, NULL},
        {"[{\"a\": \", {\\\"type\\\": \\\"task-started\\\"}, ]",
         "",
         {"{\"a\": \", {\\\"type\\\": \\\"task-started\\\"}, ]"},
         NULL},
        /* cut: what looks like an event may be a part of the damaged element */
        {"[{\"a\": [1, " GOOD("b") ", ", "", {"{\"a\": [1, " GOOD("b") ", "}, NULL},
    };
    assert_all_salvaged(cases, TB_COUNT(cases));
}

/* Thousands of elements that broke off, each of which leads nowhere: an end is made of it. */
static void damage_without_end_costs_no_time_without_end(void **state)
{
    (void)state;
    static const char piece[] = ", {\"a\": [{\"b\": \"x\", ";
    size_t count = 200000, piece_len = sizeof(piece) - 1, len = 1 + count * piece_len + 1;
    char *body = malloc(len);

    assert_non_null(body);
    body[0] = '[';
    for (size_t i = 0; i < count; i++)
        memcpy(body + 1 + i * piece_len, piece, piece_len);
    body[len - 1] = ']';
    decode_str(decoded, (struct tb_str){body, len});
    assert_int_equal(decoded->event_count, 0);
    assert_true(decoded->dead_count >= 1);
    free(body);
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
    assert_true(tb_str_ends_with(decoded->events[0].traceback, TB_STR("n\nxxxxxxxxxxxxlast")));
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_list_lands_element_by_element),
        TEST(a_damaged_element_goes_alone_where_its_end_can_be_told),
        TEST(what_was_cut_is_one_dead_letter_and_the_whole_before_it_lands),
        TEST(the_neighbours_of_an_element_that_broke_off_land),
        TEST(damage_without_end_costs_no_time_without_end),
        TEST(a_list_cut_at_any_byte_loses_nothing),
        TEST(what_follows_the_json_is_a_dead_letter),
        TEST(what_is_no_event_is_dead_whole),
        TEST(everything_that_python_writes_is_read),
        TEST(deep_nesting_has_its_ceiling_per_element),
        TEST(a_body_of_ten_mebibytes_is_read),
        TEST(a_body_past_the_ceiling_is_dead_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

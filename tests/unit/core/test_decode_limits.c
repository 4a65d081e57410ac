/* Events larger than what is kept of them, and memory that ends. */
#include "decoded.h"

#include "taskbridge/base/limits.h"

#include <errno.h>

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

/* {"<name>": "<count times piece>"} as a field. */
static const char *long_field(const char *name, const char *piece, size_t count)
{
    static char field[1 << 20];
    char *end = field + snprintf(field, sizeof(field), "\"%s\": \"", name);
    for (size_t i = 0; i < count; i++)
        end = stpcpy(end, piece);
    stpcpy(end, "\"");
    return field;
}

static void long_text_is_cut_at_a_whole_character(void **state)
{
    (void)state;
    const struct tb_event *event =
        event_of(decoded, "task-received", long_field("name", "\xE2\x98\x83", 400));
    assert_int_equal(event->name.len, 510); /* 170 snowmen of 3 bytes, below 512 */
    event = event_of(decoded, "task-received", long_field("name", "\\u2603", 400));
    assert_int_equal(event->name.len, 510);
    event = event_of(decoded, "task-received", long_field("name", "x", 512));
    assert_int_equal(event->name.len, 512);
    /* Secrets are taken out of these, and the company, before they are cut. */
    event = event_of(decoded, "task-progress", long_field("status", "\\u00f1", 3000));
    assert_int_equal(event->text.len, 6000);
    event = event_of(decoded, "task-failed", long_field("exception", "\xC3\xB1", 3000));
    assert_int_equal(event->exception.len, 6000);
    event = event_of(decoded, "task-succeeded", long_field("result", "x", 20000));
    assert_int_equal(event->result.len, 20000);
    event = event_of(decoded, "task-received", long_field("kwargs", "\\n", 100000));
    assert_int_equal(event->kwargs.len, 100000);
}

static void ids_are_whole_or_absent(void **state)
{
    (void)state;
    assert_int_equal(event_of(decoded, "task-received", long_field("root_id", "x", 255))->root_id.len, 255);
    assert_str(event_of(decoded, "task-received", long_field("root_id", "x", 256))->root_id, NULL);
    assert_str(event_of(decoded, "task-tracked", long_field("company_id", "x", 256))->company, NULL);
}

struct counted {
    size_t events, dead;
    struct tb_str body, reason; /* of the last dead letter */
};

static void count_event(void *owner, const struct tb_event *event)
{
    struct counted *counted = owner;
    counted->events += event->type == TB_EVENT_TASK_SUCCEEDED;
}

static void count_unknown(void *owner, struct tb_str name)
{
    (void)owner;
    fail_msg("an unknown event: %.*s", TB_STR_FMT(name));
}

static void count_dead(void *owner, const struct tb_undecoded *dead)
{
    struct counted *counted = owner;
    counted->dead++;
    counted->body = dead->body;
    counted->reason = dead->reason;
}

/* A list of so many events, with this behind them. */
static struct counted count_list(size_t count, const char *end)
{
    static char body[8 << 20];
    struct counted counted = {0};
    const struct tb_decode_output output = {count_event, count_unknown, count_dead, &counted};
    char *place = body;

    for (size_t i = 0; i < count; i++) {
        place = stpcpy(place, i ? ", " : "[");
        place = stpcpy(place, "{\"type\": \"task-succeeded\", \"uuid\": \"u\", \"timestamp\": 1700000000}");
    }
    place = stpcpy(place, end);
    const struct tb_delivery delivery = {.body = {body, (size_t)(place - body)}};
    decoded_reset(decoded);
    assert_int_equal(tb_decode_delivery(&delivery, &decoded->arena, &output), 0);
    return counted;
}

static void of_a_list_without_end_the_rest_is_one_dead_letter(void **state)
{
    (void)state;
    struct counted counted = count_list(65536, "]");
    assert_int_equal(counted.events, 65536);
    assert_int_equal(counted.dead, 0);

    counted = count_list(65536, ", 1,2,3, {\"a\": 4}]");
    assert_int_equal(counted.events, 65536);
    assert_int_equal(counted.dead, 1);
    assert_str(counted.body, "1,2,3, {\"a\": 4}]");
    assert_str(counted.reason, "the list has more than 65536 elements; these follow them");
}

static void full_memory_is_told(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"type\": \"task-started\", \"timestamp\": 1700000000, \"uuid\": \"a\\nb\"}",
        "{\"type\": \"task-revoked\", \"timestamp\": 1700000000, \"uuid\": \"a\", \"terminated\": true, "
        "\"signum\": 9}",
        "{\"type\": \"task-started\", \"timestamp\": 1700000000}",
    };
    for (size_t i = 0; i < TB_COUNT(bodies); i++) {
        struct tb_delivery delivery = {.body = tb_str_of(bodies[i])};
        struct tb_arena none;
        tb_arena_init(&none, 0);
        assert_int_equal(tb_decode_delivery(&delivery, &none, decoded_output(decoded)), -ENOMEM);
        assert_int_equal(decoded->event_count + decoded->dead_count, 0);
        tb_arena_deinit(&none);
    }
}

/* With memory for less and less: all of it, or word that there was none; never part of a text. */
static void every_end_of_memory_is_told(void **state)
{
    (void)state;
    const char *body =
        "[{\"type\": \"task-sent\", \"timestamp\": 1700000000, \"uuid\": {\"__type__\": \"uuid\", "
        "\"__value__\": "
        "{\"hex\": \"12345678123456781234567812345678\"}}, \"name\": \"a\\nb\", \"kwargs\": \"\\u00f1\"}, "
        "{\"type\": \"task-failed\", \"timestamp\": 1700000000, \"uuid\": \"u\", \"traceback\": "
        "\"\\tlast\"}, 7]";
    struct tb_delivery delivery = {.body = tb_str_of(body)};
    int status = -ENOMEM;

    for (size_t max_bytes = 0; status; max_bytes++) {
        struct tb_arena small;
        assert_true(max_bytes < 4096);
        tb_arena_init(&small, max_bytes);
        decoded_reset(decoded);
        status = tb_decode_delivery(&delivery, &small, decoded_output(decoded));
        assert_true(status == 0 || status == -ENOMEM);
        if (decoded->event_count) {
            assert_str(decoded->events[0].uuid, "12345678-1234-5678-1234-567812345678");
            assert_str(decoded->events[0].name, "a\nb");
        }
        if (status == 0)
            assert_int_equal(decoded->event_count + decoded->dead_count, 3);
        tb_arena_deinit(&small);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(long_text_is_cut_at_a_whole_character),
        TEST(ids_are_whole_or_absent),
        TEST(full_memory_is_told),
        TEST(of_a_list_without_end_the_rest_is_one_dead_letter),
        TEST(every_end_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

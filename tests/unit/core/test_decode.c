/* One event at a time: its fields as they come, and what makes it a dead letter. */
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

#define STAMP INT64_C(1700000000500000)

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

static void every_known_type_is_an_event_and_others_are_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum tb_event_type type;
    } types[] = {
        {"task-sent", TB_EVENT_TASK_SENT},           {"task-received", TB_EVENT_TASK_RECEIVED},
        {"task-started", TB_EVENT_TASK_STARTED},     {"task-succeeded", TB_EVENT_TASK_SUCCEEDED},
        {"task-failed", TB_EVENT_TASK_FAILED},       {"task-retried", TB_EVENT_TASK_RETRIED},
        {"task-rejected", TB_EVENT_TASK_REJECTED},   {"task-revoked", TB_EVENT_TASK_REVOKED},
        {"task-cancelled", TB_EVENT_TASK_CANCELLED}, {"task-progress", TB_EVENT_TASK_PROGRESS},
        {"task-tracked", TB_EVENT_TASK_TRACKED},     {"worker-online", TB_EVENT_WORKER_ONLINE},
        {"worker-offline", TB_EVENT_WORKER_OFFLINE}, {"worker-heartbeat", TB_EVENT_WORKER_HEARTBEAT},
    };
    for (size_t i = 0; i < TB_COUNT(types); i++) {
        const struct tb_event *event = event_of(decoded, types[i].name, "");
        assert_int_equal(event->type, types[i].type);
        assert_str(event->type_name, types[i].name);
        assert_str(tb_event_type_name(types[i].type), types[i].name);
        assert_int_equal(event->stamp, STAMP);
    }
    decode(decoded, "{\"type\": \"task-custom\", \"uuid\": 7, \"timestamp\": \"never\"}");
    assert_int_equal(decoded->event_count + decoded->dead_count, 0);
    assert_int_equal(decoded->unknown_count, 1);
    assert_str(decoded->unknown[0], "task-custom");
    decode(decoded, "{\"type\": \"a\\u0000\\ud800b\"}");
    assert_str(decoded->unknown[0], "a\xEF\xBF\xBD\xEF\xBF\xBD"
                                    "b");
}

static void a_dead_letter_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *body, *reason;
    } cases[] = {
        {"{}", "the type is missing"},
        {"{\"type\": null}", "the type is missing"},
        {"{\"type\": 7}", "the type is not text"},
        {"{\"type\": \"\"}", "the type is empty"},
        {"{\"type\": \"task-started\", \"uuid\": \"u\"}", "the timestamp is missing"},
        {"{\"type\": \"task-started\", \"uuid\": \"u\", \"timestamp\": null}", "the timestamp is missing"},
        {"{\"type\": \"task-started\", \"uuid\": \"u\", \"timestamp\": \"1700000000\"}",
         "the timestamp is not a number"},
        {"{\"type\": \"task-started\", \"uuid\": \"u\", \"timestamp\": true}",
         "the timestamp is not a number"},
        {"{\"type\": \"task-started\", \"uuid\": \"u\", \"timestamp\": 1e300}",
         "the timestamp 1e300 is not between 2000 and 2200"},
        {"{\"type\": \"task-started\", \"uuid\": \"u\", \"timestamp\": NaN}",
         "the timestamp NaN is not between 2000 and 2200"},
        {"{\"type\": \"task-started\", \"uuid\": \"u\", \"timestamp\": -Infinity}",
         "the timestamp -Infinity is not between 2000 and 2200"},
        {"{\"type\": \"task-started\", \"uuid\": \"u\", \"timestamp\": 946684799.9}",
         "the timestamp 946684799.9 is not between 2000 and 2200"},
        {"{\"type\": \"task-started\", \"uuid\": \"u\", \"timestamp\": 7258118400.1}",
         "the timestamp 7258118400.1 is not between 2000 and 2200"},
        {"{\"type\": \"task-started\", \"uuid\": \"u\", \"timestamp\": "
         "12345678901234567890123456789012345678901234567890}",
         "the timestamp 1234567890123456789012345678901234567890\xE2\x80\xA6 is not between 2000 and 2200"},
        {"{\"type\": \"task-started\", \"timestamp\": 1700000000}", "the uuid is missing"},
        {"{\"type\": \"task-started\", \"timestamp\": 1700000000, \"uuid\": null}", "the uuid is missing"},
        {"{\"type\": \"task-started\", \"timestamp\": 1700000000, \"uuid\": 7}", "the uuid is not text"},
        {"{\"type\": \"task-started\", \"timestamp\": 1700000000, \"uuid\": \"\"}", "the uuid is empty"},
        {"{\"type\": \"worker-online\", \"timestamp\": 1700000000}", "the hostname is missing"},
        {"{\"type\": \"worker-online\", \"timestamp\": 1700000000, \"hostname\": \"\"}",
         "the hostname is missing"},
    };
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        decode(decoded, cases[i].body);
        assert_only_dead(decoded, tb_str_of(cases[i].body), cases[i].reason);
    }
}

static void a_stamp_is_rounded_to_the_microsecond(void **state)
{
    (void)state;
    static const struct {
        const char *timestamp;
        int64_t stamp;
    } cases[] = {
        {"1700000000", INT64_C(1700000000000000)},
        {"1700000000.0", INT64_C(1700000000000000)},
        {"1.7e9", INT64_C(1700000000000000)},
        {"1700000000.123456", INT64_C(1700000000123456)},
        {"1700000000.1234567", INT64_C(1700000000123457)},
        {"1700000000.1234561", INT64_C(1700000000123456)},
        /* in doubles, 1795557676072480.5: a half goes up */
        {"1795557676.0724804", INT64_C(1795557676072481)},
        {"946684800", INT64_C(946684800000000)},
        {"7258118400", INT64_C(7258118400000000)},
    };
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        char body[128];
        snprintf(body, sizeof(body), "{\"type\": \"task-started\", \"uuid\": \"u\", \"timestamp\": %s}",
                 cases[i].timestamp);
        decode(decoded, body);
        assert_int_equal(only_event(decoded)->stamp, cases[i].stamp);
    }
}

static void a_uuid_is_any_text_of_up_to_255_characters(void **state)
{
    (void)state;
    char body[2048], longest[1024] = "", *end = longest;
    for (int i = 0; i < 255; i++)
        end = stpcpy(end, i % 2 ? "\xC3\xB1" : "\xF0\x9F\x98\x80");

    snprintf(body, sizeof(body), "{\"type\": \"task-started\", \"timestamp\": 1700000000, \"uuid\": \"%s\"}",
             longest);
    decode(decoded, body);
    assert_str(only_event(decoded)->uuid, longest);

    snprintf(body, sizeof(body), "{\"type\": \"task-started\", \"timestamp\": 1700000000, \"uuid\": \"%sx\"}",
             longest);
    decode(decoded, body);
    assert_only_dead(decoded, tb_str_of(body), "the uuid is longer than 255 characters");

    decode(decoded,
           "{\"type\": \"task-started\", \"timestamp\": 1700000000, "
           "\"uuid\": \"custom-id/with spaces \\u00f1 \\u0000 \\udc00 \\ud83d\\ude00 \\\"\\\\\\/\\n\"}");
    assert_str(only_event(decoded)->uuid, "custom-id/with spaces \xC3\xB1 \xEF\xBF\xBD \xEF\xBF\xBD "
                                          "\xF0\x9F\x98\x80 \"\\/\n");
    decode(decoded, "{\"type\": \"task-started\", \"timestamp\": 1700000000, "
                    "\"uuid\": \"\\b\\f\\r\\t\\uABcd\"}");
    assert_str(only_event(decoded)->uuid, "\b\f\r\t\xEA\xAF\x8D");
    decode(decoded, "{\"type\": \"task-started\", \"timestamp\": 1700000000, "
                    "\"uuid\": \"\\ud800\\ud83d\\ude00\\ud800x\"}");
    assert_str(only_event(decoded)->uuid, "\xEF\xBF\xBD\xF0\x9F\x98\x80\xEF\xBF\xBDx");
}

static void doubled_and_escaped_keys_are_read_as_python_reads_them(void **state)
{
    (void)state;
    decode(decoded,
           "{\"type\": \"no\", \"t\\u0079pe\": \"task-started\", \"uuid\": \"a\", \"uuid\": \"b\", "
           "\"timestamp\": \"x\", \"timestamp\": 1700000000.5, \"hostname\": \"h\", \"hostname\": null}");
    const struct tb_event *event = only_event(decoded);
    assert_int_equal(event->type, TB_EVENT_TASK_STARTED);
    assert_str(event->uuid, "b");
    assert_int_equal(event->stamp, STAMP);
    assert_str(event->hostname, NULL);
}

static void optional_fields_of_wrong_types_are_absent(void **state)
{
    (void)state;
    const struct tb_event *event =
        event_of(decoded, "task-received",
                 "\"name\": 7, \"hostname\": [], \"pid\": \"9\", \"root_id\": 1, \"parent_id\": {}, "
                 "\"queue\": false, \"retries\": 1.0, \"eta\": 5, \"expires\": [1]");
    assert_str(event->name, NULL);
    assert_str(event->hostname, NULL);
    assert_int_equal(event->pid, 0);
    assert_str(event->root_id, NULL);
    assert_str(event->parent_id, NULL);
    assert_str(event->queue, NULL);
    assert_false(event->has_retries);
    assert_str(event->eta, NULL);
    assert_str(event->expires, NULL);
    assert_false(event_of(decoded, "task-received", "\"retries\": true")->has_retries);
    assert_false(event_of(decoded, "task-received", "\"retries\": 9223372036854775808")->has_retries);
    assert_int_equal(event_of(decoded, "task-received", "\"retries\": 9223372036854775807")->retries,
                     INT64_MAX);
    assert_int_equal(event_of(decoded, "task-received", "\"pid\": 99999999999999999999")->pid, 0);
    assert_str(event_of(decoded, "task-received", "\"name\": \"\"")->name, NULL);
}

static void wrapped_values_are_taken_for_what_is_inside(void **state)
{
    (void)state;
    const struct tb_event *event =
        event_of(decoded, "task-sent",
                 "\"eta\": {\"__type__\": \"datetime\", \"__value__\": \"2024-01-01T10:00:00\"}, "
                 "\"expires\": {\"__value__\": \"2024-01-02\", \"__type__\": \"date\"}, "
                 "\"root_id\": {\"__type__\": \"uuid\", \"__value__\": "
                 "{\"hex\": \"12345678ABCD56781234567812345678\", \"version\": 4}}, "
                 "\"queue\": {\"__type__\": \"bytes\", \"__value__\": \"q\\u00f1\"}");
    assert_str(event->eta, "2024-01-01T10:00:00");
    assert_str(event->expires, "2024-01-02");
    assert_str(event->root_id, "12345678-abcd-5678-1234-567812345678");
    assert_str(event->queue, "q\xC3\xB1");

    decode(decoded,
           "{\"type\": \"task-started\", \"timestamp\": 1700000000, \"uuid\": {\"__type__\": \"uuid\", "
           "\"__value__\": {\"hex\": \"12345678123456781234567812345678\", \"version\": 4}}}");
    assert_str(only_event(decoded)->uuid, "12345678-1234-5678-1234-567812345678");
    event = event_of(decoded, "task-progress",
                     "\"progress\": {\"__type__\": \"decimal\", \"__value__\": \"42.50\"}");
    assert_true(event->has_progress && event->progress == 42.5);
    event = event_of(decoded, "task-succeeded",
                     "\"runtime\": {\"__type__\": \"decimal\", \"__value__\": \"0.5\"}, "
                     "\"result\": {\"__type__\": \"decimal\", \"__value__\": \"1.50\"}");
    assert_true(event->runtime_s == 0.5);
    assert_str(event->result, "1.50");
    assert_false(event_of(decoded, "task-progress",
                          "\"progress\": {\"__type__\": \"decimal\", \"__value__\": \"NaN\"}")
                     ->has_progress);
    /* what is no wrapper is an object */
    assert_str(event_of(decoded, "task-sent", "\"queue\": {\"__value__\": \"q\"}")->queue, NULL);
    assert_str(event_of(decoded, "task-sent", "\"queue\": {\"__type__\": 1, \"__value__\": \"q\"}")->queue,
               NULL);
    assert_str(event_of(decoded, "task-sent", "\"queue\": {\"__type__\": \"x\", \"__value__\": 5}")->queue,
               NULL);
}

static void args_and_results_that_are_no_text_keep_their_json(void **state)
{
    (void)state;
    const struct tb_event *event = event_of(decoded, "task-received",
                                            "\"args\": [1, \"a\\u00f1\"], \"kwargs\": "
                                            "{\"company_id\": 73, \"b\": null}");
    assert_str(event->args, "[1, \"a\\u00f1\"]");
    assert_str(event->kwargs, "{\"company_id\": 73, \"b\": null}");
    assert_str(event_of(decoded, "task-succeeded", "\"result\": 5")->result, "5");
    assert_str(event_of(decoded, "task-succeeded", "\"result\": false")->result, "false");
    assert_str(event_of(decoded, "task-succeeded", "\"result\": 123456789012345678901234567890")->result,
               "123456789012345678901234567890");
    assert_str(event_of(decoded, "task-succeeded", "\"result\": null")->result, NULL);
    assert_str(event_of(decoded, "task-succeeded", "\"result\": \"None\"")->result, "None");
}

static void runtime_is_a_finite_number_or_absent(void **state)
{
    (void)state;
    assert_true(event_of(decoded, "task-succeeded", "\"runtime\": 0.25")->runtime_s == 0.25);
    assert_true(event_of(decoded, "task-succeeded", "\"runtime\": 3")->runtime_s == 3);
    assert_true(isnan(event_of(decoded, "task-succeeded", "\"runtime\": NaN")->runtime_s));
    assert_true(isnan(event_of(decoded, "task-succeeded", "\"runtime\": Infinity")->runtime_s));
    assert_true(isnan(event_of(decoded, "task-succeeded", "\"runtime\": \"1\"")->runtime_s));
    assert_true(isnan(event_of(decoded, "task-succeeded", "")->runtime_s));
}

static void a_failure_and_a_retry_bring_exception_and_traceback_whole(void **state)
{
    (void)state;
    static const char *const types[] = {"task-failed", "task-retried"};

    for (size_t i = 0; i < TB_COUNT(types); i++) {
        const struct tb_event *event =
            event_of(decoded, types[i], "\"exception\": \"ValueError('x')\", \"traceback\": \"T\\nx\\n\"");
        assert_str(event->exception, "ValueError('x')");
        assert_str(event->traceback, "T\nx\n");
        event = event_of(decoded, types[i], "\"exception\": null");
        assert_str(event->exception, NULL);
        assert_str(event->traceback, NULL);
    }
}

static void rejection_and_revocation_are_told_precisely(void **state)
{
    (void)state;
    static const struct {
        const char *fields, *text;
    } cases[] = {
        {"\"terminated\": true, \"signum\": 15, \"expired\": false", "terminated (SIGTERM)"},
        {"\"terminated\": true, \"signum\": \"9\"", "terminated (SIGKILL)"},
        {"\"terminated\": true, \"signum\": \"SIGINT\"", "terminated (SIGINT)"},
        {"\"terminated\": true, \"signum\": \"usr1\"", "terminated (SIGUSR1)"},
        {"\"terminated\": true, \"signum\": null", "terminated"},
        {"\"terminated\": true", "terminated"},
        {"\"terminated\": true, \"signum\": 64", "terminated (signal 64)"},
        {"\"terminated\": true, \"signum\": 0", "terminated"},
        {"\"terminated\": true, \"signum\": -3", "terminated"},
        {"\"terminated\": true, \"signum\": \"nonsense\"", "terminated"},
        {"\"terminated\": false, \"signum\": \"\", \"expired\": true", "expired"},
        {"\"terminated\": false, \"signum\": null, \"expired\": false", "revoked"},
        {"\"terminated\": 1, \"expired\": \"yes\"", "revoked"},
    };
    for (size_t i = 0; i < TB_COUNT(cases); i++)
        assert_str(event_of(decoded, "task-revoked", cases[i].fields)->revoke_text, cases[i].text);
    assert_true(event_of(decoded, "task-rejected", "\"requeue\": true")->requeue);
    assert_false(event_of(decoded, "task-rejected", "\"requeue\": false")->requeue);
    assert_false(event_of(decoded, "task-rejected", "\"requeue\": 1")->requeue);
    assert_false(event_of(decoded, "task-rejected", "")->requeue);
}

static void progress_is_the_first_usable_of_its_dialects(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        bool has;
        double progress;
    } cases[] = {
        {"\"progress\": 66", true, 66},
        {"\"percent\": 10.5", true, 10.5},
        {"\"progress\": 1, \"percent\": 2, \"current\": 3, \"total\": 4", true, 1},
        {"\"progress\": null, \"percent\": 2", true, 2},
        {"\"progress\": NaN, \"percent\": true, \"current\": 1, \"total\": 4", true, 25},
        {"\"current\": 1, \"total\": \"8\"", true, 12.5},
        {"\"current\": 0, \"total\": 30", true, 0},
        {"\"current\": 5, \"total\": 0", false, 0},
        {"\"current\": 5, \"total\": -1", false, 0},
        {"\"current\": 5", false, 0},
        {"\"current\": Infinity, \"total\": Infinity", false, 0},
        {"\"progress\": \"42\"", true, 42},
        {"\"progress\": \" 42.5 \"", true, 42.5},
        {"\"progress\": \"\\u0034\\u0032\"", true, 42},
        {"\"progress\": \"1e1\"", true, 10},
        {"\"progress\": \"42%\"", true, 42},
        {"\"progress\": \"42.5 % \"", true, 42.5},
        {"\"progress\": \"%\"", false, 0},
        {"\"progress\": {\"current\": 1, \"total\": 4}", true, 25},
        {"\"progress\": {\"pending\": false, \"current\": 3, \"total\": 4, \"percent\": 75.5}", true, 75.5},
        {"\"progress\": {\"current\": 1, \"total\": 4}, \"percent\": 7", true, 7},
        {"\"meta\": {\"current\": 1, \"total\": 4, \"description\": \"x\"}", true, 25},
        {"\"metadata\": {\"percent\": \"12%\"}", true, 12},
        {"\"meta\": {\"progress\": {\"current\": 1, \"total\": 5, \"percent\": null}}", true, 20},
        {"\"progress\": \"half\"", false, 0},
        {"\"progress\": \"\"", false, 0},
        {"\"progress\": \"NaN\"", false, 0},
        {"\"progress\": Infinity", true, HUGE_VAL},
        {"\"progress\": -Infinity", true, -HUGE_VAL},
        {"\"progress\": \"-inf\"", true, -HUGE_VAL},
        {"\"progress\": 1e999", true, HUGE_VAL},
        {"\"progress\": -5", true, -5},
        {"\"progress\": 250", true, 250},
        {"\"progress\": true", false, 0},
        {"\"progress\": [50]", false, 0},
        {"\"progress\": {}", false, 0},
        {"\"metadata\": {\"progress\": 7, \"meta\": 1}", true, 7},
        {"\"meta\": {\"progress\": \"8\"}", true, 8},
        {"\"metadata\": {\"progress\": null}, \"meta\": {\"progress\": 9}", true, 9},
        {"\"metadata\": {\"a\": {\"progress\": 7}}, \"meta\": [1]", false, 0},
        {"\"a\": 1", false, 0},
    };
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        const struct tb_event *event = event_of(decoded, "task-progress", cases[i].fields);
        if (event->has_progress != cases[i].has || (cases[i].has && event->progress != cases[i].progress))
            fail_msg("%s gives %s %g", cases[i].fields, event->has_progress ? "progress" : "none",
                     event->progress);
    }
}

static void a_progress_of_more_digits_than_numbers_have_is_infinite(void **state)
{
    (void)state;
    char fields[5000];
    memset(fields, '7', sizeof(fields));
    memcpy(fields, "\"progress\": ", 12);
    fields[sizeof(fields) - 1] = '\0';
    const struct tb_event *event = event_of(decoded, "task-progress", fields);
    assert_true(event->has_progress && event->progress == HUGE_VAL);
    fields[12] = '-';
    event = event_of(decoded, "task-progress", fields);
    assert_true(event->has_progress && event->progress == -HUGE_VAL);
}

static void the_text_of_progress_is_the_first_that_is_not_empty(void **state)
{
    (void)state;
    static const struct {
        const char *fields, *text;
    } cases[] = {
        {"\"status\": \"Descargando mes 1 \\u2013 a\\u00f1o\"", "Descargando mes 1 \xE2\x80\x93 a\xC3\xB1o"},
        {"\"description\": \"d\", \"step\": \"s\", \"message\": \"m\", \"status\": \"t\"", "t"},
        {"\"description\": \"d\", \"step\": \"s\", \"message\": \"m\", \"status\": \"\"", "m"},
        {"\"description\": \"d\", \"step\": \"s\", \"message\": 5", "s"},
        {"\"description\": \"d\", \"step\": 3", "d"},
        {"\"metadata\": {\"message\": \"inner\"}, \"meta\": {\"status\": \"other\"}", "inner"},
        {"\"meta\": {\"status\": \"other\"}", "other"},
        {"\"status\": null", NULL},
    };
    for (size_t i = 0; i < TB_COUNT(cases); i++)
        assert_str(event_of(decoded, "task-progress", cases[i].fields)->text, cases[i].text);
}

static void a_company_comes_as_sent_if_it_is_an_integer_or_text(void **state)
{
    (void)state;
    static const struct {
        const char *value, *company;
    } cases[] = {
        {"73", "73"},
        {"-0", "0"},
        {"123456789012345678901234567890", "123456789012345678901234567890"},
        {"\"73\"", "73"},
        {"\"acme \\u00f1\"", "acme \xC3\xB1"},
        {"{\"__type__\": \"uuid\", \"__value__\": {\"hex\": \"12345678123456781234567812345678\", "
         "\"version\": 4}}",
         "12345678-1234-5678-1234-567812345678"},
        {"\"\"", NULL},
        {"true", NULL},
        {"7.0", NULL},
        {"null", NULL},
        {"[7]", NULL},
    };
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        char fields[256];
        snprintf(fields, sizeof(fields), "\"company_id\": %s, \"retries\": 4", cases[i].value);
        const struct tb_event *event = event_of(decoded, "task-progress", fields);
        assert_str(event->company, cases[i].company);
        assert_int_equal(event->retries, 4);
        event = event_of(decoded, "task-tracked", fields);
        assert_str(event->company, cases[i].company);
    }
    assert_str(event_of(decoded, "task-tracked", "\"name\": \"a.b\"")->name, "a.b");
    assert_str(event_of(decoded, "task-received", "\"company_id\": 7")->company, NULL);
}

static void kanchis_progress_is_read(void **state)
{
    (void)state;
    decode(decoded, "{\"type\": \"kanchi-task-progress\", \"task_id\": \"k\", \"task_name\": \"a.b\", "
                    "\"progress\": 50.0, \"timestamp\": 1700000000.5, \"step_key\": \"process\"}");
    const struct tb_event *event = only_event(decoded);
    assert_int_equal(event->type, TB_EVENT_TASK_PROGRESS);
    assert_str(event->uuid, "k");
    assert_true(event->has_progress && event->progress == 50);
    assert_str(event->text, "process");
}

static void numbers_of_a_worker_outside_of_0_to_2_53_are_unknown(void **state)
{
    (void)state;
    static const char *const wrong[] = {"-1", "9007199254740993", "-9223372036854775808", "1e30"};

    for (size_t i = 0; i < TB_COUNT(wrong); i++) {
        char fields[256];
        snprintf(fields, sizeof(fields),
                 "\"active\": 1, \"processed\": %s, \"freq\": %s, \"loadavg\": [1, %s, 1]", wrong[i],
                 i == 1 ? "-2" : wrong[i], i == 1 ? "-2" : wrong[i]);
        const struct tb_event *event = event_of(decoded, "worker-heartbeat", fields);
        assert_false(event->has_counts);
        assert_true(isnan(event->freq_s));
        assert_true(isnan(event->loadavg[0]));
        snprintf(fields, sizeof(fields), "\"pid\": %s, \"runtime\": %s", wrong[i], i == 1 ? "-2" : wrong[i]);
        event = event_of(decoded, "task-succeeded", fields);
        assert_int_equal(event->pid, 0);
        assert_true(isnan(event->runtime_s));
    }
    assert_true(
        event_of(decoded, "worker-heartbeat", "\"active\": 0, \"processed\": 9007199254740992")->has_counts);
}

static void a_heartbeat_brings_what_the_worker_says_of_itself(void **state)
{
    (void)state;
    const struct tb_event *event =
        event_of(decoded, "worker-heartbeat",
                 "\"pid\": 5, \"freq\": 2.0, \"active\": 1, \"processed\": 288, \"loadavg\": [0.5, 1, 0.25], "
                 "\"sw_ident\": \"py-celery\", \"sw_ver\": \"5.6.2\", \"sw_sys\": \"Linux\"");
    assert_true(event->freq_s == 2.0);
    assert_true(event->has_counts);
    assert_int_equal(event->active, 1);
    assert_int_equal(event->processed, 288);
    assert_true(event->loadavg[0] == 0.5 && event->loadavg[1] == 1.0 && event->loadavg[2] == 0.25);
    assert_str(event->sw_ident, "py-celery");
    assert_str(event->sw_ver, "5.6.2");
    assert_str(event->sw_sys, "Linux");
    assert_str(event->uuid, NULL);
}

static void a_heartbeat_on_demand_lacks_the_counts(void **state)
{
    (void)state;
    static const char *const loadavgs[] = {"null", "[1, 2]", "[1, 2, 3, 4]", "[1, 2, \"3\"]", "[1, NaN, 3]",
                                           "[]",   "1"};
    const struct tb_event *event = event_of(decoded, "worker-heartbeat", "\"freq\": 5");
    assert_false(event->has_counts);
    assert_true(isnan(event->loadavg[0]));
    assert_false(event_of(decoded, "worker-heartbeat", "\"active\": 1")->has_counts);
    assert_false(event_of(decoded, "worker-heartbeat", "\"processed\": 1, \"active\": \"1\"")->has_counts);
    for (size_t i = 0; i < TB_COUNT(loadavgs); i++) {
        char fields[64];
        snprintf(fields, sizeof(fields), "\"loadavg\": %s", loadavgs[i]);
        event = event_of(decoded, "worker-heartbeat", fields);
        assert_true(isnan(event->loadavg[0]) && isnan(event->loadavg[1]) && isnan(event->loadavg[2]));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(received_brings_all_that_describes_the_task),
        TEST(every_known_type_is_an_event_and_others_are_names),
        TEST(a_dead_letter_says_why),
        TEST(a_stamp_is_rounded_to_the_microsecond),
        TEST(a_uuid_is_any_text_of_up_to_255_characters),
        TEST(doubled_and_escaped_keys_are_read_as_python_reads_them),
        TEST(optional_fields_of_wrong_types_are_absent),
        TEST(wrapped_values_are_taken_for_what_is_inside),
        TEST(args_and_results_that_are_no_text_keep_their_json),
        TEST(runtime_is_a_finite_number_or_absent),
        TEST(a_failure_and_a_retry_bring_exception_and_traceback_whole),
        TEST(rejection_and_revocation_are_told_precisely),
        TEST(progress_is_the_first_usable_of_its_dialects),
        TEST(a_progress_of_more_digits_than_numbers_have_is_infinite),
        TEST(the_text_of_progress_is_the_first_that_is_not_empty),
        TEST(a_company_comes_as_sent_if_it_is_an_integer_or_text),
        TEST(a_heartbeat_brings_what_the_worker_says_of_itself),
        TEST(a_heartbeat_on_demand_lacks_the_counts),
        TEST(kanchis_progress_is_read),
        TEST(numbers_of_a_worker_outside_of_0_to_2_53_are_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The task_status document against files written by hand; the white space between their tokens does not
 * count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "taskbridge/base/limits.h"
#include "taskbridge/core/document.h"

#include <stdio.h>

#define JAN_1_10_00 INT64_C(1704103200000000) /* 2024-01-01T10:00:00Z */
#define S           TB_US_PER_S

static void read_golden(const char *name, struct tb_buf *ret_buf)
{
    char path[512];
    bool in_string = false;
    int byte, before = 0;

    snprintf(path, sizeof(path), "%s/documents/%s.json", TB_FIXTURES, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while ((byte = fgetc(file)) != EOF) {
        if (byte == '"' && before != '\\')
            in_string = !in_string;
        if (in_string || !(byte == ' ' || byte == '\n'))
            tb_buf_push_byte(ret_buf, (char)byte);
        before = byte;
    }
    fclose(file);
}

static struct tb_str rule_says(const void *owner, const struct tb_document_task *task)
{
    (void)owner;
    return tb_str_equal(task->celery_name, TB_STR("sii.sync")) ? TB_STR("El SII no responde.") : TB_STR_NULL;
}

static const struct tb_document_words customer = {
    .task = TB_STR("Tarea"), .failed = TB_STR("No se pudo."), .failure = rule_says};
static const struct tb_document_words operator= {.task = TB_STR("Task")};

static void assert_document(const struct tb_document *document, const struct tb_document_words *words,
                            const char *golden)
{
    struct tb_buf expected, actual;

    tb_buf_init(&expected, TB_MIB);
    tb_buf_init(&actual, TB_MIB);
    read_golden(golden, &expected);
    tb_document_push(document, words, &actual);
    assert_false(expected.failed || actual.failed);
    assert_string_equal(actual.ptr, expected.ptr);
    tb_buf_deinit(&expected);
    tb_buf_deinit(&actual);
}

static void tasks_are_written_as_the_frontend_knows_them(void **unused)
{
    (void)unused;
    const struct tb_document_task active[] = {
        {.task_id = TB_STR("abc123-def456"),
         .name = TB_STR("Creando procesos tributarios"),
         .status = TB_STR("running"),
         .task_type = TB_STR("create_processes_from_taxpayer_settings"),
         .celery_state = TB_STR("PROGRESS"),
         .progress_text = TB_STR("Paso 1 de 2"),
         .progress = 50,
         .started_at = JAN_1_10_00,
         .completed_at = TB_STAMP_NONE,
         .has_retries = true,
         .attempt = 1,
         .next_try_at = TB_STAMP_NONE},
        {.task_id = TB_STR("custom-id/with spaces \xc3\xb1"),
         .status = TB_STR("pending"),
         .celery_state = TB_STR("RECEIVED"),
         .started_at = TB_STAMP_NONE,
         .completed_at = TB_STAMP_NONE,
         .attempt = 2,
         .next_try_at = JAN_1_10_00 + 60 * S},
    };
    const struct tb_document_task recent[] = {
        {.task_id = TB_STR("t-failed"),
         .name = TB_STR("Sincronizando documentos SII"),
         .status = TB_STR("failed"),
         .task_type = TB_STR("sync_sii_documents_task"),
         .celery_state = TB_STR("FAILURE"),
         .progress_text = TB_STR("a\x07"
                                 "b"),
         .error_message = TB_STR("ValueError('no \"SII\"')"),
         .progress = 40,
         .started_at = JAN_1_10_00 - 750000,
         .completed_at = JAN_1_10_00 + 1,
         .has_retries = true,
         .retries = 3,
         .attempt = 4,
         .next_try_at = TB_STAMP_NONE},
        {.task_id = TB_STR("t-done"),
         .name = TB_STR("Sincronizando historial completo de documentos"),
         .status = TB_STR("success"),
         .task_type = TB_STR("sync_sii_documents_full_history_task"),
         .celery_state = TB_STR("SUCCESS"),
         .progress = 100,
         .started_at = JAN_1_10_00 - 3600 * S,
         .completed_at = JAN_1_10_00 - 3540 * S,
         .has_retries = true,
         .retries = 1,
         .attempt = 2,
         .next_try_at = TB_STAMP_NONE},
    };
    const struct tb_document document = {
        .company_id = TB_STR("73"),
        .company_name = TB_STR("Example Company"),
        .active = active,
        .active_count = TB_COUNT(active),
        .recent = recent,
        .recent_count = TB_COUNT(recent),
        .next_cursor = TB_STR("1704103200000001-7"),
        .total_tasks = 7,
        .completed_count = 2,
        .active_total = 5,
        .failed_count = 1,
        .as_of = JAN_1_10_00 + 30 * S,
        .version = TB_STR("v1"),
        .checked_at = JAN_1_10_00 + 30500000,
    };
    assert_document(&document, &operator, "running");
}

static void a_company_without_tasks_has_completed_all_of_them(void **unused)
{
    (void)unused;
    const struct tb_document document = {
        .company_id = TB_STR("0b5f0b6e-6a51-4f65-a3a5-5a2d2c1f0f10"),
        .checked_at = JAN_1_10_00 + 300 * S,
        .is_stale = true,
        .as_of = TB_STAMP_NONE,
        .version = TB_STR("v2"),
    };
    assert_document(&document, &operator, "empty");
}

static void a_task_that_starts_in_our_future_has_lasted_no_time(void **unused)
{
    (void)unused;
    const struct tb_document_task task = {
        .task_id = TB_STR("t"),
        .name = TB_STR("n"),
        .status = TB_STR("running"),
        .task_type = TB_STR("t"),
        .celery_state = TB_STR("STARTED"),
        .started_at = JAN_1_10_00 + 10 * S,
        .completed_at = TB_STAMP_NONE,
        .has_retries = true,
        .attempt = 1,
        .next_try_at = TB_STAMP_NONE,
    };
    const struct tb_document document = {
        .company_id = TB_STR("0"),
        .company_name = TB_STR(""),
        .active = &task,
        .active_count = 1,
        .total_tasks = 1,
        .active_total = 1,
        .checked_at = JAN_1_10_00,
        .as_of = TB_STAMP_NONE,
        .version = TB_STR("v3"),
    };
    assert_document(&document, &operator, "clock_ahead");
}

static void only_an_integer_in_its_one_form_is_written_as_a_number(void **unused)
{
    (void)unused;
    static const struct {
        const char *id, *written;
    } cases[] = {
        {"73", "73"},
        {"-5", "-5"},
        {"9007199254740992", "9007199254740992"},
        {"9007199254740993", "\"9007199254740993\""},
        {"9223372036854775807", "\"9223372036854775807\""},
        {"0", "0"},
        {"9223372036854775808", "\"9223372036854775808\""},
        {"073", "\"073\""},
        {"-0", "\"-0\""},
        {"+7", "\"+7\""},
        {"-", "\"-\""},
        {"", "\"\""},
        {"7 ", "\"7 \""},
        {"1e3", "\"1e3\""},
        {NULL, "null"},
    };

    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        const struct tb_document document = {.company_id = tb_str_of(cases[i].id)};
        char expected[64];
        struct tb_buf buf;
        tb_buf_init(&buf, TB_MIB);
        tb_document_push(&document, &customer, &buf);
        snprintf(expected, sizeof(expected), "\"company_id\":%s,\"company_name\"", cases[i].written);
        if (!strstr(buf.ptr, expected))
            fail_msg("%s is not in %s", expected, buf.ptr);
        tb_buf_deinit(&buf);
    }
}

static const struct tb_document_task failed[] = {
    {.task_id = TB_STR("557e2fa1-2f55-491b-a855-c438f06c63e9"),
     .status = TB_STR("failed"),
     .celery_name = TB_STR("sii.sync"),
     .error_message = TB_STR("OSError('secret')"),
     .started_at = TB_STAMP_NONE,
     .completed_at = JAN_1_10_00,
     .next_try_at = TB_STAMP_NONE},
    {.task_id = TB_STR("b"),
     .status = TB_STR("failed"),
     .celery_name = TB_STR("other"),
     .error_message = TB_STR("OSError('secret')"),
     .started_at = TB_STAMP_NONE,
     .completed_at = JAN_1_10_00,
     .next_try_at = TB_STAMP_NONE},
};

static void customers_never_read_an_exception_and_operators_do(void **unused)
{
    (void)unused;
    const struct tb_document document = {
        .company_id = TB_STR("73"), .recent = failed, .recent_count = 2, .completed_count = 2};
    struct tb_buf buf;

    tb_buf_init(&buf, TB_MIB);
    tb_document_push(&document, &customer, &buf);
    assert_null(strstr(buf.ptr, "OSError"));
    assert_non_null(strstr(buf.ptr, "\"error_message\":\"El SII no responde.\""));
    assert_non_null(strstr(buf.ptr, "\"error_message\":\"No se pudo.\""));
    assert_non_null(strstr(buf.ptr, "\"name\":\"Tarea\""));
    assert_non_null(strstr(buf.ptr, "\"reference\":\"557e2fa1\""));
    tb_buf_reset(&buf);
    tb_document_push(&document, &operator, & buf);
    assert_non_null(strstr(buf.ptr, "\"error_message\":\"OSError('secret')\""));
    tb_buf_deinit(&buf);
}

static void a_document_without_a_version_has_nothing_that_the_clock_moves(void **unused)
{
    (void)unused;
    const struct tb_document_task task = {.task_id = TB_STR("t"),
                                          .status = TB_STR("running"),
                                          .started_at = JAN_1_10_00,
                                          .completed_at = TB_STAMP_NONE,
                                          .next_try_at = TB_STAMP_NONE};
    struct tb_document document = {.company_id = TB_STR("73"),
                                   .active = &task,
                                   .active_count = 1,
                                   .active_total = 1,
                                   .checked_at = JAN_1_10_00};
    struct tb_buf now, later;

    tb_buf_init(&now, TB_MIB);
    tb_buf_init(&later, TB_MIB);
    tb_document_push(&document, &customer, &now);
    document.checked_at += 60 * S;
    document.as_of = JAN_1_10_00 + 60 * S;
    tb_document_push(&document, &customer, &later);
    assert_string_equal(now.ptr, later.ptr);
    tb_buf_deinit(&now);
    tb_buf_deinit(&later);
}

static void what_is_active_counts_though_it_is_not_listed(void **unused)
{
    (void)unused;
    const struct tb_document document = {.company_id = TB_STR("73"), .active_total = 2, .total_tasks = 3};
    struct tb_buf buf;

    tb_buf_init(&buf, TB_MIB);
    tb_document_push(&document, &customer, &buf);
    assert_non_null(strstr(buf.ptr, "\"active_tasks\":[],\"all_completed\":false,"
                                    "\"summary\":{\"total_tasks\":3,\"active_count\":2,"));
    tb_buf_deinit(&buf);
}

static void a_document_beyond_the_ceiling_fails_the_buffer(void **unused)
{
    (void)unused;
    const struct tb_document document = {.company_id = TB_STR("73"), .checked_at = JAN_1_10_00};
    struct tb_buf buf;

    tb_buf_init(&buf, 20);
    tb_document_push(&document, &customer, &buf);
    assert_true(buf.failed);
    tb_buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_are_written_as_the_frontend_knows_them),
        cmocka_unit_test(a_company_without_tasks_has_completed_all_of_them),
        cmocka_unit_test(a_task_that_starts_in_our_future_has_lasted_no_time),
        cmocka_unit_test(only_an_integer_in_its_one_form_is_written_as_a_number),
        cmocka_unit_test(customers_never_read_an_exception_and_operators_do),
        cmocka_unit_test(a_document_without_a_version_has_nothing_that_the_clock_moves),
        cmocka_unit_test(what_is_active_counts_though_it_is_not_listed),
        cmocka_unit_test(a_document_beyond_the_ceiling_fails_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

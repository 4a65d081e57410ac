/* What each event says, against rows written by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "row_facts.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/core/fold.h"

#include <errno.h>

#define AT (TB_STAMP_MIN + 5)

static struct tb_arena arena;

static int init_arena(void **unused)
{
    (void)unused;
    tb_arena_init(&arena, TB_MIB);
    return 0;
}

static int deinit_arena(void **unused)
{
    (void)unused;
    tb_arena_deinit(&arena);
    return 0;
}

static struct tb_event event_of(enum tb_event_type type)
{
    return (struct tb_event){
        .type = type,
        .type_name = tb_event_type_name(type),
        .stamp = AT,
        .hostname = TB_STR("w1@host"),
        .pid = 77,
        .uuid = TB_STR("id"),
        .runtime_s = NAN,
        .freq_s = NAN,
        .loadavg = {NAN, NAN, NAN},
    };
}

static struct tb_row row_of_worker(void)
{
    struct tb_row row;
    tb_row_init(&row, TB_STR("id"));
    row.worker = (struct tb_stamped_str){AT, TB_STR("w1@host")};
    return row;
}

static struct tb_row row_without_worker(void)
{
    struct tb_row row;
    tb_row_init(&row, TB_STR("id"));
    return row;
}

static void assert_fold(const struct tb_event *event, const struct tb_rules *rules,
                        const struct tb_row *expected)
{
    struct tb_row row;
    assert_int_equal(tb_fold_event(event, rules, &arena, &row), 0);
    const char *fact = first_difference(&row, expected);
    if (fact)
        fail_msg("%.*s: %s is not as expected", TB_STR_FMT(event->type_name), fact);
}

static struct tb_event message_event(enum tb_event_type type)
{
    struct tb_event event = event_of(type);

    event.name = TB_STR("shop.tasks.sync");
    event.args = TB_STR("(1,)");
    event.kwargs = TB_STR("{'company_id': 73, 'password': 'x'}");
    event.root_id = TB_STR("root");
    event.parent_id = TB_STR("parent");
    event.queue = TB_STR("onboarding");
    event.eta = TB_STR("2026-01-01T00:00:00+00:00");
    event.expires = TB_STR("2026-01-02T00:00:00+00:00");
    event.has_retries = true;
    event.retries = 2;
    return event;
}

static void expect_message(struct tb_row *row)
{
    row->args = (struct tb_stamped_str){AT, TB_STR("(1,)")};
    row->kwargs = (struct tb_stamped_str){AT, TB_STR("{'company_id': 73, 'password': 'x'}")};
    row->root_id = (struct tb_stamped_str){AT, TB_STR("root")};
    row->parent_id = (struct tb_stamped_str){AT, TB_STR("parent")};
    row->queue = (struct tb_stamped_str){AT, TB_STR("onboarding")};
    row->eta = (struct tb_stamped_str){AT, TB_STR("2026-01-01T00:00:00+00:00")};
    row->expires = (struct tb_stamped_str){AT, TB_STR("2026-01-02T00:00:00+00:00")};
    row->retries = (struct tb_stamped_int64){AT, 2};
}

static void sent_brings_the_message_and_its_host_is_no_worker(void **unused)
{
    (void)unused;
    struct tb_event event = message_event(TB_EVENT_TASK_SENT);
    struct tb_row expected = row_without_worker();

    expect_message(&expected);
    expected.name = (struct tb_stamped_str){AT, TB_STR("shop.tasks.sync")};
    expected.sent_at = AT;
    assert_fold(&event, NULL, &expected);
}

static void received_brings_the_message_and_the_worker(void **unused)
{
    (void)unused;
    struct tb_event event = message_event(TB_EVENT_TASK_RECEIVED);
    struct tb_row expected = row_of_worker();

    expect_message(&expected);
    expected.received_name = (struct tb_stamped_str){AT, TB_STR("shop.tasks.sync")};
    expected.received_at = AT;
    assert_fold(&event, NULL, &expected);
}

static void what_is_absent_is_not_brought(void **unused)
{
    (void)unused;
    struct tb_event event = event_of(TB_EVENT_TASK_RECEIVED);
    struct tb_row expected = row_without_worker();

    event.hostname = TB_STR_NULL;
    expected.received_at = AT;
    assert_fold(&event, NULL, &expected);
}

static void an_event_that_only_happened_sets_its_stamp(void **unused)
{
    (void)unused;
    static const struct {
        enum tb_event_type type;
        bool requeue;
        size_t fact;
    } cases[] = {
        {TB_EVENT_TASK_STARTED, false, offsetof(struct tb_row, began_at)},
        {TB_EVENT_TASK_RETRIED, false, offsetof(struct tb_row, retried_at)},
        {TB_EVENT_TASK_CANCELLED, false, offsetof(struct tb_row, cancelled_at)},
        {TB_EVENT_TASK_REJECTED, true, offsetof(struct tb_row, requeued_at)},
        {TB_EVENT_TASK_REJECTED, false, offsetof(struct tb_row, rejected_at)},
    };

    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        struct tb_event event = event_of(cases[i].type);
        struct tb_row expected = row_of_worker();
        int64_t at = AT;
        event.requeue = cases[i].requeue;
        memcpy((char *)&expected + cases[i].fact, &at, sizeof(at));
        assert_fold(&event, NULL, &expected);
    }
}

/* A retry has the exception that caused it, but the task has not failed. */
static void retried_brings_no_failure(void **unused)
{
    (void)unused;
    struct tb_event event = event_of(TB_EVENT_TASK_RETRIED);
    struct tb_row expected = row_of_worker();

    event.exception = TB_STR("ValueError()");
    event.traceback = TB_STR("Traceback");
    expected.retried_at = AT;
    assert_fold(&event, NULL, &expected);
}

static void ends_bring_what_they_ended_with(void **unused)
{
    (void)unused;
    struct tb_event succeeded = event_of(TB_EVENT_TASK_SUCCEEDED), failed = event_of(TB_EVENT_TASK_FAILED);
    struct tb_event revoked = event_of(TB_EVENT_TASK_REVOKED);
    struct tb_row expected = row_of_worker();

    succeeded.result = TB_STR("42");
    succeeded.runtime_s = 1.5;
    expected.succeeded_at = AT;
    expected.result = TB_STR("42");
    expected.runtime_s = 1.5;
    assert_fold(&succeeded, NULL, &expected);

    failed.exception = TB_STR("ValueError('no')");
    failed.traceback = TB_STR("Traceback (most recent call last): ...");
    expected = row_of_worker();
    expected.failed_at = AT;
    expected.error = TB_STR("ValueError('no')");
    expected.traceback = TB_STR("Traceback (most recent call last): ...");
    assert_fold(&failed, NULL, &expected);

    revoked.revoke_text = TB_STR("terminated (SIGTERM)");
    expected = row_of_worker();
    expected.revoked_at = AT;
    expected.revoke_text = TB_STR("terminated (SIGTERM)");
    assert_fold(&revoked, NULL, &expected);
}

static void progress_is_a_sign_of_life_with_a_number_or_without(void **unused)
{
    (void)unused;
    struct tb_event event = event_of(TB_EVENT_TASK_PROGRESS);
    struct tb_row expected = row_without_worker();

    event.progress = 55; /* not usable: has_progress says so */
    expected.alive_at = expected.first_alive_at = AT;
    assert_fold(&event, NULL, &expected);

    event.has_progress = true;
    event.text = TB_STR("Paso 1");
    event.has_retries = true;
    event.retries = 0;
    event.company = TB_STR("73");
    event.name = TB_STR("a name in the meta is no task's");
    expected.progress_at = AT;
    expected.progress = 55;
    expected.text = (struct tb_stamped_str){AT, TB_STR("Paso 1")};
    expected.retries = (struct tb_stamped_int64){AT, 0};
    expected.event_company = (struct tb_stamped_str){AT, TB_STR("73")};
    assert_fold(&event, NULL, &expected);
}

static void tracked_brings_a_company_and_nothing_that_happened(void **unused)
{
    (void)unused;
    struct tb_event event = event_of(TB_EVENT_TASK_TRACKED);
    struct tb_row expected = row_without_worker();

    event.company = TB_STR("73");
    expected.event_company = (struct tb_stamped_str){AT, TB_STR("73")};
    assert_fold(&event, NULL, &expected);
}

static void minus_zero_is_zero(void **unused)
{
    (void)unused;
    struct tb_event event = event_of(TB_EVENT_TASK_PROGRESS);
    struct tb_row row;

    event.has_progress = true;
    event.progress = -0.0;
    assert_int_equal(tb_fold_event(&event, NULL, &arena, &row), 0);
    assert_false(signbit(row.progress));
}

static const struct tb_str secrets[] = {{"password", 8}, {"company_id", 10}};

static const struct tb_rule sync_rule = {
    .match = {"*.sync", 6},
    .type = {"sync_task", 9},
    .display_name = {"Sincronizando", 13},
    .company_source = TB_COMPANY_ARGUMENTS,
    .company_kwarg = {"company_id", 10},
};

/* Rules in which company_id and password are secret. */
static struct tb_rules secretive_rules(void)
{
    static struct tb_redact redact;

    assert_int_equal(tb_redact_init(&redact, secrets, TB_COUNT(secrets), 0, &arena), 0);
    return (struct tb_rules){.rules = &sync_rule, .count = 1, .redact = &redact};
}

static void the_rule_names_the_task_finds_its_company_and_secrets_are_hidden(void **unused)
{
    (void)unused;
    const struct tb_rules rules = secretive_rules();
    struct tb_event event = message_event(TB_EVENT_TASK_RECEIVED);
    struct tb_row expected = row_of_worker();

    expect_message(&expected);
    expected.received_name = (struct tb_stamped_str){AT, TB_STR("shop.tasks.sync")};
    expected.received_at = expected.rule_at = AT;
    expected.rule_type = TB_STR("sync_task");
    expected.rule_display_name = TB_STR("Sincronizando");
    expected.rule_company = (struct tb_stamped_str){AT, TB_STR("73")};
    expected.kwargs.value = TB_STR("{'company_id': '***', 'password': '***'}");
    assert_fold(&event, &rules, &expected);
}

static void secrets_are_hidden_whatever_the_name_is(void **unused)
{
    (void)unused;
    const struct tb_rules rules = secretive_rules();
    struct tb_event event = event_of(TB_EVENT_TASK_RECEIVED);
    struct tb_row expected = row_of_worker();

    event.kwargs = TB_STR("{'PassWord': 'x'}");
    expected.received_at = AT;
    expected.kwargs = (struct tb_stamped_str){AT, TB_STR("{'PassWord': '***'}")};
    assert_fold(&event, &rules, &expected);
}

static void positions_are_those_of_the_rule_and_of_a_received_name_those_of_any(void **unused)
{
    (void)unused;
    const struct tb_rule list[] = {{.match = TB_STR("a"), .redact_positions = 1},
                                   {.match = TB_STR("b"), .redact_positions = 2}};
    static struct tb_redact redact;
    struct tb_event event = event_of(TB_EVENT_TASK_SENT);
    struct tb_row row;

    assert_int_equal(tb_redact_init(&redact, NULL, 0, 3, &arena), 0);
    const struct tb_rules rules = {.rules = list, .count = TB_COUNT(list), .redact = &redact};
    event.args = TB_STR("('x', 'y', 'z')");
    event.name = TB_STR("a");
    assert_int_equal(tb_fold_event(&event, &rules, &arena, &row), 0);
    assert_true(tb_str_equal(row.args.value, TB_STR("('***', 'y', 'z')")));
    event.name = TB_STR("c");
    assert_int_equal(tb_fold_event(&event, &rules, &arena, &row), 0);
    assert_ptr_equal(row.args.value.ptr, event.args.ptr);
    event.type = TB_EVENT_TASK_RECEIVED;
    assert_int_equal(tb_fold_event(&event, &rules, &arena, &row), 0);
    assert_true(tb_str_equal(row.args.value, TB_STR("('***', '***', 'z')")));
}

static void the_error_is_the_exception_or_what_the_traceback_ends_with(void **unused)
{
    (void)unused;
    static const struct {
        const char *exception, *traceback, *error;
    } cases[] = {
        {"ValueError('no')", "Traceback:\nx\n", "ValueError('no')"},
        {"ExceptionWithTraceback()", "Traceback:\n  x\nTimeLimitExceeded(1,)\n\n", "TimeLimitExceeded(1,)"},
        {"ExceptionWithTraceback('')", NULL, "ExceptionWithTraceback('')"},
        {"", "only this", "only this"},
        {NULL, "only this", "only this"},
        {"", "", NULL},
        {NULL, NULL, NULL},
    };

    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        struct tb_event event = event_of(TB_EVENT_TASK_FAILED);
        struct tb_row row;
        event.exception = tb_str_of(cases[i].exception);
        event.traceback = tb_str_of(cases[i].traceback);
        assert_int_equal(tb_fold_event(&event, NULL, &arena, &row), 0);
        if (!tb_str_equal(row.error, tb_str_of(cases[i].error)))
            fail_msg("%.*s is not %s", TB_STR_FMT(row.error), cases[i].error);
    }
}

static void of_a_long_traceback_the_end_is_kept(void **unused)
{
    (void)unused;
    static char text[TB_TRACEBACK_MAX_BYTES + 100];
    struct tb_event event = event_of(TB_EVENT_TASK_FAILED);
    struct tb_row row;

    for (size_t i = 0; i < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xb1", 2);
    event.traceback = (struct tb_str){text, sizeof(text)};
    assert_int_equal(tb_fold_event(&event, NULL, &arena, &row), 0);
    assert_true(row.traceback.len <= TB_TRACEBACK_MAX_BYTES &&
                row.traceback.len > TB_TRACEBACK_MAX_BYTES - 3);
    assert_true(tb_str_starts_with(row.traceback, TB_STR("\xe2\x80\xa6\xc3\xb1")));
}

static void a_rule_may_say_that_the_root_knows_the_company(void **unused)
{
    (void)unused;
    const struct tb_rule rule = {.match = TB_STR("*"), .company_source = TB_COMPANY_INHERIT};
    const struct tb_rules rules = {.rules = &rule, .count = 1};
    struct tb_event event = message_event(TB_EVENT_TASK_SENT);
    struct tb_row expected = row_without_worker();

    expect_message(&expected);
    expected.name = (struct tb_stamped_str){AT, TB_STR("shop.tasks.sync")};
    expected.sent_at = AT;
    expected.rule_at = AT;
    expected.rule_is_of_name = true;
    expected.inherits_company = true;
    assert_fold(&event, &rules, &expected);
}

static void reprs_are_cut_at_their_ceiling_and_never_within_a_character(void **unused)
{
    (void)unused;
    struct tb_event event = event_of(TB_EVENT_TASK_RECEIVED);
    char text[TB_REPR_MAX_BYTES + 2];
    struct tb_row row;

    memset(text, 'x', sizeof(text));
    memcpy(text + TB_REPR_MAX_BYTES - 1, "\xc3\xb1", 2);
    event.args = event.kwargs = (struct tb_str){text, sizeof(text)};
    assert_int_equal(tb_fold_event(&event, NULL, &arena, &row), 0);
    assert_int_equal(row.args.value.len, TB_REPR_MAX_BYTES - 1);
    assert_int_equal(row.kwargs.value.len, TB_REPR_MAX_BYTES - 1);
}

static void a_company_of_another_format_is_none(void **unused)
{
    (void)unused;
    const struct tb_rules rules = {.company_format = TB_COMPANY_NUMBER};
    struct tb_event event = event_of(TB_EVENT_TASK_TRACKED);
    struct tb_row expected = row_without_worker();

    event.company = TB_STR("acme");
    assert_fold(&event, &rules, &expected);
    event.company = TB_STR("73");
    expected.event_company = (struct tb_stamped_str){AT, TB_STR("73")};
    assert_fold(&event, &rules, &expected);
}

static void without_memory_for_redacted_kwargs_there_is_no_row(void **unused)
{
    (void)unused;
    const struct tb_rules rules = secretive_rules();
    struct tb_event event = message_event(TB_EVENT_TASK_RECEIVED);
    struct tb_arena tiny;
    struct tb_row row;

    tb_arena_init(&tiny, 8);
    assert_int_equal(tb_fold_event(&event, &rules, &tiny, &row), -ENOMEM);
    tb_arena_deinit(&tiny);
}

#define FOLD_TEST(test) cmocka_unit_test_setup_teardown(test, init_arena, deinit_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLD_TEST(sent_brings_the_message_and_its_host_is_no_worker),
        FOLD_TEST(received_brings_the_message_and_the_worker),
        FOLD_TEST(what_is_absent_is_not_brought),
        FOLD_TEST(an_event_that_only_happened_sets_its_stamp),
        FOLD_TEST(retried_brings_no_failure),
        FOLD_TEST(ends_bring_what_they_ended_with),
        FOLD_TEST(progress_is_a_sign_of_life_with_a_number_or_without),
        FOLD_TEST(tracked_brings_a_company_and_nothing_that_happened),
        FOLD_TEST(minus_zero_is_zero),
        FOLD_TEST(the_rule_names_the_task_finds_its_company_and_secrets_are_hidden),
        FOLD_TEST(secrets_are_hidden_whatever_the_name_is),
        FOLD_TEST(positions_are_those_of_the_rule_and_of_a_received_name_those_of_any),
        FOLD_TEST(the_error_is_the_exception_or_what_the_traceback_ends_with),
        FOLD_TEST(of_a_long_traceback_the_end_is_kept),
        FOLD_TEST(a_rule_may_say_that_the_root_knows_the_company),
        FOLD_TEST(reprs_are_cut_at_their_ceiling_and_never_within_a_character),
        FOLD_TEST(a_company_of_another_format_is_none),
        FOLD_TEST(without_memory_for_redacted_kwargs_there_is_no_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

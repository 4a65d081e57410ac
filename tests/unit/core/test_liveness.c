/* When a task is lost: a table of what is known, what was answered, and what follows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "taskbridge/base/limits.h"
#include "taskbridge/core/liveness.h"

#define S   TB_US_PER_S
#define NOW INT64_C(1700000000000000)

static const struct tb_liveness_bounds bounds = {.silent_after_us = 60 * S, .ask_apart_us = 30 * S};

struct liveness_case {
    const char *what, *state;
    enum tb_liveness_answer answer;
    enum tb_liveness_verdict verdict;
    int silent_s;   /* the task; 0: 100 */
    int missing_s;  /* since the first no; 0: there was none */
    int heard_s;    /* since the worker was heard of; 0: 5; -1: never */
    int listened_s; /* since when we listen; 0: 1000; -1: not at present */
    double freq_s;  /* 0: 2 */
    bool no_worker, came_back, shared, lost;
};

#define CASE(what_, state_, answer_, verdict_, ...)                                                          \
    {                                                                                                        \
        .what = (what_), .state = (state_), .answer = (answer_), .verdict = (verdict_), __VA_ARGS__          \
    }

static struct tb_liveness_facts facts_of(const struct liveness_case *c)
{
    return (struct tb_liveness_facts){
        .celery_state = tb_str_of(c->state),
        .worker = c->no_worker ? TB_STR_NULL : TB_STR("w1@host"),
        .silent_us = (c->silent_s ? c->silent_s : 100) * S,
        .missing_us = c->missing_s ? c->missing_s * S : -1,
        .worker_heard_at = c->heard_s < 0 ? TB_STAMP_NONE : NOW - (c->heard_s ? c->heard_s : 5) * S,
        .worker_freq_s = c->freq_s != 0 ? c->freq_s : 2,
        .listening_since =
            c->listened_s < 0 ? TB_STAMP_NONE : NOW - (c->listened_s ? c->listened_s : 1000) * S,
        .heard_until = NOW,
        .worker_came_back = c->came_back,
        .worker_is_shared = c->shared,
        .is_lost = c->lost,
    };
}

static void check(const struct liveness_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct tb_liveness_facts facts = facts_of(&cases[i]);
        enum tb_liveness_verdict verdict = tb_liveness_decide(&facts, cases[i].answer, &bounds);
        if (verdict != cases[i].verdict)
            fail_msg("%s: verdict %d, expected %d", cases[i].what, (int)verdict, (int)cases[i].verdict);
    }
}

static void only_a_silent_task_that_a_worker_has_is_asked_for(void **unused)
{
    (void)unused;
    static const struct liveness_case cases[] = {
        CASE("received", "RECEIVED", TB_ANSWER_NOT_ASKED, TB_LIVENESS_ASK),
        CASE("started", "STARTED", TB_ANSWER_NOT_ASKED, TB_LIVENESS_ASK),
        CASE("progressing", "PROGRESS", TB_ANSWER_NOT_ASKED, TB_LIVENESS_ASK),
        CASE("silent just long enough", "STARTED", TB_ANSWER_NOT_ASKED, TB_LIVENESS_ASK, .silent_s = 60),
        CASE("heard of lately", "STARTED", TB_ANSWER_NOT_ASKED, TB_LIVENESS_FINE, .silent_s = 59),
        CASE("in the queue", "PENDING", TB_ANSWER_NOT_ASKED, TB_LIVENESS_FINE),
        CASE("waits for its retry", "RETRY", TB_ANSWER_NOT_ASKED, TB_LIVENESS_LOOK),
        CASE("ended", "SUCCESS", TB_ANSWER_NOT_ASKED, TB_LIVENESS_FINE),
        CASE("without a worker", "STARTED", TB_ANSWER_NOT_ASKED, TB_LIVENESS_FINE, .no_worker = true),
        CASE("while we are deaf", "STARTED", TB_ANSWER_NOT_ASKED, TB_LIVENESS_FINE, .listened_s = -1),
        CASE("lost, its worker is back", "STARTED", TB_ANSWER_NOT_ASKED, TB_LIVENESS_ASK, .lost = true),
        CASE("lost lately", "STARTED", TB_ANSWER_NOT_ASKED, TB_LIVENESS_ASK, .lost = true, .silent_s = 1),
    };
    check(cases, TB_COUNT(cases));
}

static void a_worker_that_has_the_task_settles_it(void **unused)
{
    (void)unused;
    static const struct liveness_case cases[] = {
        CASE("has", "STARTED", TB_ANSWER_HAS, TB_LIVENESS_FOUND),
        CASE("has, after a first no", "STARTED", TB_ANSWER_HAS, TB_LIVENESS_FOUND, .missing_s = 100),
        CASE("has, silent for a day", "STARTED", TB_ANSWER_HAS, TB_LIVENESS_FOUND, .silent_s = 86400),
        CASE("runs", "PROGRESS", TB_ANSWER_RUNS, TB_LIVENESS_FOUND),
        CASE("runs what was called lost", "STARTED", TB_ANSWER_RUNS, TB_LIVENESS_FOUND, .lost = true),
        CASE("runs what waits for its retry", "RETRY", TB_ANSWER_RUNS, TB_LIVENESS_FOUND),
        CASE("has it though the name is shared", "STARTED", TB_ANSWER_HAS, TB_LIVENESS_FOUND, .shared = true),
    };
    check(cases, TB_COUNT(cases));
}

static void it_is_gone_after_two_noes_apart_and_a_look_at_what_runs(void **unused)
{
    (void)unused;
    static const struct liveness_case cases[] = {
        CASE("first no", "STARTED", TB_ANSWER_HAS_NOT, TB_LIVENESS_MISSING),
        CASE("second no, too soon", "STARTED", TB_ANSWER_HAS_NOT, TB_LIVENESS_MISSING, .missing_s = 29),
        CASE("second no", "STARTED", TB_ANSWER_HAS_NOT, TB_LIVENESS_LOOK, .missing_s = 30),
        CASE("second no, then not running", "STARTED", TB_ANSWER_RUNS_NOT, TB_LIVENESS_GONE, .missing_s = 30),
        CASE("progressing once", "PROGRESS", TB_ANSWER_RUNS_NOT, TB_LIVENESS_GONE, .missing_s = 30),
        CASE("RETRY and not running waits", "RETRY", TB_ANSWER_RUNS_NOT, TB_LIVENESS_FINE),
        CASE("lost, and still a no", "STARTED", TB_ANSWER_HAS_NOT, TB_LIVENESS_LOOK, .lost = true),
        CASE("lost, and does not run", "STARTED", TB_ANSWER_RUNS_NOT, TB_LIVENESS_MISSING, .lost = true),
    };
    check(cases, TB_COUNT(cases));
}

static void a_received_task_is_gone_only_with_a_worker_that_came_back(void **unused)
{
    (void)unused;
    static const struct liveness_case cases[] = {
        CASE("waits for its eta", "RECEIVED", TB_ANSWER_HAS_NOT, TB_LIVENESS_FINE, .missing_s = 100),
        CASE("its worker restarted", "RECEIVED", TB_ANSWER_HAS_NOT, TB_LIVENESS_MISSING, .came_back = true),
        CASE("twice", "RECEIVED", TB_ANSWER_HAS_NOT, TB_LIVENESS_LOOK, .missing_s = 30, .came_back = true),
        CASE("nor runs", "RECEIVED", TB_ANSWER_RUNS_NOT, TB_LIVENESS_GONE, .missing_s = 30,
             .came_back = true),
        CASE("lost while its worker was cut off", "RECEIVED", TB_ANSWER_HAS_NOT, TB_LIVENESS_FOUND,
             .lost = true),
    };
    check(cases, TB_COUNT(cases));
}

static void under_a_shared_name_a_no_means_nothing(void **unused)
{
    (void)unused;
    static const struct liveness_case cases[] = {
        CASE("has not", "STARTED", TB_ANSWER_HAS_NOT, TB_LIVENESS_FINE, .missing_s = 100, .shared = true),
        CASE("runs not", "STARTED", TB_ANSWER_RUNS_NOT, TB_LIVENESS_FINE, .missing_s = 100, .shared = true),
        CASE("lost", "STARTED", TB_ANSWER_RUNS_NOT, TB_LIVENESS_FINE, .shared = true, .lost = true),
    };
    check(cases, TB_COUNT(cases));
}

static void a_worker_vanished_when_it_neither_answers_nor_was_heard_for_the_bound(void **unused)
{
    (void)unused;
    static const struct liveness_case cases[] = {
        CASE("heard lately", "STARTED", TB_ANSWER_NONE, TB_LIVENESS_FINE, .heard_s = 59),
        CASE("silent", "STARTED", TB_ANSWER_NONE, TB_LIVENESS_VANISHED, .heard_s = 60),
        CASE("silent, only received", "RECEIVED", TB_ANSWER_NONE, TB_LIVENESS_VANISHED, .heard_s = 60),
        CASE("silent, in RETRY", "RETRY", TB_ANSWER_NONE, TB_LIVENESS_FINE, .heard_s = 1000),
        CASE("never heard", "STARTED", TB_ANSWER_NONE, TB_LIVENESS_VANISHED, .heard_s = -1),
        CASE("its task spoke", "STARTED", TB_ANSWER_NONE, TB_LIVENESS_VANISHED, .heard_s = 1000,
             .silent_s = 60),
        CASE("we listen again", "STARTED", TB_ANSWER_NONE, TB_LIVENESS_FINE, .heard_s = 1000,
             .listened_s = 59),
        CASE("we listen long", "STARTED", TB_ANSWER_NONE, TB_LIVENESS_VANISHED, .heard_s = 1000,
             .listened_s = 60),
        CASE("lost already", "STARTED", TB_ANSWER_NONE, TB_LIVENESS_FINE, .heard_s = 1000, .lost = true),
        CASE("said something unreadable", "STARTED", TB_ANSWER_USELESS, TB_LIVENESS_FINE, .heard_s = 1000),
    };
    check(cases, TB_COUNT(cases));
}

static void ten_heartbeats_are_waited_for(void **unused)
{
    (void)unused;
    static const struct liveness_case cases[] = {
        CASE("its task spoke", "STARTED", TB_ANSWER_NONE, TB_LIVENESS_FINE, .silent_s = 199, .heard_s = 900,
             .freq_s = 20),
        CASE("and fell silent", "STARTED", TB_ANSWER_NONE, TB_LIVENESS_VANISHED, .silent_s = 200,
             .heard_s = 900, .freq_s = 20),
        CASE("ten of 20 s", "STARTED", TB_ANSWER_NONE, TB_LIVENESS_FINE, .silent_s = 500, .heard_s = 199,
             .freq_s = 20),
        CASE("and then", "STARTED", TB_ANSWER_NONE, TB_LIVENESS_VANISHED, .silent_s = 500, .heard_s = 200,
             .freq_s = 20),
        CASE("a frequency that is none", "STARTED", TB_ANSWER_NONE, TB_LIVENESS_VANISHED, .heard_s = 60,
             .freq_s = -1),
        CASE("not a number", "STARTED", TB_ANSWER_NONE, TB_LIVENESS_VANISHED, .heard_s = 60,
             .freq_s = __builtin_nan("")),
        CASE("endless: an hour at most", "STARTED", TB_ANSWER_NONE, TB_LIVENESS_VANISHED, .silent_s = 40000,
             .heard_s = 36000, .listened_s = 50000, .freq_s = __builtin_inf()),
        CASE("endless: not before", "STARTED", TB_ANSWER_NONE, TB_LIVENESS_FINE, .silent_s = 40000,
             .heard_s = 35999, .listened_s = 50000, .freq_s = __builtin_inf()),
    };
    check(cases, TB_COUNT(cases));
}

static void where_we_may_not_ask_silence_decides_if_the_worker_was_ever_heard(void **unused)
{
    (void)unused;
    static const struct liveness_case cases[] = {
        CASE("never heard", "STARTED", TB_ANSWER_IMPOSSIBLE, TB_LIVENESS_FINE, .heard_s = -1),
        CASE("heard lately", "STARTED", TB_ANSWER_IMPOSSIBLE, TB_LIVENESS_FINE, .heard_s = 5),
        CASE("silent", "STARTED", TB_ANSWER_IMPOSSIBLE, TB_LIVENESS_VANISHED, .heard_s = 60),
    };
    check(cases, TB_COUNT(cases));
}

static void assert_reason(enum tb_liveness_verdict verdict, const char *expected)
{
    struct tb_buf buf;

    tb_buf_init(&buf, TB_KIB);
    tb_liveness_push_reason(verdict, TB_STR("w1@host"), &buf);
    assert_string_equal(buf.ptr, expected);
    tb_buf_deinit(&buf);
}

static void the_reason_says_what_happened(void **unused)
{
    (void)unused;
    assert_reason(TB_LIVENESS_VANISHED, "worker w1@host vanished");
    assert_reason(TB_LIVENESS_GONE,
                  "outcome unknown: the worker no longer has it and its last event never came");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_silent_task_that_a_worker_has_is_asked_for),
        cmocka_unit_test(a_worker_that_has_the_task_settles_it),
        cmocka_unit_test(it_is_gone_after_two_noes_apart_and_a_look_at_what_runs),
        cmocka_unit_test(a_received_task_is_gone_only_with_a_worker_that_came_back),
        cmocka_unit_test(under_a_shared_name_a_no_means_nothing),
        cmocka_unit_test(a_worker_vanished_when_it_neither_answers_nor_was_heard_for_the_bound),
        cmocka_unit_test(ten_heartbeats_are_waited_for),
        cmocka_unit_test(where_we_may_not_ask_silence_decides_if_the_worker_was_ever_heard),
        cmocka_unit_test(the_reason_says_what_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

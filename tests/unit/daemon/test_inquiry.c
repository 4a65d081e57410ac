/* Which question goes to whom, and what each answer says of each task. The mailbox is the test's own. */
#include "jobs/inquiry.h"

#include "unit/check.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the mailbox ---- */

static struct tb_pidbox {
    struct tb_pidbox_events events;
    const struct tb_pidbox_round *round;
} mailbox;

int tb_pidbox_new(const struct tb_broker *broker, const struct tb_pidbox_events *events,
                  struct tb_pidbox **ret_pidbox, struct tb_error *err)
{
    (void)broker, (void)err;
    mailbox = (struct tb_pidbox){.events = *events};
    *ret_pidbox = &mailbox;
    return 0;
}

void tb_pidbox_free(struct tb_pidbox *pidbox)
{
    (void)pidbox;
}

void tb_pidbox_cancel(struct tb_pidbox *pidbox)
{
    pidbox->round = NULL;
}

bool tb_pidbox_is_busy(const struct tb_pidbox *pidbox)
{
    return pidbox->round != NULL;
}

void tb_pidbox_ask(struct tb_pidbox *pidbox, const struct tb_pidbox_round *round)
{
    pidbox->round = round;
}

static void answer(size_t question, const char *const *ids, size_t count)
{
    struct tb_pidbox_task tasks[4];

    for (size_t i = 0; i < count; i++)
        tasks[i] = (struct tb_pidbox_task){tb_str_of(ids[i]), TB_STR("active")};
    mailbox.events.on_answer(mailbox.events.owner, question, tasks, count);
}

static void finish(int outcome, const char *text)
{
    struct tb_error err = {0};

    if (text)
        tb_error_set(&err, outcome, "%s", text);
    mailbox.round = NULL;
    mailbox.events.on_done(mailbox.events.owner, outcome, &err);
}

/* ---- the suspects ---- */

static struct tb_inquiry *inquiry;
static struct tb_suspect suspects[TB_SUSPECTS_MAX];
static int done_count;
static bool is_failed;

static void on_done(void *owner, const struct tb_error *err)
{
    (void)owner;
    done_count++;
    is_failed = err != NULL;
}

static int set_up(void **state)
{
    const struct tb_inquiry_options options = {.on_done = on_done};

    (void)state;
    done_count = 0;
    memset(suspects, 0, sizeof(suspects));
    return tb_inquiry_new(&options, &inquiry, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    tb_inquiry_free(inquiry);
    return 0;
}

static void suspect(size_t index, const char *id, const char *worker, bool is_asked)
{
    suspects[index].task.task_id = tb_str_of(id);
    suspects[index].task.facts.worker = tb_str_of(worker);
    suspects[index].is_asked = is_asked;
}

static void ask_about_four(enum tb_pidbox_method method)
{
    suspect(0, "a", "w1@h", true);
    suspect(1, "b", "w2@h", true);
    suspect(2, "c", "w1@h", true);
    suspect(3, "d", "w1@h", false);
    tb_inquiry_ask(inquiry, method, suspects, 4, NULL);
}

static void test_tasks_of_one_worker_share_a_question(void **state)
{
    (void)state;
    ask_about_four(TB_PIDBOX_QUERY_TASK);
    assert_int_equal(mailbox.round->method, TB_PIDBOX_QUERY_TASK);
    assert_int_equal(mailbox.round->question_count, 2);
    assert_str(mailbox.round->questions[0].worker, "w1@h");
    assert_int_equal(mailbox.round->questions[0].id_count, 2);
    assert_str(mailbox.round->questions[0].ids[0], "a");
    assert_str(mailbox.round->questions[0].ids[1], "c");
    assert_str(mailbox.round->questions[1].worker, "w2@h");
    assert_int_equal(mailbox.round->questions[1].id_count, 1);
    assert_str(mailbox.round->questions[1].ids[0], "b");
    finish(0, NULL);
}

static void test_what_runs_is_asked_without_ids(void **state)
{
    (void)state;
    ask_about_four(TB_PIDBOX_ACTIVE);
    assert_int_equal(mailbox.round->question_count, 2);
    assert_int_equal(mailbox.round->questions[0].id_count, 0);
    assert_int_equal(mailbox.round->questions[1].id_count, 0);
    finish(0, NULL);
}

static void test_more_tasks_than_a_question_holds_make_another(void **state)
{
    static char ids[TB_SUSPECTS_MAX][8];

    (void)state;
    for (size_t i = 0; i < 150; i++) {
        snprintf(ids[i], sizeof(ids[i]), "t%zu", i);
        suspect(i, ids[i], "w1@h", true);
    }
    tb_inquiry_ask(inquiry, TB_PIDBOX_QUERY_TASK, suspects, 150, NULL);
    assert_int_equal(mailbox.round->question_count, 2);
    assert_int_equal(mailbox.round->questions[0].id_count, 100);
    assert_int_equal(mailbox.round->questions[1].id_count, 50);
    assert_str(mailbox.round->questions[1].ids[0], "t100");
    answer(1, (const char *const[]){"t149"}, 1);
    finish(0, NULL);
    assert_int_equal(suspects[99].answer, TB_ANSWER_NONE);
    assert_int_equal(suspects[100].answer, TB_ANSWER_HAS_NOT);
    assert_int_equal(suspects[149].answer, TB_ANSWER_HAS);
}

static void test_an_answer_tells_of_each_task_that_was_asked_about(void **state)
{
    (void)state;
    ask_about_four(TB_PIDBOX_QUERY_TASK);
    answer(0, (const char *const[]){"c", "d"}, 2);
    finish(0, NULL);
    assert_int_equal(done_count, 1);
    assert_false(is_failed);
    assert_int_equal(suspects[0].answer, TB_ANSWER_HAS_NOT);
    assert_int_equal(suspects[1].answer, TB_ANSWER_NONE);
    assert_int_equal(suspects[2].answer, TB_ANSWER_HAS);
    assert_int_equal(suspects[3].answer, TB_ANSWER_NOT_ASKED);
}

static void test_who_answered_once_and_is_silent_now_is_busy(void **state)
{
    (void)state;
    ask_about_four(TB_PIDBOX_ACTIVE);
    answer(0, (const char *const[]){"a"}, 1);
    finish(0, NULL);
    assert_int_equal(suspects[0].answer, TB_ANSWER_RUNS);
    assert_int_equal(suspects[1].answer, TB_ANSWER_USELESS);
    assert_int_equal(suspects[2].answer, TB_ANSWER_RUNS_NOT);
}

static void test_an_answer_that_cant_be_read_is_a_sign_of_life(void **state)
{
    const struct tb_error err = {.text = "in yaml"};

    (void)state;
    ask_about_four(TB_PIDBOX_QUERY_TASK);
    mailbox.events.on_unreadable(mailbox.events.owner, 0, &err);
    finish(0, NULL);
    assert_int_equal(suspects[0].answer, TB_ANSWER_USELESS);
    assert_int_equal(suspects[1].answer, TB_ANSWER_NONE);
    assert_int_equal(suspects[2].answer, TB_ANSWER_USELESS);
}

static void test_who_may_not_ask_knows_it_from_silence(void **state)
{
    (void)state;
    ask_about_four(TB_PIDBOX_QUERY_TASK);
    finish(TB_PIDBOX_FORBIDDEN, "not allowed");
    assert_false(is_failed);
    assert_int_equal(suspects[0].answer, TB_ANSWER_IMPOSSIBLE);
    assert_int_equal(suspects[1].answer, TB_ANSWER_IMPOSSIBLE);
    assert_int_equal(suspects[3].answer, TB_ANSWER_NOT_ASKED);
    ask_about_four(TB_PIDBOX_QUERY_TASK);
    finish(TB_PIDBOX_NOBODY, "no mailbox");
    assert_false(is_failed);
    assert_int_equal(suspects[1].answer, TB_ANSWER_IMPOSSIBLE);
}

static void test_a_broken_connection_is_told(void **state)
{
    (void)state;
    ask_about_four(TB_PIDBOX_QUERY_TASK);
    finish(-104, "reset");
    assert_int_equal(done_count, 1);
    assert_true(is_failed);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_tasks_of_one_worker_share_a_question),
        TEST(test_what_runs_is_asked_without_ids),
        TEST(test_more_tasks_than_a_question_holds_make_another),
        TEST(test_an_answer_tells_of_each_task_that_was_asked_about),
        TEST(test_who_answered_once_and_is_silent_now_is_busy),
        TEST(test_an_answer_that_cant_be_read_is_a_sign_of_life),
        TEST(test_who_may_not_ask_knows_it_from_silence),
        TEST(test_a_broken_connection_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Questions to a database that takes connections and says nothing: a listening socket of the test's own. */
#include "database.h"

#include "engine/listener.h"
#include "taskbridge/base/limits.h"
#include "unit/check.h"

#include <stdio.h>
#include <unistd.h>

struct fixture {
    struct tb_loop *loop;
    struct tb_log log;
    struct tb_database *database;
    int listener;
    size_t asked, answers, stop_at;
    int outcome; /* of the last answer */
    struct tb_transaction transactions[TB_HTTP_ASKS_MAX];
    struct tb_question questions[TB_HTTP_ASKS_MAX + 1];
};

static void prepare(struct tb_question *question)
{
    fail_msg("%p is asked of a database that is not there", (void *)question);
}

static void on_answer(struct tb_question *question, int outcome)
{
    struct fixture *fixture = question->owner;

    fixture->outcome = outcome;
    if (++fixture->answers == fixture->stop_at)
        tb_loop_stop(fixture->loop);
}

static int ask_for(struct fixture *fixture, struct tb_str company)
{
    size_t index = fixture->asked++;
    struct tb_question *question = &fixture->questions[index];

    *question = (struct tb_question){.transaction = &fixture->transactions[index % TB_HTTP_ASKS_MAX],
                                     .prepare = prepare,
                                     .on_answer = on_answer,
                                     .company = company,
                                     .owner = fixture};
    return tb_database_ask(fixture->database, question);
}

static int ask(struct fixture *fixture)
{
    return ask_for(fixture, TB_STR_NULL);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    char address[TB_LISTENER_TEXT_BYTES], url[256];

    fixture = (struct fixture){.listener = -1};
    *state = &fixture;
    tb_log_init(&fixture.log, STDERR_FILENO, TB_LOG_ERROR, TB_LOG_TEXT);
    assert_int_equal(tb_loop_new(&fixture.loop, NULL), 0);
    assert_int_equal(tb_listener_open("127.0.0.1:0", &fixture.listener, address, NULL), 0);
    snprintf(url, sizeof(url), "postgresql://nobody@%s/nothing", address);
    return tb_database_open(&(struct tb_database_options){.loop = fixture.loop,
                                                          .log = &fixture.log,
                                                          .url = url,
                                                          .schema = "taskbridge",
                                                          .name = "test",
                                                          .connect_timeout_us = 60 * TB_US_PER_S,
                                                          .response_timeout_us = 60 * TB_US_PER_S},
                            &fixture.database, NULL);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    tb_database_close(fixture->database);
    tb_loop_free(fixture->loop);
    close(fixture->listener);
    return 0;
}

static void question_waits_two_seconds_and_the_next_not_at_all(void **state)
{
    struct fixture *fixture = *state;
    int64_t began_us = tb_clock_monotonic_us();

    fixture->stop_at = 2;
    assert_int_equal(ask(fixture), 0);
    assert_int_equal(ask(fixture), 0);
    assert_int_equal(fixture->answers, 0);
    assert_int_equal(tb_loop_run(fixture->loop, NULL), 0);
    assert_true(tb_clock_monotonic_us() - began_us >= 2 * TB_US_PER_S);
    assert_int_equal(fixture->answers, 2);
    assert_int_equal(fixture->outcome, TB_DATABASE_AWAY);
    assert_int_equal(ask(fixture), TB_DATABASE_AWAY);
}

static void questions_past_the_ceiling_are_refused(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < TB_HTTP_ASKS_MAX; i++)
        assert_int_equal(ask(fixture), 0);
    assert_int_equal(ask(fixture), TB_DATABASE_CROWDED);
}

static void one_company_has_its_share_of_the_list(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < TB_HTTP_ASKS_A_COMPANY_MAX; i++)
        assert_int_equal(ask_for(fixture, TB_STR("73")), 0);
    assert_int_equal(ask_for(fixture, TB_STR("73")), TB_DATABASE_CROWDED);
    assert_int_equal(ask_for(fixture, TB_STR("74")), 0);
}

static void what_nobody_wants_any_more_is_answered_soon(void **state)
{
    struct fixture *fixture = *state;
    int64_t began_us = tb_clock_monotonic_us();

    fixture->stop_at = 1;
    assert_int_equal(ask(fixture), 0);
    tb_database_abandon(&fixture->questions[0]);
    assert_int_equal(fixture->answers, 0);
    assert_int_equal(tb_loop_run(fixture->loop, NULL), 0);
    assert_true(tb_clock_monotonic_us() - began_us < TB_US_PER_S);
}

static void stopping_answers_everybody_at_once(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(ask(fixture), 0);
    assert_int_equal(ask(fixture), 0);
    tb_database_stop(fixture->database);
    assert_int_equal(fixture->answers, 2);
    assert_int_equal(fixture->outcome, TB_DATABASE_AWAY);
    assert_int_equal(ask(fixture), TB_DATABASE_AWAY);
}

static void url_that_is_none_is_refused_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct tb_database *database = NULL;
    struct tb_error err = {0};
    const struct tb_database_options options = {.loop = fixture->loop,
                                                .log = &fixture->log,
                                                .url = "postgresql://[broken",
                                                .schema = "taskbridge",
                                                .name = "test",
                                                .connect_timeout_us = TB_US_PER_S};

    assert_true(tb_database_open(&options, &database, &err) < 0);
    assert_null(database);
    assert_true(err.text[0] != '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(question_waits_two_seconds_and_the_next_not_at_all, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(questions_past_the_ceiling_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_company_has_its_share_of_the_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_nobody_wants_any_more_is_answered_soon, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stopping_answers_everybody_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(url_that_is_none_is_refused_at_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Transactions and their ends, where no server can be brought to give the answer: errors at the Sync, of
 * which no statement is guilty; a commit that a canceled wait confirms; plans that became outdated. */
#include "taskbridge/pg/connection.h"

#include "fake_libpq.h"
#include "unit/check.h"

static const struct tb_query first = {"first", "SELECT 1"}, second = {"second", "SELECT 2"};

struct fixture {
    struct tb_loop *loop;
    struct tb_pg_connection *connection;
    bool is_ready;
    size_t ended, stop_at, results, lost;
    int outcomes[8];
    struct tb_error errors[8];
    struct tb_error why_lost;
    struct tb_statement statements[2];
    struct tb_transaction transactions[4];
    struct tb_timer patience;
};

static void on_ready(void *owner)
{
    struct fixture *fixture = owner;

    fixture->is_ready = true;
    tb_loop_stop(fixture->loop);
}

static void on_lost(void *owner, const struct tb_error *err, int64_t retry_in_us)
{
    struct fixture *fixture = owner;

    (void)retry_in_us;
    fixture->is_ready = false;
    fixture->lost++;
    fixture->why_lost = *err;
    tb_loop_stop(fixture->loop);
}

static void on_result(struct tb_transaction *transaction, size_t statement, const struct tb_result *result)
{
    struct fixture *fixture = transaction->owner;

    (void)statement, (void)result;
    fixture->results++;
}

static void on_done(struct tb_transaction *transaction, int outcome, const struct tb_error *err)
{
    struct fixture *fixture = transaction->owner;
    size_t index = (size_t)(transaction - fixture->transactions);

    fixture->outcomes[index] = outcome;
    fixture->errors[index] = err ? *err : (struct tb_error){0};
    if (++fixture->ended == fixture->stop_at)
        tb_loop_stop(fixture->loop);
}

static void on_patience_over(struct tb_timer *timer)
{
    (void)timer;
    fail_msg("nothing happened");
}

static void run(struct fixture *fixture)
{
    tb_loop_arm(fixture->loop, &fixture->patience, 20 * TB_US_PER_S);
    assert_int_equal(tb_loop_run(fixture->loop, NULL), 0);
    tb_loop_disarm(fixture->loop, &fixture->patience);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    const struct tb_pg_connection_options options = {.url = "host=127.0.0.1 dbname=x",
                                                     .schema = "s",
                                                     .application_name = "test",
                                                     .connect_timeout_us = 10 * TB_US_PER_S,
                                                     .response_timeout_us = 10 * TB_US_PER_S,
                                                     .on_ready = on_ready,
                                                     .on_lost = on_lost,
                                                     .owner = &fixture};

    fake_libpq_reset();
    fixture = (struct fixture){.statements = {{.query = &first}, {.query = &second}}};
    fixture.patience.on_expire = on_patience_over;
    *state = &fixture;
    assert_int_equal(tb_loop_new(&fixture.loop, NULL), 0);
    assert_int_equal(tb_pg_connection_open(fixture.loop, &options, &fixture.connection, NULL), 0);
    run(&fixture);
    assert_true(fixture.is_ready);
    fake_libpq_serve(false);
    fake_libpq_sent();
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    tb_pg_connection_close(fixture->connection);
    tb_loop_free(fixture->loop);
    return 0;
}

static void submit(struct fixture *fixture, size_t index)
{
    fixture->transactions[index] = (struct tb_transaction){.statements = fixture->statements,
                                                           .statement_count = 2,
                                                           .on_result = on_result,
                                                           .on_done = on_done,
                                                           .owner = fixture};
    tb_pg_connection_submit(fixture->connection, &fixture->transactions[index]);
}

static void play(struct fixture *fixture, size_t count)
{
    fixture->stop_at = fixture->ended + count;
    fake_libpq_wake();
    run(fixture);
}

/* One that goes well. */
static void submit_and_serve(struct fixture *fixture)
{
    fake_libpq_serve(true);
    fixture->stop_at = fixture->ended + 1;
    submit(fixture, 0);
    run(fixture);
    fake_libpq_serve(false);
}

/* Both statements were fine, with their preparation where is_first; then the commit fails. */
static void answer_failing_commit(bool is_first, const char *sqlstate, const char *message)
{
    for (size_t i = 0; i < 2; i++) {
        if (is_first) {
            fake_libpq_answer(PGRES_COMMAND_OK);
            fake_libpq_gap();
        }
        fake_libpq_answer(PGRES_TUPLES_OK);
        fake_libpq_gap();
    }
    fake_libpq_fail(sqlstate, message);
    fake_libpq_gap();
    fake_libpq_answer(PGRES_PIPELINE_SYNC);
}

static void an_error_at_the_commit_ends_the_transaction_by_its_class(void **state)
{
    static const struct {
        const char *sqlstate;
        int outcome;
    } cases[] = {
        {"P0001", TB_PG_REFUSED}, /* raised by a deferred constraint trigger */
        {"23503", TB_PG_REFUSED}, /* a deferred foreign key */
        {"54000", TB_PG_REFUSED}, /* too many notifications, a limit of the server's */
        {"55P03", TB_PG_BUSY},    /* lock_timeout, for the lock that a NOTIFYing commit takes */
        {"57014", TB_PG_BUSY},    /* canceled by somebody's hand */
        {"40001", TB_PG_BUSY},    /* serialization failure */
        {"42501", TB_PG_FAILED},  /* rights, of a function that the commit calls */
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        submit(fixture, 0);
        answer_failing_commit(i == 0, cases[i].sqlstate, "ERROR:  not so");
        play(fixture, 1);
        assert_int_equal(fixture->outcomes[0], cases[i].outcome);
        assert_string_equal(fixture->errors[0].sqlstate, cases[i].sqlstate);
        assert_non_null(strstr(fixture->errors[0].text, "commit: not so"));
    }
    fake_libpq_sent();
    submit_and_serve(fixture);
    assert_string_equal(fake_libpq_sent(), "execute first; execute second; sync");
    assert_int_equal(fixture->outcomes[0], 0);
}

static void what_is_submitted_behind_a_failed_commit_ends_by_itself(void **state)
{
    struct fixture *fixture = *state;

    submit(fixture, 0);
    submit(fixture, 1);
    answer_failing_commit(true, "23514", "ERROR:  not so");
    for (size_t i = 0; i < 2; i++) {
        fake_libpq_answer(PGRES_TUPLES_OK);
        fake_libpq_gap();
    }
    fake_libpq_answer(PGRES_PIPELINE_SYNC);
    play(fixture, 2);
    assert_int_equal(fixture->outcomes[0], TB_PG_REFUSED);
    assert_int_equal(fixture->outcomes[1], 0);
}

static void a_session_that_is_ended_at_the_commit_leaves_it_unknown(void **state)
{
    struct fixture *fixture = *state;

    submit(fixture, 0);
    answer_failing_commit(true, "57P01", "FATAL:  terminating connection due to administrator command");
    fake_libpq_break("server closed the connection unexpectedly");
    play(fixture, 1);
    assert_int_equal(fixture->outcomes[0], TB_PG_LOST);
}

static void answer_stale(const char *sqlstate, const char *function)
{
    fake_libpq_fail_in(sqlstate, "ERROR:  cached plan must not change result type", function);
    fake_libpq_gap();
    fake_libpq_answer(PGRES_PIPELINE_ABORTED);
    fake_libpq_gap();
    fake_libpq_answer(PGRES_PIPELINE_SYNC);
}

static void what_ddl_has_outdated_is_prepared_anew_under_another_name(void **state)
{
    static const char *const stale[][2] = {{"0A000", "RevalidateCachedQuery"},
                                           {"26000", "FetchPreparedStatement"},
                                           {"42P05", "StorePreparedStatement"}};
    static const char *const sent[] = {
        "prepare first_1; execute first_1; prepare second_1; execute second_1; sync",
        "prepare first_2; execute first_2; prepare second_2; execute second_2; sync",
        "prepare first_3; execute first_3; prepare second_3; execute second_3; sync"};
    struct fixture *fixture = *state;

    submit_and_serve(fixture);
    for (size_t i = 0; i < TB_COUNT(stale); i++) {
        submit(fixture, 0);
        submit(fixture, 1);
        answer_stale(stale[i][0], stale[i][1]);
        answer_stale(stale[i][0], stale[i][1]);
        play(fixture, 2);
        assert_int_equal(fixture->outcomes[0], TB_PG_STALE);
        assert_int_equal(fixture->outcomes[1], TB_PG_STALE);
        fake_libpq_sent();
        submit_and_serve(fixture);
        assert_string_equal(fake_libpq_sent(), sent[i]);
        assert_int_equal(fixture->outcomes[0], 0);
    }
}

static void what_is_not_supported_is_not_outdated(void **state)
{
    struct fixture *fixture = *state;

    submit_and_serve(fixture);
    submit(fixture, 0);
    answer_stale("0A000", "transformAlterTable");
    play(fixture, 1);
    assert_int_equal(fixture->outcomes[0], TB_PG_FAILED);
}

static void a_commit_whose_wait_for_a_standby_is_canceled_is_not_known(void **state)
{
    struct fixture *fixture = *state;

    submit_and_serve(fixture);
    submit(fixture, 0);
    for (size_t i = 0; i < 2; i++) {
        fake_libpq_answer(PGRES_TUPLES_OK);
        fake_libpq_gap();
    }
    fake_libpq_notice("01000", "se canceló la espera", "SyncRepWaitForLSN");
    fake_libpq_answer(PGRES_PIPELINE_SYNC);
    play(fixture, 1);
    assert_int_equal(fixture->outcomes[0], TB_PG_LOST);
    submit_and_serve(fixture);
    assert_int_equal(fixture->outcomes[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_error_at_the_commit_ends_the_transaction_by_its_class, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_submitted_behind_a_failed_commit_ends_by_itself, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_ddl_has_outdated_is_prepared_anew_under_another_name, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_supported_is_not_outdated, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_commit_whose_wait_for_a_standby_is_canceled_is_not_known, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_session_that_is_ended_at_the_commit_leaves_it_unknown, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a supervisor asks: whether the process lives, and whether it is of use.
 *
 * Ready means that a company's document could be read now: the very statements are run, for no company. So a
 * database that is reachable but was never migrated is not ready, and says so. */
#include "health.h"

#include "database.h"
#include "problem.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/store/company.h"

#include <stdlib.h>

struct check {
    struct tb_exchange *exchange; /* NULL: gone */
    struct tb_arena arena;
    struct tb_company_read read;
    struct tb_question question;
};

void tb_health_get_alive(struct tb_exchange *exchange)
{
    tb_exchange_answer_text(exchange, "application/json", "{\"status\":\"alive\"}");
}

static void answer(struct tb_exchange *exchange, int outcome)
{
    if (!outcome)
        tb_exchange_answer_text(exchange, "application/json", "{\"status\":\"ready\"}");
    else if (outcome == TB_DATABASE_BROKEN)
        tb_problem_answer_away(exchange,
                               "The database answers but lacks what is asked for; run `taskbridge migrate`.");
    else
        tb_problem_answer_away(exchange, "The database does not answer.");
}

static void prepare(struct tb_question *question)
{
    struct check *check = question->owner;

    tb_company_read_prepare(&check->read);
}

static void on_answer(struct tb_question *question, int outcome)
{
    struct check *check = question->owner;
    struct tb_exchange *exchange = check->exchange;

    tb_arena_deinit(&check->arena);
    free(check);
    if (!exchange)
        return;
    exchange->on_gone = NULL;
    exchange->work = NULL;
    answer(exchange, outcome);
}

static void on_gone(struct tb_exchange *exchange)
{
    struct check *check = exchange->work;

    check->exchange = NULL;
}

void tb_health_get_ready(struct tb_exchange *exchange)
{
    struct check *check = calloc(1, sizeof(*check));

    if (!check) {
        answer(exchange, TB_DATABASE_CROWDED);
        return;
    }
    check->exchange = exchange;
    tb_arena_init(&check->arena, TB_MIB);
    check->read = (struct tb_company_read){
        .visible_s = 1, .timeout_ms = TB_DATABASE_STATEMENT_MS, .arena = &check->arena};
    check->question = (struct tb_question){
        .transaction = &check->read.transaction, .prepare = prepare, .on_answer = on_answer, .owner = check};
    int outcome = tb_database_ask(exchange->services->database, &check->question);
    if (outcome) {
        tb_arena_deinit(&check->arena);
        free(check);
        answer(exchange, outcome);
        return;
    }
    exchange->work = check;
    exchange->on_gone = on_gone;
}

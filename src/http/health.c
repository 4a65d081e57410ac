/* What a supervisor asks: whether the process lives, and whether it is of use.
 *
 * Ready means that a company's document could be read now: the very statements are run, for nobody and no
 * company. So a database that is reachable but was never migrated is not ready, and says so. */
#include "health.h"

#include "database.h"
#include "problem.h"

void tb_health_get_alive(struct tb_request *request)
{
    tb_request_answer_text(request, "application/json", "{\"status\":\"alive\"}");
}

static void on_answer(void *owner, int outcome, struct tb_company_read *read)
{
    struct tb_request *request = owner;

    (void)read;
    if (!outcome)
        tb_request_answer_text(request, "application/json", "{\"status\":\"ready\"}");
    else if (outcome == TB_DATABASE_BROKEN)
        tb_problem_answer_away(request,
                               "The database answers but lacks what is asked for; run `taskbridge migrate`.");
    else
        tb_problem_answer_away(request, "The database does not answer.");
}

void tb_health_get_ready(struct tb_request *request)
{
    struct tb_question question = {.on_answer = on_answer, .owner = request};
    int outcome = tb_database_ask(request->services->database, &question);

    if (outcome)
        on_answer(request, outcome, NULL);
    else
        tb_request_suspend(request);
}

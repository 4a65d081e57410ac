/* Errors as RFC 9457 has them: type, title, status, detail, instance; beside these the request's id, and the
 * parameter that is wrong.
 *
 * Whoever asks for a company that is not theirs gets the very words of one that is not there. */
#include "problem.h"

#include "database.h"
#include "taskbridge/base/json.h"
#include "taskbridge/base/limits.h"

#define PROBLEM_MAX_BYTES (8 * TB_HTTP_CONNECTION_BYTES)

void tb_problem_push(const struct tb_problem *problem, struct tb_str path, struct tb_str id,
                     struct tb_buf *buf)
{
    struct tb_json json;

    tb_json_init(&json, buf);
    tb_json_begin_object(&json, NULL);
    tb_json_str(&json, "type", TB_STR("about:blank"));
    tb_json_str(&json, "title", tb_str_of(tb_answer_reason(problem->code)));
    tb_json_int(&json, "status", problem->code);
    tb_json_str(&json, "detail", tb_str_of(problem->detail));
    if (problem->parameter)
        tb_json_str(&json, "parameter", tb_str_of(problem->parameter));
    tb_json_str(&json, "instance", path);
    tb_json_str(&json, "request_id", id);
    tb_json_end_object(&json);
}

void tb_problem_answer(struct tb_exchange *exchange, const struct tb_problem *problem)
{
    struct tb_reply reply = {.code = problem->code,
                             .content_type = "application/problem+json",
                             .headers = {problem->header},
                             .closes = problem->closes};
    struct tb_buf buf;

    tb_buf_init(&buf, PROBLEM_MAX_BYTES);
    tb_problem_push(problem, tb_str_of(exchange->path), tb_str_of(exchange->id), &buf);
    reply.body = tb_body_take(&buf);
    tb_buf_deinit(&buf);
    tb_exchange_answer(exchange, &reply);
}

void tb_problem_answer_nothing_there(struct tb_exchange *exchange)
{
    tb_problem_answer(exchange,
                      &(struct tb_problem){.code = 404, .detail = "There is nothing at this address."});
}

void tb_problem_answer_no_company(struct tb_exchange *exchange)
{
    tb_problem_answer(
        exchange,
        &(struct tb_problem){.code = 404, .detail = "There is no such company, or it is not yours to see."});
}

void tb_problem_answer_away(struct tb_exchange *exchange, const char *detail)
{
    tb_problem_answer(exchange, &(struct tb_problem){
                                    .code = 503, .detail = detail, .header = {"Retry-After", TB_STR("2")}});
}

void tb_problem_answer_database(struct tb_exchange *exchange, int outcome)
{
    const char *detail = "The database does not answer; try again in a moment.";

    if (outcome == TB_DATABASE_CROWDED)
        detail = "Too many requests wait for the database; try again in a moment.";
    else if (outcome == TB_DATABASE_BROKEN)
        detail = "The database cannot answer this; the server's log says why.";
    tb_problem_answer_away(exchange, detail);
}

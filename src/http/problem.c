/* Errors as RFC 7807 has them: type, title, status, detail, instance; beside these the request's id, and the
 * parameter that is wrong.
 *
 * Whoever asks for a company that is not theirs gets the very words of one that is not there. */
#include "problem.h"

#include "taskbridge/base/json.h"

#define PROBLEM_MAX_BYTES ((size_t)64 * 1024)

void tb_problem_push(const struct tb_problem *problem, const char *title, struct tb_str path,
                     struct tb_str id, struct tb_buf *buf)
{
    struct tb_json json;

    tb_json_init(&json, buf);
    tb_json_begin_object(&json, NULL);
    tb_json_str(&json, "type", TB_STR("about:blank"));
    tb_json_str(&json, "title", tb_str_of(title));
    tb_json_int(&json, "status", problem->status);
    tb_json_str(&json, "detail", tb_str_of(problem->detail));
    if (problem->parameter)
        tb_json_str(&json, "parameter", tb_str_of(problem->parameter));
    tb_json_str(&json, "instance", path);
    tb_json_str(&json, "request_id", id);
    tb_json_end_object(&json);
}

void tb_problem_answer(struct tb_request *request, const struct tb_problem *problem)
{
    struct tb_answer answer = {
        .status = problem->status, .content_type = "application/problem+json", .headers = {problem->header}};
    struct tb_buf buf;

    tb_buf_init(&buf, PROBLEM_MAX_BYTES);
    tb_problem_push(problem, MHD_get_reason_phrase_for(problem->status), tb_str_of(request->path),
                    tb_str_of(request->id), &buf);
    if (buf.failed) { /* the path is nearly as long as a request may be, and all of it has to be escaped */
        tb_buf_reset(&buf);
        tb_problem_push(problem, MHD_get_reason_phrase_for(problem->status), TB_STR_NULL,
                        tb_str_of(request->id), &buf);
    }
    answer.body.ptr = tb_buf_take(&buf, &answer.body.len);
    tb_buf_deinit(&buf);
    if (answer.body.ptr)
        tb_request_answer(request, &answer);
    else
        tb_request_fail(request, problem->status);
}

void tb_problem_answer_nothing_there(struct tb_request *request)
{
    tb_problem_answer(request, &(struct tb_problem){.status = MHD_HTTP_NOT_FOUND,
                                                    .detail = "There is nothing at this address."});
}

void tb_problem_answer_no_credential(struct tb_request *request)
{
    tb_problem_answer(request, &(struct tb_problem){
                                   .status = MHD_HTTP_UNAUTHORIZED,
                                   .detail = "The request needs a valid token: Authorization: Token <key>.",
                                   .header = {"WWW-Authenticate", "Token realm=\"taskbridge\""}});
}

void tb_problem_answer_no_company(struct tb_request *request)
{
    tb_problem_answer(request,
                      &(struct tb_problem){.status = MHD_HTTP_NOT_FOUND,
                                           .detail = "There is no such company, or it is not yours to see."});
}

void tb_problem_answer_away(struct tb_request *request, const char *detail)
{
    tb_problem_answer(request, &(struct tb_problem){.status = MHD_HTTP_SERVICE_UNAVAILABLE,
                                                    .detail = detail,
                                                    .header = {"Retry-After", "2"}});
}

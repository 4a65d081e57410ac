/* What went wrong with a request, as application/problem+json. */
#ifndef TASKBRIDGE_HTTP_PROBLEM_H
#define TASKBRIDGE_HTTP_PROBLEM_H

#include "request.h"
#include "taskbridge/base/buf.h"

struct tb_problem {
    unsigned status;
    const char *detail;      /* for a person: what, and what helps */
    const char *parameter;   /* which one is wrong; may be NULL */
    struct tb_header header; /* one more, such as Allow; may be empty */
};

/* Pushes the problem's document; ask buf->failed afterwards. */
void tb_problem_push(const struct tb_problem *problem, const char *title, struct tb_str path,
                     struct tb_str id, struct tb_buf *buf);

/* Answers the request with it. */
void tb_problem_answer(struct tb_request *request, const struct tb_problem *problem);

/* The usual ones. */
void tb_problem_answer_nothing_there(struct tb_request *request);
void tb_problem_answer_no_credential(struct tb_request *request);
void tb_problem_answer_no_company(struct tb_request *request);
void tb_problem_answer_away(struct tb_request *request, const char *detail);

#endif

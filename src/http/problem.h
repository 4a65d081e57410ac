/* What went wrong with a request, as application/problem+json. */
#ifndef TASKBRIDGE_HTTP_PROBLEM_H
#define TASKBRIDGE_HTTP_PROBLEM_H

#include "exchange.h"

struct tb_problem {
    unsigned code;
    const char *detail;      /* for a person: what, and what helps */
    const char *parameter;   /* which one is wrong; may be NULL */
    struct tb_header header; /* one more, such as Allow; may be empty */
    bool closes;
};

/* Pushes the problem's document; ask buf->failed afterwards. */
void tb_problem_push(const struct tb_problem *problem, struct tb_str path, struct tb_str id,
                     struct tb_buf *buf);

/* Answers with it; as tb_exchange_answer. */
void tb_problem_answer(struct tb_exchange *exchange, const struct tb_problem *problem);

/* The usual ones. */
void tb_problem_answer_nothing_there(struct tb_exchange *exchange);
void tb_problem_answer_no_company(struct tb_exchange *exchange);
void tb_problem_answer_away(struct tb_exchange *exchange, const char *detail);
/* outcome: an enum tb_database_outcome. */
void tb_problem_answer_database(struct tb_exchange *exchange, int outcome);

#endif

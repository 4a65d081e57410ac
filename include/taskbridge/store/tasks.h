/* Tasks for an operator: the rows as they are, and why they say what they say. */
#ifndef TASKBRIDGE_STORE_TASKS_H
#define TASKBRIDGE_STORE_TASKS_H

#include "taskbridge/pg/session.h"

/* The null string and 0 ask for all. */
struct tb_task_filter {
    struct tb_str status;  /* as people see it, or Celery's own */
    struct tb_str company; /* canonical */
    struct tb_str type;    /* or the whole name */
    struct tb_str worker;
    int64_t since_s;
    int64_t before_id; /* only those with a smaller id: the next page */
    int64_t limit;     /* 0: 100 */
};

/* Borrowed during the call. Stamps are TB_STAMP_NONE where not known. */
struct tb_task {
    int64_t id;
    struct tb_str task_id, celery_state, name, company, worker, error;
    int64_t progress, first_at, started_at, completed_at;
};

/* The newest first. */
int tb_task_list(struct tb_pg_session *session, const struct tb_task_filter *filter,
                 void (*on_task)(void *owner, const struct tb_task *task), void *owner,
                 struct tb_error *err) TB_MUST_CHECK;

/* All that is known, column by column; *ret_found is false where the task is not there. */
int tb_task_show(struct tb_pg_session *session, struct tb_str task_id,
                 void (*on_column)(void *owner, struct tb_str name, struct tb_str value), void *owner,
                 bool *ret_found, struct tb_error *err) TB_MUST_CHECK;

enum tb_task_reason_kind { TB_TASK_STATE, TB_TASK_FACT, TB_TASK_COMPANY };

/* Of a state told is the rule that decided, of a fact what came with it, of a company how it is known. */
struct tb_task_reason {
    enum tb_task_reason_kind kind;
    struct tb_str name, told; /* told: null where there is nothing to tell */
    int64_t at;               /* TB_STAMP_NONE: at no time */
};

/* The state, the facts by their time, the company. */
int tb_task_explain(struct tb_pg_session *session, struct tb_str task_id,
                    void (*on_reason)(void *owner, const struct tb_task_reason *reason), void *owner,
                    bool *ret_found, struct tb_error *err) TB_MUST_CHECK;

#endif

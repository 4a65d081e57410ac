/* One task of a company with those around it, or the whole flow that a task began. */
#ifndef TASKBRIDGE_STORE_FLOW_H
#define TASKBRIDGE_STORE_FLOW_H

#include "taskbridge/store/company.h"

#define TB_FLOW_TASKS_MAX ((size_t)1000)

struct tb_flow_task {
    struct tb_document_task task;
    struct tb_str root_id, parent_id; /* null: none */
};

struct tb_flow_read {
    /* Given, and left alone until the transaction is done. Texts are NUL-terminated. */
    const char *company;
    const char *task_id, *flow; /* one of them; the other is NULL */
    int64_t visible_s;
    bool has_history; /* what ended longer ago is seen too */
    int64_t timeout_ms;
    struct tb_arena *arena;

    /* Read, borrowed from the arena. */
    const struct tb_flow_task *tasks;
    size_t task_count;
    bool has_more;
    const struct tb_str *children; /* of task_id */
    size_t child_count;
    bool is_full;

    /* Its own. */
    char numbers[2][TB_STAMP_TEXT_BYTES];
    struct tb_param params[12];
    struct tb_statement statements[3];
    struct tb_transaction transaction;
};

/* As tb_company_read_prepare. */
void tb_flow_read_prepare(struct tb_flow_read *read);

#endif

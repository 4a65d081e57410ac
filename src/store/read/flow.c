/* A task and what it brought about.
 *
 * Relatives are found by the root's id, which all tasks of a flow carry; those of another company are not
 * among them, whatever their events say. */
#include "taskbridge/store/flow.h"

#include "tb_sql.h"

#include "task_row.h"

#include <inttypes.h>
#include <stdio.h>

enum statement { SEE, TASKS, CHILDREN };

static bool read_task(struct tb_flow_read *read, const struct tb_result *result, size_t row,
                      struct tb_flow_task *ret_task)
{
    return tb_task_row_read(result, row, read->arena, &ret_task->task) &&
           tb_arena_copy(read->arena, tb_result_str(result, row, TB_TASK_ROW_COLUMNS), &ret_task->root_id) &&
           tb_arena_copy(read->arena, tb_result_str(result, row, TB_TASK_ROW_COLUMNS + 1),
                         &ret_task->parent_id);
}

static void read_tasks(struct tb_flow_read *read, const struct tb_result *result)
{
    size_t count = tb_result_rows(result);
    struct tb_flow_task *tasks = NULL;

    read->has_more = count > TB_FLOW_TASKS_MAX;
    count = read->has_more ? TB_FLOW_TASKS_MAX : count;
    tasks = tb_arena_calloc(read->arena, count ? count : 1, sizeof(*tasks));
    read->is_full = !tasks;
    for (size_t i = 0; i < count && !read->is_full; i++)
        read->is_full = !read_task(read, result, i, &tasks[i]);
    read->tasks = tasks;
    read->task_count = count;
}

static void read_children(struct tb_flow_read *read, const struct tb_result *result)
{
    size_t count = tb_result_rows(result);
    struct tb_str *children = tb_arena_calloc(read->arena, count ? count : 1, sizeof(*children));

    read->is_full = read->is_full || !children;
    for (size_t i = 0; i < count && !read->is_full; i++)
        read->is_full = !tb_arena_copy(read->arena, tb_result_str(result, i, 0), &children[i]);
    read->children = children;
    read->child_count = count;
}

static void on_result(struct tb_transaction *transaction, size_t statement, const struct tb_result *result)
{
    struct tb_flow_read *read =
        (struct tb_flow_read *)((char *)transaction - offsetof(struct tb_flow_read, transaction));

    if (statement == TASKS)
        read_tasks(read, result);
    else if (statement == CHILDREN)
        read_children(read, result);
}

void tb_flow_read_prepare(struct tb_flow_read *read)
{
    struct tb_param *see = read->params, *tasks = see + 3, *children = tasks + 4;

    tb_arena_reset(read->arena);
    read->is_full = read->has_more = false;
    read->task_count = read->child_count = 0;
    snprintf(read->numbers[0], sizeof(read->numbers[0]), "%" PRId64, read->timeout_ms);
    snprintf(read->numbers[1], sizeof(read->numbers[1]), "%" PRId64, read->visible_s);
    tasks[0] = tb_param_text(read->task_id);
    tasks[1] = tb_param_text(read->flow);
    tasks[2] = tb_param_text(read->numbers[1]);
    tasks[3] = tb_param_text(read->has_history ? "true" : "false");
    children[0] = tasks[0];
    children[1] = tasks[2];
    children[2] = tasks[3];
    read->statements[SEE] = tb_read_see(see, read->company, false, read->numbers[0]);
    read->statements[TASKS] = (struct tb_statement){&tb_query_http_task, tasks, 4};
    read->statements[CHILDREN] = (struct tb_statement){&tb_query_http_children, children, 3};
    read->transaction.statements = read->statements;
    read->transaction.statement_count = read->task_id ? 3 : 2;
    read->transaction.on_result = on_result;
}

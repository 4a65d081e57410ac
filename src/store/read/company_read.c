/* A company's document out of the database, for whoever shows a token.
 *
 * Four statements are sent at once: http_caller.sql decides who asks and narrows what the other three see. So
 * they need not wait for its answer, and nobody who may not see a company learns from the time it takes
 * whether there is one.
 *
 * What is read is copied into the reader's arena, whose ceiling bounds it: past that, the read ends in
 * -ENOMEM. What the answer to a request is made of it, is not decided here. */
#include "taskbridge/store/company_read.h"

#include "tb_sql.h"

#include "taskbridge/base/limits.h"
#include "taskbridge/store/tokens.h"

#include <errno.h>
#include <stdio.h>

enum statement { CALLER, ACTIVE, RECENT, TOTALS };

/* ---- reading rows ---- */

static struct tb_str copy(struct tb_company_read *read, const struct tb_result *result, size_t row,
                          int column)
{
    struct tb_str text = TB_STR_NULL;

    if (!tb_arena_copy(read->arena, tb_result_str(result, row, column), &text))
        read->is_full = true;
    return text;
}

static void read_caller(struct tb_company_read *read, const struct tb_result *result)
{
    read->caller = (struct tb_caller){.token_id = tb_result_int64(result, 0, 0),
                                      .user = copy(read, result, 0, 1),
                                      .is_operator = tb_result_bool(result, 0, 2),
                                      .may_see = tb_result_bool(result, 0, 3),
                                      .is_idle = tb_result_bool(result, 0, 4)};
}

static void read_task(struct tb_company_read *read, const struct tb_result *result, size_t row,
                      bool is_completed, struct tb_document_task *ret_task)
{
    *ret_task = (struct tb_document_task){
        .task_id = copy(read, result, row, 0),
        .name = copy(read, result, row, 1),
        .status = copy(read, result, row, 2),
        .progress = tb_result_int64(result, row, 3),
        .started_at = tb_result_stamp(result, row, 4),
        .task_type = copy(read, result, row, 5),
        .celery_state = copy(read, result, row, 6),
        .progress_text = copy(read, result, row, 7),
        .has_retries = !tb_result_is_null(result, row, 8),
        .retries = tb_result_int64(result, row, 8),
        .completed_at = is_completed ? tb_result_stamp(result, row, 9) : TB_STAMP_NONE,
        .error_message = is_completed ? copy(read, result, row, 10) : TB_STR_NULL,
    };
}

static const struct tb_document_task *read_tasks(struct tb_company_read *read, const struct tb_result *result,
                                                 bool are_completed)
{
    size_t count = tb_result_rows(result);
    struct tb_document_task *tasks = tb_arena_calloc(read->arena, count ? count : 1, sizeof(*tasks));

    if (!tasks) {
        read->is_full = true;
        return NULL;
    }
    for (size_t i = 0; i < count && !read->is_full; i++)
        read_task(read, result, i, are_completed, &tasks[i]);
    return tasks;
}

static void read_totals(struct tb_company_read *read, const struct tb_result *result)
{
    struct tb_document *document = &read->document;

    document->company_name = copy(read, result, 0, 0);
    document->active_total = tb_result_int64(result, 0, 1);
    document->completed_count = tb_result_int64(result, 0, 2);
    document->total_tasks = document->active_total + document->completed_count;
    document->checked_at = tb_result_stamp(result, 0, 3);
}

static void on_result(struct tb_transaction *transaction, size_t statement, const struct tb_result *result)
{
    struct tb_company_read *read = transaction->owner;

    switch ((enum statement)statement) {
    case CALLER:
        read_caller(read, result);
        break;
    case ACTIVE:
        read->document.active = read_tasks(read, result, false);
        read->document.active_count = tb_result_rows(result);
        break;
    case RECENT:
        read->document.recent = read_tasks(read, result, true);
        read->document.recent_count = tb_result_rows(result);
        break;
    case TOTALS:
        read_totals(read, result);
        break;
    }
}

static void on_read_done(struct tb_transaction *transaction, int outcome, const struct tb_error *err)
{
    struct tb_company_read *read = transaction->owner;
    struct tb_error full = {0};

    if (!outcome && read->is_full) {
        outcome = tb_error_set(&full, -ENOMEM, "the company's tasks are more than one answer may hold");
        err = &full;
    }
    read->on_done(read, outcome, err);
}

/* ---- asking ---- */

void tb_company_read_set_token(struct tb_company_read *read, struct tb_str key)
{
    tb_token_hash(key, read->token_sha256);
}

static struct tb_param limit_param(char text[24], size_t limit)
{
    snprintf(text, 24, "%zu", limit);
    return tb_param_text(text);
}

void tb_company_read_submit(struct tb_pg_connection *connection, struct tb_company_read *read)
{
    struct tb_str hash = {(const char *)read->token_sha256, sizeof(read->token_sha256)};

    tb_arena_reset(read->arena);
    read->is_full = false;
    read->caller = (struct tb_caller){0};
    read->document = (struct tb_document){0};
    read->params[0] = tb_param_bytes(hash);
    read->params[1] = tb_param_text(read->company);
    read->params[2] = limit_param(read->limits[0], TB_DOCUMENT_ACTIVE_MAX);
    read->params[3] = limit_param(read->limits[1], TB_DOCUMENT_RECENT_MAX);
    read->statements[CALLER] = (struct tb_statement){&tb_query_http_caller, &read->params[0], 2};
    read->statements[ACTIVE] = (struct tb_statement){&tb_query_http_active, &read->params[2], 1};
    read->statements[RECENT] = (struct tb_statement){&tb_query_http_recent, &read->params[3], 1};
    read->statements[TOTALS] = (struct tb_statement){&tb_query_http_totals, NULL, 0};
    read->transaction = (struct tb_transaction){.statements = read->statements,
                                                .statement_count = TB_COUNT(read->statements),
                                                .on_result = on_result,
                                                .on_done = on_read_done,
                                                .owner = read};
    tb_pg_connection_submit(connection, &read->transaction);
}

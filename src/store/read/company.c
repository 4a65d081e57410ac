/* A company's document out of the database.
 *
 * Four statements are sent at once: http_see.sql narrows what the other three see. What is read is copied
 * into the reader's arena, whose ceiling bounds it. Counts end at a ceiling, for no question may take longer
 * the more tasks a company had: what lies beyond is asked for apart, and seldom. */
#include "taskbridge/store/company.h"

#include "tb_sql.h"

#include "task_row.h"
#include "taskbridge/base/limits.h"

#include <inttypes.h>
#include <stdio.h>

enum statement { SEE, ACTIVE, RECENT, TOTALS };
enum filter { STATUSES, TYPES, SINCE, UNTIL, TASKS, FLOW, FILTERS };

/* ---- reading rows ---- */

static struct tb_str copy(struct tb_company_read *read, const struct tb_result *result, size_t row,
                          int column)
{
    struct tb_str text = TB_STR_NULL;

    if (!tb_arena_copy(read->arena, tb_result_str(result, row, column), &text))
        read->is_full = true;
    return text;
}

/* One row more than is listed tells that there are more. */
static const struct tb_document_task *read_tasks(struct tb_company_read *read, const struct tb_result *result,
                                                 size_t count)
{
    struct tb_document_task *tasks = tb_arena_calloc(read->arena, count ? count : 1, sizeof(*tasks));

    if (!tasks) {
        read->is_full = true;
        return NULL;
    }
    for (size_t i = 0; i < count && !read->is_full; i++)
        read->is_full = !tb_task_row_read(result, i, read->arena, &tasks[i]);
    return tasks;
}

static size_t recent_limit(const struct tb_company_read *read)
{
    return read->filter && read->filter->limit ? (size_t)read->filter->limit : TB_DOCUMENT_RECENT_MAX;
}

static void read_recent(struct tb_company_read *read, const struct tb_result *result)
{
    size_t count = tb_result_rows(result), limit = recent_limit(read);
    char cursor[64];

    if (count > limit) {
        count = limit;
        int len = snprintf(cursor, sizeof(cursor), "%" PRId64 "-%" PRId64,
                           tb_result_stamp(result, limit - 1, TB_TASK_ROW_ENDED),
                           tb_result_int64(result, limit - 1, TB_TASK_ROW_ID));
        if (!tb_arena_copy(read->arena, (struct tb_str){cursor, (size_t)len}, &read->document.next_cursor))
            read->is_full = true;
    }
    read->document.recent = read_tasks(read, result, count);
    read->document.recent_count = count;
}

static void read_totals(struct tb_company_read *read, const struct tb_result *result)
{
    struct tb_document *document = &read->document;

    document->company_name = copy(read, result, 0, 0);
    document->active_total = tb_result_int64(result, 0, 1);
    document->completed_count = tb_result_int64(result, 0, 2);
    document->failed_count = tb_result_int64(result, 0, 3);
    document->total_tasks = document->active_total + document->completed_count;
    read->is_known = !tb_str_is_null(document->company_name) || tb_result_bool(result, 0, 4);
    read->is_counted = document->active_total <= TB_COMPANY_COUNTED_MAX &&
                       document->completed_count <= TB_COMPANY_COUNTED_MAX;
    read->changes_at = tb_result_stamp(result, 0, 5);
    document->checked_at = tb_result_stamp(result, 0, 6);
}

static void on_result(struct tb_transaction *transaction, size_t statement, const struct tb_result *result)
{
    struct tb_company_read *read =
        (struct tb_company_read *)((char *)transaction - offsetof(struct tb_company_read, transaction));
    size_t count = tb_result_rows(result);

    switch ((enum statement)statement) {
    case SEE:
        break;
    case ACTIVE:
        read->document.active_count = count < TB_DOCUMENT_ACTIVE_MAX ? count : TB_DOCUMENT_ACTIVE_MAX;
        read->document.active = read_tasks(read, result, read->document.active_count);
        break;
    case RECENT:
        read_recent(read, result);
        break;
    case TOTALS:
        read_totals(read, result);
        break;
    }
}

/* ---- asking ---- */

struct tb_statement tb_read_see(struct tb_param params[3], const char *company, bool is_operator,
                                const char *timeout_ms)
{
    params[0] = tb_param_text(company);
    params[1] = tb_param_text(is_operator ? "true" : "false");
    params[2] = tb_param_text(timeout_ms);
    return (struct tb_statement){&tb_query_http_see, params, 3};
}

static struct tb_param number(char text[TB_STAMP_TEXT_BYTES], int64_t value)
{
    snprintf(text, TB_STAMP_TEXT_BYTES, "%" PRId64, value);
    return tb_param_text(text);
}

static struct tb_param stamp(char text[TB_STAMP_TEXT_BYTES], int64_t value)
{
    if (value == TB_STAMP_NONE)
        return tb_param_text(NULL);
    (void)tb_stamp_format(value, text);
    return tb_param_text(text);
}

static void set_filters(struct tb_company_read *read, struct tb_param params[FILTERS])
{
    static const struct tb_company_filter all = {
        .since_us = TB_STAMP_NONE, .until_us = TB_STAMP_NONE, .cursor_at_us = TB_STAMP_NONE};
    const struct tb_company_filter *filter = read->filter ? read->filter : &all;

    params[STATUSES] = tb_param_text(filter->statuses);
    params[TYPES] = tb_param_text(filter->types);
    params[SINCE] = stamp(read->numbers[0], filter->since_us);
    params[UNTIL] = stamp(read->numbers[1], filter->until_us);
    params[TASKS] = tb_param_text(filter->tasks);
    params[FLOW] = tb_param_text(filter->flow);
}

static struct tb_param cursor_id(struct tb_company_read *read)
{
    if (!read->filter || read->filter->cursor_at_us == TB_STAMP_NONE)
        return tb_param_text(NULL);
    return number(read->numbers[6], read->filter->cursor_id);
}

void tb_company_read_prepare(struct tb_company_read *read)
{
    struct tb_param *see = read->params, *active = see + 3, *recent = active + 1 + FILTERS,
                    *totals = recent + 1 + FILTERS + 3;
    int64_t cursor_at = read->filter ? read->filter->cursor_at_us : TB_STAMP_NONE;

    tb_arena_reset(read->arena);
    read->is_full = false;
    read->document = (struct tb_document){.as_of = TB_STAMP_NONE};
    active[0] = number(read->numbers[2], (int64_t)TB_DOCUMENT_ACTIVE_MAX);
    set_filters(read, active + 1);
    recent[0] = number(read->numbers[3], (int64_t)recent_limit(read) + 1);
    set_filters(read, recent + 1);
    recent[1 + FILTERS] = number(read->numbers[4], read->visible_s);
    recent[2 + FILTERS] = stamp(read->numbers[5], cursor_at);
    recent[3 + FILTERS] = cursor_id(read);
    set_filters(read, totals);
    totals[FILTERS] = recent[1 + FILTERS];
    (void)number(read->numbers[7], read->timeout_ms);
    read->statements[SEE] = tb_read_see(see, read->company, false, read->numbers[7]);
    read->statements[ACTIVE] = (struct tb_statement){&tb_query_http_active, active, 1 + FILTERS};
    read->statements[RECENT] = (struct tb_statement){&tb_query_http_recent, recent, 1 + FILTERS + 3};
    read->statements[TOTALS] = (struct tb_statement){&tb_query_http_totals, totals, FILTERS + 1};
    read->transaction.statements = read->statements;
    read->transaction.statement_count = TB_COUNT(read->statements);
    read->transaction.on_result = on_result;
}

void tb_company_push_list(const struct tb_str *items, size_t count, struct tb_buf *buf)
{
    tb_buf_push_byte(buf, '{');
    for (size_t i = 0; i < count; i++) {
        if (i)
            tb_buf_push_byte(buf, ',');
        tb_buf_push_byte(buf, '"');
        for (size_t at = 0; at < items[i].len; at++) {
            if (items[i].ptr[at] == '"' || items[i].ptr[at] == '\\')
                tb_buf_push_byte(buf, '\\');
            tb_buf_push_byte(buf, items[i].ptr[at]);
        }
        tb_buf_push_byte(buf, '"');
    }
    tb_buf_push_byte(buf, '}');
}

/* ---- the whole count ---- */

static void on_count(struct tb_transaction *transaction, size_t statement, const struct tb_result *result)
{
    struct tb_company_count *count =
        (struct tb_company_count *)((char *)transaction - offsetof(struct tb_company_count, transaction));

    if (statement != 1)
        return;
    count->active = tb_result_int64(result, 0, 0);
    count->completed = tb_result_int64(result, 0, 1);
    count->failed = tb_result_int64(result, 0, 2);
}

void tb_company_count_prepare(struct tb_company_count *count)
{
    (void)number(count->numbers[0], count->timeout_ms);
    count->statements[0] = tb_read_see(count->params, count->company, false, count->numbers[0]);
    count->params[3] = number(count->numbers[1], count->visible_s);
    count->statements[1] = (struct tb_statement){&tb_query_http_count, &count->params[3], 1};
    count->transaction.statements = count->statements;
    count->transaction.statement_count = TB_COUNT(count->statements);
    count->transaction.on_result = on_count;
}

/* ---- the bridge, and what is heard ---- */

static void on_bridge(struct tb_transaction *transaction, size_t statement, const struct tb_result *result)
{
    struct tb_bridge_read *read =
        (struct tb_bridge_read *)((char *)transaction - offsetof(struct tb_bridge_read, transaction));

    (void)statement;
    read->as_of = tb_result_stamp(result, 0, 0);
    read->is_stale = tb_result_bool(result, 0, 1);
}

void tb_bridge_read_prepare(struct tb_bridge_read *read)
{
    read->statement = (struct tb_statement){&tb_query_http_bridge, NULL, 0};
    read->transaction.statements = &read->statement;
    read->transaction.statement_count = 1;
    read->transaction.on_result = on_bridge;
}

void tb_company_listen_prepare(struct tb_transaction *transaction)
{
    static const struct tb_statement statements[] = {{&tb_query_http_listen, NULL, 0},
                                                     {&tb_query_http_listen_access, NULL, 0}};

    transaction->statements = statements;
    transaction->statement_count = TB_COUNT(statements);
    transaction->on_result = NULL;
}

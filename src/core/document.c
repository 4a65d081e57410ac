/* The document that the onboarding frontend polls and is streamed.
 *
 * Its fields and their order are a contract with a frontend that is not ours: fields may be added behind the
 * others of their object, none may change. Numbers are written as exactly as they are known and as exactly as
 * a browser reads them: a duration from whole microseconds, an integer beyond 2^53 as a string. Clocks of
 * workers differ, so a start may lie in the future by ours: nothing lasts less than no time.
 *
 * Customers never read an exception: the words that take its place come from the caller, as does which tasks
 * are listed, and in what order. */
#include "taskbridge/core/document.h"

#include <inttypes.h>
#include <stdio.h>

#define EXACT_MAX (INT64_C(1) << 53)

/* ---- values ---- */

void tb_document_push_int(struct tb_json *json, const char *name, int64_t value)
{
    char text[24];

    if (value >= -EXACT_MAX && value <= EXACT_MAX) {
        tb_json_int(json, name, value);
        return;
    }
    snprintf(text, sizeof(text), "%" PRId64, value);
    tb_json_str(json, name, tb_str_of(text));
}

/* Whether the text is the one way to write an integer of 64 bits. */
static bool is_canonical_integer(struct tb_str text, int64_t *ret_value)
{
    size_t sign = text.len && text.ptr[0] == '-';

    if (!tb_str_parse_int64(text, ret_value) || text.ptr[0] == '+')
        return false;
    return text.ptr[sign] != '0' || text.len == 1;
}

void tb_document_push_company(struct tb_json *json, const char *name, struct tb_str company)
{
    int64_t value = 0;

    if (is_canonical_integer(company, &value))
        tb_document_push_int(json, name, value);
    else
        tb_json_str(json, name, company);
}

/* "30.5": at least one decimal, at most six. */
static void push_duration(struct tb_json *json, int64_t from, int64_t to)
{
    int64_t us = to > from ? to - from : 0;
    char text[32];
    int len = snprintf(text, sizeof(text), "%" PRId64 ".%06" PRId64, us / TB_US_PER_S, us % TB_US_PER_S);

    while (len > 2 && text[len - 1] == '0' && text[len - 2] != '.')
        len--;
    tb_json_raw(json, "duration_seconds", (struct tb_str){text, (size_t)len});
}

static bool is_status(const struct tb_document_task *task, struct tb_str status)
{
    return tb_str_equal(task->status, status);
}

struct tb_str tb_document_reference(struct tb_str task_id)
{
    const size_t uuid = 36, group = 8;

    if (task_id.len == uuid && task_id.ptr[group] == '-')
        return (struct tb_str){task_id.ptr, group};
    return task_id;
}

/* ---- a task ---- */

static struct tb_str failure_of(const struct tb_document_task *task, const struct tb_document_words *words)
{
    struct tb_str said = TB_STR_NULL;

    if (tb_str_is_null(words->failed) || !is_status(task, TB_STR("failed")))
        return task->error_message;
    if (words->failure)
        said = words->failure(words->owner, task);
    return tb_str_is_null(said) ? words->failed : said;
}

/* While a task waits, for its first start or its next, nothing runs. */
static void push_running_time(struct tb_json *json, const struct tb_document_task *task, int64_t checked_at)
{
    bool has_ended = task->completed_at != TB_STAMP_NONE;

    if (task->started_at == TB_STAMP_NONE || is_status(task, TB_STR("pending")))
        tb_json_null(json, "duration_seconds");
    else if (has_ended || checked_at != TB_STAMP_NONE)
        push_duration(json, task->started_at, has_ended ? task->completed_at : checked_at);
}

void tb_document_push_task(struct tb_json *json, const char *name, const struct tb_document_task *task,
                           const struct tb_document_words *words, int64_t checked_at)
{
    struct tb_str seen_name = tb_str_is_empty(task->name) ? words->task : task->name;
    struct tb_str type = tb_str_is_empty(task->task_type) ? words->task : task->task_type;

    tb_json_begin_object(json, name);
    tb_json_str(json, "task_id", task->task_id);
    tb_json_str(json, "name", seen_name);
    tb_json_str(json, "status", task->status);
    tb_json_int(json, "progress", task->progress);
    tb_json_stamp(json, "started_at", task->started_at);
    tb_json_str(json, "task_type", type);
    push_running_time(json, task, checked_at);
    if (task->completed_at != TB_STAMP_NONE) {
        tb_json_stamp(json, "completed_at", task->completed_at);
        tb_json_str(json, "error_message", failure_of(task, words));
    }
    tb_json_str(json, "celery_state", task->celery_state);
    tb_json_str(json, "progress_text", task->progress_text);
    if (task->has_retries)
        tb_document_push_int(json, "retries", task->retries);
    else
        tb_json_null(json, "retries");
    tb_document_push_int(json, "attempt", task->attempt);
    tb_json_stamp(json, "next_try_at", task->next_try_at);
    tb_json_str(json, "reference", tb_document_reference(task->task_id));
    if (!tb_str_is_null(task->worry))
        tb_json_str(json, "worry", task->worry);
}

/* ---- the document ---- */

static void push_tasks(struct tb_json *json, const char *name, const struct tb_document_task *tasks,
                       size_t count, const struct tb_document_words *words, int64_t checked_at)
{
    tb_json_begin_list(json, name);
    for (size_t i = 0; i < count; i++) {
        tb_document_push_task(json, NULL, &tasks[i], words, checked_at);
        tb_json_end_object(json);
    }
    tb_json_end_list(json);
}

void tb_document_push(const struct tb_document *document, const struct tb_document_words *words,
                      struct tb_buf *buf)
{
    bool has_clock = !tb_str_is_null(document->version);
    int64_t checked_at = has_clock ? document->checked_at : TB_STAMP_NONE;
    struct tb_json json;

    tb_json_init(&json, buf);
    tb_json_begin_object(&json, NULL);
    push_tasks(&json, "active_tasks", document->active, document->active_count, words, checked_at);
    tb_json_bool(&json, "all_completed", document->active_total == 0);
    tb_json_begin_object(&json, "summary");
    tb_document_push_int(&json, "total_tasks", document->total_tasks);
    tb_document_push_int(&json, "active_count", document->active_total);
    tb_document_push_int(&json, "completed_count", document->completed_count);
    push_tasks(&json, "recent_completed", document->recent, document->recent_count, words, checked_at);
    tb_document_push_int(&json, "failed_count", document->failed_count);
    tb_json_str(&json, "next_cursor", document->next_cursor);
    tb_json_end_object(&json);
    tb_document_push_company(&json, "company_id", document->company_id);
    tb_json_str(&json, "company_name", document->company_name);
    if (has_clock)
        tb_json_stamp(&json, "checked_at", checked_at);
    tb_json_bool(&json, "stale", document->is_stale);
    if (has_clock) {
        tb_json_stamp(&json, "as_of", document->as_of);
        tb_json_str(&json, "version", document->version);
    }
    tb_json_end_object(&json);
}

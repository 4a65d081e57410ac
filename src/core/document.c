/* The document that the onboarding frontend polls and is streamed.
 *
 * Its fields and their order are a contract with a frontend that is not ours: fields may be added behind the
 * others of their object, none may change. Numbers are written as exactly as they are known: a duration from
 * whole microseconds, without going through a float. Clocks of workers differ, so a start may lie in the
 * future by ours: nothing lasts less than no time; and what waits, also for its next attempt, does not last.
 *
 * Which tasks are listed, and in what order, the caller knows. */
#include "taskbridge/core/document.h"

#include "taskbridge/base/json.h"

#include <inttypes.h>
#include <stdio.h>

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

/* A task may be known by its start alone. */
static struct tb_str or_nameless(struct tb_str name)
{
    return tb_str_is_null(name) ? TB_STR("Tarea") : name;
}

static void push_task(struct tb_json *json, const struct tb_document_task *task, int64_t checked_at,
                      bool is_completed)
{
    bool has_ended = task->completed_at != TB_STAMP_NONE;
    bool is_waiting = tb_str_equal(task->status, TB_STR("pending"));

    tb_json_begin_object(json, NULL);
    tb_json_str(json, "task_id", task->task_id);
    tb_json_str(json, "name", or_nameless(task->name));
    tb_json_str(json, "status", task->status);
    tb_json_int(json, "progress", task->progress);
    tb_json_stamp(json, "started_at", task->started_at);
    tb_json_str(json, "task_type", or_nameless(task->task_type));
    if (task->started_at == TB_STAMP_NONE || is_waiting)
        tb_json_null(json, "duration_seconds");
    else
        push_duration(json, task->started_at, has_ended ? task->completed_at : checked_at);
    if (is_completed) {
        tb_json_stamp(json, "completed_at", task->completed_at);
        tb_json_str(json, "error_message", task->error_message);
    }
    tb_json_str(json, "celery_state", task->celery_state);
    tb_json_str(json, "progress_text", task->progress_text);
    if (task->has_retries)
        tb_json_int(json, "retries", task->retries);
    else
        tb_json_null(json, "retries");
    tb_json_end_object(json);
}

static void push_tasks(struct tb_json *json, const char *name, const struct tb_document_task *tasks,
                       size_t count, int64_t checked_at, bool are_completed)
{
    tb_json_begin_list(json, name);
    for (size_t i = 0; i < count; i++)
        push_task(json, &tasks[i], checked_at, are_completed);
    tb_json_end_list(json);
}

/* Whether the text is the one way to write an integer of 64 bits. */
static bool is_canonical_integer(struct tb_str text)
{
    size_t sign = text.len && text.ptr[0] == '-';
    int64_t value;

    if (!tb_str_parse_int64(text, &value) || text.ptr[0] == '+')
        return false;
    return text.ptr[sign] != '0' || text.len == 1;
}

static void push_company_id(struct tb_json *json, struct tb_str company_id)
{
    if (is_canonical_integer(company_id))
        tb_json_raw(json, "company_id", company_id);
    else
        tb_json_str(json, "company_id", company_id);
}

void tb_document_push(const struct tb_document *document, struct tb_buf *buf)
{
    struct tb_json json;

    tb_json_init(&json, buf);
    tb_json_begin_object(&json, NULL);
    push_tasks(&json, "active_tasks", document->active, document->active_count, document->checked_at, false);
    tb_json_bool(&json, "all_completed", document->active_total == 0);
    tb_json_begin_object(&json, "summary");
    tb_json_int(&json, "total_tasks", document->total_tasks);
    tb_json_int(&json, "active_count", document->active_total);
    tb_json_int(&json, "completed_count", document->completed_count);
    push_tasks(&json, "recent_completed", document->recent, document->recent_count, document->checked_at,
               true);
    tb_json_end_object(&json);
    push_company_id(&json, document->company_id);
    tb_json_str(&json, "company_name", document->company_name);
    tb_json_stamp(&json, "checked_at", document->checked_at);
    tb_json_end_object(&json);
}

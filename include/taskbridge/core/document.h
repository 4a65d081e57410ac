/* The task_status document of DESIGN section 11: rows in, JSON out. Pure. */
#ifndef TASKBRIDGE_CORE_DOCUMENT_H
#define TASKBRIDGE_CORE_DOCUMENT_H

#include "taskbridge/base/buf.h"
#include "taskbridge/base/clock.h"
#include "taskbridge/base/json.h"
#include "taskbridge/base/str.h"

/* A task as people see it. */
struct tb_document_task {
    struct tb_str task_id, name, status, task_type, celery_state, progress_text, error_message;
    struct tb_str celery_name; /* by which rules are found; not shown */
    int64_t progress;
    int64_t started_at, completed_at; /* TB_STAMP_NONE when not */
    bool has_retries;
    int64_t retries;
    int64_t attempt;     /* from 1 */
    int64_t next_try_at; /* TB_STAMP_NONE: it waits for no set time */
    /* "stalled": its worker lost the broker meanwhile and still claims to run it; null: nothing. */
    struct tb_str worry;
};

/* The company's page of tasks, and what is counted beside it. */
struct tb_document {
    struct tb_str company_id;              /* an integer is written as a number, anything else as a string */
    struct tb_str company_name;            /* null: null */
    const struct tb_document_task *active; /* oldest first */
    size_t active_count;
    const struct tb_document_task *recent; /* newest first */
    size_t recent_count;
    struct tb_str next_cursor;            /* of those that ended and are not listed; null: there are none */
    int64_t total_tasks, completed_count; /* active_count is counted, not listed, by the next */
    int64_t active_total, failed_count;
    int64_t checked_at;
    bool is_stale;         /* the bridge is behind, or no daemon lives */
    int64_t as_of;         /* up to when all that was said is known; TB_STAMP_NONE: nobody knows */
    struct tb_str version; /* null: left out, and with it whatever the clock alone moves */
};

/* The words that a reader sees where the database has none for them. */
struct tb_document_words {
    struct tb_str task;   /* a task without any name */
    struct tb_str failed; /* in place of an exception; null: exceptions are shown */
    /* What the rule of a task's type says in place of failed; null: nothing. */
    struct tb_str (*failure)(const void *owner, const struct tb_document_task *task);
    const void *owner;
};

/* Pushes the document; ask buf->failed afterwards. duration_seconds runs to checked_at or to completion.
 * Without a version it is what the version is made of: the same bytes exactly while nothing but the clock
 * changes. */
void tb_document_push(const struct tb_document *document, const struct tb_document_words *words,
                      struct tb_buf *buf);

/* Pushes one task as the document has it, as an object that is left open for more. */
void tb_document_push_task(struct tb_json *json, const char *name, const struct tb_document_task *task,
                           const struct tb_document_words *words, int64_t checked_at);

/* An integer as browsers read it exactly: beyond 2^53 as a string. */
void tb_document_push_int(struct tb_json *json, const char *name, int64_t value);
/* A company's id: a number where it is one that browsers read exactly. */
void tb_document_push_company(struct tb_json *json, const char *name, struct tb_str company);

/* Under which operators find the task: the first group of a UUID, or the whole id. Borrowed from it. */
struct tb_str tb_document_reference(struct tb_str task_id);

#endif

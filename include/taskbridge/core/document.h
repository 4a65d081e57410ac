/* The task_status document of DESIGN section 11: rows in, JSON out. Pure. */
#ifndef TASKBRIDGE_CORE_DOCUMENT_H
#define TASKBRIDGE_CORE_DOCUMENT_H

#include "taskbridge/base/buf.h"
#include "taskbridge/base/clock.h"
#include "taskbridge/base/str.h"

/* A task as people see it. */
struct tb_document_task {
    struct tb_str task_id, name, status, task_type, celery_state, progress_text, error_message;
    int64_t progress;
    int64_t started_at, completed_at; /* TB_STAMP_NONE when not */
    bool has_retries;
    int64_t retries;
};

struct tb_document {
    struct tb_str company_id;              /* an integer is written as a number, anything else as a string */
    struct tb_str company_name;            /* null: null */
    const struct tb_document_task *active; /* oldest first */
    size_t active_count;
    const struct tb_document_task *recent; /* newest first */
    size_t recent_count;
    int64_t total_tasks, completed_count; /* active_count is counted, not listed, by the next */
    int64_t active_total;
    int64_t checked_at;
};

/* Pushes the document; ask buf->failed afterwards. duration_seconds runs to checked_at or to completion. */
void tb_document_push(const struct tb_document *document, struct tb_buf *buf);

#endif

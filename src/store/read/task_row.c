/* One list of columns, one place that reads them: http_active.sql, http_recent.sql and http_task.sql give the
 * same.
 *
 * Of a task that waits for a set time the eta tells it, which is a worker's text. */
#include "task_row.h"

bool tb_task_row_read(const struct tb_result *result, size_t row, struct tb_arena *arena,
                      struct tb_document_task *ret_task)
{
    struct tb_document_task task = {.progress = tb_result_int64(result, row, 3),
                                    .started_at = tb_result_stamp(result, row, 4),
                                    .has_retries = !tb_result_is_null(result, row, 8),
                                    .retries = tb_result_int64(result, row, 8),
                                    .completed_at = tb_result_stamp(result, row, TB_TASK_ROW_ENDED)};
    const struct {
        int column;
        struct tb_str *text;
    } texts[] = {{0, &task.task_id},        {1, &task.name},         {2, &task.status},
                 {5, &task.task_type},      {6, &task.celery_state}, {7, &task.progress_text},
                 {10, &task.error_message}, {12, &task.celery_name}, {14, &task.worry}};

    for (size_t i = 0; i < TB_COUNT(texts); i++) {
        if (!tb_arena_copy(arena, tb_result_str(result, row, texts[i].column), texts[i].text))
            return false;
    }
    task.attempt = task.retries + 1;
    if (!tb_stamp_parse(tb_result_str(result, row, 13), &task.next_try_at))
        task.next_try_at = TB_STAMP_NONE;
    *ret_task = task;
    return true;
}

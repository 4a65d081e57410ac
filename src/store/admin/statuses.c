/* Rows of the two statements by which lost tasks are found and recorded.
 *
 * What they mean is core/liveness's; two of its facts, since when and until when everything was heard, only
 * the daemon knows. */
#include "taskbridge/store/statuses.h"

#include "tb_sql.h"

#include <errno.h>
#include <stddef.h>

const struct tb_statuses_queries tb_statuses_queries = {
    .find = &tb_query_statuses_find,
    .record = &tb_query_statuses_record,
    .expire = &tb_query_statuses_expire,
    .workers = &tb_query_waiting_workers,
    .queues = &tb_query_waiting_queues,
    .waiting = &tb_query_waiting_find,
};

static const struct tb_column change_columns[] = {
    {TB_COLUMN_INT64, offsetof(struct tb_status_change, id), false, 0},
    {TB_COLUMN_STAMP, offsetof(struct tb_status_change, updated_at), false, 0},
    {TB_COLUMN_BOOL, offsetof(struct tb_status_change, missing), false, 0},
    {TB_COLUMN_TEXT, offsetof(struct tb_status_change, reason), false, 0},
    {TB_COLUMN_BOOL, offsetof(struct tb_status_change, found), false, 0},
    {TB_COLUMN_BOOL, offsetof(struct tb_status_change, stalled), false, 0},
};

void tb_statuses_push_find(struct tb_params *params, int64_t after_updated_at, int64_t after_id,
                           int64_t silent_us, int64_t limit, struct tb_str source)
{
    tb_params_push_stamp(params, after_updated_at);
    tb_params_push_int64(params, after_id);
    tb_params_push_int64(params, silent_us);
    tb_params_push_int64(params, limit);
    tb_params_push_text(params, source);
}

int tb_statuses_read(const struct tb_result *result, size_t row, struct tb_arena *arena,
                     struct tb_status_task *ret_task)
{
    struct tb_status_task task = {.id = tb_result_int64(result, row, 0),
                                  .updated_at = tb_result_stamp(result, row, 4)};
    struct tb_liveness_facts *facts = &task.facts;

    if (!tb_arena_copy(arena, tb_result_str(result, row, 1), &task.task_id) ||
        !tb_arena_copy(arena, tb_result_str(result, row, 2), &facts->celery_state) ||
        !tb_arena_copy(arena, tb_result_str(result, row, 3), &facts->worker))
        return -ENOMEM;
    facts->silent_us = tb_result_int64(result, row, 5);
    facts->missing_us = tb_result_int64(result, row, 6);
    facts->worker_heard_at = tb_result_stamp(result, row, 7);
    if (!tb_str_parse_double(tb_result_str(result, row, 8), &facts->worker_freq_s))
        facts->worker_freq_s = 0;
    facts->listening_since = TB_STAMP_NONE;
    facts->heard_until = TB_STAMP_NONE;
    facts->worker_came_back = tb_result_int64(result, row, 9) != 0;
    facts->is_lost = tb_result_int64(result, row, 10) != 0;
    facts->worker_is_shared = tb_result_int64(result, row, 11) != 0;
    facts->worker_is_mute = tb_result_int64(result, row, 12) != 0;
    *ret_task = task;
    return 0;
}

void tb_statuses_push_record(struct tb_params *params, const struct tb_status_change *changes, size_t count)
{
    tb_params_push_columns(params, change_columns, TB_COUNT(change_columns), changes, count,
                           sizeof(*changes));
}

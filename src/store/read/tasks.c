/* Tasks for an operator, who sees those of every company and of none.
 *
 * A list is read backwards by id, so that its newest page costs the same however many rows there are; a
 * filter that few match reads on until it has found its page. One task is found by its id. */
#include "taskbridge/store/tasks.h"

#include "taskbridge/pg/params.h"
#include "tb_sql.h"

#include <errno.h>

#define LIMIT_DEFAULT    100
#define PARAMS_MAX_BYTES (64 * 1024)

static void push_known(struct tb_params *params, int64_t value)
{
    if (value)
        tb_params_push_int64(params, value);
    else
        tb_params_push_null(params);
}

static struct tb_task read_task(const struct tb_result *result, size_t row)
{
    return (struct tb_task){.id = tb_result_int64(result, row, 0),
                            .task_id = tb_result_str(result, row, 1),
                            .celery_state = tb_result_str(result, row, 2),
                            .name = tb_result_str(result, row, 3),
                            .company = tb_result_str(result, row, 4),
                            .worker = tb_result_str(result, row, 5),
                            .progress = tb_result_int64(result, row, 6),
                            .first_at = tb_result_stamp(result, row, 7),
                            .started_at = tb_result_stamp(result, row, 8),
                            .completed_at = tb_result_stamp(result, row, 9),
                            .error = tb_result_str(result, row, 10)};
}

int tb_task_list(struct tb_pg_session *session, const struct tb_task_filter *filter,
                 void (*on_task)(void *owner, const struct tb_task *task), void *owner, struct tb_error *err)
{
    const struct tb_result *result = NULL;
    struct tb_params params;
    struct tb_buf buf;
    int r = 0;

    tb_buf_init(&buf, PARAMS_MAX_BYTES);
    tb_params_init(&params, &buf);
    tb_params_push_int64(&params, filter->limit ? filter->limit : LIMIT_DEFAULT);
    push_known(&params, filter->before_id);
    tb_params_push_text(&params, filter->status);
    tb_params_push_text(&params, filter->company);
    tb_params_push_text(&params, filter->type);
    tb_params_push_text(&params, filter->worker);
    push_known(&params, filter->since_s);
    if (buf.failed) {
        r = tb_error_set(err, -E2BIG, "what is looked for is too long");
    } else {
        tb_params_settle(&params);
        r = tb_pg_session_execute(session, &tb_query_task_list, params.list, params.count, &result, err);
    }
    for (size_t row = 0; r == 0 && row < tb_result_rows(result); row++) {
        const struct tb_task task = read_task(result, row);
        on_task(owner, &task);
    }
    tb_buf_deinit(&buf);
    return r;
}

int tb_task_show(struct tb_pg_session *session, struct tb_str task_id,
                 void (*on_column)(void *owner, struct tb_str name, struct tb_str value), void *owner,
                 bool *ret_found, struct tb_error *err)
{
    const struct tb_param param = tb_param_bytes(task_id);
    const struct tb_result *result = NULL;
    int r = tb_pg_session_execute(session, &tb_query_task_show, &param, 1, &result, err);

    if (r)
        return r;
    *ret_found = tb_result_rows(result) > 0;
    for (size_t row = 0; row < tb_result_rows(result); row++)
        on_column(owner, tb_result_str(result, row, 0), tb_result_str(result, row, 1));
    return 0;
}

int tb_task_explain(struct tb_pg_session *session, struct tb_str task_id,
                    void (*on_reason)(void *owner, const struct tb_task_reason *reason), void *owner,
                    bool *ret_found, struct tb_error *err)
{
    const struct tb_param param = tb_param_bytes(task_id);
    const struct tb_result *result = NULL;
    int r = tb_pg_session_execute(session, &tb_query_task_explain, &param, 1, &result, err);

    if (r)
        return r;
    *ret_found = tb_result_rows(result) > 0;
    for (size_t row = 0; row < tb_result_rows(result); row++) {
        const struct tb_task_reason reason = {.kind =
                                                  (enum tb_task_reason_kind)tb_result_int64(result, row, 3),
                                              .name = tb_result_str(result, row, 0),
                                              .told = tb_result_str(result, row, 2),
                                              .at = tb_result_stamp(result, row, 1)};
        on_reason(owner, &reason);
    }
    return 0;
}

/* Maintenance's book and its deletes, for the daemons' jobs and for a person's commands alike.
 *
 * Each job has a lock of its own, which belongs to a connection; each run is a row of maintenance_runs. What
 * a run does is not known here, but for the two that only delete. */
#include "taskbridge/store/maintenance.h"

#include "taskbridge/base/clock.h"
#include "tb_sql.h"

#include <inttypes.h>

const struct tb_maintenance_queries tb_maintenance_queries = {
    .lock = &tb_query_maintenance_lock,
    .unlock = &tb_query_maintenance_unlock,
    .begin = &tb_query_maintenance_begin,
    .listen = &tb_query_maintenance_listen,
    .finish = &tb_query_maintenance_finish,
    .inherit = &tb_query_inherit_waiting,
    .beat = &tb_query_instance_beat,
    .stop = &tb_query_instance_stop,
    .forget = &tb_query_instances_forget,
    .heard = &tb_query_instances_heard,
};

const struct tb_cleanup_kind tb_cleanups[TB_CLEANUPS] = {
    [TB_CLEANUP_COMPLETED] = {"cleanup_old_completed_tasks", "completed", "deleted",
                              &tb_query_cleanup_completed, &tb_query_cleanup_completed_count},
    [TB_CLEANUP_ORPHANED] = {"cleanup_orphaned_trackers", "orphaned", "ended", &tb_query_cleanup_orphaned,
                             &tb_query_cleanup_orphaned_count},
    [TB_CLEANUP_DEAD_LETTERS] = {"cleanup_dead_letters", "dead-letters", "deleted",
                                 &tb_query_cleanup_dead_letters, &tb_query_cleanup_dead_letters_count},
};

#define NUMBER_BYTES 24

#define REST_MIN_US (5 * TB_US_PER_MS)
#define REST_MAX_US TB_US_PER_S

int64_t tb_cleanup_rest_us(int64_t took_us)
{
    if (took_us < REST_MIN_US)
        return REST_MIN_US;
    return took_us < REST_MAX_US ? took_us : REST_MAX_US;
}

/* A number as a text parameter; text lives as long as the parameter. */
static struct tb_param number_param(char text[NUMBER_BYTES], int64_t number)
{
    snprintf(text, NUMBER_BYTES, "%" PRId64, number);
    return tb_param_text(text);
}

/* A statement whose one parameter is a number. */
static int execute_with(struct tb_pg_session *session, const struct tb_query *query, int64_t number,
                        const struct tb_result **ret_result, struct tb_error *err)
{
    char text[NUMBER_BYTES];
    const struct tb_param param = number_param(text, number);

    return tb_pg_session_execute(session, query, &param, 1, ret_result, err);
}

/* ---- deletes ---- */

int tb_cleanup_count(struct tb_pg_session *session, enum tb_cleanup cleanup, int64_t age_s,
                     int64_t *ret_count, struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = execute_with(session, tb_cleanups[cleanup].count, age_s, &result, err);

    if (r == 0)
        *ret_count = tb_result_int64(result, 0, 0);
    return r;
}

int tb_cleanup_remove(struct tb_pg_session *session, enum tb_cleanup cleanup, int64_t age_s, int64_t limit,
                      int64_t *ret_count, struct tb_error *err)
{
    char age_text[NUMBER_BYTES], limit_text[NUMBER_BYTES];
    const struct tb_param params[] = {number_param(age_text, age_s), number_param(limit_text, limit)};
    const struct tb_result *result = NULL;
    int r =
        tb_pg_session_execute(session, tb_cleanups[cleanup].remove, params, TB_COUNT(params), &result, err);

    if (r == 0)
        *ret_count = tb_result_int64(result, 0, 0);
    return r;
}

/* ---- the lock and the book ---- */

int tb_maintenance_lock(struct tb_pg_session *session, const char *job, bool *ret_locked,
                        struct tb_error *err)
{
    const struct tb_param param = tb_param_text(job);
    const struct tb_result *result = NULL;
    int r = tb_pg_session_execute(session, &tb_query_maintenance_lock, &param, 1, &result, err);

    if (r == 0)
        *ret_locked = tb_result_int64(result, 0, 0) != 0;
    return r;
}

int tb_maintenance_unlock(struct tb_pg_session *session, const char *job, struct tb_error *err)
{
    const struct tb_param param = tb_param_text(job);

    return tb_pg_session_execute(session, &tb_query_maintenance_unlock, &param, 1, NULL, err);
}

int tb_maintenance_begin(struct tb_pg_session *session, const char *job, const char *who, int64_t *ret_id,
                         struct tb_error *err)
{
    const struct tb_param params[] = {tb_param_text(job), tb_param_text(who), tb_param_text("0"),
                                      tb_param_text("true")};
    const struct tb_result *result = NULL;
    int r =
        tb_pg_session_execute(session, &tb_query_maintenance_begin, params, TB_COUNT(params), &result, err);

    if (r == 0)
        *ret_id = tb_result_int64(result, 0, 0);
    return r;
}

int tb_maintenance_finish(struct tb_pg_session *session, int64_t id, const char *outcome, int64_t rows,
                          const char *detail, struct tb_error *err)
{
    char id_text[NUMBER_BYTES], rows_text[NUMBER_BYTES];
    const struct tb_param params[] = {number_param(id_text, id), tb_param_text(outcome),
                                      number_param(rows_text, rows), tb_param_text(detail)};

    return tb_pg_session_execute(session, &tb_query_maintenance_finish, params, TB_COUNT(params), NULL, err);
}

/* ---- runs ---- */

static struct tb_maintenance_run read_run(const struct tb_result *result, size_t row)
{
    return (struct tb_maintenance_run){.job = tb_result_str(result, row, 0),
                                       .instance = tb_result_str(result, row, 1),
                                       .started_at = tb_result_str(result, row, 2),
                                       .outcome = tb_result_str(result, row, 3),
                                       .detail = tb_result_str(result, row, 4),
                                       .rows = tb_result_int64(result, row, 5),
                                       .duration_ms = tb_result_int64(result, row, 6)};
}

int tb_maintenance_runs(struct tb_pg_session *session, int64_t limit,
                        void (*on_run)(void *owner, const struct tb_maintenance_run *run), void *owner,
                        struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = execute_with(session, &tb_query_maintenance_runs, limit, &result, err);

    for (size_t row = 0; r == 0 && row < tb_result_rows(result); row++) {
        const struct tb_maintenance_run run = read_run(result, row);
        on_run(owner, &run);
    }
    return r;
}

int tb_maintenance_request(struct tb_pg_session *session, const char *job, const char *who, int64_t *ret_id,
                           struct tb_error *err)
{
    const struct tb_param params[] = {tb_param_text(job), tb_param_text(who)};
    const struct tb_result *result = NULL;
    int r =
        tb_pg_session_execute(session, &tb_query_maintenance_request, params, TB_COUNT(params), &result, err);

    if (r == 0)
        *ret_id = tb_result_int64(result, 0, 0);
    return r;
}

int tb_maintenance_run(struct tb_pg_session *session, int64_t id, struct tb_maintenance_run *ret_run,
                       struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = execute_with(session, &tb_query_maintenance_run, id, &result, err);

    if (r == 0)
        *ret_run = tb_result_rows(result) ? read_run(result, 0) : (struct tb_maintenance_run){0};
    return r;
}

int tb_maintenance_withdraw(struct tb_pg_session *session, int64_t id, bool *ret_withdrawn,
                            struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = execute_with(session, &tb_query_maintenance_withdraw, id, &result, err);

    if (r == 0)
        *ret_withdrawn = tb_result_rows(result) > 0;
    return r;
}

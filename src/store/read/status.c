/* What `taskbridge status` shows, read out of the tables that the daemons write.
 *
 * Nothing is judged here: whether a silence is too long is the caller's to say. */
#include "taskbridge/store/status.h"

#include "tb_sql.h"

static double read_double(const struct tb_result *result, size_t row, int column)
{
    double value = 0;

    return tb_str_parse_double(tb_result_str(result, row, column), &value) ? value : 0;
}

static struct tb_status_instance read_instance(const struct tb_result *result, size_t row)
{
    return (struct tb_status_instance){.instance = tb_result_str(result, row, 0),
                                       .version = tb_result_str(result, row, 1),
                                       .started_at = tb_result_stamp(result, row, 2),
                                       .heartbeat_at = tb_result_stamp(result, row, 3),
                                       .committed_at = tb_result_stamp(result, row, 4),
                                       .stopped_at = tb_result_stamp(result, row, 5),
                                       .silent_us = tb_result_int64(result, row, 6),
                                       .batches = tb_result_int64(result, row, 7),
                                       .deliveries = tb_result_int64(result, row, 8),
                                       .redelivered = tb_result_int64(result, row, 9),
                                       .events = tb_result_int64(result, row, 10),
                                       .task_events = tb_result_int64(result, row, 11),
                                       .worker_events = tb_result_int64(result, row, 12),
                                       .unknown_events = tb_result_int64(result, row, 13),
                                       .dead = tb_result_int64(result, row, 14),
                                       .bytes = tb_result_int64(result, row, 15),
                                       .rows_written = tb_result_int64(result, row, 16),
                                       .is_starting = tb_result_is_null(result, row, 17),
                                       .broker_connected = tb_result_bool(result, row, 17),
                                       .queue_messages = tb_result_int64(result, row, 18),
                                       .queue_bytes = tb_result_int64(result, row, 19),
                                       .queue_max_bytes = tb_result_int64(result, row, 20),
                                       .lag_us = tb_result_int64(result, row, 21),
                                       .rss_bytes = tb_result_int64(result, row, 22),
                                       .details = tb_result_str(result, row, 23)};
}

int tb_status_instances(struct tb_pg_session *session,
                        void (*on_instance)(void *owner, const struct tb_status_instance *instance),
                        void *owner, struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = tb_pg_session_execute(session, &tb_query_status_instances, NULL, 0, &result, err);

    for (size_t row = 0; r == 0 && row < tb_result_rows(result); row++) {
        const struct tb_status_instance instance = read_instance(result, row);
        on_instance(owner, &instance);
    }
    return r;
}

static struct tb_status_worker read_worker(const struct tb_result *result, size_t row)
{
    return (struct tb_status_worker){.hostname = tb_result_str(result, row, 0),
                                     .sw_ident = tb_result_str(result, row, 1),
                                     .sw_ver = tb_result_str(result, row, 2),
                                     .sw_sys = tb_result_str(result, row, 3),
                                     .pid = tb_result_int64(result, row, 4),
                                     .online_at = tb_result_stamp(result, row, 5),
                                     .heartbeat_at = tb_result_stamp(result, row, 6),
                                     .offline_at = tb_result_stamp(result, row, 7),
                                     .heard_at = tb_result_stamp(result, row, 8),
                                     .silent_us = tb_result_int64(result, row, 9),
                                     .skew_us = tb_result_int64(result, row, 10),
                                     .freq_s = read_double(result, row, 11),
                                     .active = tb_result_int64(result, row, 12),
                                     .processed = tb_result_int64(result, row, 13),
                                     .processes = tb_result_int64(result, row, 14),
                                     .processed_seen = tb_result_int64(result, row, 15),
                                     .started_seen = tb_result_int64(result, row, 16),
                                     .missed = tb_result_int64(result, row, 17)};
}

int tb_status_workers(struct tb_pg_session *session,
                      void (*on_worker)(void *owner, const struct tb_status_worker *worker), void *owner,
                      struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = tb_pg_session_execute(session, &tb_query_status_workers, NULL, 0, &result, err);

    for (size_t row = 0; r == 0 && row < tb_result_rows(result); row++) {
        const struct tb_status_worker worker = read_worker(result, row);
        on_worker(owner, &worker);
    }
    return r;
}

int tb_status_event_types(struct tb_pg_session *session,
                          void (*on_type)(void *owner, const struct tb_status_event_type *type), void *owner,
                          struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = tb_pg_session_execute(session, &tb_query_status_event_types, NULL, 0, &result, err);

    for (size_t row = 0; r == 0 && row < tb_result_rows(result); row++) {
        const struct tb_status_event_type type = {tb_result_str(result, row, 0),
                                                  tb_result_int64(result, row, 1)};
        on_type(owner, &type);
    }
    return r;
}

int tb_status_totals(struct tb_pg_session *session, struct tb_status_totals *ret_totals, struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = tb_pg_session_execute(session, &tb_query_status_totals, NULL, 0, &result, err);

    if (r)
        return r;
    *ret_totals = (struct tb_status_totals){.pending = tb_result_int64(result, 0, 0),
                                            .running = tb_result_int64(result, 0, 1),
                                            .success = tb_result_int64(result, 0, 2),
                                            .failed = tb_result_int64(result, 0, 3),
                                            .lost = tb_result_int64(result, 0, 4),
                                            .without_company = tb_result_int64(result, 0, 5),
                                            .dead = tb_result_int64(result, 0, 6),
                                            .dead_unretried = tb_result_int64(result, 0, 7),
                                            .companies = tb_result_int64(result, 0, 8),
                                            .tokens = tb_result_int64(result, 0, 9),
                                            .oldest_active_at = tb_result_stamp(result, 0, 10),
                                            .database_bytes = tb_result_int64(result, 0, 11),
                                            .now = tb_result_int64(result, 0, 12),
                                            .server_version = tb_result_str(result, 0, 13)};
    return 0;
}

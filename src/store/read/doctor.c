/* What `taskbridge doctor` asks the database.
 *
 * Each question is one statement that reads a bounded number of rows by an index, so that looking never
 * burdens a database that is in trouble already. Nothing is judged here. */
#include "taskbridge/store/doctor.h"

#include "tb_sql.h"

static int ask(struct tb_pg_session *session, const struct tb_query *query,
               const struct tb_result **ret_result, struct tb_error *err)
{
    return tb_pg_session_execute(session, query, NULL, 0, ret_result, err);
}

int tb_doctor_ask_server(struct tb_pg_session *session, struct tb_doctor_server *ret_server,
                         struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = ask(session, &tb_query_doctor_server, &result, err);

    if (r)
        return r;
    const struct tb_pg_peer peer = tb_pg_session_peer(session);
    *ret_server = (struct tb_doctor_server){.version_number = tb_result_int64(result, 0, 0),
                                            .version = tb_result_str(result, 0, 1),
                                            .role = tb_result_str(result, 0, 2),
                                            .role_is_superuser = tb_result_bool(result, 0, 3),
                                            .is_standby = tb_result_bool(result, 0, 4),
                                            .fsync = tb_result_bool(result, 0, 5),
                                            .full_page_writes = tb_result_bool(result, 0, 6),
                                            .autovacuum = tb_result_bool(result, 0, 7),
                                            .max_connections = tb_result_int64(result, 0, 8),
                                            .reserved_connections = tb_result_int64(result, 0, 9),
                                            .used_connections = tb_result_int64(result, 0, 10),
                                            .client_host = tb_result_str(result, 0, 11),
                                            .host = tb_result_str(result, 0, 12),
                                            .database = tb_result_str(result, 0, 13),
                                            .synchronous = tb_result_str(result, 0, 14),
                                            .standbys = tb_result_int64(result, 0, 15),
                                            .waiting_commits = tb_result_int64(result, 0, 16),
                                            .waiting_us = tb_result_int64(result, 0, 17),
                                            .peer_address = tb_str_of(peer.address),
                                            .tls = tb_str_of(peer.tls),
                                            .is_verified = peer.is_verified};
    return 0;
}

int tb_doctor_ask_rights(struct tb_pg_session *session, struct tb_doctor_rights *ret_rights,
                         struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = ask(session, &tb_query_doctor_rights, &result, err);

    if (r)
        return r;
    *ret_rights = (struct tb_doctor_rights){.has_tables = tb_result_bool(result, 0, 0),
                                            .lacking = tb_result_str(result, 0, 1),
                                            .rows_are_hidden = tb_result_bool(result, 0, 2),
                                            .is_writer = tb_result_bool(result, 0, 3),
                                            .uses_writer = tb_result_bool(result, 0, 4)};
    return 0;
}

int tb_doctor_ask_format(struct tb_pg_session *session, struct tb_str *ret_format, struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = ask(session, &tb_query_doctor_settings, &result, err);

    if (r)
        return r;
    *ret_format = tb_result_rows(result) ? tb_result_str(result, 0, 0) : TB_STR_NULL;
    return 0;
}

int tb_doctor_ask_reader(struct tb_pg_session *session, struct tb_doctor_reader *ret_reader,
                         struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = ask(session, &tb_query_doctor_reader, &result, err);

    if (r)
        return r;
    *ret_reader = (struct tb_doctor_reader){.may_act = tb_result_bool(result, 0, 0),
                                            .may_read = tb_result_bool(result, 0, 1),
                                            .is_bound = tb_result_bool(result, 0, 2),
                                            .useless = tb_result_str(result, 0, 3)};
    return 0;
}

static struct tb_doctor_worker read_worker(const struct tb_result *result, size_t row)
{
    double freq_s = 0;

    if (!tb_str_parse_double(tb_result_str(result, row, 3), &freq_s))
        freq_s = 0;
    return (struct tb_doctor_worker){.hostname = tb_result_str(result, row, 0),
                                     .silent_us = tb_result_int64(result, row, 1),
                                     .said_goodbye = tb_result_bool(result, row, 2),
                                     .freq_s = freq_s,
                                     .skew_us = tb_result_int64(result, row, 4),
                                     .taken_up = tb_result_int64(result, row, 5),
                                     .started = tb_result_int64(result, row, 6),
                                     .day_taken_up = tb_result_int64(result, row, 7),
                                     .day_missed = tb_result_int64(result, row, 8),
                                     .sw_ver = tb_result_str(result, row, 9)};
}

int tb_doctor_ask_workers(struct tb_pg_session *session,
                          void (*on_worker)(void *owner, const struct tb_doctor_worker *worker), void *owner,
                          struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = ask(session, &tb_query_doctor_workers, &result, err);

    for (size_t row = 0; r == 0 && row < tb_result_rows(result); row++) {
        const struct tb_doctor_worker worker = read_worker(result, row);
        on_worker(owner, &worker);
    }
    return r;
}

int tb_doctor_ask_tasks(struct tb_pg_session *session, struct tb_doctor_tasks *ret_tasks,
                        struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = ask(session, &tb_query_doctor_tasks, &result, err);

    if (r)
        return r;
    *ret_tasks = (struct tb_doctor_tasks){.newest = tb_result_int64(result, 0, 0),
                                          .received = tb_result_int64(result, 0, 1),
                                          .sent = tb_result_int64(result, 0, 2),
                                          .without_company = tb_result_int64(result, 0, 3),
                                          .without_company_names = tb_result_str(result, 0, 4),
                                          .lost = tb_result_int64(result, 0, 5)};
    return 0;
}

int tb_doctor_ask_dead(struct tb_pg_session *session, struct tb_doctor_dead *ret_dead, struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = ask(session, &tb_query_doctor_dead, &result, err);

    if (r)
        return r;
    *ret_dead = (struct tb_doctor_dead){.recent = tb_result_int64(result, 0, 0),
                                        .reason = tb_result_str(result, 0, 1),
                                        .others = tb_result_int64(result, 0, 2),
                                        .types = tb_result_str(result, 0, 3)};
    return 0;
}

int tb_doctor_ask_runs(struct tb_pg_session *session,
                       void (*on_run)(void *owner, const struct tb_doctor_run *run), void *owner,
                       struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = ask(session, &tb_query_doctor_runs, &result, err);

    for (size_t row = 0; r == 0 && row < tb_result_rows(result); row++) {
        const struct tb_doctor_run run = {tb_result_str(result, row, 0), tb_result_str(result, row, 1),
                                          tb_result_str(result, row, 2), tb_result_int64(result, row, 3)};
        on_run(owner, &run);
    }
    return r;
}

/* A connection that waits, for commands: libpq without blocking calls, so that every wait has an end.
 *
 * PostgreSQL ends a statement that takes too long; should the server itself fall silent, this gives it a
 * little longer and then calls the connection lost. After that every call fails: a command tells so and ends.
 */
#include "taskbridge/pg/session.h"

#include "dial.h"
#include "error.h"
#include "sqlstate.h"
#include "taskbridge/base/clock.h"
#include "taskbridge/pg/conninfo.h"
#include "tb_session_sql.h"
#include "wait.h"

#include <errno.h>
#include <inttypes.h>
#include <libpq-fe.h>

#define CONNECT_TIMEOUT_US   (10 * TB_US_PER_S)
#define STATEMENT_TIMEOUT_US (120 * TB_US_PER_S)

/* How much longer than a statement may take its answer may. */
#define GRACE_US (5 * TB_US_PER_S)

struct tb_pg_session {
    PGconn *pg;       /* owned */
    PGresult *result; /* owned; what the caller has borrowed */
    int64_t timeout_us;
    bool in_transaction;
    void (*on_notice)(void *owner, const char *text);
    void *owner;
};

/* ---- waiting ---- */

static int fail_wait(struct tb_pg_session *session, int r, struct tb_error *err)
{
    if (r == -ETIMEDOUT)
        return tb_error_set(err, r, "no answer from PostgreSQL within %" PRId64 " s",
                            session->timeout_us / TB_US_PER_S);
    tb_pg_error_set(err, NULL, PQerrorMessage(session->pg));
    return -EIO;
}

/* ---- statements ---- */

static void keep_result(struct tb_pg_session *session, PGresult *result)
{
    PQclear(session->result);
    session->result = result;
}

static int judge(const PGresult *result, struct tb_error *err)
{
    ExecStatusType status = PQresultStatus(result);
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY)
        return 0;
    tb_pg_error_set(err, sqlstate,
                    PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)
                        ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)
                        : PQresultErrorMessage(result));
    return sqlstate ? (int)tb_sqlstate_outcome(sqlstate, PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION))
                    : -EIO;
}

/* Reads until nothing is left. The first failure counts; the last result is kept. */
static int collect(struct tb_pg_session *session, struct tb_error *err)
{
    int64_t until_us = tb_clock_monotonic_us() + session->timeout_us + GRACE_US;
    int outcome = 0, r = tb_pg_wait_sent(session->pg, until_us);

    keep_result(session, NULL);
    while (r == 0) {
        PGresult *result = NULL;
        r = tb_pg_wait_result(session->pg, until_us, &result);
        if (r || !result)
            break;
        keep_result(session, result);
        if (!outcome)
            outcome = judge(result, err);
    }
    return r ? fail_wait(session, r, err) : outcome;
}

int tb_pg_session_execute(struct tb_pg_session *session, const struct tb_query *query,
                          const struct tb_param *params, int param_count, const struct tb_result **ret_result,
                          struct tb_error *err)
{
    const char *values[UINT8_MAX] = {0};
    int lengths[UINT8_MAX] = {0}, formats[UINT8_MAX] = {0};
    int r = 0;

    for (int i = 0; i < param_count; i++) {
        values[i] = params[i].ptr;
        lengths[i] = params[i].len;
        formats[i] = params[i].format;
    }
    if (!PQsendQueryParams(session->pg, query->sql, param_count, NULL, values, lengths, formats, 0))
        return fail_wait(session, -EIO, err);
    r = collect(session, err);
    if (r)
        tb_error_prefix(err, "%s", query->name);
    else if (ret_result)
        *ret_result = (const struct tb_result *)session->result;
    return r;
}

int tb_pg_session_run(struct tb_pg_session *session, const char *script, struct tb_error *err)
{
    if (!PQsendQuery(session->pg, script))
        return fail_wait(session, -EIO, err);
    return collect(session, err);
}

int tb_pg_session_begin(struct tb_pg_session *session, struct tb_error *err)
{
    int r = tb_pg_session_run(session, "BEGIN", err);

    session->in_transaction = r == 0;
    return r;
}

int tb_pg_session_commit(struct tb_pg_session *session, struct tb_error *err)
{
    session->in_transaction = false;
    return tb_pg_session_run(session, "COMMIT", err);
}

void tb_pg_session_rollback(struct tb_pg_session *session)
{
    struct tb_error ignored = {0};

    if (session->in_transaction && tb_pg_session_run(session, "ROLLBACK", &ignored) != 0)
        return; /* the server rolls back by itself when the session ends */
    session->in_transaction = false;
}

/* Whether sslmode asks for it; what the URL leaves open libpq has filled in. */
static bool is_verifying(PGconn *pg)
{
    PQconninfoOption *options = PQconninfo(pg);
    bool found = false;

    for (const PQconninfoOption *option = options; option && option->keyword; option++) {
        if (option->val && tb_str_equal(tb_str_of(option->keyword), TB_STR("sslmode")))
            found = tb_str_starts_with(tb_str_of(option->val), TB_STR("verify-"));
    }
    PQconninfoFree(options);
    return found;
}

struct tb_pg_peer tb_pg_session_peer(const struct tb_pg_session *session)
{
    const char *address = PQhostaddr(session->pg);
    bool has_tls = PQsslInUse(session->pg);

    return (struct tb_pg_peer){.address = address && address[0] ? address : NULL,
                               .tls = has_tls ? PQsslAttribute(session->pg, "protocol") : NULL,
                               .is_verified = has_tls && is_verifying(session->pg)};
}

/* ---- connecting ---- */

static void on_notice(void *owner, const PGresult *result)
{
    const struct tb_pg_session *session = owner;
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (session->on_notice && text)
        session->on_notice(session->owner, text);
}

static int connect_to(struct tb_pg_session *session, const struct tb_pg_session_options *options,
                      struct tb_error *err)
{
    const struct tb_pg_dial_options dial = {
        .url = options->url,
        .application_name = options->application_name,
        .timeout_us = options->connect_timeout_us ? options->connect_timeout_us : CONNECT_TIMEOUT_US};
    int r = tb_pg_dial(&dial, NULL, &session->pg, err);

    if (r == 0)
        PQsetNoticeReceiver(session->pg, on_notice, session);
    return r;
}

static int set_up(struct tb_pg_session *session, const char *schema, struct tb_error *err)
{
    char timeout_ms[24];

    snprintf(timeout_ms, sizeof(timeout_ms), "%" PRId64, session->timeout_us / TB_US_PER_MS);
    const struct tb_param params[] = {tb_param_text(schema), tb_param_text(timeout_ms),
                                      tb_param_text("true")};
    int r = tb_pg_session_execute(session, &tb_query_session_setup, params, TB_COUNT(params), NULL, err);
    return r > 0 ? -EACCES : r;
}

int tb_pg_session_open(const struct tb_pg_session_options *options, struct tb_pg_session **ret_session,
                       struct tb_error *err)
{
    struct tb_pg_session *session = NULL;
    int r = tb_conninfo_check(options->url, err);

    if (r)
        return r;
    session = calloc(1, sizeof(*session));
    if (!session)
        return tb_error_set(err, -ENOMEM, "out of memory");
    session->on_notice = options->on_notice;
    session->owner = options->owner;
    session->timeout_us =
        options->statement_timeout_us ? options->statement_timeout_us : STATEMENT_TIMEOUT_US;
    r = connect_to(session, options, err);
    if (r == 0)
        r = set_up(session, options->schema, err);
    if (r) {
        tb_pg_session_close(session);
        return r;
    }
    *ret_session = session;
    return 0;
}

void tb_pg_session_close(struct tb_pg_session *session)
{
    if (!session)
        return;
    keep_result(session, NULL);
    PQfinish(session->pg);
    free(session);
}

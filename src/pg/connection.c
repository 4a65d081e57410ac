/* One connection to PostgreSQL in libpq's pipeline mode, driven by the loop. dial.c makes it, on a thread.
 *
 * A transaction is its statements and one Sync: PostgreSQL runs what stands between two Syncs as one implicit
 * transaction, so there is no BEGIN to forget and one round trip in all. Statements are prepared when first
 * used on a connection. Answers come in the order of submission: each statement's (before it its PREPARE's,
 * where one was sent), then the Sync's, which ends the transaction.
 *
 * Whatever was under way when a connection breaks ends as TB_PG_LOST, because nobody can know whether its
 * commit got through. The same holds for a commit whose wait for a standby was canceled: PostgreSQL confirms
 * it, with a warning that it may not be there.
 *
 * DDL outdates prepared statements that are used: PostgreSQL refuses them where the result's type is another
 * now, again and again. From then on all are prepared anew, under other names (a generation), and the
 * transaction ends as TB_PG_STALE. */
#include "taskbridge/pg/connection.h"

#include "cancel.h"
#include "dial.h"
#include "error.h"
#include "sqlstate.h"
#include "taskbridge/io/backoff.h"
#include "taskbridge/io/dialler.h"
#include "taskbridge/pg/conninfo.h"
#include "tb_session_sql.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#define PREPARED_MAX 128
#define NAME_BYTES   64 /* PostgreSQL cuts at 63 */
/* A session keeps the statements of former generations: past as many it is replaced. */
#define GENERATIONS_MAX      16
#define STATEMENT_TIMEOUT_US (120 * TB_US_PER_S)
#define RECONNECT_FIRST_US   (100 * TB_US_PER_MS)
#define RECONNECT_MAX_US     (15 * TB_US_PER_S)

enum state { STATE_DOWN, STATE_CONNECTING, STATE_SETUP, STATE_READY };

/* A session as the server knows it, in figures; "" while it is not known. */
struct known_session {
    char pid[24], began_at[24];
};

struct tb_pg_connection {
    struct tb_loop *loop; /* borrowed */
    struct tb_pg_connection_options options;
    char *url;              /* owned */
    char *application_name; /* owned */
    char *schema;           /* owned */
    enum state state;
    bool is_broken;             /* seen while sending; the timer will lose it */
    bool is_given_up;           /* by its owner; the timer will lose it */
    PGconn *pg;                 /* owned; NULL while down and connecting */
    struct tb_dialler *dialler; /* owned */
    struct tb_dial *dial;       /* under way while connecting */
    struct tb_dial *canceling;  /* NULL: no cancel request is under way */
    struct tb_watch watch;
    struct tb_timer timer; /* down: until the next attempt; else: until patience ends */
    struct tb_backoff backoff;
    struct tb_transaction *first, **last; /* under way, in order; borrowed */
    const struct tb_query *prepared[PREPARED_MAX];
    size_t prepared_count;
    unsigned generation; /* of the prepared statements' names */
    struct known_session self, former;
    struct tb_transaction setup;
    struct tb_statement setup_statements[3];
    struct tb_param setup_params[3], former_params[2];
    char statement_timeout_ms[24];
};

static void lose(struct tb_pg_connection *c, struct tb_error *err);

/* ---- the queue of transactions ---- */

static void queue_push(struct tb_pg_connection *c, struct tb_transaction *t)
{
    t->next = NULL;
    *c->last = t;
    c->last = &t->next;
}

static struct tb_transaction *queue_pop(struct tb_pg_connection *c)
{
    struct tb_transaction *t = c->first;

    c->first = t->next;
    if (!c->first)
        c->last = &c->first;
    return t;
}

/* ---- errors ---- */

static void lose_pg(struct tb_pg_connection *c)
{
    struct tb_error err = {0};

    tb_pg_error_set(&err, NULL, PQerrorMessage(c->pg));
    lose(c, &err);
}

/* ---- sending ---- */

static bool is_prepared(const struct tb_pg_connection *c, const struct tb_query *query)
{
    for (size_t i = 0; i < c->prepared_count; i++) {
        if (c->prepared[i] == query)
            return true;
    }
    return false;
}

static void forget_prepared(struct tb_pg_connection *c, const struct tb_query *query)
{
    for (size_t i = 0; i < c->prepared_count; i++) {
        if (c->prepared[i] == query) {
            c->prepared[i] = c->prepared[--c->prepared_count];
            return;
        }
    }
}

static bool send_statement(struct tb_pg_connection *c, struct tb_transaction *t, size_t index)
{
    const struct tb_statement *statement = &t->statements[index];
    char name[NAME_BYTES];
    const char *values[UINT8_MAX];
    int lengths[UINT8_MAX], formats[UINT8_MAX];

    assert(statement->param_count <= UINT8_MAX);
    for (int i = 0; i < statement->param_count; i++) {
        values[i] = statement->params[i].ptr;
        lengths[i] = statement->params[i].len;
        formats[i] = statement->params[i].format;
    }
    snprintf(name, sizeof(name), c->generation ? "%s_%u" : "%s", statement->query->name, c->generation);
    if (!is_prepared(c, statement->query)) {
        assert(c->prepared_count < PREPARED_MAX);
        if (!PQsendPrepare(c->pg, name, statement->query->sql, 0, NULL))
            return false;
        c->prepared[c->prepared_count++] = statement->query;
        t->preparing |= UINT64_C(1) << index;
    }
    return PQsendQueryPrepared(c->pg, name, statement->param_count, values, lengths, formats, 0);
}

/* Writes what the socket takes and asks for EPOLLOUT while something is left. */
static bool flush(struct tb_pg_connection *c)
{
    int left = PQflush(c->pg);

    /* A write that finds the server gone makes libpq close the socket, of which epoll tells nothing. */
    if (left < 0 || PQstatus(c->pg) == CONNECTION_BAD)
        return false;
    tb_loop_change(c->loop, &c->watch, left ? EPOLLIN | EPOLLOUT : EPOLLIN);
    return true;
}

static void await_answer(struct tb_pg_connection *c)
{
    if (c->is_broken || c->is_given_up)
        return;
    if (c->first)
        tb_loop_arm(c->loop, &c->timer, c->options.response_timeout_us);
    else
        tb_loop_disarm(c->loop, &c->timer);
}

static bool send_transaction(struct tb_pg_connection *c, struct tb_transaction *t)
{
    assert(t->statement_count <= TB_TRANSACTION_MAX_STATEMENTS);
    t->statement_at = 0;
    t->preparing = 0;
    t->generation = c->generation;
    t->error = (struct tb_error){0};
    t->outcome = 0;
    queue_push(c, t);
    for (size_t i = 0; i < t->statement_count; i++) {
        if (!send_statement(c, t, i))
            return false;
    }
    return PQpipelineSync(c->pg) && flush(c);
}

void tb_pg_connection_submit(struct tb_pg_connection *c, struct tb_transaction *t)
{
    assert(c->state == STATE_READY);
    if (!send_transaction(c, t)) {
        /* on_done must not come from inside this call, and the socket may be closed already. */
        c->is_broken = true;
        tb_loop_arm(c->loop, &c->timer, 0);
    } else if (!c->timer.armed) {
        await_answer(c);
    }
}

void tb_pg_connection_replace(struct tb_pg_connection *c)
{
    if (c->state == STATE_DOWN)
        return;
    c->is_given_up = true;
    tb_loop_arm(c->loop, &c->timer, 0);
}

/* ---- receiving ---- */

/* From here on all statements are prepared anew, unless that was done since t was sent. */
static void outdate_prepared(struct tb_pg_connection *c, const struct tb_transaction *t)
{
    if (t->generation != c->generation)
        return;
    c->prepared_count = 0;
    if (++c->generation > GENERATIONS_MAX)
        tb_pg_connection_replace(c);
}

/* Whatever of this transaction was being prepared and is not yet answered does not exist. */
static void forget_unprepared(struct tb_pg_connection *c, const struct tb_transaction *t)
{
    if (t->generation != c->generation)
        return;
    for (size_t i = t->statement_at; i < t->statement_count; i++) {
        if (t->preparing >> i & 1)
            forget_prepared(c, t->statements[i].query);
    }
}

/* An error of no statement is the commit's: the Sync raises what was deferred to it. */
static void take_failure(struct tb_pg_connection *c, struct tb_transaction *t, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    bool is_commit = t->statement_at == t->statement_count;

    t->outcome = (int)tb_sqlstate_outcome(sqlstate, PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION));
    tb_pg_error_set(&t->error, sqlstate, PQresultErrorMessage(result));
    tb_error_prefix(&t->error, "%s", is_commit ? "commit" : t->statements[t->statement_at].query->name);
    if (t->outcome == TB_PG_STALE)
        outdate_prepared(c, t);
    forget_unprepared(c, t);
}

/* Only the server's function tells what a notice means in every language. */
static void on_notice(void *owner, const PGresult *notice)
{
    struct tb_pg_connection *c = owner;
    const char *function = PQresultErrorField(notice, PG_DIAG_SOURCE_FUNCTION);
    struct tb_transaction *t = c->first;

    if (!t || t->outcome || !function || strcmp(function, "SyncRepWaitForLSN") != 0)
        return;
    t->outcome = TB_PG_LOST;
    tb_error_set(&t->error, -EIO, "commit: the wait for the synchronous standby was canceled");
}

static void finish_transaction(struct tb_pg_connection *c)
{
    struct tb_transaction *t = queue_pop(c);

    await_answer(c);
    t->on_done(t, t->outcome, t->outcome ? &t->error : NULL);
}

static void take_result(struct tb_pg_connection *c, const PGresult *result)
{
    struct tb_transaction *t = c->first;
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_PIPELINE_SYNC) {
        finish_transaction(c);
        return;
    }
    if (status == PGRES_PIPELINE_ABORTED)
        return;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        if (!t->outcome)
            take_failure(c, t, result);
        return;
    }
    assert(t->statement_at < t->statement_count);
    uint64_t bit = UINT64_C(1) << t->statement_at;
    if (t->preparing & bit) {
        t->preparing &= ~bit;
        return;
    }
    size_t statement = t->statement_at++;
    if (t->on_result && !t->outcome)
        t->on_result(t, statement, (const struct tb_result *)result);
}

static void receive(struct tb_pg_connection *c)
{
    bool ended = false;

    /* A NULL separates two statements' answers; PQisBusy guards each call, so none of them blocks. Two NULLs
     * say that libpq waits for nothing: then a submission failed halfway, and the socket is about to tell. */
    while (c->first && !PQisBusy(c->pg)) {
        PGresult *result = PQgetResult(c->pg);
        if (!result && ended)
            return;
        ended = !result;
        if (result) {
            take_result(c, result);
            PQclear(result);
        }
        if (c->state < STATE_SETUP || PQstatus(c->pg) == CONNECTION_BAD)
            return;
    }
}

static void take_notifications(struct tb_pg_connection *c)
{
    PGnotify *notification = NULL;

    while ((notification = PQnotifies(c->pg)) != NULL) {
        if (c->options.on_notification)
            c->options.on_notification(c->options.owner, tb_str_of(notification->relname),
                                       tb_str_of(notification->extra));
        PQfreemem(notification);
    }
}

static void on_ready_socket(struct tb_pg_connection *c, uint32_t events)
{
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
        if (!PQconsumeInput(c->pg)) {
            lose_pg(c);
            return;
        }
        if (c->first)
            await_answer(c);
        receive(c);
        if (c->state < STATE_SETUP)
            return;
        if (PQstatus(c->pg) == CONNECTION_BAD) {
            lose_pg(c);
            return;
        }
        take_notifications(c);
    }
    if (!flush(c))
        lose_pg(c);
}

/* ---- connecting ---- */

static void keep_number(char ret_text[24], const struct tb_result *result, int column)
{
    struct tb_str text = tb_result_str(result, 0, column);

    snprintf(ret_text, 24, "%.*s", TB_STR_FMT(text));
}

static void on_setup_result(struct tb_transaction *t, size_t statement, const struct tb_result *result)
{
    struct tb_pg_connection *c = t->owner;

    if (statement != 1 || tb_result_rows(result) == 0)
        return;
    keep_number(c->self.pid, result, 0);
    keep_number(c->self.began_at, result, 1);
}

static void on_setup_done(struct tb_transaction *t, int outcome, const struct tb_error *err)
{
    struct tb_pg_connection *c = t->owner;
    struct tb_error copy = {0};

    if (c->state != STATE_SETUP)
        return;
    if (outcome) {
        copy = *err;
        lose(c, &copy);
        return;
    }
    c->state = STATE_READY;
    c->former = (struct known_session){0};
    tb_backoff_reset(&c->backoff);
    if (c->options.on_ready)
        c->options.on_ready(c->options.owner);
}

static void fill_setup(struct tb_pg_connection *c)
{
    c->setup_params[0] = tb_param_text(c->schema);
    c->setup_params[1] = tb_param_text(c->statement_timeout_ms);
    c->setup_params[2] = tb_param_text("false");
    c->former_params[0] = tb_param_text(c->former.pid);
    c->former_params[1] = tb_param_text(c->former.began_at);
    c->setup_statements[0] = (struct tb_statement){&tb_query_session_setup, c->setup_params, 3};
    c->setup_statements[1] = (struct tb_statement){&tb_query_session_known, NULL, 0};
    c->setup_statements[2] = (struct tb_statement){&tb_query_session_end_former, c->former_params, 2};
    c->setup = (struct tb_transaction){.statements = c->setup_statements,
                                       .statement_count = c->former.began_at[0] ? 3 : 2,
                                       .on_result = on_setup_result,
                                       .on_done = on_setup_done,
                                       .owner = c};
}

static void begin_setup(struct tb_pg_connection *c)
{
    c->state = STATE_SETUP;
    c->prepared_count = 0;
    c->generation = 0;
    fill_setup(c);
    PQsetNoticeReceiver(c->pg, on_notice, c);
    if (tb_loop_add_foreign(c->loop, &c->watch, PQsocket(c->pg), EPOLLIN) != 0 ||
        !PQenterPipelineMode(c->pg) || !send_transaction(c, &c->setup)) {
        lose_pg(c);
        return;
    }
    await_answer(c);
}

static void on_socket(struct tb_watch *watch, uint32_t events)
{
    on_ready_socket(watch->owner, events);
}

static void on_dialled(void *owner, PGconn *pg, const struct tb_error *err)
{
    struct tb_pg_connection *c = owner;
    struct tb_error copy = *err;

    c->dial = NULL;
    c->pg = pg;
    if (pg)
        begin_setup(c);
    else
        lose(c, &copy);
}

static void start_connecting(struct tb_pg_connection *c)
{
    const struct tb_pg_dial_options options = {c->url, c->application_name, c->options.connect_timeout_us};
    struct tb_error err = {0};

    c->state = STATE_CONNECTING;
    if (tb_pg_dial_start(c->dialler, &options, on_dialled, c, &c->dial, &err) != 0)
        lose(c, &err);
}

static void drop_pg(struct tb_pg_connection *c)
{
    tb_dial_abandon(c->dial);
    tb_dial_abandon(c->canceling);
    c->dial = c->canceling = NULL;
    tb_loop_remove(c->loop, &c->watch);
    tb_loop_disarm(c->loop, &c->timer);
    PQfinish(c->pg);
    c->pg = NULL;
    c->state = STATE_DOWN;
    c->is_broken = false;
    c->is_given_up = false;
    if (c->self.began_at[0])
        c->former = c->self;
    c->self = (struct known_session){0};
}

static void on_canceled(void *owner)
{
    struct tb_pg_connection *c = owner;

    c->canceling = NULL;
}

void tb_pg_connection_cancel(struct tb_pg_connection *c, const struct tb_transaction *t)
{
    if (c->first == t && !c->canceling)
        tb_pg_cancel_start(c->dialler, c->pg, on_canceled, c, &c->canceling);
}

bool tb_pg_connection_is_standby(const struct tb_pg_connection *c)
{
    const char *is_standby = c->pg ? PQparameterStatus(c->pg, "in_hot_standby") : NULL;

    return is_standby && strcmp(is_standby, "on") == 0;
}

/* ---- the end of a connection ---- */

/* The connection is gone: everything under way is told, and an attempt is set for later. */
static void lose(struct tb_pg_connection *c, struct tb_error *err)
{
    struct tb_transaction *orphans = c->first;

    drop_pg(c);
    c->first = NULL;
    c->last = &c->first;
    while (orphans) {
        struct tb_transaction *t = orphans;
        orphans = t->next;
        t->on_done(t, TB_PG_LOST, err);
    }
    int64_t delay_us = tb_backoff_next_us(&c->backoff);
    tb_loop_arm(c->loop, &c->timer, delay_us);
    if (c->options.on_lost)
        c->options.on_lost(c->options.owner, err, delay_us);
}

static void on_timer(struct tb_timer *timer)
{
    struct tb_pg_connection *c = timer->owner;
    struct tb_error err = {0};

    if (c->state == STATE_DOWN) {
        start_connecting(c);
        return;
    }
    if (c->is_given_up) {
        tb_error_set(&err, -ECONNRESET, "the session was given up after repeated failures");
        lose(c, &err);
        return;
    }
    if (c->is_broken) {
        lose_pg(c);
        return;
    }
    tb_error_set(&err, -ETIMEDOUT, "no answer within %g s",
                 (double)c->options.response_timeout_us / TB_US_PER_S);
    lose(c, &err);
}

int tb_pg_connection_open(struct tb_loop *loop, const struct tb_pg_connection_options *options,
                          struct tb_pg_connection **ret_connection, struct tb_error *err)
{
    struct tb_pg_connection *c = NULL;
    int failed = tb_conninfo_check(options->url, err);

    if (failed)
        return failed;
    c = calloc(1, sizeof(*c));
    if (!c)
        return tb_error_set(err, -ENOMEM, "out of memory");
    c->loop = loop;
    c->options = *options;
    c->url = strdup(options->url);
    c->application_name = strdup(options->application_name);
    c->schema = strdup(options->schema);
    c->last = &c->first;
    c->watch = (struct tb_watch){.fd = -1, .on_ready = on_socket, .owner = c};
    c->timer = (struct tb_timer){.on_expire = on_timer, .owner = c};
    tb_backoff_init(&c->backoff, RECONNECT_FIRST_US, RECONNECT_MAX_US,
                    (uint64_t)tb_clock_monotonic_us() ^ (uint64_t)getpid() << 32);
    snprintf(c->statement_timeout_ms, sizeof(c->statement_timeout_ms), "%" PRId64,
             (options->statement_timeout_us ? options->statement_timeout_us : STATEMENT_TIMEOUT_US) /
                 TB_US_PER_MS);
    if (!c->url || !c->application_name || !c->schema)
        failed = tb_error_set(err, -ENOMEM, "out of memory");
    else
        failed = tb_dialler_new(loop, &c->dialler, err);
    if (failed) {
        tb_pg_connection_close(c);
        return failed;
    }
    /* The first attempt comes from the loop too, so that no callback runs before this returns. */
    tb_loop_arm(loop, &c->timer, 0);
    *ret_connection = c;
    return 0;
}

void tb_pg_connection_close(struct tb_pg_connection *c)
{
    if (!c)
        return;
    drop_pg(c);
    tb_dialler_free(c->dialler);
    free(c->url);
    free(c->application_name);
    free(c->schema);
    free(c);
}

bool tb_pg_connection_is_ready(const struct tb_pg_connection *c)
{
    return c->state == STATE_READY && !c->is_broken && !c->is_given_up;
}

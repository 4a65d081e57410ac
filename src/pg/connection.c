/* One connection to PostgreSQL in libpq's pipeline mode, driven by the loop.
 *
 * A transaction is its statements and one Sync: PostgreSQL runs what stands between two Syncs as one implicit
 * transaction, so there is no BEGIN to forget and one round trip in all. Statements are prepared when first
 * used on a connection. Answers come in the order of submission: each statement's (before it its PREPARE's,
 * where one was sent), then the Sync's, which ends the transaction.
 *
 * Invariant: between the states only change_state moves. Whatever was under way when a connection breaks ends
 * as TB_PG_LOST, because nobody can know whether its commit got through. */
#include "taskbridge/pg/connection.h"

#include "error.h"
#include "sqlstate.h"
#include "taskbridge/io/backoff.h"
#include "taskbridge/pg/conninfo.h"
#include "tb_session_sql.h"

#include <assert.h>
#include <errno.h>
#include <libpq-fe.h>
#include <sys/epoll.h>
#include <unistd.h>

#define PREPARED_MAX       128
#define RECONNECT_FIRST_US (100 * TB_US_PER_MS)
#define RECONNECT_MAX_US   (15 * TB_US_PER_S)

enum state { STATE_DOWN, STATE_CONNECTING, STATE_SETUP, STATE_READY };

struct tb_pg_connection {
    struct tb_loop *loop; /* borrowed */
    struct tb_pg_connection_options options;
    char *url;              /* owned */
    char *application_name; /* owned */
    char *schema;           /* owned */
    enum state state;
    bool is_broken;   /* seen while sending; the timer will lose it */
    bool is_given_up; /* by its owner; the timer will lose it */
    PGconn *pg;       /* owned; NULL while down */
    struct tb_watch watch;
    struct tb_timer timer; /* down: until the next attempt; else: until patience ends */
    struct tb_backoff backoff;
    struct tb_transaction *first, **last; /* under way, in order; borrowed */
    const struct tb_query *prepared[PREPARED_MAX];
    size_t prepared_count;
    struct tb_transaction setup;
    struct tb_statement setup_statement;
    struct tb_param setup_param;
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
    const char *values[UINT8_MAX];
    int lengths[UINT8_MAX], formats[UINT8_MAX];

    assert(statement->param_count <= UINT8_MAX);
    for (int i = 0; i < statement->param_count; i++) {
        values[i] = statement->params[i].ptr;
        lengths[i] = statement->params[i].len;
        formats[i] = statement->params[i].format;
    }
    if (!is_prepared(c, statement->query)) {
        assert(c->prepared_count < PREPARED_MAX);
        if (!PQsendPrepare(c->pg, statement->query->name, statement->query->sql, 0, NULL))
            return false;
        c->prepared[c->prepared_count++] = statement->query;
        t->preparing |= UINT64_C(1) << index;
    }
    return PQsendQueryPrepared(c->pg, statement->query->name, statement->param_count, values, lengths,
                               formats, 0);
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

/* An error of no statement is the commit's: the Sync raises what was deferred to it. */
static void take_failure(struct tb_pg_connection *c, struct tb_transaction *t, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    bool is_commit = t->statement_at == t->statement_count;
    const struct tb_query *query = is_commit ? NULL : t->statements[t->statement_at].query;

    t->outcome = (int)tb_sqlstate_outcome(sqlstate);
    if (query && sqlstate &&
        strcmp(sqlstate, "26000") == 0) /* no such prepared statement: prepare it next time */
        forget_prepared(c, query);
    tb_pg_error_set(&t->error, sqlstate, PQresultErrorMessage(result));
    tb_error_prefix(&t->error, "%s", query ? query->name : "commit");
    /* Whatever of this transaction was being prepared and is not yet answered does not exist. */
    for (size_t i = t->statement_at; i < t->statement_count; i++) {
        if (t->preparing >> i & 1)
            forget_prepared(c, t->statements[i].query);
    }
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
    tb_backoff_reset(&c->backoff);
    if (c->options.on_ready)
        c->options.on_ready(c->options.owner);
}

static void begin_setup(struct tb_pg_connection *c)
{
    c->state = STATE_SETUP;
    c->prepared_count = 0;
    c->setup_param = tb_param_text(c->schema);
    c->setup_statement = (struct tb_statement){&tb_query_session_setup, &c->setup_param, 1};
    c->setup = (struct tb_transaction){
        .statements = &c->setup_statement, .statement_count = 1, .on_done = on_setup_done, .owner = c};
    if (PQsetnonblocking(c->pg, 1) != 0 || !PQenterPipelineMode(c->pg) || !send_transaction(c, &c->setup)) {
        lose_pg(c);
        return;
    }
    await_answer(c);
}

/* libpq may have moved on to another address, so the descriptor is watched anew at each step. */
static void watch_socket(struct tb_pg_connection *c, uint32_t events)
{
    tb_loop_remove(c->loop, &c->watch);
    if (PQsocket(c->pg) < 0 || tb_loop_add_foreign(c->loop, &c->watch, PQsocket(c->pg), events) != 0)
        lose_pg(c);
}

static void connect_step(struct tb_pg_connection *c)
{
    switch (PQconnectPoll(c->pg)) {
    case PGRES_POLLING_READING:
        watch_socket(c, EPOLLIN);
        break;
    case PGRES_POLLING_WRITING:
        watch_socket(c, EPOLLOUT);
        break;
    case PGRES_POLLING_OK:
        watch_socket(c, EPOLLIN);
        if (c->state == STATE_CONNECTING)
            begin_setup(c);
        break;
    default:
        lose_pg(c);
        break;
    }
}

static void on_socket(struct tb_watch *watch, uint32_t events)
{
    struct tb_pg_connection *c = watch->owner;

    if (c->state == STATE_CONNECTING)
        connect_step(c);
    else
        on_ready_socket(c, events);
}

/* libpq would write them to stderr, in the middle of the log's lines. */
static void drop_notice(void *owner, const PGresult *result)
{
    (void)owner;
    (void)result;
}

static void start_connecting(struct tb_pg_connection *c)
{
    /* What stands before dbname is a default that the URL may override. */
    const char *const keywords[] = {
        "client_encoding",  "fallback_application_name", "keepalives_idle", "keepalives_interval",
        "keepalives_count", "tcp_user_timeout",          "dbname",          NULL};
    const char *const values[] = {"UTF8", c->application_name, "30", "10", "3", "60000", c->url, NULL};

    c->state = STATE_CONNECTING;
    c->pg = PQconnectStartParams(keywords, values, 1);
    if (!c->pg || PQstatus(c->pg) == CONNECTION_BAD) {
        lose_pg(c);
        return;
    }
    PQsetNoticeReceiver(c->pg, drop_notice, NULL);
    tb_loop_arm(c->loop, &c->timer, c->options.connect_timeout_us);
    watch_socket(c, EPOLLOUT);
}

static void drop_pg(struct tb_pg_connection *c)
{
    tb_loop_remove(c->loop, &c->watch);
    tb_loop_disarm(c->loop, &c->timer);
    PQfinish(c->pg);
    c->pg = NULL;
    c->state = STATE_DOWN;
    c->is_broken = false;
    c->is_given_up = false;
}

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
    tb_error_set(&err, -ETIMEDOUT,
                 c->state == STATE_CONNECTING ? "no connection within %lld s" : "no answer within %lld s",
                 (long long)((c->state == STATE_CONNECTING ? c->options.connect_timeout_us
                                                           : c->options.response_timeout_us) /
                             TB_US_PER_S));
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
    if (!c->url || !c->application_name || !c->schema) {
        tb_pg_connection_close(c);
        return tb_error_set(err, -ENOMEM, "out of memory");
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
    free(c->url);
    free(c->application_name);
    free(c->schema);
    free(c);
}

bool tb_pg_connection_is_ready(const struct tb_pg_connection *c)
{
    return c->state == STATE_READY && !c->is_broken && !c->is_given_up;
}

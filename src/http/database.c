/* Questions to PostgreSQL, and what becomes of them while it is away.
 *
 * A question waits two seconds at most, so that a browser is told something before it gives up. Within these,
 * one that was lost with its connection is asked again on the next: it only reads. A restart of the server is
 * bridged that way; when it has been away for longer, questions are answered at once, and nobody waits in
 * vain.
 *
 * Whoever asked may be gone before the database has answered. So a question belongs to this file, in one
 * list, until the connection is done with it, and its asker is called back exactly once, by the answer or by
 * the deadline. */
#include "database.h"

#include "taskbridge/base/limits.h"

#include <assert.h>
#include <errno.h>

#define WAIT_US      (2 * TB_US_PER_S)
#define COMPLAINT_US (10 * TB_US_PER_S)
/* So often a question is put again whose plans were outdated in between: each DDL costs one. */
#define STALE_MAX 3
/* Nothing that is asked here takes long: a server silent for so long has lost the connection. */
#define RESPONSE_MAX_US (5 * TB_US_PER_S)

struct ask {
    struct ask *previous, *next;
    struct tb_database *database;
    struct tb_company_read read;
    struct tb_arena arena;
    struct tb_timer deadline;
    bool is_submitted;
    unsigned stale_count;
    char company[TB_COMPANY_KEY_BYTES];
    void (*on_answer)(void *owner, int outcome, struct tb_company_read *read); /* NULL: answered */
    void *owner;
};

struct tb_database {
    struct tb_loop *loop;                /* borrowed */
    struct tb_log *log;                  /* borrowed */
    struct tb_pg_connection *connection; /* owned */
    struct ask *asks;                    /* owned; the newest first */
    size_t count;
    bool is_up, is_stopped;
    int64_t down_since_us, complained_us; /* monotonic */
    struct tb_token_use use;
    bool is_noting;
};

/* ---- a question's life ---- */

static void forget(struct ask *ask)
{
    struct tb_database *database = ask->database;

    if (ask->previous)
        ask->previous->next = ask->next;
    else
        database->asks = ask->next;
    if (ask->next)
        ask->next->previous = ask->previous;
    database->count--;
    tb_loop_disarm(database->loop, &ask->deadline);
    tb_arena_deinit(&ask->arena);
    free(ask);
}

static void answer(struct ask *ask, int outcome)
{
    void (*on_answer)(void *, int, struct tb_company_read *) = ask->on_answer;

    if (!on_answer)
        return;
    ask->on_answer = NULL;
    tb_loop_disarm(ask->database->loop, &ask->deadline);
    on_answer(ask->owner, outcome, outcome ? NULL : &ask->read);
}

static void on_deadline(struct tb_timer *timer)
{
    struct ask *ask = timer->owner;
    bool is_submitted = ask->is_submitted;

    answer(ask, TB_DATABASE_AWAY);
    if (!is_submitted)
        forget(ask);
}

/* ---- what comes back ---- */

/* Each refusal is somebody's 503; one line in ten seconds tells why. */
static void complain(struct tb_database *database, const struct tb_error *err)
{
    int64_t now_us = tb_clock_monotonic_us();

    if (database->complained_us && now_us - database->complained_us < COMPLAINT_US)
        return;
    database->complained_us = now_us;
    tb_log(
        database->log, TB_LOG_ERROR, "the database refuses a question; was `taskbridge migrate` run on it?",
        TB_F_EVENT("question_refused"), TB_F_CSTR("error", err->text), TB_F_CSTR("sqlstate", err->sqlstate));
}

static void on_noted(struct tb_token_use *use, int outcome, const struct tb_error *err)
{
    struct tb_database *database = use->owner;

    database->is_noting = false;
    if (outcome)
        tb_log(database->log, TB_LOG_DEBUG, "the use of a token could not be noted",
               TB_F_EVENT("token_use_not_noted"), TB_F_CSTR("error", err->text));
}

static void note_use(struct tb_database *database, const struct tb_caller *caller)
{
    if (!caller->token_id || !caller->is_idle || database->is_noting ||
        tb_pg_connection_is_standby(database->connection))
        return;
    database->is_noting = true;
    database->use = (struct tb_token_use){.on_done = on_noted, .owner = database};
    tb_token_use_submit(database->connection, &database->use, caller->token_id);
}

static void submit(struct ask *ask)
{
    ask->is_submitted = true;
    tb_company_read_submit(ask->database->connection, &ask->read);
}

static void on_read(struct tb_company_read *read, int outcome, const struct tb_error *err)
{
    struct ask *ask = read->owner;

    ask->is_submitted = false;
    if (outcome == TB_PG_LOST && ask->on_answer)
        return; /* asked again on the next connection, or ended by its deadline */
    if (outcome == TB_PG_STALE && ask->on_answer && ask->stale_count++ < STALE_MAX) {
        submit(ask);
        return;
    }
    if (!outcome)
        note_use(ask->database, &read->caller);
    else if (outcome != TB_PG_LOST && outcome != TB_PG_BUSY)
        complain(ask->database, err);
    if (outcome == TB_PG_LOST || outcome == TB_PG_BUSY)
        answer(ask, TB_DATABASE_AWAY);
    else
        answer(ask, outcome ? TB_DATABASE_BROKEN : 0);
    forget(ask);
}

static void on_ready(void *owner)
{
    struct tb_database *database = owner;

    database->is_up = true;
    database->complained_us = 0;
    tb_log(database->log, TB_LOG_INFO, "connected to the database", TB_F_EVENT("database_connected"));
    for (struct ask *ask = database->asks; ask; ask = ask->next)
        submit(ask);
}

static void on_lost(void *owner, const struct tb_error *err, int64_t retry_in_us)
{
    struct tb_database *database = owner;

    if (database->is_up)
        database->down_since_us = tb_clock_monotonic_us();
    database->is_up = false;
    tb_log(database->log, TB_LOG_WARNING, "the database is away", TB_F_EVENT("database_lost"),
           TB_F_CSTR("error", err->text), TB_F_INT("retry_in_ms", retry_in_us / TB_US_PER_MS));
}

/* ---- asking ---- */

static bool is_long_away(const struct tb_database *database)
{
    return !database->is_up && tb_clock_monotonic_us() - database->down_since_us > WAIT_US;
}

int tb_database_ask(struct tb_database *database, const struct tb_question *question)
{
    struct ask *ask = NULL;

    if (database->is_stopped || is_long_away(database))
        return TB_DATABASE_AWAY;
    if (database->count >= TB_HTTP_ASKS_MAX)
        return TB_DATABASE_CROWDED;
    ask = calloc(1, sizeof(*ask));
    if (!ask)
        return -ENOMEM;
    ask->database = database;
    ask->on_answer = question->on_answer;
    ask->owner = question->owner;
    ask->deadline = (struct tb_timer){.on_expire = on_deadline, .owner = ask};
    tb_arena_init(&ask->arena, TB_HTTP_READ_MAX_BYTES);
    ask->read = (struct tb_company_read){.arena = &ask->arena, .on_done = on_read, .owner = ask};
    if (!tb_str_is_null(question->token))
        tb_company_read_set_token(&ask->read, question->token);
    if (!tb_str_is_null(question->company)) {
        assert(question->company.len < sizeof(ask->company));
        memcpy(ask->company, question->company.ptr, question->company.len);
        ask->read.company = ask->company;
    }
    ask->next = database->asks;
    if (ask->next)
        ask->next->previous = ask;
    database->asks = ask;
    database->count++;
    tb_loop_arm(database->loop, &ask->deadline, WAIT_US);
    if (database->is_up)
        submit(ask);
    return 0;
}

void tb_database_stop(struct tb_database *database)
{
    struct ask *next = NULL;

    database->is_stopped = true;
    for (struct ask *ask = database->asks; ask; ask = next) {
        next = ask->next;
        answer(ask, TB_DATABASE_AWAY);
    }
}

int tb_database_open(const struct tb_database_options *options, struct tb_database **ret_database,
                     struct tb_error *err)
{
    struct tb_database *database = calloc(1, sizeof(*database));
    int64_t response_us = options->response_timeout_us;

    if (!database)
        return tb_error_set(err, -ENOMEM, "out of memory");
    database->loop = options->loop;
    database->log = options->log;
    database->down_since_us = tb_clock_monotonic_us();
    struct tb_pg_connection_options connection = {
        .url = options->url,
        .application_name = "taskbridge-http",
        .schema = options->schema,
        .connect_timeout_us = options->connect_timeout_us,
        .response_timeout_us = response_us < RESPONSE_MAX_US ? response_us : RESPONSE_MAX_US,
        .on_ready = on_ready,
        .on_lost = on_lost,
        .owner = database};
    int failed = tb_pg_connection_open(options->loop, &connection, &database->connection, err);
    if (failed) {
        free(database);
        return failed;
    }
    *ret_database = database;
    return 0;
}

void tb_database_close(struct tb_database *database)
{
    struct ask *next = NULL;

    if (!database)
        return;
    tb_pg_connection_close(database->connection);
    for (struct ask *ask = database->asks; ask; ask = next) {
        next = ask->next;
        forget(ask);
    }
    free(database);
}

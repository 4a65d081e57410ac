/* Questions to PostgreSQL, and what becomes of them while it is away.
 *
 * There are a few lanes, each a connection with one question at a time, and one list of those that wait. No
 * company has more than two lanes, nor more than its share of the list, so that whatever one company asks,
 * the next finds a lane free. A statement is cut off before a question's deadline, and that comes before a
 * client gives up, so nobody waits in vain; a question that nobody wants any more is cancelled.
 *
 * A question only reads. So one that was lost with its connection is asked again within its time, and one
 * that fails because a table was altered under its prepared statement is asked once more on a session that
 * is made anew. A question that runs belongs to its lane until the connection is done with it; its asker is
 * told exactly once. */
#include "database.h"

#include "taskbridge/base/limits.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define LANES           ((size_t)4)
#define LANES_A_COMPANY ((size_t)2)
#define WAIT_US         (2 * TB_US_PER_S)
#define COMPLAINT_US    (10 * TB_US_PER_S)
/* Nothing that is asked here takes long: a server silent for so long has lost the connection. */
#define RESPONSE_MAX_US (5 * TB_US_PER_S)

struct lane {
    struct tb_database *database;
    struct tb_pg_connection *connection; /* owned */
    struct tb_question *question;        /* under way; borrowed */
    bool is_up;
};

struct tb_database {
    struct tb_loop *loop; /* borrowed */
    struct tb_log *log;   /* borrowed */
    struct lane lanes[LANES];
    struct tb_question *first, *last; /* that wait */
    size_t waiting;
    bool was_up, is_stopped;
    int64_t down_since_us, complained_us; /* monotonic */
};

/* ---- the list of those that wait ---- */

static void push(struct tb_database *database, struct tb_question *question, bool is_first)
{
    question->previous = is_first ? NULL : database->last;
    question->next = is_first ? database->first : NULL;
    *(question->previous ? &question->previous->next : &database->first) = question;
    *(question->next ? &question->next->previous : &database->last) = question;
    database->waiting++;
}

static void take(struct tb_database *database, struct tb_question *question)
{
    *(question->previous ? &question->previous->next : &database->first) = question->next;
    *(question->next ? &question->next->previous : &database->last) = question->previous;
    question->previous = question->next = NULL;
    database->waiting--;
}

static size_t lanes_of(const struct tb_database *database, struct tb_str company)
{
    size_t count = 0;

    for (size_t i = 0; i < LANES && !tb_str_is_null(company); i++) {
        const struct tb_question *question = database->lanes[i].question;
        count += question && tb_str_equal(question->company, company);
    }
    return count;
}

static size_t waiting_of(const struct tb_database *database, struct tb_str company)
{
    size_t count = 0;

    for (const struct tb_question *question = database->first; question; question = question->next)
        count += !tb_str_is_null(company) && tb_str_equal(question->company, company);
    return count;
}

/* ---- what comes back ---- */

/* Each refusal is somebody's 503; one line in ten seconds tells why. */
static void complain(struct tb_database *database, const struct tb_error *err)
{
    int64_t now_us = tb_clock_monotonic_us();

    if (database->complained_us && now_us - database->complained_us < COMPLAINT_US)
        return;
    database->complained_us = now_us;
    tb_log(database->log, TB_LOG_ERROR, "the database refuses a question", TB_F_EVENT("question_refused"),
           TB_F_CSTR("error", err->text), TB_F_CSTR("sqlstate", err->sqlstate));
}

static void answer(struct tb_question *question, int outcome)
{
    tb_loop_disarm(question->database->loop, &question->deadline);
    question->on_answer(question, outcome);
}

static bool may_try_again(const struct tb_question *question, int outcome)
{
    if (question->is_abandoned || question->database->is_stopped || !question->deadline.armed)
        return false;
    return outcome == TB_PG_LOST || outcome == TB_PG_STALE;
}

static void run_some(struct tb_database *database);
static void on_done(struct tb_transaction *transaction, int outcome, const struct tb_error *err)
{
    struct tb_question *question = transaction->owner;
    struct lane *lane = question->lane;
    struct tb_database *database = lane->database;

    lane->question = NULL;
    question->lane = NULL;
    if (may_try_again(question, outcome)) {
        push(database, question, true);
    } else if (outcome == TB_PG_LOST || outcome == TB_PG_BUSY || outcome == TB_PG_STALE) {
        answer(question, TB_DATABASE_AWAY);
    } else {
        if (outcome)
            complain(database, err);
        answer(question, outcome ? TB_DATABASE_BROKEN : 0);
    }
    run_some(database);
}

/* ---- lanes ---- */

static struct lane *free_lane(struct tb_database *database)
{
    for (size_t i = 0; i < LANES; i++) {
        struct lane *lane = &database->lanes[i];
        if (!lane->question && lane->is_up && tb_pg_connection_is_ready(lane->connection))
            return lane;
    }
    return NULL;
}

static struct tb_question *next_question(const struct tb_database *database)
{
    for (struct tb_question *question = database->first; question; question = question->next) {
        if (lanes_of(database, question->company) < LANES_A_COMPANY)
            return question;
    }
    return NULL;
}

static void run_some(struct tb_database *database)
{
    for (;;) {
        struct lane *lane = free_lane(database);
        struct tb_question *question = lane ? next_question(database) : NULL;
        if (!question)
            return;
        take(database, question);
        question->lane = lane;
        lane->question = question;
        question->prepare(question);
        question->transaction->on_done = on_done;
        question->transaction->owner = question;
        tb_pg_connection_submit(lane->connection, question->transaction);
    }
}

static bool is_up(const struct tb_database *database)
{
    for (size_t i = 0; i < LANES; i++) {
        if (database->lanes[i].is_up)
            return true;
    }
    return false;
}

static void on_ready(void *owner)
{
    struct lane *lane = owner;
    struct tb_database *database = lane->database;

    lane->is_up = true;
    if (!database->was_up)
        tb_log(database->log, TB_LOG_INFO, "connected to the database", TB_F_EVENT("database_connected"));
    database->was_up = true;
    database->complained_us = 0;
    run_some(database);
}

static void on_lost(void *owner, const struct tb_error *err, int64_t retry_in_us)
{
    struct lane *lane = owner;
    struct tb_database *database = lane->database;

    lane->is_up = false;
    if (is_up(database))
        return;
    if (database->was_up)
        database->down_since_us = tb_clock_monotonic_us();
    if (database->was_up || lane == database->lanes)
        tb_log(database->log, TB_LOG_WARNING, "the database is away", TB_F_EVENT("database_lost"),
               TB_F_CSTR("error", err->text), TB_F_INT("retry_in_ms", retry_in_us / TB_US_PER_MS));
    database->was_up = false;
}

/* ---- asking ---- */

static void on_deadline(struct tb_timer *timer)
{
    struct tb_question *question = timer->owner;

    if (question->lane) {
        tb_database_abandon(question);
        return;
    }
    take(question->database, question);
    answer(question, TB_DATABASE_AWAY);
}

static bool is_long_away(const struct tb_database *database)
{
    return !is_up(database) && tb_clock_monotonic_us() - database->down_since_us > WAIT_US;
}

int tb_database_ask(struct tb_database *database, struct tb_question *question)
{
    if (database->is_stopped || is_long_away(database))
        return TB_DATABASE_AWAY;
    if (database->waiting >= TB_HTTP_ASKS_MAX ||
        waiting_of(database, question->company) >= TB_HTTP_ASKS_A_COMPANY_MAX)
        return TB_DATABASE_CROWDED;
    question->database = database;
    question->lane = NULL;
    question->is_abandoned = false;
    question->deadline = (struct tb_timer){.on_expire = on_deadline, .owner = question};
    tb_loop_arm(database->loop, &question->deadline, WAIT_US);
    push(database, question, false);
    run_some(database);
    return 0;
}

void tb_database_abandon(struct tb_question *question)
{
    if (question->is_abandoned)
        return;
    question->is_abandoned = true;
    if (question->lane)
        tb_pg_connection_cancel(question->lane->connection, question->transaction);
    else
        tb_loop_arm(question->database->loop, &question->deadline, 0);
}

void tb_database_stop(struct tb_database *database)
{
    database->is_stopped = true;
    while (database->first) {
        struct tb_question *question = database->first;
        take(database, question);
        answer(question, TB_DATABASE_AWAY);
    }
    /* Those that run end with their connections: each is told that it is lost. */
    for (size_t i = 0; i < LANES; i++) {
        struct tb_question *question = database->lanes[i].question;
        tb_pg_connection_close(database->lanes[i].connection);
        database->lanes[i].connection = NULL;
        database->lanes[i].question = NULL;
        if (question)
            answer(question, TB_DATABASE_AWAY);
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
    for (size_t i = 0; i < LANES; i++) {
        struct lane *lane = &database->lanes[i];
        lane->database = database;
        struct tb_pg_connection_options connection = {
            .url = options->url,
            .application_name = options->name,
            .schema = options->schema,
            .connect_timeout_us = options->connect_timeout_us,
            .response_timeout_us = response_us < RESPONSE_MAX_US ? response_us : RESPONSE_MAX_US,
            .statement_timeout_us = TB_DATABASE_STATEMENT_MS * TB_US_PER_MS,
            .on_ready = on_ready,
            .on_lost = on_lost,
            .owner = lane};
        int failed = tb_pg_connection_open(options->loop, &connection, &lane->connection, err);
        if (failed) {
            tb_database_close(database);
            return failed;
        }
    }
    *ret_database = database;
    return 0;
}

void tb_database_close(struct tb_database *database)
{
    if (!database)
        return;
    for (size_t i = 0; i < LANES; i++)
        tb_pg_connection_close(database->lanes[i].connection);
    free(database);
}

/* The database as a directory of who may see what.
 *
 * Its connection is auth's own, so that no document, however large, delays who is at the door. A question
 * waits for a connection that is away for two seconds, which bridges a restart of the server; one that was
 * lost with its connection is asked again: it only reads. */
#include "directory.h"

#include "taskbridge/base/limits.h"

#include <errno.h>
#include <stdlib.h>

#define WAIT_US      (2 * TB_US_PER_S)
#define COMPLAINT_US (10 * TB_US_PER_S)
#define RESPONSE_US  (5 * TB_US_PER_S)

struct tb_directory {
    struct tb_loop *loop;                /* borrowed */
    struct tb_log *log;                  /* borrowed */
    struct tb_pg_connection *connection; /* owned */
    struct tb_access_questions questions;
    struct tb_directory_call *calls; /* under way; borrowed */
    bool is_up, is_noting;
    int64_t down_since_us, complained_us; /* monotonic */
    struct tb_token_use use;
};

/* ---- a question's life ---- */

static void finish(struct tb_directory_call *call, int outcome)
{
    struct tb_directory *directory = call->directory;

    if (call->previous)
        call->previous->next = call->next;
    else
        directory->calls = call->next;
    if (call->next)
        call->next->previous = call->previous;
    tb_loop_disarm(directory->loop, &call->patience);
    call->on_done(call, outcome);
}

static void on_impatience(struct tb_timer *timer)
{
    finish(timer->owner, TB_DIRECTORY_AWAY);
}

/* Each refusal is somebody's 503; one line in ten seconds tells why. */
static void complain(struct tb_directory *directory, const struct tb_error *err)
{
    int64_t now_us = tb_clock_monotonic_us();

    if (directory->complained_us && now_us - directory->complained_us < COMPLAINT_US)
        return;
    directory->complained_us = now_us;
    tb_log(directory->log, TB_LOG_ERROR, "who may see what cannot be asked", TB_F_EVENT("access_broken"),
           TB_F_CSTR("error", err->text), TB_F_CSTR("sqlstate", err->sqlstate));
}

/* ---- noting that a token was used ---- */

static void on_noted(struct tb_token_use *use, int outcome, const struct tb_error *err)
{
    struct tb_directory *directory = use->owner;

    directory->is_noting = false;
    if (outcome)
        tb_log(directory->log, TB_LOG_DEBUG, "the use of a token could not be noted",
               TB_F_EVENT("token_use_not_noted"), TB_F_CSTR("error", err->text));
}

static void note_use(struct tb_directory *directory, const struct tb_access_read *read)
{
    if (!read->is_found || !read->is_idle || directory->is_noting ||
        tb_pg_connection_is_standby(directory->connection))
        return;
    directory->is_noting = true;
    directory->use = (struct tb_token_use){.on_done = on_noted, .owner = directory};
    tb_token_use_submit(directory->connection, &directory->use, read->token_id);
}

/* ---- asking ---- */

static void submit(struct tb_directory_call *call)
{
    tb_loop_disarm(call->directory->loop, &call->patience);
    tb_access_read_submit(call->directory->connection, &call->read);
}

static void on_read(struct tb_access_read *read, int outcome, const struct tb_error *err)
{
    struct tb_directory_call *call = read->owner;
    struct tb_directory *directory = call->directory;

    if (outcome == TB_PG_STALE) { /* the tables changed: prepared anew */
        submit(call);
        return;
    }
    if (outcome == TB_PG_LOST) { /* asked again on the next connection, or ended by impatience */
        tb_loop_arm(directory->loop, &call->patience, WAIT_US);
        return;
    }
    if (outcome)
        complain(directory, err);
    else
        note_use(directory, read);
    finish(call, outcome == TB_PG_BUSY ? TB_DIRECTORY_AWAY : outcome ? TB_DIRECTORY_BROKEN : 0);
}

bool tb_directory_is_up(const struct tb_directory *directory)
{
    return directory->is_up;
}

static bool is_long_away(const struct tb_directory *directory)
{
    return !directory->is_up && tb_clock_monotonic_us() - directory->down_since_us > WAIT_US;
}

int tb_directory_ask(struct tb_directory *directory, struct tb_directory_call *call)
{
    if (is_long_away(directory))
        return TB_DIRECTORY_AWAY;
    call->directory = directory;
    call->read.questions = &directory->questions;
    call->read.on_done = on_read;
    call->read.owner = call;
    call->patience = (struct tb_timer){.on_expire = on_impatience, .owner = call};
    call->previous = NULL;
    call->next = directory->calls;
    if (call->next)
        call->next->previous = call;
    directory->calls = call;
    if (directory->is_up)
        submit(call);
    else
        tb_loop_arm(directory->loop, &call->patience, WAIT_US);
    return 0;
}

/* ---- the connection ---- */

static void on_ready(void *owner)
{
    struct tb_directory *directory = owner;

    directory->is_up = true;
    directory->complained_us = 0;
    for (struct tb_directory_call *call = directory->calls; call; call = call->next)
        submit(call);
}

static void on_lost(void *owner, const struct tb_error *err, int64_t retry_in_us)
{
    struct tb_directory *directory = owner;

    if (directory->is_up)
        directory->down_since_us = tb_clock_monotonic_us();
    directory->is_up = false;
    tb_log(directory->log, TB_LOG_WARNING, "the database is away, of which it is asked who may see what",
           TB_F_EVENT("database_lost"), TB_F_CSTR("error", err->text),
           TB_F_INT("retry_in_ms", retry_in_us / TB_US_PER_MS));
}

int tb_directory_open(struct tb_loop *loop, struct tb_log *log, const struct tb_config *config,
                      struct tb_directory **ret_directory, struct tb_error *err)
{
    struct tb_directory *directory = calloc(1, sizeof(*directory));
    int64_t question_us = config->access.sql.timeout_ms * TB_US_PER_MS;

    if (!directory)
        return tb_error_set(err, -ENOMEM, "out of memory");
    directory->loop = loop;
    directory->log = log;
    directory->down_since_us = tb_clock_monotonic_us();
    tb_access_questions_init(&directory->questions, config->access.sql.user, config->access.sql.sees,
                             config->access.sql.company_name, config->access.sql.timeout_ms);
    struct tb_pg_connection_options options = {
        .url = config->database.url,
        .application_name = "taskbridge-http access",
        .schema = config->database.schema,
        .connect_timeout_us = config->database.connect_timeout_s * TB_US_PER_S,
        .response_timeout_us = RESPONSE_US > 2 * question_us ? RESPONSE_US : 2 * question_us,
        .on_ready = on_ready,
        .on_lost = on_lost,
        .owner = directory};
    int failed = tb_pg_connection_open(loop, &options, &directory->connection, err);
    if (failed)
        free(directory);
    else
        *ret_directory = directory;
    return failed;
}

void tb_directory_close(struct tb_directory *directory)
{
    if (!directory)
        return;
    for (struct tb_directory_call *call = directory->calls; call; call = call->next)
        tb_loop_disarm(directory->loop, &call->patience);
    tb_pg_connection_close(directory->connection);
    free(directory);
}

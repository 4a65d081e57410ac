/* A PostgreSQL connection that never blocks the loop.
 *
 * It connects and reconnects by itself, with backoff. Work is given as a transaction: a list of statements
 * that are sent in one go (libpq's pipeline mode) and committed together. Several transactions may be under
 * way; they are executed in the order of submission. Each ends in exactly one call of on_done. */
#ifndef TASKBRIDGE_PG_CONNECTION_H
#define TASKBRIDGE_PG_CONNECTION_H

#include "taskbridge/base/error.h"
#include "taskbridge/base/str.h"
#include "taskbridge/io/loop.h"

struct tb_pg_connection;
struct tb_result; /* rows of one statement, borrowed during on_result */

/* One of sql/queries/, embedded at build: declared in the generated tb_sql.h. */
struct tb_query {
    const char *name; /* the prepared statement's name */
    const char *sql;
};

enum tb_param_format { TB_PARAM_TEXT = 0, TB_PARAM_BINARY = 1 };

struct tb_param {
    const char *ptr; /* NULL is SQL NULL; text must be NUL-terminated */
    int len;         /* of binary parameters */
    int format;
};

/* A parameter as text, borrowed; NULL is SQL NULL. */
static inline struct tb_param tb_param_text(const char *text)
{
    return (struct tb_param){text, 0, TB_PARAM_TEXT};
}

/* A parameter as bytes, borrowed; the null string is SQL NULL. */
static inline struct tb_param tb_param_bytes(struct tb_str bytes)
{
    return (struct tb_param){bytes.ptr, (int)bytes.len, TB_PARAM_BINARY};
}

struct tb_statement {
    const struct tb_query *query;
    const struct tb_param *params;
    int param_count;
};

/* How a transaction ended; 0 is committed. */
enum tb_pg_outcome {
    TB_PG_LOST = 1, /* the connection broke or timed out: committed or not, nobody knows */
    TB_PG_STALE,    /* what was prepared is outdated, by DDL: nothing was done; submit it again at once */
    TB_PG_BUSY,     /* classes 08, 40, 53, 55, 57, 58, a read-only database: the same may go through later */
    TB_PG_REFUSED,  /* classes 22, 23, 54, P0 and the like: the data itself is refused, and will be again */
    TB_PG_FAILED    /* anything else: schema, rights; needs a person */
};

#define TB_TRANSACTION_MAX_STATEMENTS 64

struct tb_transaction {
    const struct tb_statement *statements; /* borrowed until on_done; TB_TRANSACTION_MAX_STATEMENTS at most */
    size_t statement_count;
    /* Called for each statement that succeeded, in order; may be NULL. A later failure still undoes all. */
    void (*on_result)(struct tb_transaction *transaction, size_t statement, const struct tb_result *result);
    /* outcome is 0 or an enum tb_pg_outcome; err is filled when it is not 0. The transaction is no
     * longer used by the connection and may be submitted again or freed. */
    void (*on_done)(struct tb_transaction *transaction, int outcome, const struct tb_error *err);
    void *owner;
    /* The connection's own. */
    struct tb_transaction *next;
    size_t statement_at; /* whose result comes next */
    uint64_t preparing;  /* bit i: statement i was sent with its PREPARE, whose answer comes first */
    unsigned generation; /* of the prepared statements that it uses */
    struct tb_error error;
    int outcome;
};

struct tb_pg_connection_options {
    const char *url;              /* conninfo or URI, borrowed during the call */
    const char *application_name; /* borrowed during the call */
    const char *schema;           /* where names are looked up; borrowed during the call */
    int64_t connect_timeout_us;
    int64_t response_timeout_us;  /* without any answer for so long, the connection counts as lost */
    int64_t statement_timeout_us; /* how long the server works on one statement; 0: 120 s */
    /* All optional. on_lost comes after on_done of the transactions that were under way. */
    void (*on_ready)(void *owner);
    void (*on_lost)(void *owner, const struct tb_error *err, int64_t retry_in_us);
    /* For each NOTIFY of what a statement made this connection LISTEN to. What is notified while the
     * connection is away is never told. Both are borrowed during the call. */
    void (*on_notification)(void *owner, struct tb_str channel, struct tb_str payload);
    void *owner;
};

/* Starts connecting; returns 0 or a negative errno for what will never work (a bad url). close(NULL) is fine
 * and calls nobody back. */
int tb_pg_connection_open(struct tb_loop *loop, const struct tb_pg_connection_options *options,
                          struct tb_pg_connection **ret_connection, struct tb_error *err) TB_MUST_CHECK;
void tb_pg_connection_close(struct tb_pg_connection *connection);

bool tb_pg_connection_is_ready(const struct tb_pg_connection *connection);

/* Only while ready. on_done is never called from inside this call. */
void tb_pg_connection_submit(struct tb_pg_connection *connection, struct tb_transaction *transaction);

/* Has the server end what it does for this transaction, if that is the one it is at; it ends as TB_PG_BUSY
 * then. Without waiting, and without a promise: it may end otherwise before. */
void tb_pg_connection_cancel(struct tb_pg_connection *connection, const struct tb_transaction *transaction);

/* Whether it leads to a standby, which can only be read; of a ready connection. */
bool tb_pg_connection_is_standby(const struct tb_pg_connection *connection);

/* Gives the session up and connects anew, as if it had broken; calls nobody back from inside. */
void tb_pg_connection_replace(struct tb_pg_connection *connection);

/* ---- reading a result ---- */
size_t tb_result_rows(const struct tb_result *result);
int tb_result_columns(const struct tb_result *result);
bool tb_result_is_null(const struct tb_result *result, size_t row, int column);
/* Null when SQL NULL; borrowed during on_result. */
struct tb_str tb_result_str(const struct tb_result *result, size_t row, int column);
/* 0 when SQL NULL or no integer. */
int64_t tb_result_int64(const struct tb_result *result, size_t row, int column);
/* TB_STAMP_NONE when SQL NULL; of a bigint of microseconds. */
int64_t tb_result_stamp(const struct tb_result *result, size_t row, int column);
/* Of a boolean; false when SQL NULL. */
bool tb_result_bool(const struct tb_result *result, size_t row, int column);

#endif

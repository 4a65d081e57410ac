/* A company's document out of the database: who may see it has been settled before. One transaction, one
 * round trip; every question is narrowed to one company, by its statements and by row security behind them.
 */
#ifndef TASKBRIDGE_STORE_COMPANY_H
#define TASKBRIDGE_STORE_COMPANY_H

#include "taskbridge/base/arena.h"
#include "taskbridge/core/document.h"
#include "taskbridge/pg/connection.h"

/* Past so many, http_totals.sql counts no further. */
#define TB_COMPANY_COUNTED_MAX INT64_C(10000)

/* Which tasks are meant. NULL and TB_STAMP_NONE exclude nothing. Lists are PostgreSQL's array literals:
 * tb_company_push_list. */
struct tb_company_filter {
    const char *statuses, *types, *tasks, *flow;
    int64_t since_us, until_us;
    int64_t limit;        /* of those that ended; 0: TB_DOCUMENT_RECENT_MAX */
    int64_t cursor_at_us; /* behind the one that ended then … */
    int64_t cursor_id;    /* … with this id */
};

#define TB_COMPANY_STATEMENTS 4
#define TB_COMPANY_PARAMS     40

struct tb_company_read {
    /* Given, and left alone until the transaction is done. */
    const char *company;                    /* a canonical key */
    const struct tb_company_filter *filter; /* NULL: the whole company */
    int64_t visible_s;                      /* how long an ended task is seen */
    int64_t timeout_ms;                     /* of each statement */
    struct tb_arena *arena;                 /* takes what is read */

    /* Read, borrowed from the arena: complete when the transaction is done and is_full is not set. */
    struct tb_document document; /* company_id, version, is_stale and as_of are not set */
    bool is_known;               /* it has a name or a row */
    bool is_counted;             /* its totals are whole */
    int64_t changes_at;          /* when, by the database's clock, a task leaves it; TB_STAMP_NONE: never */
    bool is_full;                /* the arena's ceiling was reached */

    /* Its own. */
    char numbers[8][TB_STAMP_TEXT_BYTES];
    struct tb_param params[TB_COMPANY_PARAMS];
    struct tb_statement statements[TB_COMPANY_STATEMENTS];
    struct tb_transaction transaction;
};

/* Prepares read->transaction, whose on_done and owner the caller sets; again before each submission. */
void tb_company_read_prepare(struct tb_company_read *read);

/* Pushes items as an array literal. */
void tb_company_push_list(const struct tb_str *items, size_t count, struct tb_buf *buf);

/* The totals of a company that has more than TB_COMPANY_COUNTED_MAX. */
struct tb_company_count {
    const char *company;
    int64_t visible_s, timeout_ms;
    int64_t active, completed, failed; /* read */
    /* Its own. */
    char numbers[2][TB_STAMP_TEXT_BYTES];
    struct tb_param params[4];
    struct tb_statement statements[2];
    struct tb_transaction transaction;
};
void tb_company_count_prepare(struct tb_company_count *count);

/* How far what is shown can be trusted. */
struct tb_bridge_read {
    int64_t as_of; /* read; TB_STAMP_NONE: nobody knows */
    bool is_stale;
    /* Its own. */
    struct tb_statement statement;
    struct tb_transaction transaction;
};
void tb_bridge_read_prepare(struct tb_bridge_read *read);

/* Makes a connection hear of what changes: NOTIFY taskbridge_company (a company's key) and taskbridge_access.
 */
#define TB_COMPANY_CHANNEL "taskbridge_company"
#define TB_ACCESS_CHANNEL  "taskbridge_access"
void tb_company_listen_prepare(struct tb_transaction *transaction);

/* The parts that other questions of the HTTP module share. */
struct tb_statement tb_read_see(struct tb_param params[3], const char *company, bool is_operator,
                                const char *timeout_ms);

#endif

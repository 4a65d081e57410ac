/* A few connections to PostgreSQL, and the questions that wait for one. */
#ifndef TASKBRIDGE_HTTP_DATABASE_H
#define TASKBRIDGE_HTTP_DATABASE_H

#include "taskbridge/base/log.h"
#include "taskbridge/io/loop.h"
#include "taskbridge/pg/connection.h"

struct tb_database;

enum tb_database_outcome {
    TB_DATABASE_AWAY = 1, /* it did not answer in time, or is known not to */
    TB_DATABASE_CROWDED,  /* too many questions wait, of this company or in all */
    TB_DATABASE_BROKEN    /* it answers, but not to this: the log says why */
};

struct tb_database_options {
    struct tb_loop *loop;            /* borrowed */
    struct tb_log *log;              /* borrowed */
    const char *url, *schema, *name; /* borrowed during the call; name: of the sessions */
    int64_t connect_timeout_us, response_timeout_us;
};

/* Starts connecting. 0 or a negative errno. */
int tb_database_open(const struct tb_database_options *options, struct tb_database **ret_database,
                     struct tb_error *err) TB_MUST_CHECK;
/* After tb_database_stop. NULL is fine. */
void tb_database_close(struct tb_database *database);

/* How long a statement may take: less than a question waits, which is less than a client's patience. */
#define TB_DATABASE_STATEMENT_MS INT64_C(1500)

struct tb_question {
    struct tb_transaction *transaction; /* its statements and on_result are prepare's to set */
    /* Before each time that it is submitted: what was read so far is nothing. */
    void (*prepare)(struct tb_question *question);
    /* Once, never from inside tb_database_ask: 0 or an enum tb_database_outcome. The question is the owner's
     * again, to be freed if need be. */
    void (*on_answer)(struct tb_question *question, int outcome);
    struct tb_str company; /* whose share of the connections it takes; null: nobody's; borrowed */
    void *owner;
    /* The database's own. */
    struct tb_database *database;
    struct tb_question *previous, *next;
    struct lane *lane; /* it runs there */
    struct tb_timer deadline;
    bool is_abandoned;
};

/* 0 when on_answer will come; an enum tb_database_outcome when it will not. */
int tb_database_ask(struct tb_database *database, struct tb_question *question) TB_MUST_CHECK;

/* Nobody wants the answer any more: what waits is answered soon with TB_DATABASE_AWAY, what runs is
 * cancelled. on_answer comes in any case. */
void tb_database_abandon(struct tb_question *question);

/* Answers all that is under way with TB_DATABASE_AWAY, and from here on every question. */
void tb_database_stop(struct tb_database *database);

#endif

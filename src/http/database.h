/* The HTTP module's one connection to PostgreSQL, and the questions under way on it. */
#ifndef TASKBRIDGE_HTTP_DATABASE_H
#define TASKBRIDGE_HTTP_DATABASE_H

#include "company_id.h"
#include "taskbridge/base/log.h"
#include "taskbridge/io/loop.h"
#include "taskbridge/store/company_read.h"

struct tb_database;

enum tb_database_outcome {
    TB_DATABASE_AWAY = 1, /* it did not answer in time, or is known not to */
    TB_DATABASE_CROWDED,  /* too many questions are under way */
    TB_DATABASE_BROKEN    /* it answers, but not to this: the log says why */
};

struct tb_database_options {
    struct tb_loop *loop;     /* borrowed */
    struct tb_log *log;       /* borrowed */
    const char *url, *schema; /* borrowed during the call */
    int64_t connect_timeout_us, response_timeout_us;
};

/* Starts connecting. 0 or a negative errno. */
int tb_database_open(const struct tb_database_options *options, struct tb_database **ret_database,
                     struct tb_error *err) TB_MUST_CHECK;
/* After tb_database_stop. NULL is fine. */
void tb_database_close(struct tb_database *database);

struct tb_question {
    struct tb_str token;   /* null: nobody's */
    struct tb_str company; /* canonical, shorter than TB_COMPANY_KEY_BYTES; null: none */
    /* Once, within two seconds, never from inside tb_database_ask. outcome is 0 or an enum
     * tb_database_outcome; read is borrowed during the call, and NULL when outcome is not 0. */
    void (*on_answer)(void *owner, int outcome, struct tb_company_read *read);
    void *owner;
};

/* 0 when on_answer will come; an enum tb_database_outcome or -ENOMEM when it will not. */
int tb_database_ask(struct tb_database *database, const struct tb_question *question) TB_MUST_CHECK;

/* Answers all that is under way with TB_DATABASE_AWAY, and from here on every question. */
void tb_database_stop(struct tb_database *database);

#endif

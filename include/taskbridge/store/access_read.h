/* What the database knows of who may see what: of taskbridge's own tokens and members, and of the product's
 * users by the product's own questions. */
#ifndef TASKBRIDGE_STORE_ACCESS_READ_H
#define TASKBRIDGE_STORE_ACCESS_READ_H

#include "taskbridge/base/arena.h"
#include "taskbridge/pg/connection.h"
#include "taskbridge/pg/session.h"
#include "taskbridge/store/tokens.h"

enum tb_access_kind {
    TB_ACCESS_TOKEN,    /* text is an own token's key: whose it is, and whether company may be seen */
    TB_ACCESS_MEMBER,   /* text is a user's name: whether company may be seen */
    TB_ACCESS_SIGNED,   /* text is the user of a signed token, or "": whether company may be seen still */
    TB_ACCESS_SQL_USER, /* access.sql.user: text is a key */
    TB_ACCESS_SQL_SEES, /* access.sql.sees: text is a user, of whom it is asked with company */
    TB_ACCESS_SQL_NAME  /* access.sql.company_name: text is a company */
};

/* The questions as the configuration has them, borrowed while anything is asked. */
struct tb_access_questions {
    struct tb_query sql[TB_ACCESS_SQL_NAME + 1]; /* of the kinds TB_ACCESS_SQL_… */
    char timeout_ms[TB_ACCESS_SQL_NAME + 1][24]; /* of all kinds */
};

/* The texts are borrowed; "" for what is not asked. */
void tb_access_questions_init(struct tb_access_questions *questions, const char *user, const char *sees,
                              const char *company_name, int64_t timeout_ms);

struct tb_access_read {
    /* Given, and left alone until on_done. */
    enum tb_access_kind kind;
    const struct tb_access_questions *questions;
    const char *text, *company; /* company NULL: none */
    int64_t issued_at_us;       /* of TB_ACCESS_SIGNED */
    struct tb_arena *arena;     /* takes what is read */
    /* As of struct tb_transaction. That a text can't be a key, user or company of the product's (of which
     * type these are, its tables say) is no failure: then nothing is found. */
    void (*on_done)(struct tb_access_read *read, int outcome, const struct tb_error *err);
    void *owner;

    /* Read, borrowed from the arena; with outcome 0. */
    bool is_found;        /* the token, the user, the name */
    bool may_see;         /* the company */
    struct tb_str found;  /* user, or name */
    struct tb_str rights; /* the token's scope, or what access.sql.user says; null: nothing special */
    int64_t token_id;
    bool is_idle;          /* the token's use was not noted for a while: tb_token_use_submit */
    int64_t expires_at_us; /* TB_STAMP_NONE: never */

    /* Its own. */
    bool is_full;
    unsigned char sha256[TB_TOKEN_HASH_BYTES];
    char issued_at[24];
    struct tb_param begin[2], params[3];
    struct tb_statement statements[2];
    struct tb_transaction transaction;
};

/* Only while the connection is ready. on_done is never called from inside. */
void tb_access_read_submit(struct tb_pg_connection *connection, struct tb_access_read *read);

/* Asks each of the product's questions that is given, with NULL for everybody: whether PostgreSQL understands
 * them, and this role may ask them. 0, a negative errno, or an enum tb_pg_outcome with the option's name. */
int tb_access_try(struct tb_pg_session *session, const struct tb_access_questions *questions,
                  struct tb_error *err) TB_MUST_CHECK;

/* Notes that a token was used. */
struct tb_token_use {
    void (*on_done)(struct tb_token_use *use, int outcome, const struct tb_error *err);
    void *owner;
    /* Its own. */
    char id[24];
    struct tb_param param;
    struct tb_statement statement;
    struct tb_transaction transaction;
};

/* Only while the connection is ready, and not again before on_done. */
void tb_token_use_submit(struct tb_pg_connection *connection, struct tb_token_use *use, int64_t token_id);

#endif

/* What the HTTP module asks of the database: who calls, whether the company is theirs to see, and its
 * document. One transaction and one round trip; nothing of a company that may not be seen is read. */
#ifndef TASKBRIDGE_STORE_COMPANY_READ_H
#define TASKBRIDGE_STORE_COMPANY_READ_H

#include "taskbridge/base/arena.h"
#include "taskbridge/core/document.h"
#include "taskbridge/pg/connection.h"
#include "taskbridge/store/access_read.h"

#define TB_COMPANY_READ_STATEMENTS 4

struct tb_caller {
    int64_t token_id; /* 0: no valid token, and the rest says nothing */
    struct tb_str user;
    bool is_operator;
    bool may_see; /* the company that was asked for */
    bool is_idle; /* the token's use was not noted for a while: tb_token_use_submit */
};

struct tb_company_read {
    /* Given, and left alone until on_done. */
    unsigned char token_sha256[32];
    const char *company;    /* a canonical key; NULL: none, and only the caller is asked for */
    struct tb_arena *arena; /* takes what is read; reset at submission */
    /* As of struct tb_transaction; outcome is also -ENOMEM when the arena's ceiling was reached. */
    void (*on_done)(struct tb_company_read *read, int outcome, const struct tb_error *err);
    void *owner;

    /* Read, borrowed from the arena; complete in on_done when its outcome is 0. document.company_id is not
     * set. */
    struct tb_caller caller;
    struct tb_document document;

    /* Its own. */
    bool is_full;
    char limits[2][24];
    struct tb_param params[TB_COMPANY_READ_STATEMENTS];
    struct tb_statement statements[TB_COMPANY_READ_STATEMENTS];
    struct tb_transaction transaction;
};

/* Sets the SHA-256 of a token as its owner gives it. */
void tb_company_read_set_token(struct tb_company_read *read, struct tb_str key);

/* Only while the connection is ready. on_done is never called from inside. May be submitted again after it.
 */
void tb_company_read_submit(struct tb_pg_connection *connection, struct tb_company_read *read);

#endif

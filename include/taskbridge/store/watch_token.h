/* Watch tokens: what a product signs for its browsers, so that they see one company, or less, for a while. */
#ifndef TASKBRIDGE_STORE_WATCH_TOKEN_H
#define TASKBRIDGE_STORE_WATCH_TOKEN_H

#include "taskbridge/base/buf.h"
#include "taskbridge/base/error.h"

struct tb_watch_token {
    struct tb_str company; /* canonical */
    /* Narrow it, together; none of a kind: all. */
    const struct tb_str *tasks, *types;
    size_t task_count, type_count;
    struct tb_str flow; /* a root's id; null: any */
    struct tb_str user; /* whose browser it is, for logs; null: nobody's in particular */
    int64_t issued_at_us, expires_at_us;
};

/* Pushes it as a JSON Web Token (HS256). 0 or -ENOMEM; what it says is not checked. */
int tb_watch_token_push(const struct tb_watch_token *token, struct tb_str secret,
                        struct tb_buf *buf) TB_MUST_CHECK;

#endif

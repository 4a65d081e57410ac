/* What could not be used, kept byte for byte. */
#ifndef TASKBRIDGE_STORE_DEAD_LETTERS_H
#define TASKBRIDGE_STORE_DEAD_LETTERS_H

#include "taskbridge/pg/session.h"

struct tb_dead_letter {
    int64_t id, received_at, created_at, retried_at; /* stamps: TB_STAMP_NONE where not */
    int64_t body_bytes;
    bool is_masked; /* a secret was taken out of it: it can't be sent again */
    struct tb_str instance, routing_key, content_type, content_encoding, reason;
    struct tb_str headers; /* JSON */
    struct tb_str body;    /* null in lists */
};

/* Which ones are meant. Everything left null or 0 excludes nothing. */
struct tb_dead_filter {
    int64_t id;
    struct tb_str reason; /* a part of it */
    bool unretried;       /* only those that were not sent again */
    int64_t limit;        /* 0: 1000 */
    int64_t after_id;     /* only those with a greater id: for pages */
};

/* All return 0, a negative errno or an enum tb_pg_outcome. */

/* Oldest first, without bodies; borrowed during the call. */
int tb_dead_list(struct tb_pg_session *session, const struct tb_dead_filter *filter,
                 void (*on_letter)(void *owner, const struct tb_dead_letter *letter), void *owner,
                 struct tb_error *err) TB_MUST_CHECK;
/* One with its body, borrowed until the session's next call; *ret_found is false when there is none. */
int tb_dead_show(struct tb_pg_session *session, int64_t id, struct tb_dead_letter *ret_letter,
                 bool *ret_found, struct tb_error *err) TB_MUST_CHECK;
/* Notes that it was published again, once the broker has confirmed. */
int tb_dead_mark_retried(struct tb_pg_session *session, int64_t id, struct tb_error *err) TB_MUST_CHECK;
/* Deletes; *ret_count says how many. */
int tb_dead_drop(struct tb_pg_session *session, const struct tb_dead_filter *filter, int64_t *ret_count,
                 struct tb_error *err) TB_MUST_CHECK;

#endif

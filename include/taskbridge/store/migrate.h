/* The database's schema: numbered steps, each once, each in a transaction of its own, under a lock. */
#ifndef TASKBRIDGE_STORE_MIGRATE_H
#define TASKBRIDGE_STORE_MIGRATE_H

#include "taskbridge/pg/session.h"

enum tb_migrate_outcome {
    TB_MIGRATE_NEWER = 1, /* the database has steps that this program does not know */
    TB_MIGRATE_CHANGED,   /* a step was applied that was another one then */
    TB_MIGRATE_LOCKED,    /* somebody else is at it, longer than we wait */
    TB_MIGRATE_FAILED     /* PostgreSQL refused a step, which left nothing behind; err has its words */
};

struct tb_migrate_options {
    int64_t lock_timeout_us; /* 0: 30 s */
    /* After each step that was applied; may be NULL. */
    void (*on_applied)(void *owner, int number, const char *name);
    void *owner;
};

/* Applies what is missing. 0 (also when nothing was), a negative errno, or an enum tb_migrate_outcome. */
int tb_migrate(struct tb_pg_session *session, const struct tb_migrate_options *options,
               struct tb_error *err) TB_MUST_CHECK;

/* Whether the steps that were applied are this program's; the table of them is there. 0, a negative errno, or
 * TB_MIGRATE_NEWER, TB_MIGRATE_CHANGED or TB_MIGRATE_FAILED. */
int tb_migrate_check(struct tb_pg_session *session, struct tb_error *err) TB_MUST_CHECK;

/* The step that the database has reached (0: none) and the last that this program knows. 0, a negative errno
 * or an enum tb_pg_outcome. */
int tb_migrate_state(struct tb_pg_session *session, int *ret_applied, int *ret_known,
                     struct tb_error *err) TB_MUST_CHECK;

#endif

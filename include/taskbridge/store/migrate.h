/* The database's schema: numbered steps, each once, each in a transaction of its own, under a lock; roles and
 * rights at the end of each run; and whether all of it is there. */
#ifndef TASKBRIDGE_STORE_MIGRATE_H
#define TASKBRIDGE_STORE_MIGRATE_H

#include "taskbridge/pg/session.h"

enum tb_migrate_outcome {
    TB_MIGRATE_NEWER = 1,    /* the database has steps that this program does not know */
    TB_MIGRATE_CHANGED,      /* a step was applied that was another one then */
    TB_MIGRATE_LOCKED,       /* somebody else is at it, longer than we wait */
    TB_MIGRATE_DAMAGED,      /* something is gone or altered that only a person can put right: on_finding */
    TB_MIGRATE_UNPRIVILEGED, /* the rest is for somebody with more rights: on_statement */
    TB_MIGRATE_FAILED        /* PostgreSQL refused a step, which left nothing behind; err has its words */
};

/* Who can put it right. */
enum tb_migrate_fate {
    TB_FATE_MEND, /* migrate */
    TB_FATE_LOST, /* a table's rows are gone: migrate, if it is told to make an empty one */
    TB_FATE_HAND  /* a person, from a backup */
};

/* Something that is not as the last step left it; texts are borrowed during the call. */
struct tb_migrate_finding {
    struct tb_str kind; /* "table", "column", "function", … */
    struct tb_str name;
    struct tb_str how; /* "missing", "altered", "foreign": not ours */
    enum tb_migrate_fate fate;
};

struct tb_migrate_options {
    const char *company_format; /* what the functions in the database are told of it */
    bool recreates;             /* tables that are gone, empty */
    int64_t lock_timeout_us;    /* 0: 30 s */
    /* After each step that was applied; may be NULL, as the following. */
    void (*on_applied)(void *owner, int number, const char *name);
    /* Of each thing that is found, before it is mended. */
    void (*on_finding)(void *owner, const struct tb_migrate_finding *finding);
    /* Of each right that is lacking or too much, in words; it is put right at the end. */
    void (*on_right)(void *owner, struct tb_str words, bool is_role);
    /* What somebody with more rights has to run; borrowed during the call. */
    void (*on_statement)(void *owner, struct tb_str statement);
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

/* Tells of everything in the schema that is not as migrate left it. Some step was applied. 0, a negative
 * errno or an enum tb_pg_outcome. */
int tb_migrate_find(struct tb_pg_session *session,
                    void (*on_finding)(void *owner, const struct tb_migrate_finding *finding), void *owner,
                    struct tb_error *err) TB_MUST_CHECK;

/* Tells of every right that a role of taskbridge lacks, or has and should not, in words:
 * "taskbridge_reader lacks SELECT on commands"; and of every role that is missing itself. Returns as above.
 */
int tb_migrate_find_rights(struct tb_pg_session *session,
                           void (*on_right)(void *owner, struct tb_str words, bool is_role), void *owner,
                           struct tb_error *err) TB_MUST_CHECK;

#endif

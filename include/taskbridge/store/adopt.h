/* Adoption: the rows of the product's own table of trackers are copied. */
#ifndef TASKBRIDGE_STORE_ADOPT_H
#define TASKBRIDGE_STORE_ADOPT_H

#include "taskbridge/pg/session.h"

/* A row that is left where it is; texts are borrowed during the call. */
struct tb_adopt_left {
    struct tb_str id, task_id; /* task_id is null where it has none */
    struct tb_str reason;      /* "it is success at 80 %" */
};

struct tb_adopt_counts {
    int64_t rows;      /* of the product's table */
    int64_t added;     /* that nobody knew */
    int64_t completed; /* that were known, and now say more */
    int64_t left;      /* that can't be taken */
    int64_t old;       /* that maintenance will soon delete */
};

struct tb_adopt_options {
    const char *table;   /* "public.background_task_trackers", as PostgreSQL reads names */
    const char *map;     /* JSON: an object of the table's columns and whose names of ours they have */
    const char *zone;    /* of times without a time zone; NULL: there are none */
    bool is_dry;         /* nothing is written */
    int64_t old_after_s; /* when maintenance deletes what is over */
    /* Of each row that is left; and after each batch. */
    void (*on_left)(void *owner, const struct tb_adopt_left *left);
    void (*on_batch)(void *owner, const struct tb_adopt_counts *counts);
    void *owner;
};

/* Copies what can be copied. Harmless when run again, and beside running daemons: each batch is a transaction
 * of its own. 0, a negative errno or an enum tb_pg_outcome; what was copied until then stays. */
int tb_adopt(struct tb_pg_session *session, const struct tb_adopt_options *options,
             struct tb_adopt_counts *ret_counts, struct tb_error *err) TB_MUST_CHECK;

#endif

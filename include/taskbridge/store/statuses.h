/* Silent tasks, for the job that finds lost ones: what the database knows of them, and what was found out.
 *
 * Both are statements for a struct tb_pg_connection; this reads and writes their rows. */
#ifndef TASKBRIDGE_STORE_STATUSES_H
#define TASKBRIDGE_STORE_STATUSES_H

#include "taskbridge/base/arena.h"
#include "taskbridge/core/liveness.h"
#include "taskbridge/pg/params.h"

/* A task that was silent. Of facts all but listening_since and heard_until is filled in. */
struct tb_status_task {
    int64_t id;
    struct tb_str task_id;
    int64_t updated_at; /* by the database's clock */
    struct tb_liveness_facts facts;
};

/* What was found out about it: the columns of sql/queries/statuses_record.sql. */
struct tb_status_change {
    int64_t id, updated_at; /* as it was found */
    bool missing;           /* its worker does not have it */
    struct tb_str reason;   /* why it is lost; null when it is not */
    bool found;             /* its worker has it against what the row says */
    bool stalled;           /* its worker, which came back since, still claims to have it */
};

/* Pushes the parameters of a page of silent tasks: those behind (after_updated_at, after_id), first of all
 * TB_STAMP_NONE and 0, and whose worker is heard at that source. */
void tb_statuses_push_find(struct tb_params *params, int64_t after_updated_at, int64_t after_id,
                           int64_t silent_us, int64_t limit, struct tb_str source);

/* Reads one row of the page; text is copied into the arena. 0 or -ENOMEM. */
int tb_statuses_read(const struct tb_result *result, size_t row, struct tb_arena *arena,
                     struct tb_status_task *ret_task) TB_MUST_CHECK;

/* Pushes the parameters that record changes; the answer is one row: how many are lost now, how many were
 * found again. */
void tb_statuses_push_record(struct tb_params *params, const struct tb_status_change *changes, size_t count);

extern const struct tb_statuses_queries {
    const struct tb_query *find, *record;
    /* $1 how long past in microseconds, $2 how many at most. One row: how many were ended. */
    const struct tb_query *expire;
    /* Of tasks that wait in a queue: sql/queries/waiting_*.sql. */
    const struct tb_query *workers, *queues, *waiting;
} tb_statuses_queries;

#endif

/* A batch's parts as parameters of the statements that write them. */
#ifndef TASKBRIDGE_STORE_BATCH_ROWS_H
#define TASKBRIDGE_STORE_BATCH_ROWS_H

#include "taskbridge/core/batch.h"
#include "taskbridge/pg/params.h"

/* What names a batch among all of a daemon's: the first three parameters of what counts. */
struct tb_batch_mark {
    struct tb_str instance, run;
    int64_t number;
};

/* Each pushes all parameters of the statement after which it is named. */
void tb_batch_push_trackers(const struct tb_batch *batch, struct tb_params *params);
void tb_batch_push_workers(const struct tb_batch *batch, struct tb_params *params);
void tb_batch_push_incarnations(const struct tb_batch *batch, const struct tb_batch_mark *mark,
                                struct tb_params *params);
/* Of one kind at most so many letters and bytes are kept, what comes beyond is counted. */
void tb_batch_push_dead(const struct tb_batch *batch, const struct tb_batch_mark *mark, int64_t max_rows,
                        int64_t max_bytes, struct tb_params *params);
void tb_batch_push_counts(const struct tb_batch *batch, const struct tb_batch_mark *mark,
                          struct tb_params *params);

/* 0, or -ENOMEM where the list of what is meant did not fit into the arena. *ret_count says how many are
 * meant; with none of them nothing was pushed. */
int tb_batch_push_redelivered_starts(const struct tb_batch *batch, struct tb_arena *arena,
                                     struct tb_params *params, size_t *ret_count) TB_MUST_CHECK;
int tb_batch_push_inheritance(const struct tb_batch *batch, struct tb_arena *arena, struct tb_params *params,
                              size_t *ret_count) TB_MUST_CHECK;

/* insert_attempts.sql */
void tb_batch_push_setbacks(const struct tb_batch *batch, struct tb_params *params);

/* mark_attempts.sql, when *ret_count is not 0. 0 or -ENOMEM. */
int tb_batch_push_former_starts(const struct tb_batch *batch, struct tb_arena *arena,
                                struct tb_params *params, size_t *ret_count) TB_MUST_CHECK;

#endif

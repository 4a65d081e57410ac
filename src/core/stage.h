/* What one delivery brings, kept apart until all of it is known to fit. */
#ifndef TASKBRIDGE_CORE_STAGE_H
#define TASKBRIDGE_CORE_STAGE_H

#include "taskbridge/core/batch.h"

struct tb_stage {
    struct tb_batch *batch;             /* whose arena and texts are used; borrowed */
    const struct tb_delivery *delivery; /* the batch's own copy; borrowed */
    const struct tb_rules *rules;
    int status; /* the first failure of a callback */
    struct tb_row *rows;
    size_t row_count, row_cap;
    struct tb_event *worker_events;
    size_t worker_event_count, worker_event_cap;
    struct tb_str *hosts; /* of tasks' events; copies only in a row are left out */
    size_t host_count, host_cap;
    struct tb_start *starts;
    size_t start_count, start_cap;
    struct tb_str *unknown;
    size_t unknown_count, unknown_cap;
    struct tb_dead *dead;
    size_t dead_count, dead_cap;
    int64_t newest_at; /* greatest stamp of the tasks' events, none taken for later than its receipt */
};

/* Room for needed elements in list, an array of size_t *cap; false without memory. */
#define TB_RESERVE(list, cap, needed)                                                                        \
    ((needed) <= (cap) || tb_stage_grow((void *)&(list), &(cap), (needed), sizeof(*(list))))
bool tb_stage_grow(void *list, size_t *cap, size_t needed, size_t size) TB_MUST_CHECK;

/* Decodes and folds delivery, which is the batch's own copy. 0 or -ENOMEM. */
int tb_stage_fill(struct tb_stage *stage, struct tb_batch *batch, const struct tb_delivery *delivery,
                  const struct tb_rules *rules) TB_MUST_CHECK;

/* A dead letter of the delivery; body and reason are in the batch's arena. 0 or -ENOMEM. */
int tb_stage_add_dead(struct tb_stage *stage, struct tb_str body, struct tb_str reason) TB_MUST_CHECK;

/* Empty again; memory kept for no more than max_entries of each. */
void tb_stage_reset(struct tb_stage *stage, size_t max_entries);
void tb_stage_deinit(struct tb_stage *stage);

#endif

/* Joins of what is known of workers. */
#ifndef TASKBRIDGE_CORE_WORKER_H
#define TASKBRIDGE_CORE_WORKER_H

#include "taskbridge/core/batch.h"

/* Never heard of. */
void tb_worker_init(struct tb_worker *worker, struct tb_str hostname);

/* event is one of this worker's, received at received_at. */
void tb_worker_join_event(struct tb_worker *worker, const struct tb_event *event, int64_t received_at);

/* event has counts. */
void tb_beat_init(struct tb_beat *beat, const struct tb_event *event);
void tb_beat_join_event(struct tb_beat *beat, const struct tb_event *event);

#endif

/* How long it takes from an event to its row. Pure. */
#ifndef TASKBRIDGE_DAEMON_LAG_H
#define TASKBRIDGE_DAEMON_LAG_H

#include <stddef.h>
#include <stdint.h>

/* So many batches are remembered. */
#define TB_LAG_BATCHES ((size_t)31)

/* All zero: no batch yet. */
struct tb_lag {
    int64_t recent_us[TB_LAG_BATCHES];
    uint64_t count; /* of batches ever */
};

/* A batch was committed at now_us whose newest event has this stamp; TB_STAMP_NONE: it had none. */
void tb_lag_committed(struct tb_lag *lag, int64_t newest_stamp, int64_t now_us);

/* The median of the batches of late; -1: there was none. */
int64_t tb_lag_median_us(const struct tb_lag *lag);

#endif

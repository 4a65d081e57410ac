/* What a person waits for: the time from a worker's stamp on a task's event to the commit of its row.
 *
 * A batch counts with its newest event, so that a backlog shows what is left of it and not what it once was;
 * batches of heartbeats alone say nothing. The median of the last batches is neither one slow commit nor one
 * worker with a wrong clock. */
#include "lag.h"

#include "taskbridge/base/clock.h"

void tb_lag_committed(struct tb_lag *lag, int64_t newest_stamp, int64_t now_us)
{
    if (newest_stamp == TB_STAMP_NONE)
        return;
    lag->recent_us[lag->count % TB_LAG_BATCHES] = newest_stamp < now_us ? now_us - newest_stamp : 0;
    lag->count++;
}

int64_t tb_lag_median_us(const struct tb_lag *lag)
{
    int64_t sorted[TB_LAG_BATCHES];
    size_t count = lag->count < TB_LAG_BATCHES ? (size_t)lag->count : TB_LAG_BATCHES;

    if (!count)
        return -1;
    for (size_t i = 0; i < count; i++) {
        size_t place = i;
        for (; place > 0 && sorted[place - 1] > lag->recent_us[i]; place--)
            sorted[place] = sorted[place - 1];
        sorted[place] = lag->recent_us[i];
    }
    return sorted[(count - 1) / 2];
}

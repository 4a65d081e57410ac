/* A batch in the order of its keys.
 *
 * Several daemons write at once, and rows that two of them share must be locked by both in one order, or they
 * wait for each other: the order of bytes, as COLLATE "C" has it. Starts are sorted to find copies of one
 * event: the meter of missed events would count them twice. A copy that certainly was not written before
 * speaks for all. */
#include "compare.h"
#include "taskbridge/core/batch.h"

#include <stdlib.h>

static int compare_rows(const void *a, const void *b)
{
    return tb_str_compare(((const struct tb_row *)a)->task_id, ((const struct tb_row *)b)->task_id);
}

static int compare_workers(const void *a, const void *b)
{
    return tb_str_compare(((const struct tb_worker *)a)->hostname, ((const struct tb_worker *)b)->hostname);
}

static int compare_beats(const void *a, const void *b)
{
    const struct tb_beat *first = a, *second = b;
    int order = tb_str_compare(first->hostname, second->hostname);

    return order ? order : tb_compare_int64(first->pid, second->pid);
}

static int compare_starts(const void *a, const void *b)
{
    const struct tb_start *first = a, *second = b;
    int order = tb_str_compare(first->hostname, second->hostname);

    if (order == 0)
        order = tb_compare_int64(first->pid, second->pid);
    if (order == 0)
        order = tb_str_compare(first->task_id, second->task_id);
    return order ? order : tb_compare_int64(first->stamp, second->stamp);
}

static int compare_unknown(const void *a, const void *b)
{
    return tb_str_compare(((const struct tb_unknown *)a)->type, ((const struct tb_unknown *)b)->type);
}

/* qsort wants an array even of nothing. */
static void sort(void *list, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    if (count > 1)
        qsort(list, count, size, compare);
}

static void unite_copies(struct tb_batch *batch)
{
    size_t kept = 0;

    for (size_t i = 0; i < batch->start_count; i++) {
        const struct tb_start *start = &batch->starts[i];
        struct tb_start *last = kept ? &batch->starts[kept - 1] : NULL;
        if (last && compare_starts(last, start) == 0)
            last->redelivered = last->redelivered && start->redelivered;
        else
            batch->starts[kept++] = *start;
    }
    batch->start_count = kept;
}

void tb_batch_seal(struct tb_batch *batch)
{
    sort(batch->rows, batch->row_count, sizeof(*batch->rows), compare_rows);
    sort(batch->workers, batch->worker_count, sizeof(*batch->workers), compare_workers);
    sort(batch->beats, batch->beat_count, sizeof(*batch->beats), compare_beats);
    sort(batch->starts, batch->start_count, sizeof(*batch->starts), compare_starts);
    sort(batch->unknown, batch->unknown_count, sizeof(*batch->unknown), compare_unknown);
    unite_copies(batch);
    batch->sealed = true;
}

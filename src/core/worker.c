/* What a batch knows of workers: a join, as a task's row is one.
 *
 * The event with the greatest stamp describes the worker; of equal stamps the greater pid's, because a worker
 * that took over a name is the one that goes on. Counts come from the latest event that had some: a heartbeat
 * that was asked for has none. Beyond that all ties are broken by the values, so that order does not matter.
 * The skew is taken at the event that describes; of two copies of it the one that came sooner is nearer to
 * the truth. Whether a worker lives is not decided here. */
#include "worker.h"

#include "compare.h"

void tb_worker_init(struct tb_worker *worker, struct tb_str hostname)
{
    *worker = (struct tb_worker){
        .hostname = hostname,
        .online_at = TB_STAMP_NONE,
        .heartbeat_at = TB_STAMP_NONE,
        .offline_at = TB_STAMP_NONE,
        .seen_at = TB_STAMP_NONE,
        .heard_at = TB_STAMP_NONE,
        .freq_s = NAN,
        .counted_at = TB_STAMP_NONE,
        .loadavg = {NAN, NAN, NAN},
    };
}

static int compare_description(const struct tb_worker *worker, const struct tb_event *event, int64_t skew_us)
{
    int order = tb_compare_int64(event->stamp, worker->seen_at);
    if (order == 0)
        order = tb_compare_int64(event->pid, worker->pid);
    if (order == 0)
        order = tb_compare_int64(worker->skew_us, skew_us);
    if (order == 0)
        order = tb_compare_double(event->freq_s, worker->freq_s);
    if (order == 0)
        order = tb_str_compare(event->sw_ident, worker->sw_ident);
    if (order == 0)
        order = tb_str_compare(event->sw_ver, worker->sw_ver);
    return order ? order : tb_str_compare(event->sw_sys, worker->sw_sys);
}

static void join_description(struct tb_worker *worker, const struct tb_event *event, int64_t skew_us)
{
    if (compare_description(worker, event, skew_us) <= 0)
        return;
    worker->seen_at = event->stamp;
    worker->pid = event->pid;
    worker->skew_us = skew_us;
    worker->freq_s = event->freq_s;
    worker->sw_ident = event->sw_ident;
    worker->sw_ver = event->sw_ver;
    worker->sw_sys = event->sw_sys;
}

static void join_counts(struct tb_worker *worker, const struct tb_event *event)
{
    int order = tb_compare_int64(event->stamp, worker->counted_at);
    if (order == 0)
        order = tb_compare_int64(event->processed, worker->processed);
    if (order == 0)
        order = tb_compare_int64(event->active, worker->active);
    for (size_t i = 0; order == 0 && i < TB_COUNT(worker->loadavg); i++)
        order = tb_compare_double(event->loadavg[i], worker->loadavg[i]);
    if (order <= 0)
        return;
    worker->counted_at = event->stamp;
    worker->active = event->active;
    worker->processed = event->processed;
    for (size_t i = 0; i < TB_COUNT(worker->loadavg); i++)
        worker->loadavg[i] = event->loadavg[i];
}

void tb_worker_join_event(struct tb_worker *worker, const struct tb_event *event, int64_t received_at)
{
    int64_t *kind = event->type == TB_EVENT_WORKER_ONLINE    ? &worker->online_at
                    : event->type == TB_EVENT_WORKER_OFFLINE ? &worker->offline_at
                                                             : &worker->heartbeat_at;
    if (event->stamp > *kind)
        *kind = event->stamp;
    join_description(worker, event, received_at - event->stamp);
    if (event->has_counts)
        join_counts(worker, event);
}

void tb_beat_init(struct tb_beat *beat, const struct tb_event *event)
{
    *beat = (struct tb_beat){
        .hostname = event->hostname,
        .pid = event->pid,
        .first_at = event->stamp,
        .first_processed = event->processed,
        .last_at = event->stamp,
        .last_processed = event->processed,
    };
}

void tb_beat_join_event(struct tb_beat *beat, const struct tb_event *event)
{
    if (event->stamp < beat->first_at ||
        (event->stamp == beat->first_at && event->processed < beat->first_processed)) {
        beat->first_at = event->stamp;
        beat->first_processed = event->processed;
    }
    if (event->stamp > beat->last_at ||
        (event->stamp == beat->last_at && event->processed > beat->last_processed)) {
        beat->last_at = event->stamp;
        beat->last_processed = event->processed;
    }
}

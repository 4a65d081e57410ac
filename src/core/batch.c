/* A batch: many deliveries, one row a task.
 *
 * The delivery is copied into the batch's arena, decoded there, staged (see stage.c), and then joined into
 * the rows in place. Rows are found by the hash of their task's id. Everything that can fail for want of
 * memory is done before the first join: room is made for as many new rows, workers and so on as the stage
 * holds, so a batch is never left with half a delivery.
 *
 * Invariants: rows and workers are unique by their key; every count agrees with what was joined; nothing
 * points outside the arena, so that the delivery may go. What has no bound by itself, the names of unknown
 * events, gets one here. When a batch is written, and what becomes of one that is refused, is not known here.
 */
#include "taskbridge/core/batch.h"

#include "slots.h"
#include "stage.h"
#include "taskbridge/base/limits.h"
#include "worker.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* A stage larger than this came from a delivery unlike what Celery sends (24 events). */
#define STAGE_KEPT_ENTRIES ((size_t)256)

int tb_batch_init(struct tb_batch *batch)
{
    *batch = (struct tb_batch){
        .first_received_at = TB_STAMP_NONE, .last_received_at = TB_STAMP_NONE, .newest_at = TB_STAMP_NONE};
    tb_arena_init(&batch->arena, TB_BATCH_ARENA_MAX_BYTES);
    batch->stage = calloc(1, sizeof(*batch->stage));
    return batch->stage ? 0 : -ENOMEM;
}

static void free_lists(struct tb_batch *batch)
{
    free(batch->rows);
    free(batch->workers);
    free(batch->beats);
    free(batch->starts);
    free(batch->dead);
    free(batch->unknown);
    free(batch->deliveries);
    batch->row_cap = batch->worker_cap = batch->beat_cap = batch->start_cap = 0;
    batch->dead_cap = batch->unknown_cap = batch->delivery_cap = 0;
    batch->rows = NULL;
    batch->workers = NULL;
    batch->beats = NULL;
    batch->starts = NULL;
    batch->dead = NULL;
    batch->unknown = NULL;
    batch->deliveries = NULL;
}

void tb_batch_deinit(struct tb_batch *batch)
{
    if (batch->stage)
        tb_stage_deinit(batch->stage);
    free(batch->stage);
    free_lists(batch);
    tb_slots_deinit(&batch->row_slots);
    tb_slots_deinit(&batch->worker_slots);
    tb_slots_deinit(&batch->beat_slots);
    tb_arena_deinit(&batch->arena);
    *batch = (struct tb_batch){0};
}

/* Whether some list grew beyond what a full batch of ordinary deliveries needs. */
static bool is_oversized(const struct tb_batch *batch)
{
    return batch->row_cap > 2 * TB_BATCH_MAX_ROWS || batch->start_cap > 4 * TB_BATCH_MAX_ROWS ||
           batch->worker_cap > TB_BATCH_MAX_ROWS || batch->beat_cap > TB_BATCH_MAX_ROWS ||
           batch->dead_cap > 2 * TB_BATCH_MAX_DELIVERIES || batch->delivery_cap > 2 * TB_BATCH_MAX_DELIVERIES;
}

void tb_batch_reset(struct tb_batch *batch)
{
    if (is_oversized(batch))
        free_lists(batch);
    batch->row_count = batch->worker_count = batch->beat_count = batch->start_count = 0;
    batch->dead_count = batch->unknown_count = batch->delivery_count = batch->rule_text_count = 0;
    batch->counts = (struct tb_batch_counts){0};
    batch->last_tag = 0;
    batch->first_received_at = batch->last_received_at = batch->newest_at = TB_STAMP_NONE;
    batch->sealed = false;
    tb_stage_reset(batch->stage, STAGE_KEPT_ENTRIES);
    tb_slots_reset(&batch->row_slots, TB_BATCH_MAX_ROWS);
    tb_slots_reset(&batch->worker_slots, TB_BATCH_MAX_ROWS);
    tb_slots_reset(&batch->beat_slots, TB_BATCH_MAX_ROWS);
    tb_arena_reset(&batch->arena);
}

static bool copy_delivery(struct tb_arena *arena, const struct tb_delivery *delivery,
                          struct tb_delivery *ret_copy)
{
    struct tb_delivery copy = *delivery;

    if (!tb_arena_copy(arena, delivery->body, &copy.body) ||
        !tb_arena_copy(arena, delivery->routing_key, &copy.routing_key) ||
        !tb_arena_copy(arena, delivery->content_type, &copy.content_type) ||
        !tb_arena_copy(arena, delivery->content_encoding, &copy.content_encoding) ||
        !tb_arena_copy(arena, delivery->compression, &copy.compression) ||
        !tb_arena_copy(arena, delivery->headers, &copy.headers))
        return false;
    *ret_copy = copy;
    return true;
}

static int reserve_tasks(struct tb_batch *batch, const struct tb_stage *stage)
{
    size_t rows = batch->row_count + stage->row_count;

    if (!TB_RESERVE(batch->rows, batch->row_cap, rows) ||
        !TB_RESERVE(batch->starts, batch->start_cap, batch->start_count + stage->start_count))
        return -ENOMEM;
    return tb_slots_reserve(&batch->row_slots, rows);
}

static int reserve_workers(struct tb_batch *batch, const struct tb_stage *stage)
{
    size_t workers = batch->worker_count + stage->worker_event_count + stage->host_count;
    size_t beats = batch->beat_count + stage->worker_event_count;

    if (!TB_RESERVE(batch->workers, batch->worker_cap, workers) ||
        !TB_RESERVE(batch->beats, batch->beat_cap, beats))
        return -ENOMEM;
    int status = tb_slots_reserve(&batch->worker_slots, workers);
    return status ? status : tb_slots_reserve(&batch->beat_slots, beats);
}

static int reserve(struct tb_batch *batch, const struct tb_stage *stage)
{
    /* One more than TB_UNKNOWN_TYPES_MAX: the one that counts all others. */
    size_t unknown = batch->unknown_count + stage->unknown_count;
    if (unknown > TB_UNKNOWN_TYPES_MAX + 1)
        unknown = TB_UNKNOWN_TYPES_MAX + 1;

    if (!TB_RESERVE(batch->unknown, batch->unknown_cap, unknown) ||
        !TB_RESERVE(batch->dead, batch->dead_cap, batch->dead_count + stage->dead_count) ||
        !TB_RESERVE(batch->deliveries, batch->delivery_cap, batch->delivery_count + 1))
        return -ENOMEM;
    int status = reserve_tasks(batch, stage);
    return status ? status : reserve_workers(batch, stage);
}

static void join_row(struct tb_batch *batch, const struct tb_row *row)
{
    uint32_t hash = tb_slots_hash(row->task_id, 0);
    uint32_t cursor = hash, entry;

    while ((entry = tb_slots_next(&batch->row_slots, hash, &cursor)) != TB_SLOTS_END) {
        if (tb_str_equal(batch->rows[entry].task_id, row->task_id)) {
            tb_row_join(&batch->rows[entry], row);
            return;
        }
    }
    tb_slots_add(&batch->row_slots, hash, (uint32_t)batch->row_count);
    batch->rows[batch->row_count++] = *row;
}

static struct tb_worker *find_or_add_worker(struct tb_batch *batch, struct tb_str hostname)
{
    uint32_t hash = tb_slots_hash(hostname, 0);
    uint32_t cursor = hash, entry;

    while ((entry = tb_slots_next(&batch->worker_slots, hash, &cursor)) != TB_SLOTS_END)
        if (tb_str_equal(batch->workers[entry].hostname, hostname))
            return &batch->workers[entry];
    tb_slots_add(&batch->worker_slots, hash, (uint32_t)batch->worker_count);
    struct tb_worker *worker = &batch->workers[batch->worker_count++];
    tb_worker_init(worker, hostname);
    return worker;
}

static void hear(struct tb_worker *worker, int64_t received_at)
{
    if (received_at > worker->heard_at)
        worker->heard_at = received_at;
}

static void join_beat(struct tb_batch *batch, const struct tb_event *event)
{
    uint32_t hash = tb_slots_hash(event->hostname, (uint64_t)event->pid);
    uint32_t cursor = hash, entry;

    while ((entry = tb_slots_next(&batch->beat_slots, hash, &cursor)) != TB_SLOTS_END) {
        struct tb_beat *beat = &batch->beats[entry];
        if (beat->pid == event->pid && tb_str_equal(beat->hostname, event->hostname)) {
            tb_beat_join_event(beat, event);
            return;
        }
    }
    tb_slots_add(&batch->beat_slots, hash, (uint32_t)batch->beat_count);
    tb_beat_init(&batch->beats[batch->beat_count++], event);
}

static void join_worker_event(struct tb_batch *batch, const struct tb_event *event, int64_t received_at)
{
    if (tb_str_is_null(event->hostname))
        return;
    struct tb_worker *worker = find_or_add_worker(batch, event->hostname);
    tb_worker_join_event(worker, event, received_at);
    hear(worker, received_at);
    if (event->has_counts && event->pid)
        join_beat(batch, event);
}

static void count_unknown(struct tb_batch *batch, struct tb_str type)
{
    for (size_t i = 0; i < batch->unknown_count; i++) {
        if (tb_str_equal(batch->unknown[i].type, type)) {
            batch->unknown[i].count++;
            return;
        }
    }
    if (batch->unknown_count >= TB_UNKNOWN_TYPES_MAX && !tb_str_is_empty(type))
        count_unknown(batch, TB_STR(""));
    else
        batch->unknown[batch->unknown_count++] = (struct tb_unknown){type, 1};
}

static void count_delivery(struct tb_batch *batch, const struct tb_delivery *delivery,
                           const struct tb_stage *stage)
{
    struct tb_batch_counts *counts = &batch->counts;

    counts->deliveries++;
    counts->redelivered += delivery->redelivered;
    counts->bytes += (int64_t)delivery->body.len;
    counts->task_events += (int64_t)stage->row_count;
    counts->worker_events += (int64_t)stage->worker_event_count;
    counts->unknown += (int64_t)stage->unknown_count;
    counts->dead += (int64_t)stage->dead_count;
    counts->events += (int64_t)(stage->row_count + stage->worker_event_count + stage->unknown_count);
}

static void join_delivery(struct tb_batch *batch, const struct tb_delivery *delivery)
{
    if (batch->delivery_count == 0 || delivery->received_at < batch->first_received_at)
        batch->first_received_at = delivery->received_at;
    if (delivery->received_at > batch->last_received_at)
        batch->last_received_at = delivery->received_at;
    if (delivery->tag > batch->last_tag)
        batch->last_tag = delivery->tag;
    batch->deliveries[batch->delivery_count++] = *delivery;
}

static void join_stage(struct tb_batch *batch, const struct tb_stage *stage,
                       const struct tb_delivery *delivery)
{
    for (size_t i = 0; i < stage->row_count; i++)
        join_row(batch, &stage->rows[i]);
    for (size_t i = 0; i < stage->host_count; i++)
        hear(find_or_add_worker(batch, stage->hosts[i]), delivery->received_at);
    for (size_t i = 0; i < stage->worker_event_count; i++)
        join_worker_event(batch, &stage->worker_events[i], delivery->received_at);
    for (size_t i = 0; i < stage->unknown_count; i++)
        count_unknown(batch, tb_str_is_null(stage->unknown[i]) ? TB_STR("") : stage->unknown[i]);
    for (size_t i = 0; i < stage->start_count; i++)
        batch->starts[batch->start_count++] = stage->starts[i];
    for (size_t i = 0; i < stage->dead_count; i++)
        batch->dead[batch->dead_count++] = stage->dead[i];
    if (stage->newest_at > batch->newest_at)
        batch->newest_at = stage->newest_at;
    count_delivery(batch, delivery, stage);
    join_delivery(batch, delivery);
}

/* A refused delivery leaves its copy in the arena: an empty batch, which nobody would reset, must not fill up
 * with tries. */
static int end_add(struct tb_batch *batch, const struct tb_delivery *copy, int status)
{
    if (!status)
        status = reserve(batch, batch->stage);
    if (!status)
        join_stage(batch, batch->stage, copy);
    else if (tb_batch_is_empty(batch))
        tb_batch_reset(batch);
    return status;
}

int tb_batch_add(struct tb_batch *batch, const struct tb_delivery *delivery, const struct tb_rules *rules)
{
    struct tb_delivery copy = {0};
    int status = -ENOMEM;

    assert(!batch->sealed);
    tb_stage_reset(batch->stage, STAGE_KEPT_ENTRIES);
    if (copy_delivery(&batch->arena, delivery, &copy))
        status = tb_stage_fill(batch->stage, batch, &copy, rules);
    return end_add(batch, &copy, status);
}

int tb_batch_add_dead(struct tb_batch *batch, const struct tb_delivery *delivery, struct tb_str reason)
{
    struct tb_delivery copy = {0};
    struct tb_str kept_reason;
    int status = -ENOMEM;

    assert(!batch->sealed);
    tb_stage_reset(batch->stage, STAGE_KEPT_ENTRIES);
    if (copy_delivery(&batch->arena, delivery, &copy) && tb_arena_copy(&batch->arena, reason, &kept_reason)) {
        batch->stage->delivery = &copy;
        status = tb_stage_add_dead(batch->stage, copy.body, kept_reason);
    }
    return end_add(batch, &copy, status);
}

bool tb_batch_is_empty(const struct tb_batch *batch)
{
    return batch->delivery_count == 0;
}

bool tb_batch_is_full(const struct tb_batch *batch)
{
    return batch->row_count >= TB_BATCH_MAX_ROWS || batch->delivery_count >= TB_BATCH_MAX_DELIVERIES ||
           batch->arena.used_bytes >= TB_BATCH_FULL_BYTES;
}

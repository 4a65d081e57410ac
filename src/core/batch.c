/* A batch: many deliveries, one row a task.
 *
 * A batch takes a delivery whole or not at all, and memory can end anywhere in the middle of one. So the
 * delivery is copied into the batch's arena, decoded and folded there, and its facts are staged in lists that
 * are kept from delivery to delivery. Everything that can fail for want of memory is done before the first
 * join: room is made for as many new rows, workers and so on as the stage holds; then the batch joins them in
 * place, which can't fail. Rows are found by the hash of their task's id.
 *
 * Invariants: rows and workers are unique by their key; every count agrees with what was joined; nothing
 * points outside the arena, so that the delivery may go, and the rules, which may be exchanged meanwhile.
 *
 * Sealed, a batch is in the order of its keys, as bytes: several daemons write at once, and rows that two of
 * them share must be locked by both in one order. When a batch is written is not known here. */
#include "taskbridge/core/batch.h"

#include "compare.h"
#include "failure.h"
#include "slots.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/core/decode.h"
#include "taskbridge/core/fold.h"
#include "worker.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* What one delivery brings, kept apart until all of it is known to fit. */
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
    struct tb_setback *setbacks;
    size_t setback_count, setback_cap;
    struct tb_str *unknown;
    size_t unknown_count, unknown_cap;
    struct tb_dead *dead;
    size_t dead_count, dead_cap;
    int64_t newest_at; /* greatest stamp of the tasks' events, none taken for later than its receipt */
};

/* A stage larger than this came from a delivery unlike what Celery sends (24 events). */
#define STAGE_KEPT_ENTRIES ((size_t)256)

#define CAP_MIN ((size_t)16)

/* Room for needed elements in list, an array of size_t *cap; false without memory. */
#define RESERVE(list, cap, needed)                                                                           \
    ((needed) <= (cap) || grow((void *)&(list), &(cap), (needed), sizeof(*(list))))

/* ---- the stage ---- */

static bool grow(void *list, size_t *cap, size_t needed, size_t size)
{
    size_t grown = *cap ? *cap : CAP_MIN;
    size_t bytes;
    void *elements;

    while (grown < needed)
        if (__builtin_mul_overflow(grown, (size_t)2, &grown))
            return false;
    if (__builtin_mul_overflow(grown, size, &bytes))
        return false;
    memcpy(&elements, list, sizeof(elements));
    elements = realloc(elements, bytes);
    if (!elements)
        return false;
    memcpy(list, &elements, sizeof(elements));
    *cap = grown;
    return true;
}

static bool own_text(struct tb_batch *batch, struct tb_str *text)
{
    size_t known =
        batch->rule_text_count < TB_BATCH_RULE_TEXTS ? batch->rule_text_count : TB_BATCH_RULE_TEXTS;

    if (tb_str_is_null(*text))
        return true;
    for (size_t i = 0; i < known; i++) {
        if (tb_str_equal(batch->rule_texts[i], *text)) {
            *text = batch->rule_texts[i];
            return true;
        }
    }
    if (!tb_arena_copy(&batch->arena, *text, text))
        return false;
    batch->rule_texts[batch->rule_text_count++ % TB_BATCH_RULE_TEXTS] = *text;
    return true;
}

static bool own_rule_texts(struct tb_batch *batch, struct tb_row *row)
{
    return own_text(batch, &row->rule_type) && own_text(batch, &row->rule_display_name);
}

static int add_host(struct tb_stage *stage, struct tb_str hostname)
{
    if (tb_str_is_null(hostname) ||
        (stage->host_count && tb_str_equal(stage->hosts[stage->host_count - 1], hostname)))
        return 0;
    if (!RESERVE(stage->hosts, stage->host_cap, stage->host_count + 1))
        return -ENOMEM;
    stage->hosts[stage->host_count++] = hostname;
    return 0;
}

/* Only an event that names its process can be counted for it. */
static int add_start(struct tb_stage *stage, const struct tb_event *event)
{
    if (event->type != TB_EVENT_TASK_STARTED || tb_str_is_null(event->hostname) || !event->pid)
        return 0;
    if (!RESERVE(stage->starts, stage->start_cap, stage->start_count + 1))
        return -ENOMEM;
    stage->starts[stage->start_count++] = (struct tb_start){
        .hostname = event->hostname,
        .task_id = event->uuid,
        .pid = event->pid,
        .stamp = event->stamp,
        .redelivered = stage->delivery->redelivered,
    };
    return 0;
}

/* What the event ends an attempt by; null when it ends none, or well. */
static struct tb_str setback_kind(const struct tb_event *event)
{
    switch (event->type) {
    case TB_EVENT_TASK_RETRIED:
        return TB_STR("retried");
    case TB_EVENT_TASK_FAILED:
        return TB_STR("failed");
    case TB_EVENT_TASK_REJECTED:
        return event->requeue ? TB_STR("requeued") : TB_STR("rejected");
    case TB_EVENT_TASK_REVOKED:
        return TB_STR("revoked");
    case TB_EVENT_TASK_CANCELLED:
        return TB_STR("cancelled");
    default:
        return TB_STR_NULL;
    }
}

static int add_setback(struct tb_stage *stage, const struct tb_event *event)
{
    struct tb_str kind = setback_kind(event);
    const struct tb_redact *redact = stage->rules ? stage->rules->redact : NULL;
    struct tb_arena *arena = &stage->batch->arena;
    struct tb_failure failure = {.error = event->revoke_text};
    int r = 0;

    if (tb_str_is_null(kind))
        return 0;
    if (!RESERVE(stage->setbacks, stage->setback_cap, stage->setback_count + 1))
        return -ENOMEM;
    if (event->type == TB_EVENT_TASK_FAILED || event->type == TB_EVENT_TASK_RETRIED) {
        r = tb_failure_read(event, redact, arena, &failure);
        if (!r)
            r = tb_failure_name(&failure, arena);
    }
    if (r)
        return r;
    stage->setbacks[stage->setback_count++] = (struct tb_setback){
        .task_id = event->uuid,
        .kind = kind,
        .worker = event->hostname,
        .ended_at = event->stamp,
        .error = failure.error,
        .traceback = failure.traceback,
        .fingerprint = failure.fingerprint,
        .exception = failure.exception,
        .place = failure.place,
    };
    return 0;
}

static int add_task_event(struct tb_stage *stage, const struct tb_event *event)
{
    if (!RESERVE(stage->rows, stage->row_cap, stage->row_count + 1))
        return -ENOMEM;
    struct tb_row *row = &stage->rows[stage->row_count];
    int status = tb_fold_event(event, stage->rules, &stage->batch->arena, row);
    if (status)
        return status;
    if (!own_rule_texts(stage->batch, row))
        return -ENOMEM;
    stage->row_count++;
    status = add_host(stage, row->worker.value);
    if (!status)
        status = add_start(stage, event);
    return status ? status : add_setback(stage, event);
}

static int add_worker_event(struct tb_stage *stage, const struct tb_event *event)
{
    if (!RESERVE(stage->worker_events, stage->worker_event_cap, stage->worker_event_count + 1))
        return -ENOMEM;
    stage->worker_events[stage->worker_event_count++] = *event;
    return 0;
}

/* A worker's clock may be ahead of ours. */
static void note_stamp(struct tb_stage *stage, int64_t stamp)
{
    int64_t received_at = stage->delivery->received_at;

    if (stamp > received_at)
        stamp = received_at;
    if (stamp > stage->newest_at)
        stage->newest_at = stamp;
}

static void keep_status(struct tb_stage *stage, int status)
{
    if (!stage->status)
        stage->status = status;
}

static void on_event(void *owner, const struct tb_event *event)
{
    struct tb_stage *stage = owner;
    bool is_task = tb_event_is_task(event->type);

    if (is_task)
        note_stamp(stage, event->stamp);
    keep_status(stage, is_task ? add_task_event(stage, event) : add_worker_event(stage, event));
}

static void on_unknown(void *owner, struct tb_str type_name)
{
    struct tb_stage *stage = owner;

    if (RESERVE(stage->unknown, stage->unknown_cap, stage->unknown_count + 1))
        stage->unknown[stage->unknown_count++] = type_name;
    else
        keep_status(stage, -ENOMEM);
}

/* What is kept of the body, without secrets. 0 or -ENOMEM. */
static int mask(const struct tb_stage *stage, const struct tb_undecoded *undecoded, struct tb_dead *dead)
{
    const struct tb_delivery *delivery = stage->delivery;
    const struct tb_redact *redact = stage->rules ? stage->rules->redact : NULL;
    struct tb_arena *arena = &stage->batch->arena;
    struct tb_str text = undecoded->text;
    int r = tb_redact_json(redact, delivery->headers, arena, &dead->headers);

    dead->body = undecoded->body;
    if (!r && tb_str_is_null(text))
        dead->body = tb_redact_bytes(redact, undecoded->body, tb_decode_is_plain(delivery));
    else if (!r)
        r = tb_redact_json(redact, text, arena, &text);
    if (text.ptr != undecoded->text.ptr)
        dead->body = text;
    dead->is_masked = dead->body.ptr != undecoded->body.ptr || dead->headers.ptr != delivery->headers.ptr;
    return r;
}

static int add_dead(struct tb_stage *stage, const struct tb_undecoded *undecoded)
{
    const struct tb_delivery *delivery = stage->delivery;

    if (!RESERVE(stage->dead, stage->dead_cap, stage->dead_count + 1))
        return -ENOMEM;
    struct tb_dead *dead = &stage->dead[stage->dead_count];
    *dead = (struct tb_dead){
        .routing_key = delivery->routing_key,
        .content_type = delivery->content_type,
        .content_encoding = delivery->content_encoding,
        .reason = undecoded->reason,
        .received_at = delivery->received_at,
        .redelivered = delivery->redelivered,
    };
    int r = mask(stage, undecoded, dead);
    stage->dead_count += r == 0;
    return r;
}

static void on_dead(void *owner, const struct tb_undecoded *undecoded)
{
    struct tb_stage *stage = owner;
    keep_status(stage, add_dead(stage, undecoded));
}

static int fill_stage(struct tb_stage *stage, struct tb_batch *batch, const struct tb_delivery *delivery,
                      const struct tb_rules *rules)
{
    const struct tb_decode_output output = {on_event, on_unknown, on_dead, stage};

    stage->batch = batch;
    stage->delivery = delivery;
    stage->rules = rules;
    stage->status = 0;
    int status = tb_decode_delivery(delivery, &batch->arena, &output);
    return status ? status : stage->status;
}

static void deinit_stage(struct tb_stage *stage)
{
    free(stage->rows);
    free(stage->worker_events);
    free(stage->hosts);
    free(stage->starts);
    free(stage->setbacks);
    free(stage->unknown);
    free(stage->dead);
    *stage = (struct tb_stage){0};
}

static void reset_stage(struct tb_stage *stage, size_t max_entries)
{
    if (stage->row_cap > max_entries || stage->worker_event_cap > max_entries ||
        stage->host_cap > max_entries || stage->start_cap > max_entries || stage->setback_cap > max_entries ||
        stage->unknown_cap > max_entries || stage->dead_cap > max_entries)
        deinit_stage(stage);
    stage->row_count = stage->worker_event_count = stage->host_count = stage->start_count = 0;
    stage->setback_count = 0;
    stage->unknown_count = stage->dead_count = 0;
    stage->newest_at = TB_STAMP_NONE;
}

/* ---- the batch ---- */

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
    free(batch->setbacks);
    free(batch->dead);
    free(batch->unknown);
    free(batch->deliveries);
    batch->row_cap = batch->worker_cap = batch->beat_cap = batch->start_cap = 0;
    batch->dead_cap = batch->unknown_cap = batch->delivery_cap = 0;
    batch->rows = NULL;
    batch->workers = NULL;
    batch->beats = NULL;
    batch->starts = NULL;
    batch->setbacks = NULL;
    batch->setback_cap = 0;
    batch->dead = NULL;
    batch->unknown = NULL;
    batch->deliveries = NULL;
}

void tb_batch_deinit(struct tb_batch *batch)
{
    if (batch->stage)
        deinit_stage(batch->stage);
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
    return batch->row_cap > 2 * TB_BATCH_MAX_ROWS || batch->setback_cap > 4 * TB_BATCH_MAX_ROWS ||
           batch->start_cap > 4 * TB_BATCH_MAX_ROWS || batch->worker_cap > TB_BATCH_MAX_ROWS ||
           batch->beat_cap > TB_BATCH_MAX_ROWS || batch->dead_cap > 2 * TB_BATCH_MAX_DELIVERIES ||
           batch->delivery_cap > 2 * TB_BATCH_MAX_DELIVERIES;
}

void tb_batch_reset(struct tb_batch *batch)
{
    if (is_oversized(batch))
        free_lists(batch);
    batch->row_count = batch->worker_count = batch->beat_count = batch->start_count = 0;
    batch->setback_count = 0;
    batch->dead_count = batch->unknown_count = batch->delivery_count = batch->rule_text_count = 0;
    batch->counts = (struct tb_batch_counts){0};
    batch->last_tag = 0;
    batch->first_received_at = batch->last_received_at = batch->newest_at = TB_STAMP_NONE;
    batch->sealed = false;
    reset_stage(batch->stage, STAGE_KEPT_ENTRIES);
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

    if (!RESERVE(batch->rows, batch->row_cap, rows) ||
        !RESERVE(batch->starts, batch->start_cap, batch->start_count + stage->start_count) ||
        !RESERVE(batch->setbacks, batch->setback_cap, batch->setback_count + stage->setback_count))
        return -ENOMEM;
    return tb_slots_reserve(&batch->row_slots, rows);
}

static int reserve_workers(struct tb_batch *batch, const struct tb_stage *stage)
{
    size_t workers = batch->worker_count + stage->worker_event_count + stage->host_count;
    size_t beats = batch->beat_count + stage->worker_event_count;

    if (!RESERVE(batch->workers, batch->worker_cap, workers) ||
        !RESERVE(batch->beats, batch->beat_cap, beats))
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

    if (!RESERVE(batch->unknown, batch->unknown_cap, unknown) ||
        !RESERVE(batch->dead, batch->dead_cap, batch->dead_count + stage->dead_count) ||
        !RESERVE(batch->deliveries, batch->delivery_cap, batch->delivery_count + 1))
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
    for (size_t i = 0; i < stage->setback_count; i++)
        batch->setbacks[batch->setback_count++] = stage->setbacks[i];
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
    reset_stage(batch->stage, STAGE_KEPT_ENTRIES);
    if (copy_delivery(&batch->arena, delivery, &copy))
        status = fill_stage(batch->stage, batch, &copy, rules);
    return end_add(batch, &copy, status);
}

int tb_batch_add_dead(struct tb_batch *batch, const struct tb_delivery *delivery,
                      const struct tb_rules *rules, struct tb_str reason)
{
    struct tb_delivery copy = {0};
    struct tb_undecoded undecoded = {.text = TB_STR_NULL};
    int status = -ENOMEM;

    assert(!batch->sealed);
    reset_stage(batch->stage, STAGE_KEPT_ENTRIES);
    if (copy_delivery(&batch->arena, delivery, &copy) &&
        tb_arena_copy(&batch->arena, reason, &undecoded.reason)) {
        undecoded.body = copy.body;
        batch->stage->batch = batch;
        batch->stage->delivery = &copy;
        batch->stage->rules = rules;
        status = tb_decode_text(&copy, &batch->arena, &undecoded.text);
    }
    if (!status)
        status = add_dead(batch->stage, &undecoded);
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

/* ---- sealing ---- */

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
static void sort_list(void *list, size_t count, size_t size, int (*compare)(const void *, const void *))
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
    sort_list(batch->rows, batch->row_count, sizeof(*batch->rows), compare_rows);
    sort_list(batch->workers, batch->worker_count, sizeof(*batch->workers), compare_workers);
    sort_list(batch->beats, batch->beat_count, sizeof(*batch->beats), compare_beats);
    sort_list(batch->starts, batch->start_count, sizeof(*batch->starts), compare_starts);
    sort_list(batch->unknown, batch->unknown_count, sizeof(*batch->unknown), compare_unknown);
    unite_copies(batch);
    batch->sealed = true;
}

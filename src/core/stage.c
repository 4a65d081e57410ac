/* One delivery on its way into a batch.
 *
 * A batch takes a delivery whole or not at all, and memory can end anywhere in the middle of one. So its
 * events are decoded and folded into lists here first; only when there is room for all of them the batch
 * joins them, which can't fail. The lists are kept from delivery to delivery.
 *
 * The rules may be exchanged while a batch still waits to be written, so what rows borrow of them is copied;
 * a batch sees few different texts, so a copy made lately is used again. */
#include "stage.h"

#include "taskbridge/base/limits.h"
#include "taskbridge/core/decode.h"
#include "taskbridge/core/fold.h"

#include <errno.h>
#include <stdlib.h>

#define CAP_MIN ((size_t)16)

bool tb_stage_grow(void *list, size_t *cap, size_t needed, size_t size)
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

static bool is_within(struct tb_str part, struct tb_str whole)
{
    return part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len;
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
    if (!tb_str_is_null(row->task_type) && !is_within(row->task_type, row->name.value) &&
        !own_text(batch, &row->task_type))
        return false;
    return own_text(batch, &row->rule_display_name);
}

static int add_host(struct tb_stage *stage, struct tb_str hostname)
{
    if (tb_str_is_null(hostname) ||
        (stage->host_count && tb_str_equal(stage->hosts[stage->host_count - 1], hostname)))
        return 0;
    if (!TB_RESERVE(stage->hosts, stage->host_cap, stage->host_count + 1))
        return -ENOMEM;
    stage->hosts[stage->host_count++] = hostname;
    return 0;
}

/* Only an event that names its process can be counted for it. */
static int add_start(struct tb_stage *stage, const struct tb_event *event)
{
    if (event->type != TB_EVENT_TASK_STARTED || tb_str_is_null(event->hostname) || !event->pid)
        return 0;
    if (!TB_RESERVE(stage->starts, stage->start_cap, stage->start_count + 1))
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

static int add_task_event(struct tb_stage *stage, const struct tb_event *event)
{
    if (!TB_RESERVE(stage->rows, stage->row_cap, stage->row_count + 1))
        return -ENOMEM;
    struct tb_row *row = &stage->rows[stage->row_count];
    int status = tb_fold_event(event, stage->rules, &stage->batch->arena, row);
    if (status)
        return status;
    if (!own_rule_texts(stage->batch, row))
        return -ENOMEM;
    stage->row_count++;
    status = add_host(stage, row->worker.value);
    return status ? status : add_start(stage, event);
}

static int add_worker_event(struct tb_stage *stage, const struct tb_event *event)
{
    if (!TB_RESERVE(stage->worker_events, stage->worker_event_cap, stage->worker_event_count + 1))
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

    if (TB_RESERVE(stage->unknown, stage->unknown_cap, stage->unknown_count + 1))
        stage->unknown[stage->unknown_count++] = type_name;
    else
        keep_status(stage, -ENOMEM);
}

int tb_stage_add_dead(struct tb_stage *stage, struct tb_str body, struct tb_str reason)
{
    const struct tb_delivery *delivery = stage->delivery;

    if (!TB_RESERVE(stage->dead, stage->dead_cap, stage->dead_count + 1))
        return -ENOMEM;
    stage->dead[stage->dead_count++] = (struct tb_dead){
        .body = body,
        .routing_key = delivery->routing_key,
        .content_type = delivery->content_type,
        .content_encoding = delivery->content_encoding,
        .headers = delivery->headers,
        .reason = reason,
        .received_at = delivery->received_at,
        .redelivered = delivery->redelivered,
    };
    return 0;
}

static void on_dead(void *owner, struct tb_str body, struct tb_str reason)
{
    struct tb_stage *stage = owner;
    keep_status(stage, tb_stage_add_dead(stage, body, reason));
}

int tb_stage_fill(struct tb_stage *stage, struct tb_batch *batch, const struct tb_delivery *delivery,
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

void tb_stage_deinit(struct tb_stage *stage)
{
    free(stage->rows);
    free(stage->worker_events);
    free(stage->hosts);
    free(stage->starts);
    free(stage->unknown);
    free(stage->dead);
    *stage = (struct tb_stage){0};
}

void tb_stage_reset(struct tb_stage *stage, size_t max_entries)
{
    if (stage->row_cap > max_entries || stage->worker_event_cap > max_entries ||
        stage->host_cap > max_entries || stage->start_cap > max_entries || stage->unknown_cap > max_entries ||
        stage->dead_cap > max_entries)
        tb_stage_deinit(stage);
    stage->row_count = stage->worker_event_count = stage->host_count = stage->start_count = 0;
    stage->unknown_count = stage->dead_count = 0;
    stage->newest_at = TB_STAMP_NONE;
}

/* Which member of a batch's structs becomes which parameter: tables, in the order of the statements'
 * parameters.
 *
 * The statements join what they are given; here nothing is left out, joined or counted. A value whose stamp
 * is absent is NULL (GUARDED), whatever its member holds. */
#include "batch_rows.h"

#include "taskbridge/base/limits.h"

#include <errno.h>
#include <stddef.h>

#define COLUMN(type_, kind_, member_)                                                                        \
    {                                                                                                        \
        TB_COLUMN_##kind_, offsetof(struct type_, member_), false, 0                                         \
    }
#define GUARDED(type_, kind_, member_, stamp_)                                                               \
    {                                                                                                        \
        TB_COLUMN_##kind_, offsetof(struct type_, member_), true, offsetof(struct type_, stamp_)             \
    }

/* upsert_trackers.sql */
static const struct tb_column tracker_columns[] = {
    COLUMN(tb_row, TEXT, task_id),
    COLUMN(tb_row, STAMP, sent_at),
    COLUMN(tb_row, STAMP, first_alive_at),
    COLUMN(tb_row, STAMP, received_at),
    COLUMN(tb_row, STAMP, began_at),
    COLUMN(tb_row, STAMP, retried_at),
    COLUMN(tb_row, STAMP, requeued_at),
    COLUMN(tb_row, STAMP, cancelled_at),
    COLUMN(tb_row, STAMP, rejected_at),
    COLUMN(tb_row, STAMP, alive_at),
    COLUMN(tb_row, STAMP, succeeded_at),
    GUARDED(tb_row, TEXT, result, succeeded_at),
    GUARDED(tb_row, DOUBLE, runtime_s, succeeded_at),
    COLUMN(tb_row, STAMP, failed_at),
    COLUMN(tb_row, TEXT, error),
    COLUMN(tb_row, TEXT, traceback),
    COLUMN(tb_row, STAMP, revoked_at),
    COLUMN(tb_row, TEXT, revoke_text),
    COLUMN(tb_row, STAMP, progress_at),
    GUARDED(tb_row, DOUBLE, progress, progress_at),
    COLUMN(tb_row, STAMP, text.at),
    COLUMN(tb_row, TEXT, text.value),
    COLUMN(tb_row, STAMP, name.at),
    COLUMN(tb_row, TEXT, name.value),
    COLUMN(tb_row, STAMP, received_name.at),
    COLUMN(tb_row, TEXT, received_name.value),
    COLUMN(tb_row, BOOL, rule_is_of_name),
    COLUMN(tb_row, STAMP, rule_at),
    COLUMN(tb_row, TEXT, rule_type),
    COLUMN(tb_row, TEXT, rule_display_name),
    COLUMN(tb_row, STAMP, worker.at),
    COLUMN(tb_row, TEXT, worker.value),
    COLUMN(tb_row, STAMP, queue.at),
    COLUMN(tb_row, TEXT, queue.value),
    COLUMN(tb_row, STAMP, root_id.at),
    COLUMN(tb_row, TEXT, root_id.value),
    COLUMN(tb_row, STAMP, parent_id.at),
    COLUMN(tb_row, TEXT, parent_id.value),
    COLUMN(tb_row, STAMP, args.at),
    COLUMN(tb_row, TEXT, args.value),
    COLUMN(tb_row, STAMP, kwargs.at),
    COLUMN(tb_row, TEXT, kwargs.value),
    COLUMN(tb_row, STAMP, eta.at),
    COLUMN(tb_row, TEXT, eta.value),
    COLUMN(tb_row, STAMP, expires.at),
    COLUMN(tb_row, TEXT, expires.value),
    COLUMN(tb_row, STAMP, retries.at),
    GUARDED(tb_row, INT64, retries.value, retries.at),
    COLUMN(tb_row, STAMP, event_company.at),
    COLUMN(tb_row, TEXT, event_company.value),
    COLUMN(tb_row, STAMP, rule_company.at),
    COLUMN(tb_row, TEXT, rule_company.value),
    COLUMN(tb_row, BOOL, inherits_company),
    COLUMN(tb_row, BOOL, belongs_to_nobody),
};

/* upsert_workers.sql */
static const struct tb_column worker_columns[] = {
    COLUMN(tb_worker, TEXT, hostname),
    COLUMN(tb_worker, STAMP, seen_at),
    COLUMN(tb_worker, STAMP, heard_at),
    GUARDED(tb_worker, INT64, skew_us, seen_at),
    GUARDED(tb_worker, INT64, pid, seen_at),
    GUARDED(tb_worker, DOUBLE, freq_s, seen_at),
    COLUMN(tb_worker, STAMP, counted_at),
    GUARDED(tb_worker, INT64, active, counted_at),
    GUARDED(tb_worker, INT64, processed, counted_at),
    GUARDED(tb_worker, DOUBLE, loadavg[0], counted_at),
    GUARDED(tb_worker, DOUBLE, loadavg[1], counted_at),
    GUARDED(tb_worker, DOUBLE, loadavg[2], counted_at),
    COLUMN(tb_worker, TEXT, sw_ident),
    COLUMN(tb_worker, TEXT, sw_ver),
    COLUMN(tb_worker, TEXT, sw_sys),
    COLUMN(tb_worker, STAMP, online_at),
    COLUMN(tb_worker, STAMP, heartbeat_at),
    COLUMN(tb_worker, STAMP, offline_at),
};

/* count_incarnations.sql, $4 to $9 and $10 to $12 */
static const struct tb_column beat_columns[] = {
    COLUMN(tb_beat, TEXT, hostname),  COLUMN(tb_beat, INT64, pid),
    COLUMN(tb_beat, STAMP, first_at), COLUMN(tb_beat, INT64, first_processed),
    COLUMN(tb_beat, STAMP, last_at),  COLUMN(tb_beat, INT64, last_processed),
};

static const struct tb_column start_columns[] = {
    COLUMN(tb_start, TEXT, hostname),
    COLUMN(tb_start, INT64, pid),
    COLUMN(tb_start, STAMP, stamp),
};

/* insert_attempts.sql */
static const struct tb_column setback_columns[] = {
    COLUMN(tb_setback, TEXT, task_id),     COLUMN(tb_setback, STAMP, ended_at),
    COLUMN(tb_setback, TEXT, kind),        COLUMN(tb_setback, TEXT, worker),
    COLUMN(tb_setback, TEXT, error),       COLUMN(tb_setback, TEXT, traceback),
    COLUMN(tb_setback, TEXT, fingerprint), COLUMN(tb_setback, TEXT, exception),
    COLUMN(tb_setback, TEXT, place),
};

/* mark_attempts.sql */
static const struct tb_column former_columns[] = {
    COLUMN(tb_start, TEXT, task_id),
    COLUMN(tb_start, STAMP, stamp),
};

/* insert_dead_letters.sql, from $4 on */
static const struct tb_column dead_columns[] = {
    COLUMN(tb_dead, STAMP, received_at),  COLUMN(tb_dead, CLEAN, routing_key),
    COLUMN(tb_dead, CLEAN, content_type), COLUMN(tb_dead, CLEAN, content_encoding),
    COLUMN(tb_dead, CLEAN, headers),      COLUMN(tb_dead, BYTES, body),
    COLUMN(tb_dead, CLEAN, reason),       COLUMN(tb_dead, BOOL, redelivered),
    COLUMN(tb_dead, BOOL, is_masked),
};

/* count_batch.sql, $13 and $14 */
static const struct tb_column unknown_columns[] = {
    COLUMN(tb_unknown, CLEAN, type),
    COLUMN(tb_unknown, INT64, count),
};

/* mark_starts.sql */
struct marked_start {
    struct tb_str task_id;
    int64_t stamp, place;
};

static const struct tb_column marked_columns[] = {
    COLUMN(marked_start, TEXT, task_id),
    COLUMN(marked_start, STAMP, stamp),
    COLUMN(marked_start, INT64, place),
};

/* inherit_companies.sql: each parameter is a list of ids. */
static const struct tb_column id_column = {TB_COLUMN_TEXT, 0, false, 0};

#define PUSH(params_, columns_, items_, count_)                                                              \
    tb_params_push_columns(params_, columns_, TB_COUNT(columns_), items_, count_, sizeof(*(items_)))

void tb_batch_push_trackers(const struct tb_batch *batch, struct tb_params *params)
{
    PUSH(params, tracker_columns, batch->rows, batch->row_count);
}

void tb_batch_push_workers(const struct tb_batch *batch, struct tb_params *params)
{
    PUSH(params, worker_columns, batch->workers, batch->worker_count);
}

static void push_mark(const struct tb_batch_mark *mark, struct tb_params *params)
{
    tb_params_push_text(params, mark->instance);
    tb_params_push_text(params, mark->run);
    tb_params_push_int64(params, mark->number);
}

void tb_batch_push_incarnations(const struct tb_batch *batch, const struct tb_batch_mark *mark,
                                struct tb_params *params)
{
    push_mark(mark, params);
    PUSH(params, beat_columns, batch->beats, batch->beat_count);
    PUSH(params, start_columns, batch->starts, batch->start_count);
}

void tb_batch_push_dead(const struct tb_batch *batch, const struct tb_batch_mark *mark, int64_t max_rows,
                        int64_t max_bytes, struct tb_params *params)
{
    push_mark(mark, params);
    PUSH(params, dead_columns, batch->dead, batch->dead_count);
    tb_params_push_int64(params, max_rows);
    tb_params_push_int64(params, max_bytes);
}

void tb_batch_push_counts(const struct tb_batch *batch, const struct tb_batch_mark *mark,
                          struct tb_params *params)
{
    const struct tb_batch_counts *counts = &batch->counts;

    push_mark(mark, params);
    tb_params_push_int64(params, counts->deliveries);
    tb_params_push_int64(params, counts->redelivered);
    tb_params_push_int64(params, counts->events);
    tb_params_push_int64(params, counts->task_events);
    tb_params_push_int64(params, counts->worker_events);
    tb_params_push_int64(params, counts->unknown);
    tb_params_push_int64(params, counts->dead);
    tb_params_push_int64(params, counts->bytes);
    tb_params_push_int64(params, (int64_t)batch->row_count);
    PUSH(params, unknown_columns, batch->unknown, batch->unknown_count);
    tb_params_push_int64(params, (int64_t)TB_UNKNOWN_TYPES_KEPT_MAX);
}

int tb_batch_push_redelivered_starts(const struct tb_batch *batch, struct tb_arena *arena,
                                     struct tb_params *params, size_t *ret_count)
{
    struct marked_start *marked = NULL;
    size_t count = 0;

    for (size_t i = 0; i < batch->start_count; i++)
        count += batch->starts[i].redelivered;
    *ret_count = count;
    if (!count)
        return 0;
    marked = tb_arena_calloc(arena, count, sizeof(*marked));
    if (!marked)
        return -ENOMEM;
    count = 0;
    for (size_t i = 0; i < batch->start_count; i++) {
        const struct tb_start *start = &batch->starts[i];
        if (start->redelivered)
            marked[count++] = (struct marked_start){start->task_id, start->stamp, (int64_t)i + 1};
    }
    PUSH(params, marked_columns, marked, count);
    return 0;
}

void tb_batch_push_setbacks(const struct tb_batch *batch, struct tb_params *params)
{
    PUSH(params, setback_columns, batch->setbacks, batch->setback_count);
}

/* The row of a sealed batch; there is one for each start. */
static const struct tb_row *row_of(const struct tb_batch *batch, struct tb_str task_id)
{
    size_t least = 0, end = batch->row_count;

    while (end - least > 1) {
        size_t middle = least + (end - least) / 2;
        if (tb_str_compare(batch->rows[middle].task_id, task_id) <= 0)
            least = middle;
        else
            end = middle;
    }
    return &batch->rows[least];
}

int tb_batch_push_former_starts(const struct tb_batch *batch, struct tb_arena *arena,
                                struct tb_params *params, size_t *ret_count)
{
    size_t count = 0;

    *ret_count = 0;
    struct tb_start *former = tb_arena_calloc(arena, batch->start_count + 1, sizeof(*former));
    if (!former)
        return -ENOMEM;
    for (size_t i = 0; i < batch->start_count; i++)
        if (row_of(batch, batch->starts[i].task_id)->began_at != batch->starts[i].stamp)
            former[count++] = batch->starts[i];
    *ret_count = count;
    if (count)
        PUSH(params, former_columns, former, count);
    return 0;
}

/* Ids for inherit_companies.sql. */
struct ids {
    struct tb_str *ids; /* in the arena */
    size_t count;
};

/* $1 to $4 */
enum { CHILDREN, ROOTS, MEMBERS, WAITING, ID_LISTS };

static void add_id(struct ids *list, struct tb_str id)
{
    list->ids[list->count++] = id;
}

static void sort_out(const struct tb_row *row, struct ids lists[ID_LISTS])
{
    bool brings_company = row->event_company.at != TB_STAMP_NONE || row->rule_company.at != TB_STAMP_NONE;
    bool has_root = !tb_str_is_null(row->root_id.value);
    bool is_root = has_root && tb_str_equal(row->root_id.value, row->task_id);

    if (row->inherits_company)
        add_id(&lists[CHILDREN], row->task_id);
    if (brings_company)
        add_id(&lists[ROOTS], row->task_id);
    if (brings_company && has_root && !is_root)
        add_id(&lists[ROOTS], row->root_id.value);
    if (brings_company && !has_root)
        add_id(&lists[MEMBERS], row->task_id);
    if (!tb_str_is_null(row->parent_id.value) && has_root)
        add_id(&lists[WAITING], row->root_id.value);
}

int tb_batch_push_inheritance(const struct tb_batch *batch, struct tb_arena *arena, struct tb_params *params,
                              size_t *ret_count)
{
    struct ids lists[ID_LISTS] = {{NULL, 0}};

    *ret_count = 0;
    if (!batch->row_count)
        return 0;
    for (size_t i = 0; i < ID_LISTS; i++) {
        lists[i].ids = tb_arena_calloc(arena, 2 * batch->row_count, sizeof(*lists[i].ids));
        if (!lists[i].ids)
            return -ENOMEM;
    }
    for (size_t i = 0; i < batch->row_count; i++)
        sort_out(&batch->rows[i], lists);
    for (size_t i = 0; i < ID_LISTS; i++)
        *ret_count += lists[i].count;
    for (size_t i = 0; *ret_count && i < ID_LISTS; i++)
        tb_params_push_columns(params, &id_column, 1, lists[i].ids, lists[i].count, sizeof(*lists[i].ids));
    return 0;
}

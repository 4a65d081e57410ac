/* Batches become rows: each is one implicit transaction of libpq's pipeline mode, so one round trip.
 *
 * Every statement may be repeated: facts are joined, and what counts is held against the batch's number in
 * bridge_instances, which the last statement sets. So when an answer is lost, and with it the knowledge
 * whether the commit got through, the same batch is simply written again, under the same number. That number
 * belongs to the batch from its first submission until it is committed or given up.
 *
 * Two batches may be under way. They are executed in the order of submission and end in that order. When one
 * fails, the one behind it still runs, which is fine: no batch needs another.
 *
 * What to do about a batch that ended badly is the pipeline's business, not decided here. */
#include "taskbridge/store/sink.h"

#include "batch_rows.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/base/random.h"
#include "taskbridge/pg/connection.h"
#include "tb_sql.h"

#include <assert.h>
#include <errno.h>

/* mark_starts to count_batch. */
#define STATEMENTS_MAX 10

/* After so many failed transactions in a row the session itself is suspected. */
#define FAILURES_MAX 5

/* Lists of ids for two statements; a full batch's fit twice over. */
#define LISTS_MAX_BYTES (16 * TB_MIB)

/* What is kept between batches of the buffer in which parameters are put together. */
#define KEPT_BYTES (8 * TB_MIB)

struct slot {
    struct tb_store_sink *sink;
    struct tb_batch *batch; /* borrowed while under way; NULL: free */
    struct tb_transaction transaction;
    struct tb_statement statements[STATEMENTS_MAX];
    struct tb_error refusal; /* of a batch that could not be put together */
};

/* Whose number is known. A batch that comes again is the same struct with the same deliveries in it. */
struct numbered {
    const struct tb_batch *batch; /* NULL: free */
    uint64_t last_tag;
    int64_t first_received_at, deliveries;
    int64_t number;
};

struct tb_store_sink {
    struct tb_sink sink;  /* first: the seam's functions get this back */
    struct tb_loop *loop; /* borrowed */
    struct tb_sink_events events;
    struct tb_store_sink_options options;
    char *instance; /* owned */
    char *source;   /* owned: where its events are heard */
    char run[TB_UUID_TEXT_BYTES];
    struct tb_pg_connection *connection; /* owned */
    struct slot slots[TB_SINK_BATCHES_MAX];
    struct numbered numbered[TB_SINK_BATCHES_MAX];
    int64_t last_number;
    struct tb_buf buf;     /* parameters of the batch being submitted */
    struct tb_arena lists; /* likewise */
    struct tb_params params[STATEMENTS_MAX];
    unsigned failures_in_a_row;
    struct tb_store_sink_counts counts;
    struct tb_timer refusing; /* tells of a refusal that must not come from inside submit */
};

/* ---- numbers ---- */

static bool is_same(const struct numbered *numbered, const struct tb_batch *batch)
{
    return numbered->batch == batch && numbered->last_tag == batch->last_tag &&
           numbered->first_received_at == batch->first_received_at &&
           numbered->deliveries == batch->counts.deliveries;
}

/* Of a batch that never came again the place goes to the next: the same struct's, a free one, or the oldest.
 */
static struct numbered *place_for(struct tb_store_sink *s, const struct tb_batch *batch)
{
    struct numbered *oldest = &s->numbered[0];

    for (size_t i = 0; i < TB_COUNT(s->numbered); i++) {
        struct numbered *place = &s->numbered[i];
        if (place->batch == batch)
            return place;
        if (oldest->batch && (!place->batch || place->number < oldest->number))
            oldest = place;
    }
    return oldest;
}

static int64_t number_of(struct tb_store_sink *s, const struct tb_batch *batch)
{
    struct numbered *place = place_for(s, batch);

    if (!is_same(place, batch))
        *place = (struct numbered){batch, batch->last_tag, batch->first_received_at, batch->counts.deliveries,
                                   ++s->last_number};
    return place->number;
}

static void forget_number(struct tb_store_sink *s, const struct tb_batch *batch)
{
    for (size_t i = 0; i < TB_COUNT(s->numbered); i++) {
        if (s->numbered[i].batch == batch)
            s->numbered[i].batch = NULL;
    }
}

/* ---- putting a batch together ---- */

static struct tb_params *open_statement(struct tb_store_sink *s, struct slot *slot,
                                        const struct tb_query *query)
{
    size_t index = slot->transaction.statement_count++;

    assert(index < STATEMENTS_MAX);
    tb_params_init(&s->params[index], &s->buf);
    slot->statements[index].query = query;
    return &s->params[index];
}

static void drop_statement(struct slot *slot)
{
    slot->transaction.statement_count--;
}

static int push_marked_starts(struct tb_store_sink *s, struct slot *slot)
{
    size_t count = 0;
    struct tb_params *params = open_statement(s, slot, &tb_query_mark_starts);
    int r = tb_batch_push_redelivered_starts(slot->batch, &s->lists, params, &count);

    if (!count)
        drop_statement(slot);
    return r;
}

static int push_inheritance(struct tb_store_sink *s, struct slot *slot)
{
    size_t count = 0;
    struct tb_params *params = open_statement(s, slot, &tb_query_inherit_companies);
    int r = tb_batch_push_inheritance(slot->batch, &s->lists, params, &count);

    if (!count)
        drop_statement(slot);
    return r;
}

static int push_attempts(struct tb_store_sink *s, struct slot *slot)
{
    size_t count = 0;
    struct tb_params *params = open_statement(s, slot, &tb_query_mark_attempts);
    int r = tb_batch_push_former_starts(slot->batch, &s->lists, params, &count);

    if (!count)
        drop_statement(slot);
    if (!r && slot->batch->setback_count)
        tb_batch_push_setbacks(slot->batch, open_statement(s, slot, &tb_query_insert_attempts));
    return r;
}

static int push_rows(struct tb_store_sink *s, struct slot *slot)
{
    if (!slot->batch->row_count)
        return 0;
    int r = push_marked_starts(s, slot);
    if (r)
        return r;
    tb_batch_push_trackers(slot->batch, open_statement(s, slot, &tb_query_upsert_trackers));
    r = push_inheritance(s, slot);
    return r ? r : push_attempts(s, slot);
}

/* count_batch comes last: what stands before it asks whether this number was counted already. */
static int push_statements(struct tb_store_sink *s, struct slot *slot)
{
    const struct tb_batch *batch = slot->batch;
    const struct tb_batch_mark mark = {tb_str_of(s->instance), tb_str_of(s->run), number_of(s, batch)};
    tb_params_push_text(open_statement(s, slot, &tb_query_sink_begin), tb_str_of(s->source));
    int r = push_rows(s, slot);

    if (r)
        return r;
    if (batch->worker_count)
        tb_batch_push_workers(batch, open_statement(s, slot, &tb_query_upsert_workers));
    if (batch->beat_count || batch->start_count)
        tb_batch_push_incarnations(batch, &mark, open_statement(s, slot, &tb_query_count_incarnations));
    if (batch->dead_count)
        tb_batch_push_dead(batch, &mark, s->options.dead_letters_max_rows, s->options.dead_letters_max_bytes,
                           open_statement(s, slot, &tb_query_insert_dead_letters));
    tb_batch_push_counts(batch, &mark, open_statement(s, slot, &tb_query_count_batch));
    return s->buf.failed ? -ENOMEM : 0;
}

static void settle_statements(struct tb_store_sink *s, struct slot *slot)
{
    for (size_t i = 0; i < slot->transaction.statement_count; i++) {
        tb_params_settle(&s->params[i]);
        slot->statements[i].params = s->params[i].list;
        slot->statements[i].param_count = s->params[i].count;
    }
}

/* libpq has copied what it needs. */
static void clear_statements(struct tb_store_sink *s, struct slot *slot)
{
    for (size_t i = 0; i < slot->transaction.statement_count; i++) {
        slot->statements[i].params = NULL;
        slot->statements[i].param_count = 0;
    }
    tb_arena_reset(&s->lists);
    if (s->buf.cap > KEPT_BYTES) {
        size_t max_bytes = s->buf.max_bytes;
        tb_buf_deinit(&s->buf);
        tb_buf_init(&s->buf, max_bytes);
    } else {
        tb_buf_reset(&s->buf);
    }
}

/* ---- the end of a batch ---- */

static int outcome_of(int store_outcome)
{
    switch (store_outcome) {
    case 0:
        return 0;
    case TB_PG_LOST:
    case TB_PG_STALE:
    case TB_PG_BUSY:
        return TB_SINK_AGAIN;
    case TB_PG_REFUSED:
        return TB_SINK_REFUSED;
    default:
        return TB_SINK_FAILED;
    }
}

static void count_outcome(struct tb_store_sink *s, const struct tb_batch *batch, int store_outcome)
{
    if (!store_outcome) {
        s->counts.batches++;
        s->counts.rows += (int64_t)batch->row_count;
    } else {
        s->counts.failures++;
    }
    if (store_outcome == TB_PG_BUSY || store_outcome == TB_PG_FAILED)
        s->failures_in_a_row++;
    else
        s->failures_in_a_row = 0;
    if (s->failures_in_a_row < FAILURES_MAX)
        return;
    s->failures_in_a_row = 0;
    tb_pg_connection_replace(s->connection);
}

static void end_batch(struct slot *slot, int store_outcome, const struct tb_error *err)
{
    struct tb_store_sink *s = slot->sink;
    struct tb_batch *batch = slot->batch;
    int outcome = outcome_of(store_outcome);

    count_outcome(s, batch, store_outcome);
    slot->batch = NULL;
    /* A batch that is bisected comes again in parts, which are others. */
    if (outcome != TB_SINK_AGAIN && outcome != TB_SINK_FAILED)
        forget_number(s, batch);
    s->events.on_written(s->events.owner, batch, outcome, err);
}

static void on_done(struct tb_transaction *transaction, int outcome, const struct tb_error *err)
{
    end_batch(transaction->owner, outcome, err);
}

/* ---- the seam ---- */

static struct tb_store_sink *of(const struct tb_sink *sink)
{
    return (struct tb_store_sink *)(uintptr_t)sink;
}

static struct slot *free_slot(struct tb_store_sink *s)
{
    for (size_t i = 0; i < TB_COUNT(s->slots); i++) {
        if (!s->slots[i].batch)
            return &s->slots[i];
    }
    return NULL;
}

static bool is_ready(const struct tb_sink *sink)
{
    struct tb_store_sink *s = of(sink);

    return tb_pg_connection_is_ready(s->connection) && free_slot(s);
}

static void on_refusing(struct tb_timer *timer)
{
    struct tb_store_sink *s = timer->owner;

    for (size_t i = 0; i < TB_COUNT(s->slots); i++) {
        struct slot *slot = &s->slots[i];
        if (slot->batch && slot->refusal.code) {
            struct tb_error err = slot->refusal;
            tb_error_clear(&slot->refusal);
            end_batch(slot, TB_PG_FAILED, &err);
        }
    }
}

/* Nothing was sent. Told as a failure, since memory may be there again later. */
static void refuse(struct tb_store_sink *s, struct slot *slot)
{
    tb_error_set(&slot->refusal, -ENOMEM, "out of memory for a batch of %zu rows", slot->batch->row_count);
    clear_statements(s, slot);
    tb_loop_arm(s->loop, &s->refusing, 0);
}

static void submit(struct tb_sink *sink, struct tb_batch *batch)
{
    struct tb_store_sink *s = of(sink);
    struct slot *slot = free_slot(s);

    assert(slot && batch->sealed && tb_pg_connection_is_ready(s->connection));
    slot->batch = batch;
    slot->transaction =
        (struct tb_transaction){.statements = slot->statements, .on_done = on_done, .owner = slot};
    if (push_statements(s, slot) != 0) {
        refuse(s, slot);
        return;
    }
    settle_statements(s, slot);
    tb_pg_connection_submit(s->connection, &slot->transaction);
    clear_statements(s, slot);
}

/* ---- the connection ---- */

static void on_connection_ready(void *owner)
{
    struct tb_store_sink *s = owner;

    if (s->options.on_connected)
        s->options.on_connected(s->options.owner);
    s->events.on_ready(s->events.owner);
}

static void on_connection_lost(void *owner, const struct tb_error *err, int64_t retry_in_us)
{
    struct tb_store_sink *s = owner;

    s->failures_in_a_row = 0;
    if (s->options.on_lost)
        s->options.on_lost(s->options.owner, err, retry_in_us);
}

static int open_connection(struct tb_store_sink *s, struct tb_error *err)
{
    const struct tb_pg_connection_options options = {.url = s->options.url,
                                                     .application_name = s->options.application_name,
                                                     .schema = s->options.schema,
                                                     .connect_timeout_us = s->options.connect_timeout_us,
                                                     .response_timeout_us = s->options.response_timeout_us,
                                                     .on_ready = on_connection_ready,
                                                     .on_lost = on_connection_lost,
                                                     .owner = s};

    return tb_pg_connection_open(s->loop, &options, &s->connection, err);
}

int tb_store_sink_open(struct tb_loop *loop, const struct tb_store_sink_options *options,
                       const struct tb_sink_events *events, struct tb_store_sink **ret_sink,
                       struct tb_error *err)
{
    struct tb_store_sink *s = calloc(1, sizeof(*s));
    int r = 0;

    if (!s)
        return tb_error_set(err, -ENOMEM, "out of memory");
    s->sink = (struct tb_sink){.is_ready = is_ready, .submit = submit};
    s->loop = loop;
    s->events = *events;
    s->options = *options;
    s->refusing = (struct tb_timer){.on_expire = on_refusing, .owner = s};
    for (size_t i = 0; i < TB_COUNT(s->slots); i++)
        s->slots[i].sink = s;
    tb_buf_init(&s->buf, TB_BATCH_ARENA_MAX_BYTES + 64 * TB_MIB);
    tb_arena_init(&s->lists, LISTS_MAX_BYTES);
    s->instance = strdup(options->instance);
    s->source = strdup(options->source);
    r = s->instance && s->source ? tb_random_uuid(s->run) : -ENOMEM;
    if (r)
        tb_error_set_errno(err, r, "the sink can't be opened");
    else
        r = open_connection(s, err);
    if (r) {
        tb_store_sink_close(s);
        return r;
    }
    s->options.url = s->options.schema = s->options.source = s->options.instance =
        s->options.application_name = NULL; /* were borrowed */
    *ret_sink = s;
    return 0;
}

void tb_store_sink_close(struct tb_store_sink *s)
{
    if (!s)
        return;
    tb_loop_disarm(s->loop, &s->refusing);
    tb_pg_connection_close(s->connection);
    tb_buf_deinit(&s->buf);
    tb_arena_deinit(&s->lists);
    free(s->instance);
    free(s->source);
    free(s);
}

struct tb_sink *tb_store_sink_as_sink(struct tb_store_sink *s)
{
    return &s->sink;
}

const char *tb_store_sink_run(const struct tb_store_sink *s)
{
    return s->run;
}

struct tb_store_sink_counts tb_store_sink_counts(const struct tb_store_sink *s)
{
    return s->counts;
}

/* A database in memory that commits, refuses or loses a batch on command. */
#include "fake_sink.h"

#include <assert.h>
#include <stdio.h>

static bool is_ready(const struct tb_sink *sink)
{
    return ((const struct fake_sink *)sink)->is_ready;
}

static void submit(struct tb_sink *sink, struct tb_batch *batch)
{
    struct fake_sink *fake = (struct fake_sink *)sink;

    assert(!fake->submitted && batch->sealed);
    fake->submitted = batch;
    fake->submissions++;
}

void fake_sink_init(struct fake_sink *fake)
{
    *fake = (struct fake_sink){.sink = {.is_ready = is_ready, .submit = submit}, .is_ready = true};
}

static bool holds(const struct tb_batch *batch, const char *task_id)
{
    for (size_t i = 0; task_id && i < batch->row_count; i++) {
        if (tb_str_equal(batch->rows[i].task_id, tb_str_of(task_id)))
            return true;
    }
    return false;
}

static void commit(struct fake_sink *fake, const struct tb_batch *batch)
{
    for (size_t i = 0; i < batch->row_count; i++) {
        assert(fake->task_count < FAKE_SINK_MAX);
        snprintf(fake->tasks[fake->task_count++], sizeof(fake->tasks[0]), "%.*s",
                 TB_STR_FMT(batch->rows[i].task_id));
    }
    for (size_t i = 0; i < batch->dead_count; i++) {
        assert(fake->dead_count < FAKE_SINK_MAX);
        snprintf(fake->dead[fake->dead_count++], sizeof(fake->dead[0]), "%.*s",
                 TB_STR_FMT(batch->dead[i].body));
        snprintf(fake->reason, sizeof(fake->reason), "%.*s", TB_STR_FMT(batch->dead[i].reason));
    }
    fake->deliveries += batch->counts.deliveries;
}

void fake_sink_finish(struct fake_sink *fake, int outcome)
{
    struct tb_batch *batch = fake->submitted;
    struct tb_error err = {0};

    assert(batch);
    fake->submitted = NULL;
    if (outcome == 0 && holds(batch, fake->poison))
        outcome = TB_SINK_REFUSED;
    if (outcome == 0 && holds(batch, fake->stubborn)) {
        outcome = TB_SINK_AGAIN;
        snprintf(err.sqlstate, sizeof(err.sqlstate), "%s", fake->sqlstate);
    }
    if (outcome == 0)
        commit(fake, batch);
    else
        tb_error_set(&err, outcome, "told to fail");
    if (outcome == TB_SINK_REFUSED)
        snprintf(err.sqlstate, sizeof(err.sqlstate), "22021");
    fake->events.on_written(fake->events.owner, batch, outcome, outcome ? &err : NULL);
}

void fake_sink_finish_all(struct fake_sink *fake)
{
    while (fake->submitted)
        fake_sink_finish(fake, 0);
}

bool fake_sink_has_task(const struct fake_sink *fake, const char *task_id)
{
    for (size_t i = 0; i < fake->task_count; i++) {
        if (strcmp(fake->tasks[i], task_id) == 0)
            return true;
    }
    return false;
}

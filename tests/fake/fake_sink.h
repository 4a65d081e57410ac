/* The other implementation of struct tb_sink: keeps what was committed by task id, and ends writes as it is
 * told. */
#ifndef TASKBRIDGE_TESTS_FAKE_SINK_H
#define TASKBRIDGE_TESTS_FAKE_SINK_H

#include "taskbridge/core/seam.h"

#define FAKE_SINK_MAX 512

struct fake_sink {
    struct tb_sink sink; /* first, so that it can be cast back */
    struct tb_sink_events events;
    bool is_ready;
    struct tb_batch *submitted; /* NULL when none is under way */
    int submissions;
    /* A batch that holds a task of this id is refused; NULL refuses none. */
    const char *poison;
    /* One that holds a task of this id can't be written, with this SQLSTATE; NULL: all can. */
    const char *stubborn, *sqlstate;
    char tasks[FAKE_SINK_MAX][64]; /* ids of committed rows, in the order of their commits */
    size_t task_count;
    char dead[FAKE_SINK_MAX][256]; /* bodies of committed dead letters */
    size_t dead_count;
    char reason[512];   /* of the last dead letter */
    int64_t deliveries; /* as the committed batches counted them */
};

void fake_sink_init(struct fake_sink *fake);

/* Ends the write under way: with outcome, or, when that is 0, by committing or refusing it as the poison
 * says. */
void fake_sink_finish(struct fake_sink *fake, int outcome);

/* Finishes with 0 until nothing is under way. */
void fake_sink_finish_all(struct fake_sink *fake);

bool fake_sink_has_task(const struct fake_sink *fake, const char *task_id);

#endif

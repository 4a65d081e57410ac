/* The sink: batches into PostgreSQL, one transaction each. */
#ifndef TASKBRIDGE_STORE_SINK_H
#define TASKBRIDGE_STORE_SINK_H

#include "taskbridge/core/seam.h"
#include "taskbridge/io/loop.h"

/* So many batches may be under way. */
#define TB_SINK_BATCHES_MAX 2

struct tb_store_sink;

struct tb_store_sink_options {
    const char *url; /* borrowed during the call, as the following */
    const char *schema;
    const char *source;   /* what the broker and vhost of its events are called in the tables */
    const char *instance; /* of bridge_instances: the counters' key, unique among running daemons */
    const char *application_name;
    int64_t dead_letters_max_rows, dead_letters_max_bytes; /* of one kind; beyond they are only counted */
    int64_t connect_timeout_us;
    int64_t response_timeout_us; /* without any answer for so long, the connection counts as lost */
    /* Both optional: for the log. */
    void (*on_connected)(void *owner);
    void (*on_lost)(void *owner, const struct tb_error *err, int64_t retry_in_us);
    void *owner;
};

/* How many batches and rows were committed, how many transactions failed, since it was opened. */
struct tb_store_sink_counts {
    int64_t batches, rows, failures;
};

/* Starts connecting. 0 or a negative errno; *ret_sink is owned, events are copied. */
int tb_store_sink_open(struct tb_loop *loop, const struct tb_store_sink_options *options,
                       const struct tb_sink_events *events, struct tb_store_sink **ret_sink,
                       struct tb_error *err) TB_MUST_CHECK;
/* NULL is fine; calls nobody back. */
void tb_store_sink_close(struct tb_store_sink *store_sink);

/* The seam's side of it, borrowed. */
struct tb_sink *tb_store_sink_as_sink(struct tb_store_sink *store_sink);

/* This process's mark in bridge_instances.run, a UUID: what instance_beat.sql has to give too. */
const char *tb_store_sink_run(const struct tb_store_sink *store_sink);

struct tb_store_sink_counts tb_store_sink_counts(const struct tb_store_sink *store_sink);

#endif

/* From deliveries to committed rows to acknowledgements: the order of steps, over the two seams of
 * core/seam.h. */
#ifndef TASKBRIDGE_DAEMON_PIPELINE_H
#define TASKBRIDGE_DAEMON_PIPELINE_H

#include "taskbridge/base/log.h"
#include "taskbridge/core/seam.h"
#include "taskbridge/io/loop.h"

struct tb_pipeline;

struct tb_pipeline_options {
    struct tb_loop *loop; /* borrowed, as all here */
    struct tb_log *log;
    const struct tb_rules *rules; /* until replaced */
    /* After tb_pipeline_drain, when nothing is left to write. */
    void (*on_drained)(void *owner);
    void *owner;
};

/* What the pipeline has in hand and how it does. */
struct tb_pipeline_state {
    size_t gathering_deliveries, writing_deliveries;
    /* Deliveries that came, and of these the committed ones and those that the broker will bring again. */
    uint64_t taken, settled;
    uint64_t taken_bytes; /* of the bodies of those that came */
    int64_t lag_us;       /* from an event's stamp to its commit, of late; -1: not known */
    bool is_paused, is_bisecting;
};

/* 0 or -ENOMEM. */
int tb_pipeline_new(const struct tb_pipeline_options *options,
                    struct tb_pipeline **ret_pipeline) TB_MUST_CHECK;
void tb_pipeline_free(struct tb_pipeline *pipeline);

/* What source and sink are opened with; then both are made known, before the loop runs. */
struct tb_source_events tb_pipeline_source_events(struct tb_pipeline *pipeline);
struct tb_sink_events tb_pipeline_sink_events(struct tb_pipeline *pipeline);
void tb_pipeline_connect(struct tb_pipeline *pipeline, struct tb_source *source, struct tb_sink *sink);

/* For deliveries from now on. The former rules are no longer used once this returns, as batches own their
 * text; a bisection under way uses the new ones. */
void tb_pipeline_set_rules(struct tb_pipeline *pipeline, const struct tb_rules *rules);

/* Takes no more deliveries, writes and acknowledges what is there, then calls on_drained, never from inside.
 */
void tb_pipeline_drain(struct tb_pipeline *pipeline);

struct tb_pipeline_state tb_pipeline_state(const struct tb_pipeline *pipeline);

#endif

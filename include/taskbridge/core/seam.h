/* The two seams of the pipeline: where deliveries come from and where batches go. */
#ifndef TASKBRIDGE_CORE_SEAM_H
#define TASKBRIDGE_CORE_SEAM_H

#include "taskbridge/base/error.h"
#include "taskbridge/core/batch.h"
#include "taskbridge/core/delivery.h"

/* What a source tells. on_delivery returns false when it takes no more at present: the same delivery comes
 * again after resume. Everything of the delivery is borrowed until it returns. After on_lost all tags are
 * void. */
struct tb_source_events {
    bool (*on_delivery)(void *owner, const struct tb_delivery *delivery);
    /* No more deliveries are at hand for now: what was gathered may be written. */
    void (*on_idle)(void *owner);
    void (*on_lost)(void *owner);
    void *owner;
};

struct tb_source {
    /* All deliveries up to tag are settled. */
    void (*ack)(struct tb_source *source, uint64_t tag);
    void (*resume)(struct tb_source *source);
};

/* How a write ended; 0 is committed. */
enum tb_sink_outcome {
    TB_SINK_AGAIN = 1, /* not known to be committed: write the same batch again once on_ready came */
    TB_SINK_REFUSED,   /* the database refuses the data, and will again: bisect */
    TB_SINK_FAILED     /* schema or rights: needs a person, tried again with a backoff */
};

struct tb_sink_events {
    void (*on_ready)(void *owner);
    /* batch is the one that was submitted; batches end in the order of submission. */
    void (*on_written)(void *owner, struct tb_batch *batch, int outcome, const struct tb_error *err);
    void *owner;
};

struct tb_sink {
    bool (*is_ready)(const struct tb_sink *sink);
    /* Only while ready, of a sealed batch, which is borrowed until on_written; never calls back from inside.
     */
    void (*submit)(struct tb_sink *sink, struct tb_batch *batch);
};

#endif

/* What one transaction writes: the joined rows of many deliveries, worker rows, dead letters and counts.
 *
 * A batch owns all its text, so deliveries may go as soon as they were added. Adding a delivery is all or
 * nothing. Rows and workers are unique by their key and, after tb_batch_seal, sorted by it, so that every
 * daemon locks in one order. */
#ifndef TASKBRIDGE_CORE_BATCH_H
#define TASKBRIDGE_CORE_BATCH_H

#include "taskbridge/base/arena.h"
#include "taskbridge/core/delivery.h"
#include "taskbridge/core/event.h"
#include "taskbridge/core/row.h"
#include "taskbridge/core/rules.h"

/* A worker's node by its name: the fields of the event with the greatest stamp, the counts of the latest that
 * had some, and the greatest stamp of each kind. Ties by the greatest pid. */
struct tb_worker {
    struct tb_str hostname;
    int64_t online_at, heartbeat_at, offline_at;
    int64_t seen_at;  /* greatest stamp of all its worker events */
    int64_t heard_at; /* greatest time of receipt, by our clock, of any event of this host, also of tasks */
    int64_t skew_us; /* receipt - stamp of the event at seen_at; what is measured is the clock's skew plus the
                        way */
    int64_t pid;
    double freq_s;
    int64_t counted_at; /* greatest stamp of an event with the following */
    int64_t active, processed;
    double loadavg[3];
    struct tb_str sw_ident, sw_ver, sw_sys;
};

/* One heartbeat with counts: what the meter of missed events needs per incarnation (hostname, pid). */
struct tb_beat {
    struct tb_str hostname;
    int64_t pid;
    int64_t first_at, first_processed; /* least stamp of the batch */
    int64_t last_at, last_processed;   /* greatest */
};

/* One task-started event, counted for its incarnation unless it was counted before; after tb_batch_seal
 * copies of one event are one. */
struct tb_start {
    struct tb_str hostname, task_id;
    int64_t pid, stamp;
    bool redelivered; /* then it may have been counted: only if the row's began_at was earlier */
};

/* One setback of a task: what the row's facts forget at the next. */
struct tb_setback {
    struct tb_str task_id, kind, worker;
    int64_t ended_at;
    struct tb_str error, traceback;              /* null when there is none */
    struct tb_str fingerprint, exception, place; /* of a failure; else null */
};

struct tb_dead {
    struct tb_str body; /* as it came, but for secrets */
    struct tb_str routing_key, content_type, content_encoding, headers, reason;
    int64_t received_at;
    bool redelivered; /* then it may be there already */
    bool is_masked;   /* body or headers: it can't be sent again */
};

struct tb_unknown {
    struct tb_str type; /* "" counts all beyond TB_UNKNOWN_TYPES_MAX */
    int64_t count;
};

struct tb_batch_counts {
    /* events = task_events + worker_events + unknown */
    int64_t deliveries, redelivered, events, task_events, worker_events, unknown, dead;
    int64_t bytes; /* of bodies */
};

struct tb_slot {
    uint32_t hash, entry_plus_1; /* 0: free */
};

struct tb_slots {
    struct tb_slot *slots; /* owned */
    size_t cap;            /* a power of two, or 0 */
};

struct tb_stage;

#define TB_BATCH_RULE_TEXTS 16

struct tb_batch {
    struct tb_arena arena;
    struct tb_row *rows;
    size_t row_count, row_cap;
    struct tb_worker *workers;
    size_t worker_count, worker_cap;
    struct tb_beat *beats;
    size_t beat_count, beat_cap;
    struct tb_start *starts;
    size_t start_count, start_cap;
    struct tb_setback *setbacks;
    size_t setback_count, setback_cap;
    struct tb_dead *dead;
    size_t dead_count, dead_cap;
    struct tb_unknown *unknown;
    size_t unknown_count, unknown_cap;
    struct tb_batch_counts counts;
    /* Copies, in the order of arrival: what a bisection decodes again. */
    struct tb_delivery *deliveries;
    size_t delivery_count, delivery_cap;
    uint64_t last_tag;
    int64_t first_received_at, last_received_at;
    int64_t newest_at; /* greatest stamp of its task events, none taken for later than its receipt */
    /* The batch's own: where a key's entry stands, what a delivery brings until all of it is known to fit,
     * and the rules' texts that rows share. */
    struct tb_slots row_slots, worker_slots, beat_slots;
    struct tb_stage *stage;
    struct tb_str rule_texts[TB_BATCH_RULE_TEXTS];
    size_t rule_text_count;
    bool sealed;
};

/* 0 or -ENOMEM. */
int tb_batch_init(struct tb_batch *batch) TB_MUST_CHECK;
void tb_batch_deinit(struct tb_batch *batch);
/* Empty again, memory kept up to a full batch's. */
void tb_batch_reset(struct tb_batch *batch);

/* Decodes, folds and joins one delivery. 0, or -ENOMEM with the batch as it was before. */
int tb_batch_add(struct tb_batch *batch, const struct tb_delivery *delivery,
                 const struct tb_rules *rules) TB_MUST_CHECK;

/* Adds the whole delivery as one dead letter with this reason (it was refused by the database). */
int tb_batch_add_dead(struct tb_batch *batch, const struct tb_delivery *delivery,
                      const struct tb_rules *rules, struct tb_str reason) TB_MUST_CHECK;

bool tb_batch_is_empty(const struct tb_batch *batch);

/* Whether it holds as much as one transaction should carry. */
bool tb_batch_is_full(const struct tb_batch *batch);

/* Sorts; nothing may be added until reset. */
void tb_batch_seal(struct tb_batch *batch);

#endif

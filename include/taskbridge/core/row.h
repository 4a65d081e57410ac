/* A task's row: facts, each with its own join, which is commutative, associative and idempotent. Pure.
 *
 * Stamps that are absent are TB_STAMP_NONE. A value that travels with a stamp is compared after it, text by
 * bytes (the null string before all), so that equal stamps cannot disagree. The same is said in SQL by
 * sql/queries/ upsert_trackers.sql; what people see of it is computed there and in tests' oracles, never
 * stored. */
#ifndef TASKBRIDGE_CORE_ROW_H
#define TASKBRIDGE_CORE_ROW_H

#include "taskbridge/base/clock.h"
#include "taskbridge/base/str.h"

/* A value and the greatest stamp that brought it; absent: at TB_STAMP_NONE. Never absent again once there. */
struct tb_stamped_str {
    int64_t at;
    struct tb_str value;
};

struct tb_stamped_int64 {
    int64_t at;
    int64_t value;
};

struct tb_row {
    struct tb_str task_id;

    int64_t sent_at, first_alive_at; /* least */
    /* greatest */
    int64_t received_at, began_at, retried_at, requeued_at, cancelled_at, rejected_at, alive_at;

    /* greatest stamp, then greatest value: compared in the order given */
    int64_t succeeded_at;
    struct tb_str result;
    double runtime_s; /* NaN when absent, before all numbers */
    int64_t failed_at;
    struct tb_str error, traceback;
    int64_t revoked_at;
    struct tb_str revoke_text;
    int64_t progress_at;
    double progress;
    struct tb_stamped_str text; /* text_at, progress_text */

    /* the name in sent is the task's, another one in received is its shadow */
    struct tb_stamped_str name, received_name;
    /* what a rule made of either: of the name's before the received name's */
    bool rule_is_of_name;
    int64_t rule_at;
    struct tb_str rule_type, rule_display_name;
    struct tb_stamped_str worker, queue, root_id, parent_id, args, kwargs, eta, expires;
    struct tb_stamped_int64 retries;

    /* least stamp, then least value */
    struct tb_stamped_str event_company, rule_company;
    bool inherits_company, belongs_to_nobody; /* or */
};

/* All absent. */
void tb_row_init(struct tb_row *row, struct tb_str task_id);

/* row becomes the join of both; text stays borrowed from wherever it was. */
void tb_row_join(struct tb_row *row, const struct tb_row *other);

#endif

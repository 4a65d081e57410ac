/* Rows in tests: whether two hold the same facts. */
#ifndef TASKBRIDGE_TESTS_UNIT_CORE_ROW_FACTS_H
#define TASKBRIDGE_TESTS_UNIT_CORE_ROW_FACTS_H

#include "taskbridge/core/row.h"

#include <math.h>

static inline bool same_stamped(struct tb_stamped_str a, struct tb_stamped_str b)
{
    return a.at == b.at && tb_str_equal(a.value, b.value);
}

static inline bool same_double(double a, double b)
{
    return isnan(a) ? isnan(b) : a == b;
}

/* The name of the first fact in which they differ, or NULL. */
static inline const char *first_difference(const struct tb_row *a, const struct tb_row *b)
{
#define STAMP(fact)                                                                                          \
    if (a->fact != b->fact)                                                                                  \
    return #fact
#define TEXT(fact)                                                                                           \
    if (!tb_str_equal(a->fact, b->fact))                                                                     \
    return #fact
#define NUMBER(fact)                                                                                         \
    if (!same_double(a->fact, b->fact))                                                                      \
    return #fact
#define STAMPED(fact)                                                                                        \
    if (!same_stamped(a->fact, b->fact))                                                                     \
    return #fact
    TEXT(task_id);
    STAMP(sent_at);
    STAMP(first_alive_at);
    STAMP(received_at);
    STAMP(began_at);
    STAMP(retried_at);
    STAMP(requeued_at);
    STAMP(cancelled_at);
    STAMP(rejected_at);
    STAMP(alive_at);
    STAMP(succeeded_at);
    TEXT(result);
    NUMBER(runtime_s);
    STAMP(failed_at);
    TEXT(error);
    TEXT(traceback);
    STAMP(revoked_at);
    TEXT(revoke_text);
    STAMP(progress_at);
    if (a->progress_at != TB_STAMP_NONE)
        NUMBER(progress);
    STAMPED(text);
    STAMPED(name);
    STAMPED(received_name);
    STAMP(rule_is_of_name);
    STAMP(rule_at);
    TEXT(rule_type);
    TEXT(rule_display_name);
    STAMPED(worker);
    STAMPED(queue);
    STAMPED(root_id);
    STAMPED(parent_id);
    STAMPED(args);
    STAMPED(kwargs);
    STAMPED(eta);
    STAMPED(expires);
    STAMP(retries.at);
    STAMP(retries.value);
    STAMPED(event_company);
    STAMPED(rule_company);
    STAMP(inherits_company);
    STAMP(belongs_to_nobody);
#undef STAMP
#undef TEXT
#undef NUMBER
#undef STAMPED
    return NULL;
}

#endif

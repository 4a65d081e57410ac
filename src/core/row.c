/* The join of two rows: what makes arrival irrelevant.
 *
 * Each fact is joined by itself: a stamp by the greater (sent_at: the lesser) of both, a value together with
 * its stamp as one pair in a total order. The greatest of a total order is commutative, associative and
 * idempotent, and so is a row of such facts. For that the order has to see everything that is kept: two pairs
 * that compare equal must be equal, or the first to arrive would win. Absent is TB_STAMP_NONE and the null
 * string, which come before everything; where the least wins, absent is set apart.
 *
 * What the facts mean is not known here. */
#include "taskbridge/core/row.h"

#include "compare.h"

void tb_row_init(struct tb_row *row, struct tb_str task_id)
{
    static const struct tb_stamped_str none = {TB_STAMP_NONE, {NULL, 0}};

    *row = (struct tb_row){
        .task_id = task_id,
        .sent_at = TB_STAMP_NONE,
        .first_alive_at = TB_STAMP_NONE,
        .received_at = TB_STAMP_NONE,
        .began_at = TB_STAMP_NONE,
        .retried_at = TB_STAMP_NONE,
        .requeued_at = TB_STAMP_NONE,
        .cancelled_at = TB_STAMP_NONE,
        .rejected_at = TB_STAMP_NONE,
        .alive_at = TB_STAMP_NONE,
        .succeeded_at = TB_STAMP_NONE,
        .runtime_s = NAN,
        .failed_at = TB_STAMP_NONE,
        .revoked_at = TB_STAMP_NONE,
        .progress_at = TB_STAMP_NONE,
        .text = none,
        .name = none,
        .received_name = none,
        .rule_at = TB_STAMP_NONE,
        .worker = none,
        .queue = none,
        .root_id = none,
        .parent_id = none,
        .args = none,
        .kwargs = none,
        .eta = none,
        .expires = none,
        .retries = {TB_STAMP_NONE, 0},
        .event_company = none,
        .rule_company = none,
    };
}

static void join_greatest(int64_t *stamp, int64_t other)
{
    if (other > *stamp)
        *stamp = other;
}

static void join_least(int64_t *stamp, int64_t other)
{
    if (other != TB_STAMP_NONE && (*stamp == TB_STAMP_NONE || other < *stamp))
        *stamp = other;
}

static int compare_stamped(const struct tb_stamped_str *a, const struct tb_stamped_str *b)
{
    int order = tb_compare_int64(a->at, b->at);
    return order ? order : tb_str_compare(a->value, b->value);
}

static void join_latest(struct tb_stamped_str *mine, const struct tb_stamped_str *other)
{
    if (compare_stamped(other, mine) > 0)
        *mine = *other;
}

static void join_earliest(struct tb_stamped_str *mine, const struct tb_stamped_str *other)
{
    if (other->at != TB_STAMP_NONE && (mine->at == TB_STAMP_NONE || compare_stamped(other, mine) < 0))
        *mine = *other;
}

static void join_retries(struct tb_row *row, const struct tb_row *other)
{
    int order = tb_compare_int64(other->retries.at, row->retries.at);
    if (order == 0)
        order = tb_compare_int64(other->retries.value, row->retries.value);
    if (order > 0)
        row->retries = other->retries;
}

static void join_success(struct tb_row *row, const struct tb_row *other)
{
    int order = tb_compare_int64(other->succeeded_at, row->succeeded_at);
    if (order == 0)
        order = tb_str_compare(other->result, row->result);
    if (order == 0)
        order = tb_compare_double(other->runtime_s, row->runtime_s);
    if (order > 0) {
        row->succeeded_at = other->succeeded_at;
        row->result = other->result;
        row->runtime_s = other->runtime_s;
    }
}

static void join_failure(struct tb_row *row, const struct tb_row *other)
{
    int order = tb_compare_int64(other->failed_at, row->failed_at);
    if (order == 0)
        order = tb_str_compare(other->error, row->error);
    if (order == 0)
        order = tb_str_compare(other->traceback, row->traceback);
    if (order > 0) {
        row->failed_at = other->failed_at;
        row->error = other->error;
        row->traceback = other->traceback;
    }
}

static void join_revocation(struct tb_row *row, const struct tb_row *other)
{
    int order = tb_compare_int64(other->revoked_at, row->revoked_at);
    if (order == 0)
        order = tb_str_compare(other->revoke_text, row->revoke_text);
    if (order > 0) {
        row->revoked_at = other->revoked_at;
        row->revoke_text = other->revoke_text;
    }
}

static void join_progress(struct tb_row *row, const struct tb_row *other)
{
    int order = tb_compare_int64(other->progress_at, row->progress_at);
    if (order == 0)
        order = tb_compare_double(other->progress, row->progress);
    if (order > 0) {
        row->progress_at = other->progress_at;
        row->progress = other->progress;
    }
}

static void join_rule(struct tb_row *row, const struct tb_row *other)
{
    int order = (int)other->rule_is_of_name - (int)row->rule_is_of_name;
    if (order == 0)
        order = tb_compare_int64(other->rule_at, row->rule_at);
    if (order == 0)
        order = tb_str_compare(other->rule_type, row->rule_type);
    if (order == 0)
        order = tb_str_compare(other->rule_display_name, row->rule_display_name);
    if (order > 0) {
        row->rule_is_of_name = other->rule_is_of_name;
        row->rule_at = other->rule_at;
        row->rule_type = other->rule_type;
        row->rule_display_name = other->rule_display_name;
    }
}

void tb_row_join(struct tb_row *row, const struct tb_row *other)
{
    join_least(&row->sent_at, other->sent_at);
    join_least(&row->first_alive_at, other->first_alive_at);
    join_greatest(&row->received_at, other->received_at);
    join_greatest(&row->began_at, other->began_at);
    join_greatest(&row->retried_at, other->retried_at);
    join_greatest(&row->requeued_at, other->requeued_at);
    join_greatest(&row->cancelled_at, other->cancelled_at);
    join_greatest(&row->rejected_at, other->rejected_at);
    join_greatest(&row->alive_at, other->alive_at);
    join_success(row, other);
    join_failure(row, other);
    join_revocation(row, other);
    join_progress(row, other);
    join_latest(&row->text, &other->text);
    join_latest(&row->name, &other->name);
    join_latest(&row->received_name, &other->received_name);
    join_rule(row, other);
    join_latest(&row->worker, &other->worker);
    join_latest(&row->queue, &other->queue);
    join_latest(&row->root_id, &other->root_id);
    join_latest(&row->parent_id, &other->parent_id);
    join_latest(&row->args, &other->args);
    join_latest(&row->kwargs, &other->kwargs);
    join_latest(&row->eta, &other->eta);
    join_latest(&row->expires, &other->expires);
    join_retries(row, other);
    join_earliest(&row->event_company, &other->event_company);
    join_earliest(&row->rule_company, &other->rule_company);
    row->inherits_company |= other->inherits_company;
    row->belongs_to_nobody |= other->belongs_to_nobody;
}

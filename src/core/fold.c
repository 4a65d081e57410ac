/* What an event says about its task, as facts.
 *
 * Every event sets the stamp of its kind, and brings along what it knows besides: a value with the event's
 * own stamp, and only where it has one, so that silence never erases. Nothing is decided here that depends on
 * other events: a succeeded task that progresses again afterwards gives both facts, and what people see of
 * them is computed where the row is read.
 *
 * Secrets are taken out here, before anything keeps them, after the company was taken out of the arguments:
 * what hides a value may be what needs it. */
#include "taskbridge/core/fold.h"

#include "failure.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/base/utf8.h"

static void set(struct tb_stamped_str *fact, int64_t stamp, struct tb_str value)
{
    if (!tb_str_is_null(value))
        *fact = (struct tb_stamped_str){stamp, value};
}

/* Secrets go before the cut: behind one nobody knows what was a secret. */
static void set_cut(struct tb_stamped_str *fact, int64_t stamp, struct tb_str text, size_t max_bytes)
{
    text.len = tb_utf8_cut(text, max_bytes);
    set(fact, stamp, text);
}

static void fold_retries(const struct tb_event *event, struct tb_row *row)
{
    if (event->has_retries)
        row->retries = (struct tb_stamped_int64){event->stamp, event->retries};
}

static const struct tb_redact *redact_of(const struct tb_rules *rules)
{
    return rules ? rules->redact : NULL;
}

/* Which positions are hidden. The name in received may be a shadow of any task's. */
static uint64_t secret_positions(const struct tb_event *event, const struct tb_rules *rules,
                                 const struct tb_rule *rule)
{
    if (event->type == TB_EVENT_TASK_SENT && !tb_str_is_null(event->name))
        return rule ? rule->redact_positions : 0;
    return redact_of(rules) ? redact_of(rules)->positions : 0;
}

static int fold_arguments(const struct tb_event *event, const struct tb_rules *rules,
                          const struct tb_rule *rule, struct tb_arena *arena, struct tb_row *row)
{
    struct tb_str args, kwargs;

    int r = tb_redact_repr(redact_of(rules), event->args, secret_positions(event, rules, rule), arena, &args);
    if (!r)
        r = tb_redact_repr(redact_of(rules), event->kwargs, 0, arena, &kwargs);
    if (r)
        return r;
    set_cut(&row->args, event->stamp, args, TB_REPR_MAX_BYTES);
    set_cut(&row->kwargs, event->stamp, kwargs, TB_REPR_MAX_BYTES);
    return 0;
}

static int fold_rule_company(const struct tb_event *event, const struct tb_rules *rules,
                             const struct tb_rule *rule, struct tb_arena *arena, struct tb_row *row)
{
    struct tb_str company;

    row->inherits_company = rule->company_source == TB_COMPANY_INHERIT;
    row->belongs_to_nobody = rule->company_source == TB_COMPANY_NONE;
    int status = tb_rules_company(rules, rule, event->args, event->kwargs, arena, &company);
    if (status)
        return status;
    set(&row->rule_company, event->stamp, company);
    return 0;
}

/* The name, and what the rules make of it. *ret_rule is NULL without a name or a rule for it. */
static int fold_name(const struct tb_event *event, const struct tb_rules *rules, struct tb_arena *arena,
                     struct tb_row *row, const struct tb_rule **ret_rule)
{
    bool is_of_task = event->type != TB_EVENT_TASK_RECEIVED;

    *ret_rule = NULL;
    if (tb_str_is_null(event->name))
        return 0;
    set(is_of_task ? &row->name : &row->received_name, event->stamp, event->name);
    const struct tb_rule *rule = rules ? tb_rules_find(rules, event->name) : NULL;
    *ret_rule = rule;
    if (!rule)
        return 0;
    row->rule_is_of_name = is_of_task;
    row->rule_at = event->stamp;
    row->rule_type = rule->type;
    row->rule_display_name = rule->display_name;
    return fold_rule_company(event, rules, rule, arena, row);
}

/* What sent and received say about the message that the task is. */
static int fold_message(const struct tb_event *event, const struct tb_rules *rules, struct tb_arena *arena,
                        struct tb_row *row)
{
    const struct tb_rule *rule;
    int status = fold_name(event, rules, arena, row, &rule);
    if (status)
        return status;

    set(&row->root_id, event->stamp, event->root_id);
    set(&row->parent_id, event->stamp, event->parent_id);
    set(&row->queue, event->stamp, event->queue);
    set(&row->eta, event->stamp, event->eta);
    set(&row->expires, event->stamp, event->expires);
    fold_retries(event, row);
    return fold_arguments(event, rules, rule, arena, row);
}

static int fold_event_company(const struct tb_event *event, const struct tb_rules *rules,
                              struct tb_arena *arena, struct tb_row *row)
{
    struct tb_str company = event->company;

    if (tb_str_is_null(company))
        return 0;
    if (rules) {
        int status = tb_company_parse_exact(rules->company_format, event->company, arena, &company);
        if (status)
            return status;
    }
    set(&row->event_company, event->stamp, company);
    return 0;
}

static int fold_tracked(const struct tb_event *event, const struct tb_rules *rules, struct tb_arena *arena,
                        struct tb_row *row)
{
    const struct tb_rule *rule;
    int status = fold_name(event, rules, arena, row, &rule);
    return status ? status : fold_event_company(event, rules, arena, row);
}

static int fold_progress(const struct tb_event *event, const struct tb_rules *rules, struct tb_arena *arena,
                         struct tb_row *row)
{
    struct tb_str text;
    int r = tb_redact_text(redact_of(rules), event->text, arena, &text);

    if (r)
        return r;
    row->alive_at = row->first_alive_at = event->stamp;
    if (event->has_progress) {
        row->progress_at = event->stamp;
        row->progress = event->progress + 0.0; /* -0.0 becomes 0.0: equal values must be one value */
    }
    set_cut(&row->text, event->stamp, text, TB_TEXT_MAX_BYTES);
    fold_retries(event, row);
    return fold_event_company(event, rules, arena, row);
}

static int fold_success(const struct tb_event *event, const struct tb_rules *rules, struct tb_arena *arena,
                        struct tb_row *row)
{
    int r = tb_redact_text(redact_of(rules), event->result, arena, &row->result);

    if (r)
        return r;
    row->result.len = tb_utf8_cut(row->result, TB_REPR_MAX_BYTES);
    row->succeeded_at = event->stamp;
    row->runtime_s = event->runtime_s + 0.0;
    return 0;
}

static int fold_failure(const struct tb_event *event, const struct tb_rules *rules, struct tb_arena *arena,
                        struct tb_row *row)
{
    struct tb_failure failure;
    int r = tb_failure_read(event, redact_of(rules), arena, &failure);

    if (r)
        return r;
    row->failed_at = event->stamp;
    row->error = failure.error;
    row->traceback = failure.traceback;
    return 0;
}

static void fold_revocation(const struct tb_event *event, struct tb_row *row)
{
    row->revoked_at = event->stamp;
    row->revoke_text = event->revoke_text;
}

/* Of these the host is the worker itself; progress and whatever else may come from anywhere. */
static bool comes_from_worker(enum tb_event_type type)
{
    return type >= TB_EVENT_TASK_RECEIVED && type <= TB_EVENT_TASK_CANCELLED;
}

int tb_fold_event(const struct tb_event *event, const struct tb_rules *rules, struct tb_arena *arena,
                  struct tb_row *ret_row)
{
    struct tb_row *row = ret_row;
    int status = 0;

    tb_row_init(row, event->uuid);
    if (comes_from_worker(event->type))
        set(&row->worker, event->stamp, event->hostname);
    switch (event->type) {
    case TB_EVENT_TASK_SENT:
        row->sent_at = event->stamp;
        status = fold_message(event, rules, arena, row);
        break;
    case TB_EVENT_TASK_RECEIVED:
        row->received_at = event->stamp;
        status = fold_message(event, rules, arena, row);
        break;
    case TB_EVENT_TASK_STARTED:
        row->began_at = event->stamp;
        break;
    case TB_EVENT_TASK_SUCCEEDED:
        status = fold_success(event, rules, arena, row);
        break;
    case TB_EVENT_TASK_FAILED:
        status = fold_failure(event, rules, arena, row);
        break;
    case TB_EVENT_TASK_RETRIED:
        row->retried_at = event->stamp;
        break;
    case TB_EVENT_TASK_REJECTED:
        *(event->requeue ? &row->requeued_at : &row->rejected_at) = event->stamp;
        break;
    case TB_EVENT_TASK_REVOKED:
        fold_revocation(event, row);
        break;
    case TB_EVENT_TASK_CANCELLED:
        row->cancelled_at = event->stamp;
        break;
    case TB_EVENT_TASK_PROGRESS:
        status = fold_progress(event, rules, arena, row);
        break;
    case TB_EVENT_TASK_TRACKED:
        status = fold_tracked(event, rules, arena, row);
        break;
    default: /* no task's */
        break;
    }
    return status;
}

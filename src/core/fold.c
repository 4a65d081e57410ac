/* What an event says about its task, as facts.
 *
 * Every event sets the stamp of its kind, and brings along what it knows besides: a value with the event's
 * own stamp, and only where it has one, so that silence never erases. Nothing is decided here that depends on
 * other events: a succeeded task that progresses again afterwards gives both facts, and what people see of
 * them is computed where the row is read.
 *
 * kwargs are redacted here, before anything keeps them, after the company was taken out of them: the rule
 * that hides a value may be the one that needs it. Which values are secret depends on the task's name, so
 * kwargs that come without a name are only kept where no rule has secrets at all. */
#include "taskbridge/core/fold.h"

#include "taskbridge/base/limits.h"
#include "taskbridge/base/utf8.h"
#include "taskbridge/core/pyrepr.h"

static void set(struct tb_stamped_str *fact, int64_t stamp, struct tb_str value)
{
    if (!tb_str_is_null(value))
        *fact = (struct tb_stamped_str){stamp, value};
}

/* The event has args and kwargs whole, because the rules look for the company in them. */
static void set_repr(struct tb_stamped_str *fact, int64_t stamp, struct tb_str repr)
{
    repr.len = tb_utf8_cut(repr, TB_REPR_MAX_BYTES);
    set(fact, stamp, repr);
}

static void fold_retries(const struct tb_event *event, struct tb_row *row)
{
    if (event->has_retries)
        row->retries = (struct tb_stamped_int64){event->stamp, event->retries};
}

static bool has_secrets(const struct tb_rules *rules)
{
    for (size_t i = 0; rules && i < rules->count; i++)
        if (rules->rules[i].redact_count)
            return true;
    return false;
}

static int fold_kwargs(const struct tb_event *event, const struct tb_rules *rules, const struct tb_rule *rule,
                       struct tb_arena *arena, struct tb_row *row)
{
    struct tb_str kept = event->kwargs;

    if (tb_str_is_null(kept) || (tb_str_is_null(event->name) && has_secrets(rules)))
        return 0;
    if (rule && rule->redact_count) {
        int status = tb_pyrepr_redact(event->kwargs, rule->redact, rule->redact_count, arena, &kept);
        if (status)
            return status;
    }
    set_repr(&row->kwargs, event->stamp, kept);
    return 0;
}

static int fold_rule_company(const struct tb_event *event, const struct tb_rules *rules,
                             const struct tb_rule *rule, struct tb_arena *arena, struct tb_row *row)
{
    struct tb_str company;

    row->inherits_company = rule->company_source == TB_COMPANY_INHERIT;
    if (rule->company_source != TB_COMPANY_KWARG && rule->company_source != TB_COMPANY_ARG)
        return 0;
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
    *ret_rule = NULL;
    if (tb_str_is_null(event->name))
        return 0;
    const struct tb_rule *rule = rules ? tb_rules_find(rules, event->name) : NULL;
    set(&row->name, event->stamp, event->name);
    row->task_type = tb_rules_task_type(rule, event->name);
    *ret_rule = rule;
    if (!rule)
        return 0;
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

    set_repr(&row->args, event->stamp, event->args);
    set(&row->root_id, event->stamp, event->root_id);
    set(&row->parent_id, event->stamp, event->parent_id);
    set(&row->queue, event->stamp, event->queue);
    set(&row->eta, event->stamp, event->eta);
    set(&row->expires, event->stamp, event->expires);
    fold_retries(event, row);
    return fold_kwargs(event, rules, rule, arena, row);
}

static int fold_event_company(const struct tb_event *event, const struct tb_rules *rules,
                              struct tb_arena *arena, struct tb_row *row)
{
    struct tb_str company = event->company;

    if (tb_str_is_null(company))
        return 0;
    if (rules) {
        int status = tb_rules_event_company(rules, event->company, event->company_is_string, arena, &company);
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
    row->alive_at = event->stamp;
    if (event->has_progress) {
        row->progress_at = event->stamp;
        row->progress = event->progress + 0.0; /* -0.0 becomes 0.0: equal values must be one value */
    }
    set(&row->text, event->stamp, event->text);
    fold_retries(event, row);
    return fold_event_company(event, rules, arena, row);
}

static void fold_success(const struct tb_event *event, struct tb_row *row)
{
    row->succeeded_at = event->stamp;
    row->result = event->result;
    row->runtime_s = event->runtime_s + 0.0;
}

static void fold_failure(const struct tb_event *event, struct tb_row *row)
{
    row->failed_at = event->stamp;
    row->error = event->error;
    row->traceback = event->traceback;
}

static void fold_revocation(const struct tb_event *event, struct tb_row *row)
{
    row->revoked_at = event->stamp;
    row->revoke_text = event->revoke_text;
}

/* Where the host of an event is the publisher's, it says nothing about the worker. */
static bool comes_from_worker(enum tb_event_type type)
{
    return type != TB_EVENT_TASK_SENT && type != TB_EVENT_TASK_TRACKED;
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
        fold_success(event, row);
        break;
    case TB_EVENT_TASK_FAILED:
        fold_failure(event, row);
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
        row->requeued_at = event->stamp;
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

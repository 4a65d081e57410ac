/* What the configuration says about a task by its name.
 *
 * Rules are tried in their order and the first match wins; there are few, and names repeat, so nothing is
 * indexed. A company has one spelling whatever way it came: isolation compares text. What is not wholly a
 * company of the configured format is none: a wrong one would show a task to a stranger. */
#include "taskbridge/core/rules.h"

#include "taskbridge/core/pyrepr.h"
#include "uuid_text.h"

#include <errno.h>

#define INT64_TEXT_BYTES 24

const struct tb_rule *tb_rules_find(const struct tb_rules *rules, struct tb_str task_name)
{
    for (size_t i = 0; i < rules->count; i++)
        if (tb_str_matches(task_name, rules->rules[i].match))
            return &rules->rules[i];
    return NULL;
}

struct tb_str tb_rules_task_type(const struct tb_rule *rule, struct tb_str task_name)
{
    if (rule && !tb_str_is_null(rule->type))
        return rule->type;
    const char *dot = task_name.len ? memrchr(task_name.ptr, '.', task_name.len) : NULL;
    size_t start = dot ? (size_t)(dot + 1 - task_name.ptr) : 0;
    if (start == task_name.len)
        return task_name;
    return (struct tb_str){task_name.ptr + start, task_name.len - start};
}

/* A decimal within bigint as C writes it. 0 (the null string when it is none) or -ENOMEM. */
static int canonical_integer(struct tb_str text, struct tb_arena *arena, struct tb_str *ret_company)
{
    char digits[INT64_TEXT_BYTES];
    int64_t value;

    *ret_company = TB_STR_NULL;
    if (!tb_str_parse_int64(text, &value))
        return 0;
    int len = snprintf(digits, sizeof(digits), "%lld", (long long)value);
    /* Nearly always it was written so already. */
    if (tb_str_equal(text, (struct tb_str){digits, (size_t)len})) {
        *ret_company = text;
        return 0;
    }
    return tb_arena_copy(arena, (struct tb_str){digits, (size_t)len}, ret_company) ? 0 : -ENOMEM;
}

static int canonical_uuid(struct tb_str text, struct tb_arena *arena, struct tb_str *ret_company)
{
    char uuid[TB_UUID_LEN];

    *ret_company = TB_STR_NULL;
    if (!tb_uuid_parse(text, uuid))
        return 0;
    return tb_arena_copy(arena, (struct tb_str){uuid, sizeof(uuid)}, ret_company) ? 0 : -ENOMEM;
}

static int company_of(enum tb_company_format format, enum tb_pyrepr_kind kind, struct tb_str text,
                      struct tb_arena *arena, struct tb_str *ret_company)
{
    bool takes_integer = format != TB_COMPANY_UUID;
    bool takes_digits = format == TB_COMPANY_INTEGER_OR_STRING || format == TB_COMPANY_ANY;
    bool takes_uuid = format == TB_COMPANY_UUID || format == TB_COMPANY_ANY;
    int status = 0;

    *ret_company = TB_STR_NULL;
    if ((kind == TB_PYREPR_INTEGER && takes_integer) || (kind == TB_PYREPR_STRING && takes_digits))
        status = canonical_integer(text, arena, ret_company);
    if (!status && tb_str_is_null(*ret_company) && takes_uuid &&
        (kind == TB_PYREPR_UUID || kind == TB_PYREPR_STRING))
        status = canonical_uuid(text, arena, ret_company);
    return status;
}

int tb_rules_company(const struct tb_rules *rules, const struct tb_rule *rule, struct tb_str args,
                     struct tb_str kwargs, struct tb_arena *arena, struct tb_str *ret_company)
{
    struct tb_pyrepr_value value;
    int outcome = TB_PYREPR_ABSENT;

    *ret_company = TB_STR_NULL;
    if (rule && rule->company_source == TB_COMPANY_KWARG)
        outcome = tb_pyrepr_find_key(kwargs, rule->company_kwarg, arena, &value);
    else if (rule && rule->company_source == TB_COMPANY_ARG)
        outcome = tb_pyrepr_find_index(args, rule->company_arg, arena, &value);
    if (outcome)
        return outcome < 0 ? outcome : 0;
    return company_of(rules->company_format, value.kind, value.text, arena, ret_company);
}

int tb_rules_event_company(const struct tb_rules *rules, struct tb_str value, bool is_string,
                           struct tb_arena *arena, struct tb_str *ret_company)
{
    return company_of(rules->company_format, is_string ? TB_PYREPR_STRING : TB_PYREPR_INTEGER, value, arena,
                      ret_company);
}

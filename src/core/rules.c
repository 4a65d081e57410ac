/* What the configuration says about a task by its name.
 *
 * Rules are tried in their order and the first match wins; there are few, and names repeat, so nothing is
 * indexed. */
#include "taskbridge/core/rules.h"

#include "taskbridge/core/pyrepr.h"

const struct tb_rule *tb_rules_find(const struct tb_rules *rules, struct tb_str task_name)
{
    for (size_t i = 0; i < rules->count; i++)
        if (tb_str_matches(task_name, rules->rules[i].match))
            return &rules->rules[i];
    return NULL;
}

/* A value that can be an id at all. */
static int company_of(const struct tb_rules *rules, const struct tb_pyrepr_value *value,
                      struct tb_arena *arena, struct tb_str *ret_company)
{
    *ret_company = TB_STR_NULL;
    if (value->kind != TB_PYREPR_INTEGER && value->kind != TB_PYREPR_STRING && value->kind != TB_PYREPR_UUID)
        return 0;
    return tb_company_parse_exact(rules->company_format, value->text, arena, ret_company);
}

int tb_rules_company(const struct tb_rules *rules, const struct tb_rule *rule, struct tb_str args,
                     struct tb_str kwargs, struct tb_arena *arena, struct tb_str *ret_company)
{
    struct tb_pyrepr_value value;
    int outcome = TB_PYREPR_ABSENT;

    *ret_company = TB_STR_NULL;
    if (rule->company_source != TB_COMPANY_ARGUMENTS)
        return 0;
    if (!tb_str_is_null(rule->company_kwarg))
        outcome = tb_pyrepr_find_key(kwargs, rule->company_kwarg, arena, &value);
    if (outcome == TB_PYREPR_ABSENT && rule->has_company_arg)
        outcome = tb_pyrepr_find_index(args, rule->company_arg, arena, &value);
    if (outcome)
        return outcome < 0 ? outcome : 0;
    return company_of(rules, &value, arena, ret_company);
}

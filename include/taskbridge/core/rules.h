/* What the configuration says about tasks by name: type, display name, company, what is never stored. Pure.
 */
#ifndef TASKBRIDGE_CORE_RULES_H
#define TASKBRIDGE_CORE_RULES_H

#include "taskbridge/core/company.h"
#include "taskbridge/core/redact.h"

enum tb_company_source {
    TB_COMPANY_NOWHERE,
    TB_COMPANY_ARGUMENTS, /* of kwargs by name, of args by index; the first that is there */
    TB_COMPANY_INHERIT,   /* the root task's, or the nearest ancestor's */
    TB_COMPANY_NONE       /* it belongs to nobody, as it should */
};

struct tb_rule {
    struct tb_str match;              /* glob on the task's name */
    struct tb_str type, display_name; /* null when not given */
    struct tb_str failure_message;    /* what customers read of a failure; null when not given */
    enum tb_company_source company_source;
    struct tb_str company_kwarg; /* null: none */
    bool has_company_arg;
    size_t company_arg;
    const struct tb_str *redact; /* names that are secret, in every task; borrowed with the rule */
    size_t redact_count;
    uint64_t redact_positions; /* of this task's arguments, one bit each */
};

struct tb_rules {
    const struct tb_rule *rules; /* first match wins; borrowed from the configuration */
    size_t count;
    enum tb_company_format company_format;
    const struct tb_redact *redact; /* what is secret; NULL: nothing. Borrowed likewise */
};

/* The first rule that matches, borrowed, or NULL. */
const struct tb_rule *tb_rules_find(const struct tb_rules *rules, struct tb_str task_name);

/* The company that the rule finds in the reprs, as tb_company_parse has it; the null string when there is
 * none, when it is not of the format, or behind a cut. 0 or -ENOMEM. */
int tb_rules_company(const struct tb_rules *rules, const struct tb_rule *rule, struct tb_str args,
                     struct tb_str kwargs, struct tb_arena *arena, struct tb_str *ret_company) TB_MUST_CHECK;

#endif

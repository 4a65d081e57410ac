/* What the configuration says about tasks by name: type, display name, company, what is never stored. Pure.
 */
#ifndef TASKBRIDGE_CORE_RULES_H
#define TASKBRIDGE_CORE_RULES_H

#include "taskbridge/base/arena.h"
#include "taskbridge/base/str.h"

enum tb_company_source {
    TB_COMPANY_NOWHERE,
    TB_COMPANY_KWARG,  /* of kwargs, by name */
    TB_COMPANY_ARG,    /* of args, by index */
    TB_COMPANY_INHERIT /* the root task's */
};

/* Which values are companies; a value of another kind gives none. */
enum tb_company_format {
    TB_COMPANY_INTEGER,           /* 73 */
    TB_COMPANY_INTEGER_OR_STRING, /* 73 and '73' */
    TB_COMPANY_UUID,              /* UUID('…') and '…' */
    TB_COMPANY_ANY                /* all of the above */
};

struct tb_rule {
    struct tb_str match;              /* glob on the task's name */
    struct tb_str type, display_name; /* null when not given */
    enum tb_company_source company_source;
    struct tb_str company_kwarg;
    size_t company_arg;
    const struct tb_str *redact; /* borrowed with the rule */
    size_t redact_count;
};

struct tb_rules {
    const struct tb_rule *rules; /* first match wins; borrowed from the configuration */
    size_t count;
    enum tb_company_format company_format;
};

/* The first rule that matches, borrowed, or NULL. */
const struct tb_rule *tb_rules_find(const struct tb_rules *rules, struct tb_str task_name);

/* The rule's type, or the last dotted part of the name; borrowed from either. */
struct tb_str tb_rules_task_type(const struct tb_rule *rule, struct tb_str task_name);

/* The company that the rule finds in the reprs, canonical: an integer without leading zeros or sign "+",
 * within bigint; a UUID in lower case with hyphens. The null string when there is none, when it is not of the
 * format, or behind a cut. 0 or -ENOMEM. */
int tb_rules_company(const struct tb_rules *rules, const struct tb_rule *rule, struct tb_str args,
                     struct tb_str kwargs, struct tb_arena *arena, struct tb_str *ret_company) TB_MUST_CHECK;

/* The company that an event itself carries, canonical as above; the null string when it is not of the format.
 * is_string tells '73' from 73. 0 or -ENOMEM. */
int tb_rules_event_company(const struct tb_rules *rules, struct tb_str value, bool is_string,
                           struct tb_arena *arena, struct tb_str *ret_company) TB_MUST_CHECK;

#endif

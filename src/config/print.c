/* A configuration as a person or a program may see it: every option with its value in effect, no passwords.
 *
 * The YAML form would load again; a comment tells where a value came from when it is not the default. */
#include "taskbridge/config/config.h"

#include "state.h"
#include "taskbridge/base/json.h"
#include "value.h"

static void push_indent(struct tb_buf *buf, size_t depth)
{
    for (size_t i = 0; i < depth; i++)
        tb_buf_push_str(buf, TB_STR("  "));
}

/* Writes the headings of the sections that path is in and previous was not; returns the depth. */
static size_t push_headings(struct tb_buf *buf, const char *previous, const char *path)
{
    size_t depth = 0;
    bool is_same = true;
    for (const char *part = path, *dot = strchr(part, '.'); dot;
         part = dot + 1, dot = strchr(part, '.'), depth++) {
        size_t end = (size_t)(dot - path) + 1;
        is_same = is_same && strncmp(previous, path, end) == 0;
        if (is_same)
            continue;
        push_indent(buf, depth);
        tb_buf_printf(buf, "%.*s:\n", (int)(dot - part), part);
    }
    return depth;
}

static void push_list(struct tb_buf *buf, struct tb_config_list list)
{
    tb_buf_push_byte(buf, '[');
    for (size_t i = 0; i < list.count; i++) {
        if (i > 0)
            tb_buf_push_str(buf, TB_STR(", "));
        tb_json_push_quoted(buf, list.items[i]);
    }
    tb_buf_push_byte(buf, ']');
}

static void push_named_text(struct tb_buf *buf, const char *name, struct tb_str text)
{
    if (tb_str_is_null(text))
        return;
    tb_buf_printf(buf, ", %s: ", name);
    tb_json_push_quoted(buf, text);
}

static void push_company(struct tb_buf *buf, const struct tb_rule *rule)
{
    if (rule->company_source == TB_COMPANY_INHERIT)
        tb_buf_push_str(buf, TB_STR(", company: inherit"));
    if (rule->company_source == TB_COMPANY_NONE)
        tb_buf_push_str(buf, TB_STR(", company: none"));
    if (rule->company_source != TB_COMPANY_ARGUMENTS)
        return;
    tb_buf_push_str(buf, TB_STR(", company: { "));
    if (!tb_str_is_null(rule->company_kwarg)) {
        tb_buf_push_str(buf, TB_STR("kwarg: "));
        tb_json_push_quoted(buf, rule->company_kwarg);
    }
    if (rule->has_company_arg)
        tb_buf_printf(buf, "%sarg: %zu", tb_str_is_null(rule->company_kwarg) ? "" : ", ", rule->company_arg);
    tb_buf_push_str(buf, TB_STR(" }"));
}

static void push_redact(struct tb_buf *buf, const struct tb_rule *rule)
{
    const char *before = ", redact: [";

    for (size_t i = 0; i < rule->redact_count; i++, before = ", ") {
        tb_buf_push_str(buf, tb_str_of(before));
        tb_json_push_quoted(buf, rule->redact[i]);
    }
    for (unsigned i = 0; i < TB_REDACT_POSITIONS; i++)
        if (rule->redact_positions >> i & 1) {
            tb_buf_printf(buf, "%s%u", before, i);
            before = ", ";
        }
    if (before[2] == '\0')
        tb_buf_push_byte(buf, ']');
}

/* A rule as a flow mapping. */
static void push_rule(struct tb_buf *buf, const struct tb_rule *rule)
{
    tb_buf_push_str(buf, TB_STR("{ match: "));
    tb_json_push_quoted(buf, rule->match);
    push_named_text(buf, "type", rule->type);
    push_named_text(buf, "display_name", rule->display_name);
    push_company(buf, rule);
    push_redact(buf, rule);
    tb_buf_push_str(buf, TB_STR(" }"));
}

static void push_rules(struct tb_buf *buf, const struct tb_rules *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        tb_buf_push_str(buf, TB_STR("\n  - "));
        push_rule(buf, &rules->rules[i]);
    }
    if (rules->count == 0)
        tb_buf_push_str(buf, TB_STR(" []"));
}

static void push_text(struct tb_buf *buf, const struct tb_config *config, const struct tb_option *option)
{
    struct tb_buf text;
    tb_buf_init(&text, buf->max_bytes);
    tb_value_push(config, option, &text);
    if (option->type == TB_OPTION_STRING)
        tb_json_push_quoted(buf, tb_buf_str(&text));
    else
        tb_buf_push_str(buf, tb_buf_str(&text));
    buf->failed = buf->failed || text.failed;
    tb_buf_deinit(&text);
}

static void push_value(struct tb_buf *buf, const struct tb_config *config, const struct tb_option *option)
{
    if (option->type == TB_OPTION_RULES) {
        push_rules(buf, tb_field_in(config, option));
        return;
    }
    tb_buf_push_byte(buf, ' ');
    if (option->type == TB_OPTION_LIST)
        push_list(buf, *(const struct tb_config_list *)tb_field_in(config, option));
    else
        push_text(buf, config, option);
}

void tb_config_push_yaml(const struct tb_config *config, struct tb_buf *buf)
{
    static const char *const comments[] = {[TB_ORIGIN_DEFAULT] = "",
                                           [TB_ORIGIN_FILE] = " # from the file",
                                           [TB_ORIGIN_ENVIRONMENT] = " # from the environment"};
    const char *previous = "";
    for (size_t i = 0; i < tb_schema_count; i++) {
        const struct tb_option *option = &tb_schema_options[i];
        const char *comment = comments[*tb_origin_of(config, option)];
        size_t depth = push_headings(buf, previous, option->path);
        const char *dot = strrchr(option->path, '.');
        push_indent(buf, depth);
        tb_buf_printf(buf, "%s:", dot ? dot + 1 : option->path);
        if (option->type == TB_OPTION_RULES)
            tb_buf_push_str(buf, tb_str_of(config->rules.count > 0 ? comment : ""));
        push_value(buf, config, option);
        if (option->type != TB_OPTION_RULES)
            tb_buf_push_str(buf, tb_str_of(comment));
        tb_buf_push_byte(buf, '\n');
        previous = option->path;
    }
}

static void push_json_company(struct tb_json *json, const struct tb_rule *rule)
{
    if (rule->company_source != TB_COMPANY_ARGUMENTS) {
        tb_json_str(json, "company",
                    rule->company_source == TB_COMPANY_INHERIT ? TB_STR("inherit")
                    : rule->company_source == TB_COMPANY_NONE  ? TB_STR("none")
                                                               : TB_STR_NULL);
        return;
    }
    tb_json_begin_object(json, "company");
    if (!tb_str_is_null(rule->company_kwarg))
        tb_json_str(json, "kwarg", rule->company_kwarg);
    if (rule->has_company_arg)
        tb_json_int(json, "arg", (int64_t)rule->company_arg);
    tb_json_end_object(json);
}

static void push_json_rule(struct tb_json *json, const struct tb_rule *rule)
{
    tb_json_begin_object(json, NULL);
    tb_json_str(json, "match", rule->match);
    tb_json_str(json, "type", rule->type);
    tb_json_str(json, "display_name", rule->display_name);
    push_json_company(json, rule);
    tb_json_begin_list(json, "redact");
    for (size_t i = 0; i < rule->redact_count; i++)
        tb_json_str(json, NULL, rule->redact[i]);
    for (unsigned i = 0; i < TB_REDACT_POSITIONS; i++)
        if (rule->redact_positions >> i & 1)
            tb_json_int(json, NULL, i);
    tb_json_end_list(json);
    tb_json_end_object(json);
}

static void push_json_text(struct tb_json *json, const struct tb_config *config,
                           const struct tb_option *option)
{
    struct tb_buf text;
    tb_buf_init(&text, json->buf->max_bytes);
    tb_value_push(config, option, &text);
    tb_json_str(json, option->path, tb_buf_str(&text));
    json->buf->failed = json->buf->failed || text.failed;
    tb_buf_deinit(&text);
}

static void push_json_list(struct tb_json *json, const char *name, const struct tb_config_list *list)
{
    tb_json_begin_list(json, name);
    for (size_t i = 0; i < list->count; i++)
        tb_json_str(json, NULL, list->items[i]);
    tb_json_end_list(json);
}

static void push_json_rules(struct tb_json *json, const char *name, const struct tb_rules *rules)
{
    tb_json_begin_list(json, name);
    for (size_t i = 0; i < rules->count; i++)
        push_json_rule(json, &rules->rules[i]);
    tb_json_end_list(json);
}

void tb_config_push_json(const struct tb_config *config, struct tb_buf *buf)
{
    struct tb_json json;
    tb_json_init(&json, buf);
    tb_json_begin_object(&json, NULL);
    for (size_t i = 0; i < tb_schema_count; i++) {
        const struct tb_option *option = &tb_schema_options[i];
        const void *field = tb_field_in(config, option);
        switch (option->type) {
        case TB_OPTION_STRING:
        case TB_OPTION_ENUM:
            push_json_text(&json, config, option);
            break;
        case TB_OPTION_BOOL:
            tb_json_bool(&json, option->path, *(const bool *)field);
            break;
        case TB_OPTION_LIST:
            push_json_list(&json, option->path, field);
            break;
        case TB_OPTION_RULES:
            push_json_rules(&json, option->path, field);
            break;
        default:
            tb_json_int(&json, option->path, *(const int64_t *)field);
        }
    }
    tb_json_end_object(&json);
}

void tb_config_push_restart_needed(const struct tb_config *old, const struct tb_config *new,
                                   struct tb_buf *buf)
{
    const char *separator = "";
    for (size_t i = 0; i < tb_schema_count; i++) {
        const struct tb_option *option = &tb_schema_options[i];
        if (option->reloadable || tb_value_equal(old, new, option))
            continue;
        tb_buf_printf(buf, "%s%s", separator, option->path);
        separator = ", ";
    }
}

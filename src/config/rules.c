/* The rules of "tasks:", each a mapping of the keys in the schema's table.
 *
 *     - match: "*sync_sii_documents_task"
 *       company: { kwarg: company_id }
 *       redact: [0]
 *
 * A rule without match is an error: it would silently never count. */
#include "file.h"

#include "nearest.h"
#include "taskbridge/base/limits.h"
#include "value.h"

/* Names and patterns inside a rule, checked like the items of a list option. */
static const struct tb_option rule_text = {"tasks", TB_OPTION_STRING, "", 1, (int64_t)TB_NAME_MAX_BYTES,
                                           "",      .doc = ""};

/* An argument's index; Celery cuts reprs long before the last of these. */
static const struct tb_option rule_index = {"tasks", TB_OPTION_INTEGER, "", 0, 100, "", .doc = ""};

/* A secret: a name, or the position of an argument. */
static const char *check_secret(struct tb_str text)
{
    int64_t position;

    if (!tb_str_parse_int64(text, &position))
        return tb_redact_check_name(text);
    return position >= 0 && position < TB_REDACT_POSITIONS ? NULL : "a position from 0 to 63, or a name";
}

static const struct tb_option rule_secret = {
    "tasks", TB_OPTION_STRING, "", 1, (int64_t)TB_NAME_MAX_BYTES, "", .check = check_secret, .doc = ""};

static int read_text(struct tb_reader *reader, struct tb_str *ret_text)
{
    if (!tb_reader_at(reader, YAML_SCALAR_EVENT) || tb_reader_is_null(reader))
        return tb_reader_wrong(reader, "one text is expected here");
    int outcome = tb_value_check_text(&rule_text, tb_reader_scalar(reader), reader->err);
    return outcome ? tb_reader_place(reader, outcome) : tb_reader_keep(reader, ret_text);
}

static int read_index(struct tb_reader *reader, size_t *ret_index)
{
    int64_t index = -1;
    bool is_number =
        tb_reader_at(reader, YAML_SCALAR_EVENT) && tb_str_parse_int64(tb_reader_scalar(reader), &index);
    if (!is_number || index < rule_index.min || index > rule_index.max) {
        struct tb_str text = tb_reader_at(reader, YAML_SCALAR_EVENT) ? tb_reader_scalar(reader) : TB_STR("…");
        return tb_reader_place(reader, tb_value_wrong(&rule_index, text, reader->err));
    }
    *ret_index = (size_t)index;
    return 0;
}

static int company_wrong(struct tb_reader *reader)
{
    return tb_reader_wrong(reader,
                           "one of these is expected here: { kwarg: NAME }, { arg: INDEX }, both, inherit "
                           "or none");
}

/* kwarg: NAME or arg: INDEX, from the key on. */
static int read_company_place(struct tb_reader *reader, struct tb_rule *rule)
{
    bool is_kwarg = tb_str_equal(tb_reader_scalar(reader), TB_STR("kwarg"));
    bool is_arg = tb_str_equal(tb_reader_scalar(reader), TB_STR("arg"));

    if ((!is_kwarg && !is_arg) || (is_kwarg && !tb_str_is_null(rule->company_kwarg)) ||
        (is_arg && rule->has_company_arg))
        return company_wrong(reader);
    int outcome = tb_reader_next(reader);
    if (outcome)
        return outcome;
    rule->company_source = TB_COMPANY_ARGUMENTS;
    rule->has_company_arg |= is_arg;
    return is_kwarg ? read_text(reader, &rule->company_kwarg) : read_index(reader, &rule->company_arg);
}

static int read_company_places(struct tb_reader *reader, struct tb_rule *rule)
{
    for (;;) {
        int outcome = tb_reader_next(reader);
        if (outcome)
            return outcome;
        if (tb_reader_at(reader, YAML_MAPPING_END_EVENT))
            return rule->company_source == TB_COMPANY_ARGUMENTS ? 0 : company_wrong(reader);
        if (!tb_reader_at(reader, YAML_SCALAR_EVENT))
            return company_wrong(reader);
        outcome = read_company_place(reader, rule);
        if (outcome)
            return outcome;
    }
}

static int read_company(struct tb_reader *reader, struct tb_rule *rule)
{
    if (tb_reader_at(reader, YAML_MAPPING_START_EVENT))
        return read_company_places(reader, rule);
    if (!tb_reader_at(reader, YAML_SCALAR_EVENT))
        return company_wrong(reader);
    if (tb_str_equal(tb_reader_scalar(reader), TB_STR("inherit")))
        rule->company_source = TB_COMPANY_INHERIT;
    else if (tb_str_equal(tb_reader_scalar(reader), TB_STR("none")))
        rule->company_source = TB_COMPANY_NONE;
    else
        return company_wrong(reader);
    return 0;
}

/* Whole numbers are positions, all else is a name. */
static int read_redact(struct tb_reader *reader, struct tb_rule *rule)
{
    struct tb_config_list list;
    int outcome = tb_reader_list(reader, &rule_secret, &list);
    if (outcome)
        return outcome;
    struct tb_str *names =
        tb_arena_calloc(&reader->config->state->arena, list.count ? list.count : 1, sizeof(*names));
    if (!names)
        return tb_reader_no_memory(reader);
    rule->redact = names;
    for (size_t i = 0; i < list.count; i++) {
        int64_t position;
        if (!tb_str_parse_int64(list.items[i], &position))
            names[rule->redact_count++] = list.items[i];
        else
            rule->redact_positions |= UINT64_C(1) << position;
    }
    return 0;
}

/* What stands under key. */
static int read_rule_value(struct tb_reader *reader, const struct tb_rule_key *key, struct tb_rule *rule)
{
    switch (key->type) {
    case TB_RULE_STRING:
        return read_text(reader, (struct tb_str *)((char *)rule + key->offset));
    case TB_RULE_COMPANY:
        return read_company(reader, rule);
    case TB_RULE_REDACT:
        return read_redact(reader, rule);
    }
    return 0;
}

static int unknown_key(struct tb_reader *reader, struct tb_str name)
{
    struct tb_nearest nearest;
    tb_nearest_init(&nearest, name);
    for (size_t i = 0; i < tb_schema_rule_key_count; i++)
        tb_nearest_offer(&nearest, tb_str_of(tb_schema_rule_keys[i].name));
    if (nearest.name[0])
        return tb_reader_wrong(reader, "a rule has nothing of this name; did you mean %s?", nearest.name);
    return tb_reader_wrong(reader,
                           "a rule has match, type, display_name, failure_message, company and redact");
}

static const struct tb_rule_key *find_key(struct tb_str name)
{
    for (size_t i = 0; i < tb_schema_rule_key_count; i++)
        if (tb_str_equal(tb_str_of(tb_schema_rule_keys[i].name), name))
            return &tb_schema_rule_keys[i];
    return NULL;
}

/* The current event is a key of the rule. */
static int read_rule_entry(struct tb_reader *reader, struct tb_keys *keys, struct tb_rule *rule)
{
    struct tb_str name;
    int outcome = tb_reader_key(reader, keys, &name);
    if (outcome)
        return outcome;
    size_t path_len = tb_reader_enter(reader, name);
    const struct tb_rule_key *key = find_key(name);
    if (!key)
        return unknown_key(reader, name);
    outcome = tb_reader_next(reader);
    if (!outcome)
        outcome = read_rule_value(reader, key, rule);
    if (!outcome)
        tb_reader_leave(reader, path_len);
    return outcome;
}

static int read_rule(struct tb_reader *reader, struct tb_rule *rule)
{
    struct tb_keys keys = {.count = 0};
    yaml_mark_t begin = reader->event.start_mark;
    if (!tb_reader_at(reader, YAML_MAPPING_START_EVENT))
        return tb_reader_wrong(reader, "a rule is expected here, such as { match: \"*.sync\", type: sync }");
    for (;;) {
        int outcome = tb_reader_next(reader);
        if (outcome)
            return outcome;
        if (tb_reader_at(reader, YAML_MAPPING_END_EVENT))
            break;
        outcome = read_rule_entry(reader, &keys, rule);
        if (outcome)
            return outcome;
    }
    reader->event.start_mark = begin;
    if (tb_str_is_null(rule->match))
        return tb_reader_wrong(reader, "the rule lacks match, the name of the tasks that it is for");
    return 0;
}

int tb_file_read_rules(struct tb_reader *reader, const struct tb_option *option, struct tb_rules *ret_rules)
{
    if (!tb_reader_at(reader, YAML_SEQUENCE_START_EVENT))
        return tb_reader_wrong(reader,
                               "a list of rules is expected here, each line beginning with \"- match:\"");
    size_t max = (size_t)option->max;
    struct tb_rule *rules = tb_arena_calloc(&reader->config->state->arena, max, sizeof(*rules));
    if (!rules)
        return tb_reader_no_memory(reader);
    for (size_t count = 0;; count++) {
        int outcome = tb_reader_next(reader);
        if (outcome)
            return outcome;
        if (tb_reader_at(reader, YAML_SEQUENCE_END_EVENT)) {
            *ret_rules = (struct tb_rules){.rules = rules, .count = count};
            return 0;
        }
        size_t path_len = tb_reader_enter_index(reader, count);
        if (count == max)
            return tb_reader_wrong(reader, "at most %zu rules are possible", max);
        outcome = read_rule(reader, &rules[count]);
        if (outcome)
            return outcome;
        tb_reader_leave(reader, path_len);
    }
}

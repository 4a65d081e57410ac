/* Values of options: out of text, into text, compared.
 *
 * A number may carry a unit ("90s", "2GiB") or stand in the option's own; both ways it is checked against the
 * option's range. Nothing is rounded: "1500ms" is no duration for an option in whole seconds. The words of
 * what would be right are made of the same table, so they cannot differ from what is accepted. */
#include "value.h"

#include "state.h"
#include "taskbridge/base/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first: values are written in the largest unit that divides them. Plain seconds come last. */
static const struct unit durations[] = {{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}, {NULL, 0}};
static const struct unit sizes[] = {{"TiB", INT64_C(1) << 40},
                                    {"GiB", INT64_C(1) << 30},
                                    {"MiB", INT64_C(1) << 20},
                                    {"KiB", INT64_C(1) << 10},
                                    {"B", 1},
                                    {NULL, 0}};

static const struct tb_choice bools[] = {{"true", 1}, {"false", 0}, {"yes", 1}, {"no", 0},
                                         {"on", 1},   {"off", 0},   {NULL, 0}};

struct tb_shown tb_shown(struct tb_str text)
{
    struct tb_shown shown = {{0}};
    size_t room = sizeof(shown.text) - sizeof("…");
    size_t len = text.len > room ? tb_utf8_cut(text, room) : text.len;
    memcpy(shown.text, text.ptr ? text.ptr : "", len);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)shown.text[i] < ' ' || shown.text[i] == 0x7F)
            shown.text[i] = '?';
    if (len < text.len)
        memcpy(shown.text + len, "…", sizeof("…"));
    return shown;
}

static const struct unit *units_of(const struct tb_option *option)
{
    static const struct unit none[] = {{NULL, 0}};
    return option->type == TB_OPTION_DURATION ? durations : option->type == TB_OPTION_BYTES ? sizes : none;
}

static bool parse_number(const struct tb_option *option, struct tb_str text, int64_t *ret_value)
{
    int64_t factor = 1;
    for (const struct unit *unit = units_of(option); unit->name; unit++) {
        struct tb_str name = tb_str_of(unit->name);
        if (text.len > name.len && text.ptr[text.len - name.len - 1] <= '9' && tb_str_ends_with(text, name)) {
            factor = unit->factor;
            text.len -= name.len;
            break;
        }
    }
    int64_t count;
    return tb_str_parse_int64(text, &count) && !__builtin_mul_overflow(count, factor, ret_value) &&
           *ret_value >= option->min && *ret_value <= option->max;
}

static bool parse_choice(const struct tb_choice *choices, struct tb_str text, int64_t *ret_value)
{
    for (; choices->name; choices++)
        if (tb_str_equal(tb_str_of(choices->name), text)) {
            *ret_value = choices->value;
            return true;
        }
    return false;
}

/* The number with the largest unit that divides it; without one where it is in the option's own. */
static void push_number(struct tb_buf *buf, const struct tb_option *option, int64_t value, bool with_unit)
{
    for (const struct unit *unit = units_of(option); with_unit && unit->name; unit++)
        if (value != 0 && value % unit->factor == 0) {
            tb_buf_printf(buf, "%" PRId64 "%s", value / unit->factor, unit->name);
            return;
        }
    tb_buf_printf(buf, "%" PRId64, value);
}

static void push_choices(struct tb_buf *buf, const struct tb_choice *choices)
{
    for (; choices->name; choices++) {
        tb_buf_push_str(buf, tb_str_of(choices->name));
        if (choices[1].name)
            tb_buf_push_str(buf, choices[2].name ? TB_STR(", ") : TB_STR(" or "));
    }
}

static void push_range(struct tb_buf *buf, const struct tb_option *option)
{
    static const char *const kinds[] = {[TB_OPTION_INTEGER] = "a whole number",
                                        [TB_OPTION_DURATION] = "a duration such as 90s, 5m or 1h",
                                        [TB_OPTION_BYTES] = "a size such as 512MiB or 2GiB"};
    bool with_unit = option->type != TB_OPTION_INTEGER;
    tb_buf_printf(buf, "%s, from ", kinds[option->type]);
    push_number(buf, option, option->min, with_unit);
    tb_buf_push_str(buf, TB_STR(" to "));
    push_number(buf, option, option->max, with_unit);
}

static void push_right(struct tb_buf *buf, const struct tb_option *option, struct tb_str text)
{
    const char *words;
    switch (option->type) {
    case TB_OPTION_INTEGER:
    case TB_OPTION_DURATION:
    case TB_OPTION_BYTES:
        push_range(buf, option);
        return;
    case TB_OPTION_BOOL:
        tb_buf_push_str(buf, TB_STR("true or false"));
        return;
    case TB_OPTION_ENUM:
        push_choices(buf, option->choices);
        return;
    case TB_OPTION_STRING:
    case TB_OPTION_LIST:
        words = option->check ? option->check(text) : NULL;
        if (text.len < (size_t)option->min || text.len > (size_t)option->max)
            tb_buf_printf(buf, "a text of %" PRId64 " to %" PRId64 " bytes", option->min, option->max);
        else
            tb_buf_push_str(buf, tb_str_of(words ? words : "a text without control characters"));
        return;
    case TB_OPTION_RULES:
        tb_buf_push_str(buf, TB_STR("a list of rules, each with match: and what holds for such tasks"));
    }
}

int tb_value_wrong(const struct tb_option *option, struct tb_str text, struct tb_error *err)
{
    struct tb_buf right;
    tb_buf_init(&right, TB_ERROR_TEXT_BYTES);
    push_right(&right, option, text);
    const char *words = right.failed ? option->doc : right.ptr;
    if (option->secret || option->is_key)
        tb_error_set(err, TB_CONFIG_WRONG, "the value is wrong; right would be %s", words);
    else
        tb_error_set(err, TB_CONFIG_WRONG, "\"%s\" is wrong; right would be %s", tb_shown(text).text, words);
    tb_buf_deinit(&right);
    return TB_CONFIG_WRONG;
}

static bool has_control(const struct tb_option *option, struct tb_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_layout = c == '\n' || c == '\t';
        if (((unsigned char)c < ' ' && !(is_layout && option->has_lines)) || c == 0x7F)
            return true;
    }
    return false;
}

int tb_value_check_text(const struct tb_option *option, struct tb_str text, struct tb_error *err)
{
    if (text.len < (size_t)option->min || text.len > (size_t)option->max || has_control(option, text) ||
        (option->check && option->check(text)))
        return tb_value_wrong(option, text, err);
    return 0;
}

static int set_text(struct tb_config *config, const struct tb_option *option, struct tb_str text,
                    struct tb_error *err)
{
    int outcome = tb_value_check_text(option, text, err);
    if (outcome)
        return outcome;
    struct tb_str copy;
    if (!tb_arena_copy(&config->state->arena, text, &copy))
        return tb_error_set_errno(err, -ENOMEM, "keeping the configuration");
    *(const char **)tb_field_of(config, option) = copy.ptr;
    return 0;
}

int tb_value_set(struct tb_config *config, const struct tb_option *option, struct tb_str text,
                 struct tb_error *err)
{
    if (option->type == TB_OPTION_STRING)
        return set_text(config, option, text, err);

    int64_t value = 0;
    bool is_right = option->type == TB_OPTION_BOOL   ? parse_choice(bools, text, &value)
                    : option->type == TB_OPTION_ENUM ? parse_choice(option->choices, text, &value)
                                                     : parse_number(option, text, &value);
    if (!is_right)
        return tb_value_wrong(option, text, err);
    if (option->type == TB_OPTION_BOOL)
        *(bool *)tb_field_of(config, option) = value;
    else
        *(int64_t *)tb_field_of(config, option) = value;
    return 0;
}

/* One item of a list, up to the comma; *text steps behind it. */
static struct tb_str take_item(struct tb_str *text)
{
    const char *comma = memchr(text->ptr, ',', text->len);
    size_t len = comma ? (size_t)(comma - text->ptr) : text->len;
    struct tb_str item = tb_str_trim((struct tb_str){text->ptr, len});

    text->ptr += comma ? len + 1 : len;
    text->len -= comma ? len + 1 : len;
    if (item.len >= 2 && *item.ptr == '"')
        item = (struct tb_str){item.ptr + 1, item.len - 2};
    return item;
}

int tb_value_set_list(struct tb_config *config, const struct tb_option *option, struct tb_str text,
                      struct tb_error *err)
{
    struct tb_arena *arena = &config->state->arena;
    struct tb_str *items = tb_arena_calloc(arena, text.len, sizeof(*items));
    size_t count = 0;

    if (!items)
        return tb_error_set_errno(err, -ENOMEM, "keeping the configuration");
    text = (struct tb_str){text.ptr + 1, text.len - 2};
    while (text.len) {
        struct tb_str item = take_item(&text);
        int outcome = tb_value_check_text(option, item, err);
        if (outcome)
            return outcome;
        if (!tb_arena_copy(arena, item, &items[count++]))
            return tb_error_set_errno(err, -ENOMEM, "keeping the configuration");
    }
    *(struct tb_config_list *)tb_field_of(config, option) = (struct tb_config_list){items, count};
    return 0;
}

void tb_value_push(const struct tb_config *config, const struct tb_option *option, struct tb_buf *buf)
{
    const void *field = tb_field_in(config, option);
    switch (option->type) {
    case TB_OPTION_STRING:
        if (option->is_key)
            tb_buf_push_str(buf, (*(const char *const *)field)[0] ? TB_STR("***") : TB_STR(""));
        else if (option->secret)
            tb_config_push_masked(tb_str_of(*(const char *const *)field), buf);
        else
            tb_buf_push_str(buf, tb_str_of(*(const char *const *)field));
        return;
    case TB_OPTION_BOOL:
        tb_buf_push_str(buf, *(const bool *)field ? TB_STR("true") : TB_STR("false"));
        return;
    case TB_OPTION_ENUM:
        for (const struct tb_choice *choice = option->choices; choice->name; choice++)
            if (choice->value == *(const int64_t *)field)
                tb_buf_push_str(buf, tb_str_of(choice->name));
        return;
    case TB_OPTION_INTEGER:
    case TB_OPTION_DURATION:
    case TB_OPTION_BYTES:
        push_number(buf, option, *(const int64_t *)field, option->type == TB_OPTION_BYTES);
        return;
    case TB_OPTION_LIST:
    case TB_OPTION_RULES:
        return;
    }
}

static bool lists_equal(const struct tb_config_list *a, const struct tb_config_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!tb_str_equal(a->items[i], b->items[i]))
            return false;
    return true;
}

static bool rules_equal(const struct tb_rules *a, const struct tb_rules *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct tb_rule *x = &a->rules[i], *y = &b->rules[i];
        if (!tb_str_equal(x->match, y->match) || !tb_str_equal(x->type, y->type) ||
            !tb_str_equal(x->display_name, y->display_name) || x->company_source != y->company_source ||
            !tb_str_equal(x->company_kwarg, y->company_kwarg) || x->has_company_arg != y->has_company_arg ||
            x->company_arg != y->company_arg || x->redact_positions != y->redact_positions ||
            !lists_equal(&(struct tb_config_list){x->redact, x->redact_count},
                         &(struct tb_config_list){y->redact, y->redact_count}))
            return false;
    }
    return true;
}

bool tb_value_equal(const struct tb_config *a, const struct tb_config *b, const struct tb_option *option)
{
    const void *x = tb_field_in(a, option), *y = tb_field_in(b, option);
    switch (option->type) {
    case TB_OPTION_STRING:
        return strcmp(*(const char *const *)x, *(const char *const *)y) == 0;
    case TB_OPTION_BOOL:
        return *(const bool *)x == *(const bool *)y;
    case TB_OPTION_LIST:
        return lists_equal(x, y);
    case TB_OPTION_RULES:
        return rules_equal(x, y);
    default:
        return *(const int64_t *)x == *(const int64_t *)y;
    }
}

/* The environment, put over the file: TASKBRIDGE_ and an option's path in capitals, '.' as '_'.
 *
 * A variable of ours that no option has is an error, like an unknown name in the file: a misspelled one would
 * else be ignored in silence. The names that other parts of the project use are in the schema's table. */
#include "environment.h"

#include "nearest.h"
#include "state.h"
#include "value.h"

static const struct tb_option *find_by_variable(struct tb_str name)
{
    char variable[TB_VARIABLE_MAX_BYTES];
    for (size_t i = 0; i < tb_schema_count; i++) {
        tb_schema_variable(&tb_schema_options[i], variable);
        if (tb_str_equal(tb_str_of(variable), name))
            return &tb_schema_options[i];
    }
    return NULL;
}

static bool is_prefix(const char *reserved)
{
    return tb_str_ends_with(tb_str_of(reserved), TB_STR("_"));
}

static bool is_reserved(struct tb_str name, struct tb_str value)
{
    for (size_t i = 0; i < tb_schema_reserved_count; i++) {
        struct tb_str reserved = tb_str_of(tb_schema_reserved[i].name);
        const char *begin = tb_schema_reserved[i].value;
        if ((is_prefix(reserved.ptr) ? tb_str_starts_with(name, reserved) : tb_str_equal(name, reserved)) &&
            (!begin || tb_str_starts_with(value, tb_str_of(begin))))
            return true;
    }
    return false;
}

/* What follows TASKBRIDGE_: names are compared by this, or all would be alike. */
static struct tb_str own_part(const char *variable)
{
    return tb_str_of(variable + strlen(TB_VARIABLE_PREFIX));
}

static int unknown_variable(struct tb_str name, struct tb_error *err)
{
    char variable[TB_VARIABLE_MAX_BYTES];
    struct tb_nearest nearest;
    size_t prefix = strlen(TB_VARIABLE_PREFIX);
    tb_nearest_init(&nearest, (struct tb_str){name.ptr + prefix, name.len - prefix});
    for (size_t i = 0; i < tb_schema_count; i++) {
        tb_schema_variable(&tb_schema_options[i], variable);
        tb_nearest_offer(&nearest, own_part(variable));
    }
    for (size_t i = 0; i < tb_schema_reserved_count; i++)
        if (!tb_schema_reserved[i].value && !is_prefix(tb_schema_reserved[i].name))
            tb_nearest_offer(&nearest, own_part(tb_schema_reserved[i].name));
    if (nearest.name[0])
        return tb_error_set(err, TB_CONFIG_WRONG,
                            "environment: %s: there is no such option; did you mean " TB_VARIABLE_PREFIX
                            "%s?",
                            tb_shown(name).text, nearest.name);
    return tb_error_set(err, TB_CONFIG_WRONG,
                        "environment: %s: there is no such option, and none with a name like it; unset it",
                        tb_shown(name).text);
}

static int apply(struct tb_config *config, struct tb_str name, struct tb_str value, struct tb_error *err)
{
    const struct tb_option *option = find_by_variable(name);
    if (!option)
        return is_reserved(name, value) ? 0 : unknown_variable(name, err);
    if (option->type == TB_OPTION_LIST || option->type == TB_OPTION_RULES)
        return tb_error_set(err, TB_CONFIG_WRONG,
                            "environment: %s: %s is a list, which only the file can hold",
                            tb_shown(name).text, option->path);
    int outcome = tb_value_set(config, option, value, err);
    if (outcome)
        tb_error_prefix(err, "environment: %s: %s", tb_shown(name).text, option->path);
    else
        *tb_origin_of(config, option) = TB_ORIGIN_ENVIRONMENT;
    return outcome;
}

int tb_environment_apply(struct tb_config *config, char *const *environment, struct tb_error *err)
{
    int outcome = 0;
    for (; environment && *environment; environment++) {
        struct tb_str entry = tb_str_of(*environment);
        const char *equals = memchr(entry.ptr, '=', entry.len);
        if (!equals || !tb_str_starts_with(entry, TB_STR(TB_VARIABLE_PREFIX)))
            continue;
        struct tb_str name = {entry.ptr, (size_t)(equals - entry.ptr)};
        struct tb_str value = {equals + 1, entry.len - name.len - 1};
        struct tb_error own = {0};
        int r = apply(config, name, value, &own);
        if (!r)
            continue;
        if (!err->code)
            *err = own;
        else if (config->state->further)
            tb_buf_printf(config->state->further, "%s\n", own.text);
        outcome = r;
        if (r < 0 || !config->state->further)
            break;
    }
    return outcome;
}

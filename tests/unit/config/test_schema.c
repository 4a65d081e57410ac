/* The table of options against itself and against the sample file that operators start from. */
#include "schema.h"

#include "unit/check.h"

#include <stdio.h>
#include <stdlib.h>

static char *sample_text(void)
{
    FILE *file = fopen(TB_SOURCE_DIR "/config/taskbridge.yaml", "rb");
    assert_non_null(file);
    char *text = calloc(1, 65536);
    assert_non_null(text);
    size_t len = fread(text, 1, 65535, file);
    assert_true(len > 0 && len < 65535);
    fclose(file);
    return text;
}

static void paths_and_variables_are_unique_and_sections_together(void **state)
{
    char one[TB_VARIABLE_MAX_BYTES], other[TB_VARIABLE_MAX_BYTES];
    (void)state;
    for (size_t i = 0; i < tb_schema_count; i++)
        for (size_t j = 0; j < i; j++) {
            tb_schema_variable(&tb_schema_options[i], one);
            tb_schema_variable(&tb_schema_options[j], other);
            assert_string_not_equal(one, other);
            assert_true(tb_schema_options[i].offset != tb_schema_options[j].offset);
        }
    tb_schema_variable(tb_schema_find(TB_STR("amqp.queue.max_bytes")), one);
    assert_string_equal(one, "TASKBRIDGE_AMQP_QUEUE_MAX_BYTES");
}

static void no_option_hides_behind_a_reserved_variable(void **state)
{
    char variable[TB_VARIABLE_MAX_BYTES];
    (void)state;
    for (size_t i = 0; i < tb_schema_count; i++) {
        tb_schema_variable(&tb_schema_options[i], variable);
        for (size_t j = 0; j < tb_schema_reserved_count; j++)
            assert_false(tb_str_starts_with(tb_str_of(variable), tb_str_of(tb_schema_reserved[j].name)));
    }
}

static void names_of_sections_are_no_options(void **state)
{
    (void)state;
    assert_true(tb_schema_is_section(TB_STR("amqp")));
    assert_true(tb_schema_is_section(TB_STR("amqp.queue")));
    assert_false(tb_schema_is_section(TB_STR("amqp.queue.name")));
    assert_false(tb_schema_is_section(TB_STR("amqp.que")));
    assert_false(tb_schema_is_section(TB_STR("")));
    assert_null(tb_schema_find(TB_STR("amqp.queue")));
    assert_null(tb_schema_find(TB_STR("amqp.queue.name.")));
}

/* "  # doc\n  name: default\n" at the indentation of the option's depth. */
static void push_expected(struct tb_buf *buf, const struct tb_option *option)
{
    int depth = 0;
    const char *name = option->path;
    for (const char *dot = strchr(name, '.'); dot; dot = strchr(name, '.')) {
        name = dot + 1;
        depth++;
    }
    bool is_empty = option->type == TB_OPTION_STRING && option->fallback[0] == '\0';
    tb_buf_printf(buf, "%*s# %s\n%*s%s: %s\n", 2 * depth, "", option->doc, 2 * depth, "", name,
                  is_empty ? "\"\"" : option->fallback);
}

static void the_sample_has_each_option_with_its_words_and_default(void **state)
{
    char *text = sample_text();
    struct tb_buf expected;
    (void)state;
    tb_buf_init(&expected, 4096);
    for (size_t i = 0; i < tb_schema_count; i++) {
        if (tb_schema_options[i].type == TB_OPTION_RULES)
            continue;
        tb_buf_reset(&expected);
        push_expected(&expected, &tb_schema_options[i]);
        if (!strstr(text, expected.ptr))
            fail_msg("config/taskbridge.yaml lacks these lines:\n%s", expected.ptr);
    }
    tb_buf_deinit(&expected);
    free(text);
}

static void the_sample_explains_each_key_of_a_rule(void **state)
{
    char *text = sample_text(), line[256];
    (void)state;
    for (size_t i = 0; i < tb_schema_rule_key_count; i++) {
        snprintf(line, sizeof(line), "# %s: %s\n", tb_schema_rule_keys[i].name, tb_schema_rule_keys[i].doc);
        if (!strstr(text, line))
            fail_msg("config/taskbridge.yaml lacks this line:\n%s", line);
    }
    free(text);
}

static void the_sample_means_the_defaults_and_the_onboarding(void **state)
{
    struct tb_config_source source = {.path = TB_SOURCE_DIR "/config/taskbridge.yaml", .must_exist = true};
    struct tb_config *sample = NULL, *defaults = NULL;
    struct tb_error err = {0};
    struct tb_buf buf;
    (void)state;
    assert_int_equal(tb_config_load(&source, &sample, &err), 0);
    assert_int_equal(tb_config_parse(TB_STR(""), "t.yaml", NULL, &defaults, &err), 0);
    tb_buf_init(&buf, 1000);
    tb_config_push_restart_needed(sample, defaults, &buf);
    assert_str(tb_buf_str(&buf), "");
    assert_int_equal(sample->company_format, TB_COMPANY_NUMBER);
    assert_int_equal(sample->rules.count, 4);
    assert_str(sample->rules.rules[3].display_name, "Sincronizando formularios históricos");
    tb_buf_deinit(&buf);
    tb_config_free(sample);
    tb_config_free(defaults);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_and_variables_are_unique_and_sections_together),
        cmocka_unit_test(no_option_hides_behind_a_reserved_variable),
        cmocka_unit_test(names_of_sections_are_no_options),
        cmocka_unit_test(the_sample_has_each_option_with_its_words_and_default),
        cmocka_unit_test(the_sample_explains_each_key_of_a_rule),
        cmocka_unit_test(the_sample_means_the_defaults_and_the_onboarding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

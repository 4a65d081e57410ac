/* The command line of the servers. */
#include "taskbridge/config/arguments.h"

#include "unit/check.h"

static const struct tb_program program = {"taskbridged", "Folds."};

static int parse(const char *const *words, struct tb_config_source *ret_source, struct tb_error *err)
{
    int argc = 0;
    while (words[argc])
        argc++;
    return tb_arguments_parse(&program, argc, (char *const *)words, ret_source, err);
}

static void without_words_the_default_file_is_read_if_it_is_there(void **state)
{
    struct tb_config_source source;
    struct tb_error err = {0};
    (void)state;
    assert_int_equal(parse((const char *const[]){"taskbridged", NULL}, &source, &err), 0);
    assert_string_equal(source.path, "/etc/taskbridge/taskbridge.yaml");
    assert_false(source.must_exist);
}

static void a_file_can_be_given_in_two_ways(void **state)
{
    static const char *const apart[] = {"taskbridged", "--config", "a.yaml", NULL};
    static const char *const together[] = {"taskbridged", "--config=b=c.yaml", NULL};
    struct tb_config_source source;
    struct tb_error err = {0};
    (void)state;
    assert_int_equal(parse(apart, &source, &err), 0);
    assert_string_equal(source.path, "a.yaml");
    assert_true(source.must_exist);
    assert_int_equal(parse(together, &source, &err), 0);
    assert_string_equal(source.path, "b=c.yaml");
}

static void help_and_version_are_answers(void **state)
{
    struct tb_config_source source;
    struct tb_error err = {0};
    (void)state;
    assert_int_equal(parse((const char *const[]){"taskbridged", "--help", NULL}, &source, &err),
                     TB_ARGUMENTS_ANSWERED);
    assert_int_equal(parse((const char *const[]){"taskbridged", "--version", NULL}, &source, &err),
                     TB_ARGUMENTS_ANSWERED);
}

static void anything_else_is_a_usage_error(void **state)
{
    static const struct {
        const char *words[6];
        const char *message;
    } cases[] = {
        {{"taskbridged", "run", NULL}, "unknown argument: run; `taskbridged --help` tells what is possible"},
        {{"taskbridged", "--confg", "x", NULL},
         "unknown argument: --confg; `taskbridged --help` tells what is possible"},
        {{"taskbridged", "--config", NULL},
         "--config needs a FILE; `taskbridged --help` tells what is possible"},
        {{"taskbridged", "--config=", NULL},
         "--config needs a FILE; `taskbridged --help` tells what is possible"},
        {{"taskbridged", "--config", "a", "--config=b", NULL},
         "--config is given twice; `taskbridged --help` tells what is possible"},
    };
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        struct tb_config_source source;
        struct tb_error err = {0};
        assert_int_equal(parse(cases[i].words, &source, &err), TB_ARGUMENTS_WRONG);
        assert_string_equal(err.text, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_words_the_default_file_is_read_if_it_is_there),
        cmocka_unit_test(a_file_can_be_given_in_two_ways),
        cmocka_unit_test(help_and_version_are_answers),
        cmocka_unit_test(anything_else_is_a_usage_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

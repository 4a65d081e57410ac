/* The command line of the operator's program, by the table of commands. */
#include "parse.h"

#include "unit/check.h"

#define MAX_WORDS 12

static int parse(struct tb_cli *cli, const char *const *words)
{
    const char *argv[MAX_WORDS + 2] = {"taskbridge"};
    int argc = 1;
    for (; words[argc - 1]; argc++)
        argv[argc] = words[argc - 1];
    *cli = (struct tb_cli){.source = {.path = NULL}};
    return tb_cli_parse(cli, argc, (char *const *)argv);
}

static void a_command_of_two_words_takes_options_and_operands(void **state)
{
    static const char *const words[] = {"--config",   "a.yaml",       "token",  "create",
                                        "--user=ana", "--company",    "73",     "--company",
                                        "74",         "--expires=1d", "--json", NULL};
    struct tb_cli cli;
    int64_t seconds = 0;
    (void)state;
    assert_int_equal(parse(&cli, words), 0);
    assert_string_equal(cli.command->name, "token create");
    assert_string_equal(cli.source.path, "a.yaml");
    assert_true(cli.source.must_exist);
    assert_true(cli.args.json);
    assert_string_equal(tb_cli_value(&cli, "--user"), "ana");
    assert_string_equal(tb_cli_value(&cli, "--company"), "74");
    assert_int_equal(cli.args.given_count, 5);
    assert_false(tb_cli_has(&cli, "--operator"));
    assert_int_equal(tb_cli_duration(&cli, "--expires", &seconds), 0);
    assert_int_equal(seconds, 86400);
    assert_int_equal(tb_cli_end(&cli, 0), 0);
}

static void options_of_the_program_may_stand_behind_the_command(void **state)
{
    static const char *const words[] = {"company", "add", "73", "--config=b.yaml", "--", "--name", NULL};
    struct tb_cli cli;
    (void)state;
    assert_int_equal(parse(&cli, words), 0);
    assert_string_equal(cli.source.path, "b.yaml");
    assert_int_equal(cli.args.operand_count, 2);
    assert_string_equal(cli.args.operands[0], "73");
    assert_string_equal(cli.args.operands[1], "--name");
    assert_int_equal(tb_cli_end(&cli, 0), 0);
}

static void a_single_dash_is_an_operand(void **state)
{
    static const char *const words[] = {"capture", "-", "--count", "3", NULL};
    struct tb_cli cli;
    int64_t count = 0;
    (void)state;
    assert_int_equal(parse(&cli, words), 0);
    assert_string_equal(cli.args.operands[0], "-");
    assert_int_equal(tb_cli_number(&cli, "--count", 1, 10, &count), 0);
    assert_int_equal(count, 3);
    assert_int_equal(tb_cli_number(&cli, "--count", 4, 10, &count), TB_EXIT_USAGE);
    assert_int_equal(tb_cli_number(&cli, "--seconds", 4, 10, &count), 0);
    assert_int_equal(count, 3);
    assert_int_equal(tb_cli_end(&cli, 0), 0);
}

static void help_and_version_are_answers_wherever_they_stand(void **state)
{
    static const char *const cases[][4] = {
        {"--help", NULL}, {"--version", NULL}, {"dead", "list", "--help", NULL}, {"migrate", "-h", NULL}};
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        struct tb_cli cli;
        assert_int_equal(parse(&cli, cases[i]), TB_CLI_ANSWERED);
        assert_int_equal(tb_cli_end(&cli, 0), 0);
    }
}

static void a_group_of_commands_has_help_too(void **state)
{
    static const char *const words[] = {"token", "--help", NULL};
    struct tb_cli cli;
    (void)state;
    assert_int_equal(parse(&cli, words), TB_CLI_ANSWERED);
    assert_int_equal(tb_cli_end(&cli, 0), 0);
}

static void everything_else_is_refused_with_a_reason(void **state)
{
    static const struct {
        const char *words[MAX_WORDS];
        const char *message;
    } cases[] = {
        {{NULL}, "a command is needed; `taskbridge --help` tells what is possible"},
        {{"migrat", NULL}, "there is no such command: migrat; `taskbridge --help` tells what is possible"},
        {{"token", NULL}, "token needs one of these behind it: create, list, revoke, watch"},
        {{"token", "lst", NULL}, "token needs one of these behind it: create, list, revoke, watch"},
        {{"--verbose", "migrate", NULL},
         "there is no such option: --verbose; `taskbridge --help` tells what is possible"},
        {{"dead", "drop", "--al", NULL},
         "there is no such option: --al; `taskbridge dead drop --help` tells what is possible"},
        {{"dead", "drop", "--all=yes", NULL},
         "this takes no value: --all; `taskbridge dead drop --help` tells what is possible"},
        {{"dead", "drop", "--reason", NULL},
         "this needs a value: --reason; `taskbridge dead drop --help` tells what is possible"},
        {{"dead", "drop", "--reason", "a", "--reason=b", NULL},
         "this is given twice: --reason; `taskbridge dead drop --help` tells what is possible"},
        {{"dead", "show", NULL}, "this is needed: ID; `taskbridge dead show --help` tells what is possible"},
        {{"dead", "show", "1", "2", NULL},
         "this is one word too many: 2; `taskbridge dead show --help` tells what is possible"},
        {{"token", "create", "--operator", NULL},
         "this is needed: --user; `taskbridge token create --help` tells what is possible"},
        {{"capture", "x", "--json", NULL},
         "there is no such option: --json; `taskbridge capture --help` tells what is possible"},
        {{"--config", "a", "migrate", "--config", "b", NULL},
         "--config is given twice; `taskbridge migrate --help` tells what is possible"},
        {{"migrate", "--config", NULL},
         "--config needs a FILE; `taskbridge migrate --help` tells what is possible"},
    };
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        struct tb_cli cli;
        assert_int_equal(parse(&cli, cases[i].words), TB_CLI_WRONG);
        assert_string_equal(cli.err.text, cases[i].message);
        assert_int_equal(tb_cli_end(&cli, 2), 2);
    }
}

static void a_duration_has_a_unit(void **state)
{
    static const char *const wrong[] = {"30", "d", "1.5d", "0s", "-1d", "1w", "99999999999d"};
    (void)state;
    for (size_t i = 0; i < TB_COUNT(wrong); i++) {
        const char *words[] = {"token", "create", "--user", "a", "--operator", "--expires", wrong[i], NULL};
        struct tb_cli cli;
        int64_t seconds = 7;
        assert_int_equal(parse(&cli, words), 0);
        assert_int_equal(tb_cli_duration(&cli, "--expires", &seconds), TB_EXIT_USAGE);
        assert_int_equal(seconds, 7);
        assert_int_equal(tb_cli_end(&cli, 0), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_of_two_words_takes_options_and_operands),
        cmocka_unit_test(options_of_the_program_may_stand_behind_the_command),
        cmocka_unit_test(a_single_dash_is_an_operand),
        cmocka_unit_test(help_and_version_are_answers_wherever_they_stand),
        cmocka_unit_test(a_group_of_commands_has_help_too),
        cmocka_unit_test(everything_else_is_refused_with_a_reason),
        cmocka_unit_test(a_duration_has_a_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

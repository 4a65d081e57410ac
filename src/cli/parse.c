/* The command line, by the table of commands.
 *
 * Options of the program (--config FILE, --help, --version) may stand before the command or behind it,
 * options of a command anywhere behind it. "--name=value" and "--name value" are the same; "--" ends the
 * options, so that a text that begins with '-' can be an operand. Everything that is not understood is an
 * error: a misspelled option must not be ignored by a program that deletes. */
#include "parse.h"

#include "commands.h"

#include <errno.h>
#include <stdio.h>

static const struct tb_cli_option option_json = {"--json", NULL, "print JSON", false, false};

static int wrong(struct tb_cli *cli, const char *problem, const char *word)
{
    const char *name = cli->command ? cli->command->name : "";
    return tb_error_set(&cli->err, TB_CLI_WRONG, "%s%s; `taskbridge%s%s --help` tells what is possible",
                        problem, word, name[0] ? " " : "", name);
}

/* word may be NULL, which argv ends with. */
static bool is_help(const char *word)
{
    return word && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0);
}

/* An option of the program itself: 0 when it was one, TB_CLI_ANSWERED, TB_CLI_WRONG; -ENOENT when not. */
static int take_program_option(struct tb_cli *cli, struct tb_words *words)
{
    const char *problem = NULL;
    int outcome = tb_words_take_common(words, "taskbridge", &cli->source, &problem);
    if (outcome == TB_ARGUMENTS_HELP)
        tb_cli_print_help(cli->command);
    if (outcome == TB_ARGUMENTS_WRONG)
        return wrong(cli, problem, "");
    if (outcome == TB_ARGUMENTS_OTHER)
        return -ENOENT;
    return outcome ? TB_CLI_ANSWERED : 0;
}

/* How many words of name the words at hand begin with, if all of them; otherwise 0. */
static int words_of_name(const char *name, const struct tb_words *words)
{
    int count = 0;
    for (const char *part = name; part[0]; count++) {
        size_t len = strcspn(part, " ");
        if (words->at + count >= words->argc)
            return 0;
        const char *word = words->argv[words->at + count];
        if (strlen(word) != len || memcmp(word, part, len) != 0)
            return 0;
        part += len;
        part += part[0] == ' ';
    }
    return count;
}

static bool is_group(const char *name, const char *word)
{
    size_t len = strlen(word);
    return strncmp(name, word, len) == 0 && name[len] == ' ';
}

static void print_group_help(const char *group)
{
    printf("usage: taskbridge [--config FILE] %s COMMAND [...]\n\n", group);
    for (const struct tb_cli_command *const *at = tb_cli_commands; *at; at++)
        if (is_group((*at)->name, group))
            printf("  %-16s %s\n", (*at)->name, (*at)->summary);
    printf("\n`taskbridge %s COMMAND --help` tells more.\n", group);
}

/* Says that the word at hand is no command; of a group, what it has. */
static int unknown_command(struct tb_cli *cli, const struct tb_words *words)
{
    const char *word = words->argv[words->at], *separator = "";
    char known[TB_ERROR_TEXT_BYTES / 2] = "";
    size_t len = 0;
    for (const struct tb_cli_command *const *at = tb_cli_commands; *at; at++) {
        if (!is_group((*at)->name, word))
            continue;
        int added =
            snprintf(known + len, sizeof(known) - len, "%s%s", separator, (*at)->name + strlen(word) + 1);
        len += added > 0 && (size_t)added < sizeof(known) - len ? (size_t)added : 0;
        separator = ", ";
    }
    if (len > 0 && is_help(words->argv[words->at + 1])) {
        print_group_help(word);
        return TB_CLI_ANSWERED;
    }
    if (len > 0)
        return tb_error_set(&cli->err, TB_CLI_WRONG, "%s needs one of these behind it: %s", word, known);
    return wrong(cli, "there is no such command: ", word);
}

/* The command that the words at hand name; moves behind it. */
static int take_command(struct tb_cli *cli, struct tb_words *words)
{
    if (words->at >= words->argc)
        return wrong(cli, "a command is needed", "");
    if (words->argv[words->at][0] == '-')
        return wrong(cli, "there is no such option: ", words->argv[words->at]);
    for (const struct tb_cli_command *const *at = tb_cli_commands; *at; at++) {
        int count = words_of_name((*at)->name, words);
        if (count > 0) {
            cli->command = *at;
            words->at += count;
            return 0;
        }
    }
    return unknown_command(cli, words);
}

static const struct tb_cli_option *find_option(const struct tb_cli_command *command,
                                               const struct tb_words *words)
{
    if (command->has_json && tb_words_at_option(words, option_json.name))
        return &option_json;
    for (const struct tb_cli_option *option = command->options; option && option->name; option++)
        if (tb_words_at_option(words, option->name))
            return option;
    return NULL;
}

static int take_command_option(struct tb_cli *cli, struct tb_words *words)
{
    const char *word = words->argv[words->at];
    const struct tb_cli_option *option = find_option(cli->command, words);
    if (!option)
        return wrong(cli, "there is no such option: ", word);
    if (!option->is_repeatable && tb_cli_has(cli, option->name))
        return wrong(cli, "this is given twice: ", option->name);
    if (!option->operand && strchr(word, '='))
        return wrong(cli, "this takes no value: ", option->name);
    const char *value = option->operand ? tb_words_take_value(words) : NULL;
    if (option->operand && (!value || !value[0]))
        return wrong(cli, "this needs a value: ", option->name);
    cli->args.given[cli->args.given_count++] = (struct tb_cli_given){option, value};
    cli->args.json = cli->args.json || option == &option_json;
    return 0;
}

static int take_operand(struct tb_cli *cli, const char *word)
{
    if (cli->args.operand_count == cli->command->max_operands)
        return wrong(cli, "this is one word too many: ", word);
    cli->args.operands[cli->args.operand_count++] = word;
    return 0;
}

/* The words behind the command. */
static int take_rest(struct tb_cli *cli, struct tb_words *words)
{
    bool only_operands = false;
    for (; words->at < words->argc; words->at++) {
        const char *word = words->argv[words->at];
        int outcome;
        if (!only_operands && strcmp(word, "--") == 0) {
            only_operands = true;
            continue;
        }
        if (only_operands || word[0] != '-' || word[1] == '\0') {
            outcome = take_operand(cli, word);
        } else {
            outcome = take_program_option(cli, words);
            if (outcome == -ENOENT)
                outcome = take_command_option(cli, words);
        }
        if (outcome)
            return outcome;
    }
    return 0;
}

static int check_complete(struct tb_cli *cli)
{
    if (cli->args.operand_count < cli->command->min_operands)
        return wrong(cli, "this is needed: ", cli->command->operands);
    for (const struct tb_cli_option *option = cli->command->options; option && option->name; option++)
        if (option->is_required && !tb_cli_has(cli, option->name))
            return wrong(cli, "this is needed: ", option->name);
    return 0;
}

int tb_cli_parse(struct tb_cli *cli, int argc, char *const *argv)
{
    struct tb_words words = {argv, argc, argc > 0 ? 1 : 0};
    int outcome = 0;
    cli->source.path = TB_CONFIG_DEFAULT_PATH;
    cli->args.operands = calloc((size_t)argc + 1, sizeof(*cli->args.operands));
    cli->args.given = calloc((size_t)argc + 1, sizeof(*cli->args.given));
    if (!cli->args.operands || !cli->args.given)
        return tb_error_set_errno(&cli->err, -ENOMEM, "reading the command line");
    for (; words.at < argc && outcome == 0; words.at++) {
        outcome = take_program_option(cli, &words);
        if (outcome == -ENOENT)
            break;
    }
    if (outcome && outcome != -ENOENT)
        return outcome;
    outcome = take_command(cli, &words);
    if (!outcome)
        outcome = take_rest(cli, &words);
    if (!outcome)
        outcome = check_complete(cli);
    return outcome;
}

static void print_option(const struct tb_cli_option *option)
{
    char left[40];
    snprintf(left, sizeof(left), "%s%s%s", option->name, option->operand ? " " : "",
             option->operand ? option->operand : "");
    printf("  %-22s %s\n", left, option->help);
}

static void print_usage_option(const struct tb_cli_option *option)
{
    printf(" %s%s%s%s%s%s", option->is_required ? "" : "[", option->name, option->operand ? " " : "",
           option->operand ? option->operand : "", option->is_required ? "" : "]",
           option->is_repeatable ? "..." : "");
}

static void print_command_help(const struct tb_cli_command *command)
{
    printf("usage: taskbridge [--config FILE] %s%s%s", command->name, command->operands[0] ? " " : "",
           command->operands);
    for (const struct tb_cli_option *option = command->options; option && option->name; option++)
        print_usage_option(option);
    printf("%s\n\n%s\n", command->has_json ? " [--json]" : "", command->summary);
    if (command->help)
        printf("\n%s", command->help);
    printf("\n");
    for (const struct tb_cli_option *option = command->options; option && option->name; option++)
        print_option(option);
    if (command->has_json)
        print_option(&option_json);
    printf("  %-22s %s\n", "--config FILE", "the configuration; default " TB_CONFIG_DEFAULT_PATH);
}

void tb_cli_print_help(const struct tb_cli_command *command)
{
    if (command) {
        print_command_help(command);
        return;
    }
    printf("usage: taskbridge [--config FILE] COMMAND [...]\n\n"
           "The operator's program: sets the bridge up, looks after it, and asks it.\n\n");
    for (const struct tb_cli_command *const *at = tb_cli_commands; *at; at++)
        printf("  %-16s %s\n", (*at)->name, (*at)->summary);
    printf(
        "\n`taskbridge COMMAND --help` tells more. The configuration is %s unless --config\n"
        "names another; the environment wins over it (TASKBRIDGE_DATABASE_URL, TASKBRIDGE_AMQP_URL, ...).\n"
        "Exit codes: 0 good, 1 failed, 2 usage or configuration.\n",
        TB_CONFIG_DEFAULT_PATH);
}

/* The command line, as all programs read it.
 *
 * "--name VALUE" and "--name=VALUE" are the same; --config is given once. There is little to say to a server:
 * everything else is in the configuration, so with anything else beside it, its command line is an error. */
#include "taskbridge/config/arguments.h"

#include <stdio.h>

static void print_help(const struct tb_program *program)
{
    printf("usage: %s [--config FILE]\n\n%s\n\n"
           "  --config FILE  the configuration; default %s\n"
           "  --help         print this\n"
           "  --version      print the version\n\n"
           "Options of the file can be given in the environment, which wins: TASKBRIDGE_DATABASE_URL stands\n"
           "for database.url, TASKBRIDGE_HTTP_LISTEN for http.listen, and so on.\n"
           "Exit codes: 0 good, 1 failed, 2 usage or configuration.\n",
           program->name, program->summary, TB_CONFIG_DEFAULT_PATH);
}

static int usage(const struct tb_program *program, struct tb_error *err, const char *problem,
                 const char *word)
{
    return tb_error_set(err, TB_ARGUMENTS_WRONG, "%s%s; `%s --help` tells what is possible", problem, word,
                        program->name);
}

bool tb_words_at_option(const struct tb_words *words, const char *name)
{
    const char *word = words->argv[words->at];
    size_t len = strlen(name);
    return strncmp(word, name, len) == 0 && (word[len] == '\0' || word[len] == '=');
}

const char *tb_words_take_value(struct tb_words *words)
{
    const char *equals = strchr(words->argv[words->at], '=');
    if (equals)
        return equals + 1;
    return words->at + 1 < words->argc ? words->argv[++words->at] : NULL;
}

int tb_words_take_common(struct tb_words *words, const char *name, struct tb_config_source *source,
                         const char **ret_problem)
{
    const char *word = words->argv[words->at];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return TB_ARGUMENTS_HELP;
    if (strcmp(word, "--version") == 0) {
        printf("%s %s\n", name, TASKBRIDGE_VERSION);
        return TB_ARGUMENTS_ANSWERED;
    }
    if (!tb_words_at_option(words, "--config"))
        return TB_ARGUMENTS_OTHER;
    *ret_problem = "--config is given twice";
    if (source->must_exist)
        return TB_ARGUMENTS_WRONG;
    const char *path = tb_words_take_value(words);
    *ret_problem = "--config needs a FILE";
    if (!path || !path[0])
        return TB_ARGUMENTS_WRONG;
    source->path = path;
    source->must_exist = true;
    return 0;
}

int tb_arguments_parse(const struct tb_program *program, int argc, char *const *argv,
                       struct tb_config_source *ret_source, struct tb_error *err)
{
    struct tb_config_source source = {.path = TB_CONFIG_DEFAULT_PATH};
    for (struct tb_words words = {argv, argc, 1}; words.at < argc; words.at++) {
        const char *problem = NULL;
        int outcome = tb_words_take_common(&words, program->name, &source, &problem);
        if (outcome == TB_ARGUMENTS_HELP)
            print_help(program);
        if (outcome == TB_ARGUMENTS_HELP || outcome == TB_ARGUMENTS_ANSWERED)
            return TB_ARGUMENTS_ANSWERED;
        if (outcome == TB_ARGUMENTS_OTHER)
            return usage(program, err, "unknown argument: ", argv[words.at]);
        if (outcome)
            return usage(program, err, problem, "");
    }
    *ret_source = source;
    return 0;
}

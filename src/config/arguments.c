/* The command line of the two servers.
 *
 * There is little to say to a server: everything else is in the configuration. "--config FILE" and
 * "--config=FILE" are the same; given twice, or with anything else beside it, it is an error. */
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

/* The value of --config at argv[*at], which moves to its last word; NULL when it is missing or empty. */
static const char *config_value(char *const *argv, int *at)
{
    const char *equals = strchr(argv[*at], '=');
    const char *value = equals ? equals + 1 : argv[*at + 1];
    if (!equals && value)
        ++*at;
    return value && value[0] ? value : NULL;
}

int tb_arguments_parse(const struct tb_program *program, int argc, char *const *argv,
                       struct tb_config_source *ret_source, struct tb_error *err)
{
    struct tb_config_source source = {.path = TB_CONFIG_DEFAULT_PATH};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(program);
            return TB_ARGUMENTS_ANSWERED;
        }
        if (strcmp(argv[i], "--version") == 0) {
            printf("%s %s\n", program->name, TASKBRIDGE_VERSION);
            return TB_ARGUMENTS_ANSWERED;
        }
        if (strcmp(argv[i], "--config") != 0 && strncmp(argv[i], "--config=", strlen("--config=")) != 0)
            return usage(program, err, "unknown argument: ", argv[i]);
        if (source.must_exist)
            return usage(program, err, "--config is given twice", "");
        source.path = config_value(argv, &i);
        if (!source.path)
            return usage(program, err, "--config needs a FILE", "");
        source.must_exist = true;
    }
    *ret_source = source;
    return 0;
}

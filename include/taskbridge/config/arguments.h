/* The command line of the two servers: --config FILE, --help, --version. */
#ifndef TASKBRIDGE_CONFIG_ARGUMENTS_H
#define TASKBRIDGE_CONFIG_ARGUMENTS_H

#include "taskbridge/config/config.h"

/* Exit codes of all programs. */
enum tb_exit { TB_EXIT_GOOD = 0, TB_EXIT_FAILED = 1, TB_EXIT_USAGE = 2 };

enum tb_arguments_outcome {
    TB_ARGUMENTS_ANSWERED = 1, /* --help or --version was printed: nothing else to do */
    TB_ARGUMENTS_WRONG
};

struct tb_program {
    const char *name;    /* "taskbridged" */
    const char *summary; /* one sentence of --help */
};

/* Fills what tb_config_load asks for, environment excepted; argv stays borrowed. 0, or an outcome;
 * TB_ARGUMENTS_WRONG with the text in err. */
int tb_arguments_parse(const struct tb_program *program, int argc, char *const *argv,
                       struct tb_config_source *ret_source, struct tb_error *err) TB_MUST_CHECK;

#endif

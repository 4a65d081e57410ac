/* The command line: what all programs understand (--config FILE, --help, --version), and the words it is read
 * from. */
#ifndef TASKBRIDGE_CONFIG_ARGUMENTS_H
#define TASKBRIDGE_CONFIG_ARGUMENTS_H

#include "taskbridge/config/config.h"

/* Exit codes of all programs. */
enum tb_exit { TB_EXIT_GOOD = 0, TB_EXIT_FAILED = 1, TB_EXIT_USAGE = 2 };

enum tb_arguments_outcome {
    TB_ARGUMENTS_ANSWERED = 1, /* --help or --version was printed: nothing else to do */
    TB_ARGUMENTS_WRONG,
    TB_ARGUMENTS_HELP, /* was asked for: the caller prints it */
    TB_ARGUMENTS_OTHER /* no option that every program has */
};

/* A command line that is being read. */
struct tb_words {
    char *const *argv;
    int argc, at;
};

/* Whether the word at hand is option name ("--user"), perhaps with "=value" behind it. */
bool tb_words_at_option(const struct tb_words *words, const char *name);

/* The value of the option at hand, in the same word or in the next, to which it moves; NULL: there is none.
 */
const char *tb_words_take_value(struct tb_words *words);

/* An option that every program has; name is the program's, for --version. 0 when it was one that the source
 * takes, or an outcome; of TB_ARGUMENTS_WRONG *ret_problem says why. */
int tb_words_take_common(struct tb_words *words, const char *name, struct tb_config_source *source,
                         const char **ret_problem) TB_MUST_CHECK;

struct tb_program {
    const char *name;    /* "taskbridged" */
    const char *summary; /* one sentence of --help */
};

/* Fills what tb_config_load asks for, environment excepted; argv stays borrowed. 0, or an outcome;
 * TB_ARGUMENTS_WRONG with the text in err. */
int tb_arguments_parse(const struct tb_program *program, int argc, char *const *argv,
                       struct tb_config_source *ret_source, struct tb_error *err) TB_MUST_CHECK;

#endif

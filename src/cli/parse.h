/* The command line, by the table of commands. */
#ifndef TASKBRIDGE_CLI_PARSE_H
#define TASKBRIDGE_CLI_PARSE_H

#include "cli.h"

enum tb_cli_parse_outcome {
    TB_CLI_ANSWERED = 1, /* --help or --version was printed: nothing else to do */
    TB_CLI_WRONG         /* cli->err says what */
};

/* Fills command, args and source. 0, an outcome or -ENOMEM. */
int tb_cli_parse(struct tb_cli *cli, int argc, char *const *argv) TB_MUST_CHECK;

/* Prints the program's help, or the command's. */
void tb_cli_print_help(const struct tb_cli_command *command);

#endif

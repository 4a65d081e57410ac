/* All commands of the program. */
#ifndef TASKBRIDGE_CLI_COMMANDS_H
#define TASKBRIDGE_CLI_COMMANDS_H

#include "cli.h"

/* In the order of --help; NULL ends it. */
extern const struct tb_cli_command *const tb_cli_commands[];

extern const struct tb_cli_command tb_cli_migrate;
extern const struct tb_cli_command tb_cli_check;

#endif

/* All commands of the program. */
#ifndef TASKBRIDGE_CLI_COMMANDS_H
#define TASKBRIDGE_CLI_COMMANDS_H

#include "cli.h"

/* In the order of --help; NULL ends it. */
extern const struct tb_cli_command *const tb_cli_commands[];

extern const struct tb_cli_command tb_cli_migrate;
extern const struct tb_cli_command tb_cli_adopt;
extern const struct tb_cli_command tb_cli_check;
extern const struct tb_cli_command tb_cli_doctor;
extern const struct tb_cli_command tb_cli_status;
extern const struct tb_cli_command tb_cli_tasks;
extern const struct tb_cli_command tb_cli_task;
extern const struct tb_cli_command tb_cli_explain;
extern const struct tb_cli_command tb_cli_company_add;
extern const struct tb_cli_command tb_cli_company_list;
extern const struct tb_cli_command tb_cli_company_allow;
extern const struct tb_cli_command tb_cli_company_deny;
extern const struct tb_cli_command tb_cli_token_create;
extern const struct tb_cli_command tb_cli_token_list;
extern const struct tb_cli_command tb_cli_token_revoke;
extern const struct tb_cli_command tb_cli_token_watch;
extern const struct tb_cli_command tb_cli_dead_list;
extern const struct tb_cli_command tb_cli_dead_show;
extern const struct tb_cli_command tb_cli_dead_retry;
extern const struct tb_cli_command tb_cli_dead_drop;
extern const struct tb_cli_command tb_cli_capture;
extern const struct tb_cli_command tb_cli_replay;
extern const struct tb_cli_command tb_cli_cleanup;

#endif

/* The table of commands.
 *
 * Each command stands in a file of its own, which defines its entry: name, operands, options, help and the
 * function. A new one needs its file, its line in commands.h and its line here, nothing else: the parser of
 * the command line and --help read this table. */
#include "commands.h"

const struct tb_cli_command *const tb_cli_commands[] = {
    &tb_cli_migrate,
    &tb_cli_adopt,
    &tb_cli_check,
    &tb_cli_doctor,
    &tb_cli_status,
    &tb_cli_tasks,
    &tb_cli_task,
    &tb_cli_explain,
    &tb_cli_company_add,
    &tb_cli_company_list,
    &tb_cli_company_allow,
    &tb_cli_company_deny,
    &tb_cli_token_create,
    &tb_cli_token_list,
    &tb_cli_token_revoke,
    &tb_cli_token_watch,
    &tb_cli_dead_list,
    &tb_cli_dead_show,
    &tb_cli_dead_retry,
    &tb_cli_dead_drop,
    &tb_cli_capture,
    &tb_cli_replay,
    &tb_cli_cleanup,
    NULL, // the end
};

/* Companies as the operator writes them. */
#ifndef TASKBRIDGE_CLI_COMPANY_ID_H
#define TASKBRIDGE_CLI_COMPANY_ID_H

#include "cli.h"

/* text as the company's id that tasks have: canonical by company.format. Loads the configuration. ret_id is
 * borrowed from arena. 0, or an enum tb_exit with the reason printed. */
int tb_company_id_read(struct tb_cli *cli, const char *text, struct tb_arena *arena,
                       struct tb_str *ret_id) TB_MUST_CHECK;

/* What the database is told of company.format. */
const char *tb_company_format_word(const struct tb_config *config);

/* Says on standard error that no company of this id was added, where that is so: it may be a slip, or come
 * later. 0, or an enum tb_exit with the reason printed. */
int tb_company_note_unknown(struct tb_cli *cli, struct tb_str id) TB_MUST_CHECK;

#endif

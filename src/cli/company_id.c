/* Companies as the operator writes them.
 *
 * A task's company is canonical ("73", never "073"), so one that is written otherwise here would belong to
 * nothing. The rules that read companies out of events decide here too. */
#include "company_id.h"

#include "taskbridge/store/tokens.h"

#include <stdio.h>

int tb_company_id_read(struct tb_cli *cli, const char *text, struct tb_arena *arena, struct tb_str *ret_id)
{
    struct tb_str id = TB_STR_NULL;
    int outcome = tb_cli_configure(cli);
    if (outcome)
        return outcome;
    if (tb_company_parse(cli->config->rules.company_format, tb_str_of(text), arena, &id)) {
        tb_error_set(&cli->err, -1, "no memory is left");
        return tb_cli_fail(cli, NULL);
    }
    if (tb_str_is_null(id))
        return tb_cli_usage(cli, "a company's id is %s (company.format), not \"%s\"",
                            tb_company_format_words(cli->config->rules.company_format), text);
    *ret_id = id;
    return 0;
}

int tb_company_note_unknown(struct tb_cli *cli, struct tb_str id)
{
    bool is_known = false;
    if (tb_company_is_known(cli->session, id, &is_known, &cli->err))
        return tb_cli_fail(cli, NULL);
    if (!is_known)
        fprintf(stderr,
                "taskbridge %s: there is no company %.*s yet: `taskbridge company add %.*s NAME` gives it a "
                "name\n",
                cli->command->name, TB_STR_FMT(id), TB_STR_FMT(id));
    return 0;
}

const char *tb_company_format_word(const struct tb_config *config)
{
    static const char *const words[] = {
        [TB_COMPANY_NUMBER] = "number", [TB_COMPANY_UUID] = "uuid", [TB_COMPANY_SLUG] = "slug"};
    return words[config->rules.company_format];
}

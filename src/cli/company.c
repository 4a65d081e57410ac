/* taskbridge company: the companies of the standalone tables, and who may see them.
 *
 * A product whose own database decides who sees what needs none of this. */
#include "commands.h"

#include "company_id.h"
#include "output.h"
#include "taskbridge/store/tokens.h"

#define ID_BYTES ((size_t)4096)

/* ---- add ---- */

static int add(struct tb_cli *cli, struct tb_arena *arena)
{
    struct tb_str id, name = tb_str_trim(tb_str_of(cli->args.operands[1]));
    int code = tb_company_id_read(cli, cli->args.operands[0], arena, &id);
    if (!code && tb_str_is_empty(name))
        code = tb_cli_usage(cli, "a company needs a NAME that people can read");
    if (!code)
        code = tb_cli_connect(cli);
    if (code)
        return code;
    if (tb_company_add(cli->session, id, name, &cli->err))
        return tb_cli_fail(cli, NULL);
    struct tb_answer answer;
    tb_answer_init(&answer, cli);
    tb_json_str(&answer.json, "id", id);
    tb_json_str(&answer.json, "name", name);
    return tb_answer_print(&answer, "company %.*s is called %.*s", TB_STR_FMT(id), TB_STR_FMT(name));
}

static int with_arena(struct tb_cli *cli, int (*run)(struct tb_cli *cli, struct tb_arena *arena))
{
    struct tb_arena arena;
    tb_arena_init(&arena, ID_BYTES);
    int code = run(cli, &arena);
    tb_arena_deinit(&arena);
    return code;
}

static int run_add(struct tb_cli *cli)
{
    return with_arena(cli, add);
}

const struct tb_cli_command tb_cli_company_add = {
    .name = "company add",
    .operands = "ID NAME",
    .min_operands = 2,
    .max_operands = 2,
    .has_json = true,
    .summary = "Add a company, or give it another name",
    .run = run_add,
};

/* ---- allow, deny ---- */

static int change_access(struct tb_cli *cli, struct tb_arena *arena, bool is_allowed)
{
    struct tb_str id, user = tb_str_of(cli->args.operands[0]);
    bool changed = false;
    int code = tb_company_id_read(cli, cli->args.operands[1], arena, &id);
    if (!code)
        code = tb_cli_connect(cli);
    if (code)
        return code;
    int outcome = is_allowed ? tb_company_allow(cli->session, user, id, &changed, &cli->err)
                             : tb_company_deny(cli->session, user, id, &changed, &cli->err);
    if (outcome)
        return tb_cli_fail(cli, NULL);
    code = tb_company_note_unknown(cli, id);
    if (code)
        return code;
    struct tb_answer answer;
    tb_answer_init(&answer, cli);
    tb_json_str(&answer.json, "user", user);
    tb_json_str(&answer.json, "company", id);
    tb_json_bool(&answer.json, "allowed", is_allowed);
    tb_json_bool(&answer.json, "changed", changed);
    return tb_answer_print(&answer, "%.*s %s company %.*s%s", TB_STR_FMT(user),
                           is_allowed ? "sees" : "does not see", TB_STR_FMT(id),
                           changed ? "" : ", as before");
}

static int allow(struct tb_cli *cli, struct tb_arena *arena)
{
    return change_access(cli, arena, true);
}

static int deny(struct tb_cli *cli, struct tb_arena *arena)
{
    return change_access(cli, arena, false);
}

static int run_allow(struct tb_cli *cli)
{
    return with_arena(cli, allow);
}

static int run_deny(struct tb_cli *cli)
{
    return with_arena(cli, deny);
}

const struct tb_cli_command tb_cli_company_allow = {
    .name = "company allow",
    .operands = "USER ID",
    .min_operands = 2,
    .max_operands = 2,
    .has_json = true,
    .summary = "Let a user see a company",
    .run = run_allow,
};

const struct tb_cli_command tb_cli_company_deny = {
    .name = "company deny",
    .operands = "USER ID",
    .min_operands = 2,
    .max_operands = 2,
    .has_json = true,
    .summary = "Take a company from a user's sight, within 5 seconds also from open streams",
    .run = run_deny,
};

/* ---- list ---- */

static void on_company(void *owner, const struct tb_company *company)
{
    struct tb_output *output = owner;
    tb_output_begin_row(output);
    tb_output_str(output, "id", company->id);
    tb_output_str(output, "name", company->name);
    tb_output_int(output, "members", company->members);
    tb_output_int(output, "tasks", company->tasks);
    tb_output_stamp(output, "created_at", company->created_at);
    tb_output_end_row(output);
}

static int run_list(struct tb_cli *cli)
{
    static const struct tb_listing_column columns[] = {{"ID", false, false},
                                                       {"NAME", false, true},
                                                       {"USERS", true, false},
                                                       {"TASKS", true, false},
                                                       {"ADDED", false, false}};
    struct tb_output output;
    int code = tb_cli_connect(cli);
    if (code)
        return code;
    tb_output_init(&output, cli, columns, TB_COUNT(columns));
    if (tb_company_list(cli->session, on_company, &output, &cli->err))
        code = tb_cli_fail(cli, NULL);
    else
        code = tb_output_print(&output, cli, "no companies");
    tb_output_deinit(&output);
    return code;
}

const struct tb_cli_command tb_cli_company_list = {
    .name = "company list",
    .operands = "",
    .has_json = true,
    .summary = "List the companies: how many users see each, how many tasks it has",
    .run = run_list,
};

/* taskbridge token: keys with which a user may ask the HTTP module.
 *
 * Of a key only its SHA-256 is stored, so it is printed once, alone on standard output for the next program
 * to take; what people want to know beside it goes to standard error. */
#include "commands.h"

#include "company_id.h"
#include "output.h"
#include "taskbridge/store/tokens.h"

#include <inttypes.h>
#include <stdio.h>

/* Ids of one command line. */
#define IDS_BYTES ((size_t)1 << 20)

struct creation {
    struct tb_str user;
    enum tb_token_scope scope;
    int64_t expires_at, id;
    struct tb_str *companies; /* canonical; borrowed from the arena */
    size_t company_count;
    char key[TB_TOKEN_KEY_BYTES];
};

/* ---- create ---- */

static int read_companies(struct tb_cli *cli, struct tb_arena *arena, struct creation *creation)
{
    creation->companies = tb_arena_calloc(arena, (size_t)cli->args.given_count + 1, sizeof(struct tb_str));
    if (!creation->companies)
        return tb_cli_usage(cli, "these are too many companies for one command");
    for (int i = 0; i < cli->args.given_count; i++) {
        if (strcmp(cli->args.given[i].option->name, "--company") != 0)
            continue;
        struct tb_str *id = &creation->companies[creation->company_count];
        int code = tb_company_id_read(cli, cli->args.given[i].value, arena, id);
        if (code)
            return code;
        creation->company_count++;
    }
    return 0;
}

/* Exactly one of the options that give a scope; false where it is none or several. */
static bool read_scope(const struct tb_cli *cli, enum tb_token_scope *ret_scope)
{
    static const char *const options[] = {[TB_TOKEN_COMPANIES] = "--company",
                                          [TB_TOKEN_VIEWER] = "--viewer",
                                          [TB_TOKEN_OPERATOR] = "--operator",
                                          [TB_TOKEN_ADMIN] = "--admin"};
    size_t given = 0;
    for (size_t i = 0; i < TB_COUNT(options); i++) {
        if (!tb_cli_has(cli, options[i]))
            continue;
        *ret_scope = (enum tb_token_scope)i;
        given++;
    }
    return given == 1;
}

static int read_creation(struct tb_cli *cli, struct tb_arena *arena, struct creation *creation)
{
    int64_t seconds = 0;
    if (!read_scope(cli, &creation->scope))
        return tb_cli_usage(
            cli, "either --company ID, once or more, or one of --viewer, --operator and --admin is "
                 "needed");
    int code = tb_cli_duration(cli, "--expires", &seconds);
    if (code)
        return code;
    creation->user = tb_str_of(tb_cli_value(cli, "--user"));
    creation->expires_at = seconds > 0 ? tb_clock_now_us() + seconds * TB_US_PER_S : TB_STAMP_NONE;
    return read_companies(cli, arena, creation);
}

/* The token and the user's sight of the companies, both or neither. */
static int store(struct tb_cli *cli, struct creation *creation)
{
    int outcome = tb_pg_session_begin(cli->session, &cli->err);
    for (size_t i = 0; i < creation->company_count && outcome == 0; i++) {
        bool changed;
        outcome = tb_company_allow(cli->session, creation->user, creation->companies[i], &changed, &cli->err);
    }
    if (!outcome)
        outcome = tb_token_create(cli->session, creation->user, creation->scope, creation->expires_at,
                                  creation->key, &creation->id, &cli->err);
    if (!outcome)
        outcome = tb_pg_session_commit(cli->session, &cli->err);
    tb_pg_session_rollback(cli->session);
    return outcome;
}

static int print_json(struct tb_cli *cli, const struct creation *creation)
{
    struct tb_answer answer;
    tb_answer_init(&answer, cli);
    tb_json_int(&answer.json, "id", creation->id);
    tb_json_str(&answer.json, "user", creation->user);
    tb_json_str(&answer.json, "scope", tb_token_scope_name(creation->scope));
    tb_json_begin_list(&answer.json, "companies");
    for (size_t i = 0; i < creation->company_count; i++)
        tb_json_str(&answer.json, NULL, creation->companies[i]);
    tb_json_end_list(&answer.json);
    tb_json_stamp(&answer.json, "expires_at", creation->expires_at);
    tb_json_str(&answer.json, "token", tb_str_of(creation->key));
    return tb_answer_print(&answer, "%s", creation->key);
}

static int print_creation(struct tb_cli *cli, const struct creation *creation)
{
    char expires[TB_STAMP_TEXT_BYTES] = "never";
    if (cli->args.json)
        return print_json(cli, creation);
    if (creation->expires_at != TB_STAMP_NONE)
        tb_stamp_format(creation->expires_at - creation->expires_at % TB_US_PER_S, expires);
    printf("%s\n", creation->key);
    fflush(stdout);
    fprintf(stderr, "token %" PRId64 " of %.*s, scope %s, expires %s; keep it, it is not shown again\n",
            creation->id, TB_STR_FMT(creation->user), tb_token_scope_name(creation->scope).ptr, expires);
    return TB_EXIT_GOOD;
}

static int run_create(struct tb_cli *cli)
{
    struct creation creation = {.id = 0};
    struct tb_arena arena;
    tb_arena_init(&arena, IDS_BYTES);
    int code = read_creation(cli, &arena, &creation);
    if (!code)
        code = tb_cli_connect(cli);
    if (!code && store(cli, &creation))
        code = tb_cli_fail(cli, NULL);
    for (size_t i = 0; i < creation.company_count && !code; i++)
        code = tb_company_note_unknown(cli, creation.companies[i]);
    if (!code)
        code = print_creation(cli, &creation);
    tb_arena_deinit(&arena);
    return code;
}

static const struct tb_cli_option create_options[] = {
    {"--user", "USER", "whose token it is", true, false},
    {"--company", "ID", "a company the user may see; may be given several times", false, true},
    {"--viewer", NULL, "the token of somebody who sees everything", false, false},
    {"--operator", NULL, "the token of an operator, who sees everything and may act", false, false},
    {"--admin", NULL, "the token of an operator who may do everything", false, false},
    {"--expires", "DURATION", "how long it is valid, such as 12h or 30d; without it for ever", false, false},
    {NULL},
};

const struct tb_cli_command tb_cli_token_create = {
    .name = "token create",
    .operands = "",
    .options = create_options,
    .has_json = true,
    .summary = "Make a token for the HTTP module and print its key, once",
    .help = "Companies or one of the three rights are needed. The key alone goes to standard output.\n",
    .run = run_create,
};

/* ---- list ---- */

static void on_token(void *owner, const struct tb_token *token)
{
    struct tb_output *output = owner;
    const char *state = token->revoked_at != TB_STAMP_NONE ? "revoked"
                        : token->expires_at != TB_STAMP_NONE && token->expires_at <= tb_clock_now_us()
                            ? "expired"
                            : "valid";
    tb_output_begin_row(output);
    tb_output_int(output, "id", token->id);
    tb_output_str(output, "user", token->user);
    tb_output_str(output, "scope", token->scope);
    tb_output_str(output, "state", tb_str_of(state));
    tb_output_stamp(output, "created_at", token->created_at);
    tb_output_stamp(output, "expires_at", token->expires_at);
    tb_output_stamp(output, "last_used_at", token->last_used_at);
    tb_output_end_row(output);
}

static int run_list(struct tb_cli *cli)
{
    static const struct tb_listing_column columns[] = {{"ID", true, false},        {"USER", false, true},
                                                       {"SCOPE", false, false},    {"STATE", false, false},
                                                       {"CREATED", false, false},  {"EXPIRES", false, false},
                                                       {"LAST USED", false, false}};
    struct tb_output output;
    int code = tb_cli_connect(cli);
    if (code)
        return code;
    tb_output_init(&output, cli, columns, TB_COUNT(columns));
    if (tb_token_list(cli->session, on_token, &output, &cli->err))
        code = tb_cli_fail(cli, NULL);
    else
        code = tb_output_print(&output, cli, "no tokens");
    tb_output_deinit(&output);
    return code;
}

const struct tb_cli_command tb_cli_token_list = {
    .name = "token list",
    .operands = "",
    .has_json = true,
    .summary = "List the tokens; their keys are not known any more",
    .run = run_list,
};

/* ---- revoke ---- */

static int run_revoke(struct tb_cli *cli)
{
    int64_t id;
    bool found = false;
    int code = tb_cli_id(cli, 0, &id);
    if (!code)
        code = tb_cli_connect(cli);
    if (code)
        return code;
    if (tb_token_revoke(cli->session, id, &found, &cli->err))
        return tb_cli_fail(cli, NULL);
    if (!found) {
        tb_error_set(&cli->err, TB_EXIT_FAILED, "there is no valid token %" PRId64, id);
        return tb_cli_fail(cli, NULL);
    }
    struct tb_answer answer;
    tb_answer_init(&answer, cli);
    tb_json_int(&answer.json, "id", id);
    tb_json_str(&answer.json, "state", TB_STR("revoked"));
    return tb_answer_print(&answer, "token %" PRId64 " is revoked", id);
}

const struct tb_cli_command tb_cli_token_revoke = {
    .name = "token revoke",
    .operands = "ID",
    .min_operands = 1,
    .max_operands = 1,
    .has_json = true,
    .summary = "Make a token worthless",
    .run = run_revoke,
};

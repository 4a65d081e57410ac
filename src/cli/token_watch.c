/* taskbridge token watch: a token for a browser, signed with the configuration's secret.
 *
 * The product makes its own, in its process (watch_token of the Python package); this one is for trying, and
 * for whoever has another language's shell. No database is asked: a token for a company that is not there
 * sees nothing. */
#include "commands.h"

#include "company_id.h"
#include "output.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/store/watch_token.h"

#include <errno.h>
#include <stdio.h>

#define ARENA_BYTES  ((size_t)1 << 20)
#define TTL_S        (15 * 60)
#define SECRET_BYTES 32

/* The values of a repeatable option, borrowed from the command line. */
static int read_list(struct tb_cli *cli, const char *name, struct tb_arena *arena,
                     const struct tb_str **ret_texts, size_t *ret_count)
{
    struct tb_str *texts = tb_arena_calloc(arena, (size_t)cli->args.given_count + 1, sizeof(*texts));
    size_t count = 0;

    for (int i = 0; texts && i < cli->args.given_count; i++) {
        if (strcmp(cli->args.given[i].option->name, name) != 0)
            continue;
        texts[count++] = tb_str_of(cli->args.given[i].value);
        if (!texts[count - 1].len)
            return tb_cli_usage(cli, "%s is empty", name);
    }
    if (!texts || count > TB_WATCH_NAMES_MAX)
        return tb_cli_usage(cli, "%s is given more than %zu times", name, TB_WATCH_NAMES_MAX);
    *ret_texts = texts;
    *ret_count = count;
    return 0;
}

static int read_times(struct tb_cli *cli, struct tb_watch_token *token)
{
    int64_t ttl_s = TTL_S;
    int code = tb_cli_duration(cli, "--ttl", &ttl_s);

    if (code)
        return code;
    if (ttl_s < 1 || ttl_s > TB_WATCH_MAX_S)
        return tb_cli_usage(cli, "--ttl is from 1s to 1d: a watch token can't be called back");
    token->issued_at_us = tb_clock_now_us();
    token->expires_at_us = token->issued_at_us + ttl_s * TB_US_PER_S;
    return 0;
}

static int read_token(struct tb_cli *cli, struct tb_arena *arena, struct tb_watch_token *token)
{
    int code = tb_company_id_read(cli, tb_cli_value(cli, "--company"), arena, &token->company);

    if (!code)
        code = read_list(cli, "--task", arena, &token->tasks, &token->task_count);
    if (!code)
        code = read_list(cli, "--type", arena, &token->types, &token->type_count);
    if (!code)
        code = read_times(cli, token);
    token->flow = tb_str_of(tb_cli_value(cli, "--flow"));
    token->user = tb_str_of(tb_cli_value(cli, "--user"));
    return code;
}

/* The first line that is not empty. */
static int read_secret_file(struct tb_cli *cli, struct tb_arena *arena, struct tb_str *ret_secret)
{
    const char *path = cli->config->access.watch.secret_file;
    FILE *file = fopen(path, "re");
    char line[TB_CONFIG_MAX_BYTES / 64];
    struct tb_str secret = TB_STR_NULL;

    if (!file)
        return tb_error_set_errno(&cli->err, -errno, "access.watch.secret_file: %s", path);
    while (!secret.len && fgets(line, sizeof(line), file))
        secret = tb_str_trim(tb_str_of(line));
    fclose(file);
    if (!tb_arena_copy(arena, secret.len ? secret : TB_STR(""), ret_secret))
        return tb_error_set(&cli->err, -ENOMEM, "out of memory");
    return 0;
}

static int read_secret(struct tb_cli *cli, struct tb_arena *arena, struct tb_str *ret_secret)
{
    *ret_secret = tb_str_of(cli->config->access.watch.secret);
    if (cli->config->access.watch.secret_file[0] && read_secret_file(cli, arena, ret_secret))
        return tb_cli_fail(cli, NULL);
    if (ret_secret->len >= SECRET_BYTES)
        return 0;
    tb_error_set(&cli->err, TB_EXIT_FAILED,
                 "access.watch.secret or access.watch.secret_file must give a secret of %d bytes at least",
                 SECRET_BYTES);
    return tb_cli_fail(cli, NULL);
}

static int print_token(struct tb_cli *cli, const struct tb_watch_token *token, struct tb_str text)
{
    struct tb_answer answer;

    tb_answer_init(&answer, cli);
    tb_json_str(&answer.json, "company", token->company);
    tb_json_stamp(&answer.json, "expires_at", token->expires_at_us);
    tb_json_str(&answer.json, "token", text);
    return tb_answer_print(&answer, "%.*s", TB_STR_FMT(text));
}

static int run_watch(struct tb_cli *cli)
{
    struct tb_watch_token token = {.company = TB_STR_NULL};
    struct tb_str secret = TB_STR_NULL;
    struct tb_arena arena;
    struct tb_buf buf;

    tb_arena_init(&arena, ARENA_BYTES);
    tb_buf_init(&buf, TB_JWT_MAX_BYTES);
    int code = tb_cli_configure(cli);
    if (!code)
        code = read_token(cli, &arena, &token);
    if (!code)
        code = read_secret(cli, &arena, &secret);
    if (!code && tb_watch_token_push(&token, secret, &buf))
        code = tb_cli_usage(cli, "this is more than a token may hold");
    if (!code)
        code = print_token(cli, &token, tb_buf_str(&buf));
    tb_buf_deinit(&buf);
    tb_arena_deinit(&arena);
    return code;
}

static const struct tb_cli_option options[] = {
    {"--company", "ID", "the company that may be seen", true, false},
    {"--task", "ID", "only this task; may be given several times", false, true},
    {"--type", "TYPE", "only tasks of this type; may be given several times", false, true},
    {"--flow", "ROOT", "only the tasks of this root task", false, false},
    {"--user", "USER", "whose browser it is, for the log", false, false},
    {"--ttl", "DURATION", "how long it holds, up to 1d; without it 15m", false, false},
    {NULL},
};

const struct tb_cli_command tb_cli_token_watch = {
    .name = "token watch",
    .operands = "",
    .options = options,
    .has_json = true,
    .summary = "Sign a token with which a browser watches one company",
    .help =
        "It is a JSON Web Token, signed with access.watch.secret; it can't be called back, so it is short.\n",
    .run = run_watch,
};

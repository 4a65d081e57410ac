/* taskbridge check: whether the configuration is right, and what is in effect.
 *
 * It reads the file and the environment as the other programs do. What is wrong is said with file, line,
 * column, the option and what would be right; the exit code is 2 then. If the database answers, and is one
 * that can't be used whatever the configuration says, that is said too, with 1; everything else of broker and
 * database is told by `taskbridge doctor`. */
#include "commands.h"

#include "access.h"
#include "taskbridge/base/json.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/pg/conninfo.h"

#include <errno.h>
#include <stdio.h>

#define CONNECT_US (2 * TB_US_PER_S)

/* The next line of *rest; false when there is none. */
static bool take_line(struct tb_str *rest, struct tb_str *ret_line)
{
    size_t end = tb_str_find(*rest, TB_STR("\n"));
    if (end == SIZE_MAX)
        return false;
    *ret_line = (struct tb_str){rest->ptr, end};
    *rest = (struct tb_str){rest->ptr + end + 1, rest->len - end - 1};
    return true;
}

/* What JSON says of a configuration that is wrong: the first error with its place, and all of them. */
static void push_problem(const struct tb_error *err, const struct tb_buf *further, struct tb_buf *buf)
{
    struct tb_str rest = tb_buf_str(further), line;
    struct tb_json json;
    tb_json_init(&json, buf);
    tb_json_begin_object(&json, NULL);
    tb_json_bool(&json, "ok", false);
    tb_json_str(&json, "error", tb_str_of(err->text));
    if (err->line > 0) {
        tb_json_int(&json, "line", err->line);
        tb_json_int(&json, "column", err->column);
    }
    tb_json_begin_list(&json, "errors");
    tb_json_str(&json, NULL, tb_str_of(err->text));
    while (take_line(&rest, &line))
        tb_json_str(&json, NULL, line);
    tb_json_end_list(&json);
    tb_json_end_object(&json);
}

static void push_good(const struct tb_cli *cli, struct tb_buf *buf)
{
    struct tb_buf options;
    struct tb_json json;
    tb_buf_init(&options, TB_CONFIG_ARENA_MAX_BYTES);
    tb_config_push_json(cli->config, &options);
    tb_json_init(&json, buf);
    tb_json_begin_object(&json, NULL);
    tb_json_bool(&json, "ok", true);
    tb_json_raw(&json, "options", tb_buf_str(&options));
    tb_json_end_object(&json);
    buf->failed = buf->failed || options.failed;
    tb_buf_deinit(&options);
}

/* Whether the URLs are understood by the libraries that will use them. 0 or TB_EXIT_USAGE, with cli->err. */
static int check_urls(struct tb_cli *cli)
{
    if (tb_amqp_options_check(&cli->amqp, &cli->err))
        tb_error_prefix(&cli->err, "amqp");
    else if (tb_conninfo_check(cli->config->database.url, &cli->err))
        tb_error_prefix(&cli->err, "database");
    else if (tb_access_check_files(cli->config, &cli->err) == 0)
        return 0;
    return TB_EXIT_USAGE;
}

/* Whether the database, if it can be reached, is one that can be used. 0 or TB_EXIT_FAILED, with cli->err. */
static int check_database(struct tb_cli *cli)
{
    const struct tb_pg_session_options options = {.url = cli->config->database.url,
                                                  .application_name = "taskbridge check",
                                                  .schema = cli->config->database.schema,
                                                  .connect_timeout_us = CONNECT_US,
                                                  .statement_timeout_us = CONNECT_US};
    struct tb_pg_session *session = NULL;
    int r = tb_pg_session_open(&options, &session, &cli->err);
    int failed = r == 0 && tb_access_check_questions(cli->config, session, &cli->err) > 0;
    tb_pg_session_close(session);
    if (failed)
        return TB_EXIT_FAILED;
    if (r == -EPROTO) {
        tb_error_prefix(&cli->err, "database");
        return TB_EXIT_FAILED;
    }
    tb_error_clear(&cli->err);
    return 0;
}

static int check_as_json(struct tb_cli *cli, struct tb_buf *buf)
{
    int outcome = tb_cli_load(cli);
    if (outcome < 0)
        return tb_cli_fail(cli, NULL);
    bool is_wrong = outcome || check_urls(cli);
    bool is_misfit = !is_wrong && check_database(cli);
    if (is_wrong || is_misfit)
        push_problem(&cli->err, cli->source.further, buf);
    else
        push_good(cli, buf);
    int code = tb_cli_print(cli, buf);
    return is_wrong ? TB_EXIT_USAGE : is_misfit ? TB_EXIT_FAILED : code;
}

static int check_as_text(struct tb_cli *cli, struct tb_buf *buf)
{
    int code = tb_cli_configure(cli);
    struct tb_str rest = tb_buf_str(cli->source.further), line;
    while (take_line(&rest, &line))
        fprintf(stderr, "taskbridge check: %.*s\n", TB_STR_FMT(line));
    if (code)
        return code;
    if (check_urls(cli)) {
        tb_cli_fail(cli, NULL);
        return TB_EXIT_USAGE;
    }
    if (check_database(cli))
        return tb_cli_fail(cli, NULL);
    if (cli->source.must_exist)
        tb_buf_printf(buf, "# %s is right. In effect, with the environment over it:\n", cli->source.path);
    else
        tb_buf_printf(buf, "# %s, if it is there, is right. In effect, with the environment over it:\n",
                      cli->source.path);
    tb_config_push_yaml(cli->config, buf);
    if (buf->len > 0)
        buf->ptr[--buf->len] = '\0'; /* tb_cli_print ends the last line */
    return tb_cli_print(cli, buf);
}

static int run(struct tb_cli *cli)
{
    struct tb_buf buf, further;
    tb_buf_init(&buf, 2 * TB_CONFIG_ARENA_MAX_BYTES);
    tb_buf_init(&further, TB_MIB);
    cli->source.further = &further;
    int code = cli->args.json ? check_as_json(cli, &buf) : check_as_text(cli, &buf);
    cli->source.further = NULL;
    tb_buf_deinit(&further);
    tb_buf_deinit(&buf);
    return code;
}

const struct tb_cli_command tb_cli_check = {
    .name = "check",
    .operands = "",
    .has_json = true,
    .summary = "Say whether the configuration is right, and print what is in effect, without passwords",
    .run = run,
};

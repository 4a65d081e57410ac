/* What all commands share: configuration, database, arguments as values, messages.
 *
 * A command's function returns the exit code and has printed the reason by then: results go to standard
 * output, everything else to standard error, each line behind the command's name. */
#include "cli.h"

#include "taskbridge/base/utf8.h"
#include "taskbridge/launch/broker.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static void complain(const struct tb_cli *cli, const char *doing, const char *text)
{
    struct tb_buf line;
    tb_buf_init(&line, (size_t)4 * TB_ERROR_TEXT_BYTES);
    tb_cli_push_plain(&line, tb_str_of(text));
    fprintf(stderr, "taskbridge%s%s: %s%s%s\n", cli->command ? " " : "",
            cli->command ? cli->command->name : "", doing ? doing : "", doing ? ": " : "",
            line.failed ? "no memory" : line.ptr);
    tb_buf_deinit(&line);
}

int tb_cli_fail(struct tb_cli *cli, const char *doing)
{
    complain(cli, doing, cli->err.text[0] ? cli->err.text : "it failed, and nobody said why");
    tb_error_clear(&cli->err);
    return TB_EXIT_FAILED;
}

int tb_cli_usage(struct tb_cli *cli, const char *format, ...)
{
    char text[TB_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    complain(cli, NULL, text);
    return TB_EXIT_USAGE;
}

int tb_cli_load(struct tb_cli *cli)
{
    if (cli->config)
        return 0;
    cli->source.environment = environ;
    int outcome = tb_config_load(&cli->source, &cli->config, &cli->err);
    if (outcome)
        return outcome;
    assert(cli->config);
    tb_launch_broker(cli->config, &cli->amqp);
    return 0;
}

int tb_cli_configure(struct tb_cli *cli)
{
    int outcome = tb_cli_load(cli);
    if (!outcome)
        return 0;
    tb_cli_fail(cli, NULL);
    return outcome > 0 ? TB_EXIT_USAGE : TB_EXIT_FAILED;
}

int tb_cli_configure_broker(struct tb_cli *cli)
{
    int code = tb_cli_configure(cli);
    if (code || tb_amqp_options_check(&cli->amqp, &cli->err) == 0)
        return code;
    tb_cli_fail(cli, "amqp");
    return TB_EXIT_USAGE;
}

static void print_notice(void *owner, const char *text)
{
    complain(owner, NULL, text);
}

int tb_cli_connect(struct tb_cli *cli)
{
    int outcome = tb_cli_configure(cli);
    if (outcome)
        return outcome;
    struct tb_pg_session_options options = {
        .url = cli->config->database.url,
        .application_name = "taskbridge",
        .schema = cli->config->database.schema,
        .connect_timeout_us = cli->config->database.connect_timeout_s * TB_US_PER_S,
        .on_notice = print_notice,
        .owner = cli,
    };
    outcome = tb_pg_session_open(&options, &cli->session, &cli->err);
    if (!outcome)
        return 0;
    tb_cli_fail(cli, "database");
    return outcome == -EINVAL ? TB_EXIT_USAGE : TB_EXIT_FAILED;
}

int tb_cli_end(struct tb_cli *cli, int code)
{
    tb_pg_session_close(cli->session);
    tb_config_free(cli->config);
    free(cli->args.operands);
    free(cli->args.given);
    *cli = (struct tb_cli){.command = cli->command};
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    complain(cli, "standard output", strerrordesc_np(errno));
    return code == TB_EXIT_GOOD ? TB_EXIT_FAILED : code;
}

static const struct tb_cli_given *find_given(const struct tb_cli *cli, const char *name)
{
    for (int i = cli->args.given_count; i > 0; i--)
        if (strcmp(cli->args.given[i - 1].option->name, name) == 0)
            return &cli->args.given[i - 1];
    return NULL;
}

const char *tb_cli_value(const struct tb_cli *cli, const char *name)
{
    const struct tb_cli_given *given = find_given(cli, name);
    return given ? given->value : NULL;
}

bool tb_cli_has(const struct tb_cli *cli, const char *name)
{
    return find_given(cli, name) != NULL;
}

int tb_cli_number(struct tb_cli *cli, const char *name, int64_t min, int64_t max, int64_t *ret_value)
{
    const char *text = tb_cli_value(cli, name);
    int64_t value;
    if (!text)
        return 0;
    if (!tb_str_parse_int64(tb_str_of(text), &value) || value < min || value > max)
        return tb_cli_usage(cli, "%s is a whole number from %" PRId64 " to %" PRId64 ", not \"%s\"", name,
                            min, max, text);
    *ret_value = value;
    return 0;
}

int tb_cli_duration(struct tb_cli *cli, const char *name, int64_t *ret_seconds)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    struct tb_str text = tb_str_of(tb_cli_value(cli, name));
    if (tb_str_is_null(text))
        return 0;
    for (size_t i = 0; i < TB_COUNT(units); i++) {
        int64_t count, seconds;
        if (text.ptr[text.len - 1] == units[i].unit &&
            tb_str_parse_int64((struct tb_str){text.ptr, text.len - 1}, &count) && count > 0 &&
            !__builtin_mul_overflow(count, units[i].seconds, &seconds) &&
            seconds <= 100 * 366 * INT64_C(86400)) {
            *ret_seconds = seconds;
            return 0;
        }
    }
    return tb_cli_usage(cli, "%s is a duration such as 90s, 12h or 30d, not \"%s\"", name, text.ptr);
}

int tb_cli_id(struct tb_cli *cli, int operand, int64_t *ret_id)
{
    const char *text = cli->args.operands[operand];
    if (tb_str_parse_int64(tb_str_of(text), ret_id) && *ret_id > 0)
        return 0;
    return tb_cli_usage(cli, "an id is a whole number from 1, not \"%s\"", text);
}

int tb_cli_print(struct tb_cli *cli, const struct tb_buf *buf)
{
    if (buf->failed) {
        tb_error_set_errno(&cli->err, -ENOMEM, "printing");
        return tb_cli_fail(cli, NULL);
    }
    fwrite(buf->ptr, 1, buf->len, stdout);
    putchar('\n');
    return TB_EXIT_GOOD;
}

void tb_cli_push_plain(struct tb_buf *buf, struct tb_str str)
{
    size_t start = buf->len;
    tb_utf8_push_clean(buf, str);
    for (size_t i = start; i < buf->len; i++) {
        unsigned char byte = (unsigned char)buf->ptr[i];
        bool is_c1 = byte == 0xC2 && i + 1 < buf->len && (unsigned char)buf->ptr[i + 1] < 0xA0;
        if (is_c1)
            buf->ptr[i++] = '?';
        if (is_c1 || byte < ' ' || byte == 0x7F)
            buf->ptr[i] = '?';
    }
}

/* taskbridge dead list, show, drop: what could not be used, kept byte for byte.
 *
 * `show` writes the body as it came and nothing else to standard output, so that it can be piped into a file
 * or a program; what is known about it goes to standard error. In JSON a body that is no clean text is in
 * base64. */
#include "dead.h"

#include "base64.h"
#include "commands.h"
#include "output.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/base/utf8.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- list ---- */

static void on_letter(void *owner, const struct tb_dead_letter *letter)
{
    struct tb_output *output = owner;
    tb_output_begin_row(output);
    tb_output_int(output, "id", letter->id);
    tb_output_stamp(output, "received_at", letter->received_at);
    tb_output_str(output, "routing_key", letter->routing_key);
    tb_output_int(output, "body_bytes", letter->body_bytes);
    if (output->is_json) {
        tb_json_str(&output->json, "instance", letter->instance);
        tb_json_str(&output->json, "content_type", letter->content_type);
        tb_json_str(&output->json, "content_encoding", letter->content_encoding);
        tb_json_stamp(&output->json, "retried_at", letter->retried_at);
        tb_json_bool(&output->json, "masked", letter->is_masked);
    } else {
        tb_listing_str(&output->listing, letter->retried_at == TB_STAMP_NONE ? TB_STR("no") : TB_STR("yes"));
    }
    tb_output_str(output, "reason", letter->reason);
    tb_output_end_row(output);
}

static int run_list(struct tb_cli *cli)
{
    static const struct tb_listing_column columns[] = {
        {"ID", true, false},    {"RECEIVED", false, false},   {"ROUTING KEY", false, true},
        {"BYTES", true, false}, {"SENT AGAIN", false, false}, {"REASON", false, true}};
    struct tb_dead_filter filter = {.reason = tb_str_of(tb_cli_value(cli, "--reason")),
                                    .unretried = tb_cli_has(cli, "--unretried"),
                                    .limit = 1000};
    struct tb_output output;
    int code = tb_cli_number(cli, "--limit", 1, 1000000, &filter.limit);
    if (!code)
        code = tb_cli_number(cli, "--after", 0, INT64_MAX, &filter.after_id);
    if (!code)
        code = tb_cli_connect(cli);
    if (code)
        return code;
    tb_output_init(&output, cli, columns, TB_COUNT(columns));
    if (tb_dead_list(cli->session, &filter, on_letter, &output, &cli->err))
        code = tb_cli_fail(cli, NULL);
    else
        code = tb_output_print(&output, cli, "no dead letters");
    tb_output_deinit(&output);
    return code;
}

static const struct tb_cli_option list_options[] = {
    {"--reason", "TEXT", "only those whose reason contains TEXT", false, false},
    {"--unretried", NULL, "only those that were not sent again", false, false},
    {"--limit", "COUNT", "at most so many; default 1000", false, false},
    {"--after", "ID", "only those with a greater id: the next page", false, false},
    {NULL},
};

const struct tb_cli_command tb_cli_dead_list = {
    .name = "dead list",
    .operands = "",
    .options = list_options,
    .has_json = true,
    .summary = "List the dead letters: deliveries that could not be used",
    .run = run_list,
};

/* ---- show ---- */

static void say(struct tb_buf *buf, const char *name, struct tb_str text)
{
    if (tb_str_is_null(text))
        return;
    tb_buf_printf(buf, "%-17s", name);
    tb_cli_push_plain(buf, text);
    tb_buf_push_byte(buf, '\n');
}

static void say_stamp(struct tb_buf *buf, const char *name, int64_t stamp_us)
{
    char text[TB_STAMP_TEXT_BYTES];
    if (stamp_us == TB_STAMP_NONE)
        return;
    tb_stamp_format(stamp_us, text);
    say(buf, name, tb_str_of(text));
}

static int show_text(const struct tb_dead_letter *letter)
{
    struct tb_buf buf;
    tb_buf_init(&buf, 4 * TB_MIB);
    say(&buf, "reason", letter->reason);
    if (letter->is_masked)
        say(&buf, "masked", TB_STR("secrets were taken out of it; it can't be sent again"));
    say_stamp(&buf, "received at", letter->received_at);
    say(&buf, "by", letter->instance);
    say_stamp(&buf, "sent again at", letter->retried_at);
    say(&buf, "routing key", letter->routing_key);
    say(&buf, "content type", letter->content_type);
    say(&buf, "content encoding", letter->content_encoding);
    say(&buf, "headers", letter->headers);
    tb_buf_printf(&buf, "%-17s%" PRId64, "body bytes", letter->body_bytes);
    fprintf(stderr, "%s\n", buf.failed ? "its properties are too large to be shown" : buf.ptr);
    tb_buf_deinit(&buf);
    fwrite(letter->body.ptr, 1, letter->body.len, stdout);
    return TB_EXIT_GOOD;
}

static int show_json(struct tb_cli *cli, const struct tb_dead_letter *letter)
{
    struct tb_buf buf;
    struct tb_json json;
    tb_buf_init(&buf, 8 * TB_DELIVERY_MAX_BYTES);
    tb_json_init(&json, &buf);
    tb_json_begin_object(&json, NULL);
    tb_json_int(&json, "id", letter->id);
    tb_json_str(&json, "reason", letter->reason);
    tb_json_str(&json, "instance", letter->instance);
    tb_json_stamp(&json, "received_at", letter->received_at);
    tb_json_stamp(&json, "created_at", letter->created_at);
    tb_json_stamp(&json, "retried_at", letter->retried_at);
    tb_json_str(&json, "routing_key", letter->routing_key);
    tb_json_str(&json, "content_type", letter->content_type);
    tb_json_str(&json, "content_encoding", letter->content_encoding);
    tb_json_raw(&json, "headers", tb_str_is_null(letter->headers) ? TB_STR("null") : letter->headers);
    tb_json_int(&json, "body_bytes", letter->body_bytes);
    tb_json_bool(&json, "masked", letter->is_masked);
    tb_base64_json(&json, letter->body);
    tb_json_end_object(&json);
    int code = tb_cli_print(cli, &buf);
    tb_buf_deinit(&buf);
    return code;
}

static int missing(struct tb_cli *cli, int64_t id)
{
    tb_error_set(&cli->err, TB_EXIT_FAILED, "there is no dead letter %" PRId64, id);
    return tb_cli_fail(cli, NULL);
}

static int run_show(struct tb_cli *cli)
{
    struct tb_dead_letter letter;
    int64_t id;
    bool found = false;
    int code = tb_cli_id(cli, 0, &id);
    if (!code)
        code = tb_cli_connect(cli);
    if (code)
        return code;
    if (tb_dead_show(cli->session, id, &letter, &found, &cli->err))
        return tb_cli_fail(cli, NULL);
    if (!found)
        return missing(cli, id);
    return cli->args.json ? show_json(cli, &letter) : show_text(&letter);
}

const struct tb_cli_command tb_cli_dead_show = {
    .name = "dead show",
    .operands = "ID",
    .min_operands = 1,
    .max_operands = 1,
    .has_json = true,
    .summary = "Write a dead letter's body, byte for byte, and say why it is one",
    .run = run_show,
};

/* ---- drop ---- */

static int drop(struct tb_cli *cli, void *owner, int64_t id)
{
    int64_t *total = owner, count = 0;
    struct tb_dead_filter filter = {.id = id};
    if (tb_dead_drop(cli->session, &filter, &count, &cli->err))
        return tb_cli_fail(cli, NULL);
    *total += count;
    /* Among those that were selected another command may have been faster. */
    return count == 0 && cli->args.operand_count > 0 ? missing(cli, id) : TB_EXIT_GOOD;
}

static int run_drop(struct tb_cli *cli)
{
    int64_t count = 0;
    int code = tb_dead_drop_selected(cli, drop, &count);
    if (code == TB_EXIT_USAGE)
        return code;
    struct tb_answer answer;
    tb_answer_init(&answer, cli);
    tb_json_int(&answer.json, "dropped", count);
    int printed = tb_answer_print(&answer, "%" PRId64 " dropped", count);
    return code ? code : printed;
}

const struct tb_cli_command tb_cli_dead_drop = {
    .name = "dead drop",
    .operands = "[ID]...",
    .max_operands = TB_DEAD_PAGE,
    .options = tb_dead_options,
    .has_json = true,
    .summary = "Delete dead letters",
    .run = run_drop,
};

/* taskbridge doctor: looks at everything the bridge needs, and says what to do.
 *
 * Facts first (doctor_broker.c, doctor_database.c), then verdicts (doctor_judge.c), one line a check. What
 * can't be asked does not keep the rest from being looked at, and no wait is long: also with both servers out
 * of reach it ends within seconds. The exit code is 1 when a line is bad. It changes nothing that lasts. */
#include "commands.h"

#include "access.h"
#include "doctor_judge.h"
#include "taskbridge/base/json.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/pg/conninfo.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WIDTH         80
#define VERDICT_WIDTH 8
#define CHECK_WIDTH   16
#define INDENT        (VERDICT_WIDTH + CHECK_WIDTH)
#define FACTS_BYTES   (4 * TB_MIB)
#define OUTPUT_BYTES  (4 * TB_MIB)

struct report {
    struct tb_buf buf;
    bool is_json;
    struct tb_doctor_line *lines; /* owned, with what they own */
    size_t count;
    size_t counts[TB_DOCTOR_UNKNOWN + 1]; /* by verdict */
};

/* ---- for people ---- */

static size_t width_of(struct tb_str word)
{
    size_t width = 0;
    for (size_t i = 0; i < word.len; i++)
        width += ((unsigned char)word.ptr[i] & 0xC0) != 0x80;
    return width;
}

static struct tb_str take_until(struct tb_str *rest, const char *separator)
{
    size_t end = tb_str_find(*rest, tb_str_of(separator));
    struct tb_str part = {rest->ptr, end == SIZE_MAX ? rest->len : end};
    size_t taken = end == SIZE_MAX ? rest->len : end + 1;
    rest->ptr += taken;
    rest->len -= taken;
    return part;
}

static void push_indent(struct tb_buf *buf)
{
    tb_buf_printf(buf, "\n%*s", INDENT, "");
}

/* Words of one paragraph, behind what stands in the line already; a command goes on with a backslash. */
static void push_paragraph(struct tb_buf *buf, struct tb_str text)
{
    bool is_command = tb_str_starts_with(text, TB_STR("$ "));
    size_t column = INDENT, room = is_command ? WIDTH - 2 : WIDTH;
    while (text.len > 0) {
        struct tb_str word = take_until(&text, " ");
        bool fits = column + 1 + width_of(word) <= room;
        if (column > INDENT && !fits) {
            tb_buf_push_str(buf, is_command ? TB_STR(" \\") : TB_STR(""));
            push_indent(buf);
            column = INDENT;
            if (is_command) {
                tb_buf_push_str(buf, TB_STR("    "));
                column += 4;
            }
        } else if (column > INDENT) {
            tb_buf_push_byte(buf, ' ');
            column++;
        }
        tb_cli_push_plain(buf, word);
        column += width_of(word);
    }
}

/* Whether both could not be looked at for one reason. */
static bool is_same_unknown(const struct tb_doctor_line *one, const struct tb_doctor_line *other)
{
    return one->verdict == TB_DOCTOR_UNKNOWN && other->verdict == TB_DOCTOR_UNKNOWN &&
           other->remedy.len == 0 && tb_str_equal(tb_buf_str(&one->found), tb_buf_str(&other->found));
}

/* The first line, and the names of those behind it for which the same holds. */
static void push_text(struct tb_buf *buf, const struct tb_doctor_line *lines, size_t count)
{
    struct tb_str remedy = tb_buf_str(&lines->remedy);
    struct tb_buf names;
    tb_buf_printf(buf, "%s%-*s%-*s", buf->len > 0 ? "\n" : "", VERDICT_WIDTH,
                  tb_doctor_verdict_name(lines->verdict), CHECK_WIDTH, lines->check);
    push_paragraph(buf, tb_buf_str(&lines->found));
    while (remedy.len > 0) {
        push_indent(buf);
        push_paragraph(buf, take_until(&remedy, "\n"));
    }
    if (count == 1)
        return;
    tb_buf_init(&names, TB_KIB);
    for (size_t i = 1; i < count; i++)
        tb_buf_printf(&names, "%s%s", i == 1 ? "The same: " : ", ", lines[i].check);
    push_indent(buf);
    push_paragraph(buf, tb_buf_str(&names));
    tb_buf_deinit(&names);
}

static void push_all_text(struct report *report)
{
    static const char *const words[] = {"good", "to look at", "bad", "unknown"};
    const char *separator = "\n\n";
    for (size_t i = 0, next; i < report->count; i = next) {
        for (next = i + 1; next < report->count; next++)
            if (!is_same_unknown(&report->lines[i], &report->lines[next]))
                break;
        push_text(&report->buf, &report->lines[i], next - i);
    }
    for (size_t i = 0; i < TB_COUNT(words); i++) {
        if (report->counts[i] == 0)
            continue;
        tb_buf_printf(&report->buf, "%s%zu %s", separator, report->counts[i], words[i]);
        separator = ", ";
    }
}

/* ---- for programs ---- */

static void push_all_json(struct report *report)
{
    struct tb_json json;
    tb_json_init(&json, &report->buf);
    tb_json_begin_list(&json, NULL);
    for (size_t i = 0; i < report->count; i++) {
        const struct tb_doctor_line *line = &report->lines[i];
        tb_json_begin_object(&json, NULL);
        tb_json_str(&json, "check", tb_str_of(line->check));
        tb_json_str(&json, "verdict", tb_str_of(tb_doctor_verdict_name(line->verdict)));
        tb_json_str(&json, "found", tb_buf_str(&line->found));
        tb_json_str(&json, "remedy", line->remedy.len > 0 ? tb_buf_str(&line->remedy) : TB_STR_NULL);
        tb_json_end_object(&json);
    }
    tb_json_end_list(&json);
}

static int print(struct tb_cli *cli, struct report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct tb_doctor_line *line = &report->lines[i];
        report->counts[line->verdict]++;
        report->buf.failed = report->buf.failed || line->found.failed || line->remedy.failed;
    }
    if (report->is_json)
        push_all_json(report);
    else
        push_all_text(report);
    int code = tb_cli_print(cli, &report->buf);
    return code == TB_EXIT_GOOD && report->counts[TB_DOCTOR_BAD] > 0 ? TB_EXIT_FAILED : code;
}

/* ---- the whole ---- */

static void fill_facts(struct tb_cli *cli, struct tb_arena *arena, struct tb_doctor_facts *facts)
{
    facts->config_path = cli->source.path;
    facts->has_config_file = cli->source.must_exist || access(cli->source.path, F_OK) == 0;
    facts->config = cli->config;
    /* Neither library asks a name server without blocking: that, too, must end. */
    setenv("RES_OPTIONS", "timeout:1 attempts:2", 0);
    tb_doctor_ask_database(cli, arena, facts);
    tb_doctor_ask_broker(cli, arena, facts);
    tb_doctor_ask_arrival(cli, arena, facts);
    tb_doctor_ask_policies(cli, arena, facts);
    tb_doctor_ask_access(cli, arena, &facts->access);
}

static void examine(struct tb_cli *cli, struct tb_arena *arena, struct tb_doctor_facts *facts,
                    struct report *report)
{
    fill_facts(cli, arena, facts);
    for (; report->count < tb_doctor_check_count(); report->count++)
        tb_doctor_judge(facts, report->count, &report->lines[report->count]);
}

/* Whether the configuration can be used: 0, else cli->err says why not; negative for the environment. */
static int load(struct tb_cli *cli)
{
    int outcome = tb_cli_load(cli);
    if (outcome)
        return outcome;
    if (tb_amqp_options_check(&cli->amqp, &cli->err)) {
        tb_error_prefix(&cli->err, "amqp");
        return TB_EXIT_USAGE;
    }
    if (tb_conninfo_check(cli->config->database.url, &cli->err)) {
        tb_error_prefix(&cli->err, "database");
        return TB_EXIT_USAGE;
    }
    return tb_access_check_files(cli->config, &cli->err) ? TB_EXIT_USAGE : 0;
}

/* outcome is load's. */
static int tell(struct tb_cli *cli, struct report *report, int outcome)
{
    struct tb_arena arena;
    struct tb_doctor_facts *facts = calloc(1, sizeof(*facts));
    int code = TB_EXIT_FAILED;
    tb_arena_init(&arena, FACTS_BYTES);
    if (!facts) {
        tb_error_set(&cli->err, TB_EXIT_FAILED, "out of memory");
        code = tb_cli_fail(cli, NULL);
        goto out;
    }
    if (outcome)
        tb_doctor_judge_wrong_configuration(cli->err.text, &report->lines[report->count++]);
    else
        examine(cli, &arena, facts, report);
    code = print(cli, report);
    if (code == TB_EXIT_FAILED && outcome)
        code = TB_EXIT_USAGE;
out:
    free(facts);
    tb_arena_deinit(&arena);
    return code;
}

static int run(struct tb_cli *cli)
{
    int outcome = load(cli);
    if (outcome < 0)
        return tb_cli_fail(cli, NULL);
    struct report report = {.is_json = cli->args.json};
    report.lines = calloc(tb_doctor_check_count(), sizeof(*report.lines));
    if (!report.lines) {
        tb_error_set(&cli->err, TB_EXIT_FAILED, "out of memory");
        return tb_cli_fail(cli, NULL);
    }
    tb_buf_init(&report.buf, OUTPUT_BYTES);
    int code = tell(cli, &report, outcome);
    for (size_t i = 0; i < report.count; i++)
        tb_doctor_line_deinit(&report.lines[i]);
    free(report.lines);
    tb_buf_deinit(&report.buf);
    return code;
}

const struct tb_cli_command tb_cli_doctor = {
    .name = "doctor",
    .operands = "",
    .has_json = true,
    .summary = "Look at everything the bridge needs, and say what to do",
    .help = "Each line is good, warning, bad or unknown (it could not be looked at); the exit code is 1 when "
            "one is "
            "bad.\n",
    .run = run,
};

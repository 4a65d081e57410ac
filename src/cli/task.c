/* taskbridge tasks, task, explain: what the rows say, for an operator, of every company and of none.
 *
 * `explain` answers the question that a row raises: each fact with its time and what came with it, and the
 * rule that made a state of them. */
#include "commands.h"

#include "company_id.h"
#include "output.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/store/tasks.h"

#include <inttypes.h>
#include <stdio.h>

#define OUTPUT_BYTES (8 * TB_MIB)
#define LIMIT_MAX    10000

static int missing(struct tb_cli *cli)
{
    tb_error_set(&cli->err, TB_EXIT_FAILED, "there is no task %.200s", cli->args.operands[0]);
    return tb_cli_fail(cli, NULL);
}

/* ---- tasks ---- */

static int read_filter(struct tb_cli *cli, struct tb_arena *arena, struct tb_task_filter *filter)
{
    const char *company = tb_cli_value(cli, "--company");
    filter->status = tb_str_of(tb_cli_value(cli, "--status"));
    filter->type = tb_str_of(tb_cli_value(cli, "--type"));
    filter->worker = tb_str_of(tb_cli_value(cli, "--worker"));
    int code = tb_cli_number(cli, "--limit", 1, LIMIT_MAX, &filter->limit);
    if (!code)
        code = tb_cli_number(cli, "--before", 1, INT64_MAX, &filter->before_id);
    if (!code)
        code = tb_cli_duration(cli, "--since", &filter->since_s);
    if (!code && company)
        code = tb_company_id_read(cli, company, arena, &filter->company);
    return code;
}

static void on_task(void *owner, const struct tb_task *task)
{
    struct tb_output *output = owner;
    tb_output_begin_row(output);
    tb_output_int(output, "id", task->id);
    tb_output_str(output, "task_id", task->task_id);
    tb_output_str(output, "celery_state", task->celery_state);
    tb_output_int(output, "progress", task->progress);
    tb_output_str(output, "name", task->name);
    tb_output_str(output, "company", task->company);
    tb_output_str(output, "worker", task->worker);
    tb_output_stamp(output, "first_at", task->first_at);
    tb_output_stamp(output, "started_at", task->started_at);
    tb_output_stamp(output, "completed_at", task->completed_at);
    tb_output_str(output, "error_message", task->error);
    tb_output_end_row(output);
}

static int list(struct tb_cli *cli, const struct tb_task_filter *filter)
{
    static const struct tb_listing_column columns[] = {
        {"ID", true, false},         {"TASK", false, false}, {"STATE", false, false},
        {"%", true, false},          {"NAME", false, true},  {"COMPANY", false, false},
        {"WORKER", false, true},     {"SEEN", false, false}, {"STARTED", false, false},
        {"COMPLETED", false, false}, {"ERROR", false, true}};
    struct tb_output output;
    int code;
    tb_output_init(&output, cli, columns, TB_COUNT(columns));
    if (tb_task_list(cli->session, filter, on_task, &output, &cli->err))
        code = tb_cli_fail(cli, NULL);
    else
        code = tb_output_print(&output, cli, "no task is like that");
    tb_output_deinit(&output);
    return code;
}

static int run_tasks(struct tb_cli *cli)
{
    struct tb_task_filter filter = {.limit = 0};
    struct tb_arena arena;
    tb_arena_init(&arena, 4 * TB_KIB);
    int code = read_filter(cli, &arena, &filter);
    if (!code)
        code = tb_cli_connect(cli);
    if (!code)
        code = list(cli, &filter);
    tb_arena_deinit(&arena);
    return code;
}

static const struct tb_cli_option tasks_options[] = {
    {"--status", "STATUS", "pending, running, success or failed; or Celery's, such as LOST", false, false},
    {"--company", "ID", "only those of this company", false, false},
    {"--type", "TYPE", "only those of this type, or of this whole name", false, false},
    {"--worker", "NAME", "only those that this worker had last", false, false},
    {"--since", "DURATION", "only those first seen within, such as 2h", false, false},
    {"--limit", "COUNT", "at most so many; default 100", false, false},
    {"--before", "ID", "only those with a smaller id: the next page", false, false},
    {NULL},
};

const struct tb_cli_command tb_cli_tasks = {
    .name = "tasks",
    .operands = "",
    .options = tasks_options,
    .has_json = true,
    .summary = "List tasks of all companies, the newest first",
    .run = run_tasks,
};

/* ---- task ---- */

struct showing {
    struct tb_buf buf;
    struct tb_json json;
    bool is_json;
};

static void showing_init(struct showing *showing, const struct tb_cli *cli)
{
    showing->is_json = cli->args.json;
    tb_buf_init(&showing->buf, OUTPUT_BYTES);
    tb_json_init(&showing->json, &showing->buf);
}

static void on_column(void *owner, struct tb_str name, struct tb_str value)
{
    struct showing *showing = owner;
    char text[64];
    snprintf(text, sizeof(text), "%.*s", TB_STR_FMT(name));
    if (showing->is_json) {
        tb_json_str(&showing->json, text, value);
        return;
    }
    tb_buf_printf(&showing->buf, "%s%-24s", showing->buf.len ? "\n" : "", text);
    tb_cli_push_plain(&showing->buf, value);
}

static int show(struct tb_cli *cli, struct showing *showing)
{
    bool is_found = false;
    int code = tb_cli_connect(cli);
    if (code)
        return code;
    if (showing->is_json)
        tb_json_begin_object(&showing->json, NULL);
    if (tb_task_show(cli->session, tb_str_of(cli->args.operands[0]), on_column, showing, &is_found,
                     &cli->err))
        return tb_cli_fail(cli, NULL);
    if (showing->is_json)
        tb_json_end_object(&showing->json);
    return is_found ? tb_cli_print(cli, &showing->buf) : missing(cli);
}

static int run_task(struct tb_cli *cli)
{
    struct showing showing;
    showing_init(&showing, cli);
    int code = show(cli, &showing);
    tb_buf_deinit(&showing.buf);
    return code;
}

const struct tb_cli_command tb_cli_task = {
    .name = "task",
    .operands = "ID",
    .min_operands = 1,
    .max_operands = 1,
    .has_json = true,
    .summary = "Show all that is known of one task",
    .run = run_task,
};

/* ---- explain ---- */

static void push_reason_json(struct tb_json *json, const struct tb_task_reason *reason)
{
    static const char *const kinds[] = {"state", "fact", "company"};
    tb_json_begin_object(json, NULL);
    tb_json_str(json, "kind", tb_str_of(kinds[reason->kind]));
    tb_json_str(json, "name", reason->name);
    tb_json_stamp(json, "at", reason->at);
    tb_json_str(json, "told", reason->told);
    tb_json_end_object(json);
}

static void on_reason(void *owner, const struct tb_task_reason *reason)
{
    struct showing *showing = owner;
    char at[TB_STAMP_TEXT_BYTES] = "";
    if (showing->is_json) {
        push_reason_json(&showing->json, reason);
        return;
    }
    if (reason->kind == TB_TASK_FACT)
        tb_stamp_format(reason->at, at);
    tb_buf_printf(&showing->buf, "%s%-28s", showing->buf.len ? "\n" : "", at);
    tb_cli_push_plain(&showing->buf, reason->name);
    if (!tb_str_is_null(reason->told)) {
        tb_buf_push_str(&showing->buf, TB_STR(": "));
        tb_cli_push_plain(&showing->buf, reason->told);
    }
}

static int explain(struct tb_cli *cli, struct showing *showing)
{
    bool is_found = false;
    int code = tb_cli_connect(cli);
    if (code)
        return code;
    if (showing->is_json)
        tb_json_begin_list(&showing->json, NULL);
    if (tb_task_explain(cli->session, tb_str_of(cli->args.operands[0]), on_reason, showing, &is_found,
                        &cli->err))
        return tb_cli_fail(cli, NULL);
    if (showing->is_json)
        tb_json_end_list(&showing->json);
    return is_found ? tb_cli_print(cli, &showing->buf) : missing(cli);
}

static int run_explain(struct tb_cli *cli)
{
    struct showing showing;
    showing_init(&showing, cli);
    int code = explain(cli, &showing);
    tb_buf_deinit(&showing.buf);
    return code;
}

const struct tb_cli_command tb_cli_explain = {
    .name = "explain",
    .operands = "ID",
    .min_operands = 1,
    .max_operands = 1,
    .has_json = true,
    .summary = "Say why a task is what it is: each fact with its time, and the rule that decided",
    .run = run_explain,
};

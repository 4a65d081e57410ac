/* taskbridge adopt: copies the rows of the product's own table of trackers.
 *
 * The table is only read, so the product goes on with it as if nothing had been done, and drops it when it
 * likes. What can't be copied is listed row by row with the reason, as it is found; nothing of it is kept in
 * memory, so the table may have any number of rows. */
#include "commands.h"

#include "output.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/store/adopt.h"
#include "taskbridge/store/migrate.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define MAP     "--map"
#define DRY_RUN "--dry-run"
#define ZONE    "--time-zone"
/* So many rows are listed in JSON; the count tells of all. */
#define LISTED_MAX 10000

struct adopting {
    struct tb_cli *cli;
    struct tb_json json; /* of the rows that are left */
    struct tb_buf list, map;
    int64_t listed;
    bool is_json, shows_progress;
};

static void on_left(void *owner, const struct tb_adopt_left *left)
{
    struct adopting *adopting = owner;
    struct tb_str task_id = tb_str_is_null(left->task_id) ? TB_STR("") : left->task_id;
    if (!adopting->is_json) {
        struct tb_buf line;
        tb_buf_init(&line, 64 * TB_KIB);
        tb_cli_push_plain(&line, task_id);
        printf("left  %.*s (id %.*s): %.*s\n", line.failed ? 0 : (int)line.len, line.ptr,
               TB_STR_FMT(left->id), TB_STR_FMT(left->reason));
        tb_buf_deinit(&line);
    } else if (adopting->listed++ < LISTED_MAX) {
        tb_json_begin_object(&adopting->json, NULL);
        tb_json_str(&adopting->json, "task_id", left->task_id);
        tb_json_str(&adopting->json, "id", left->id);
        tb_json_str(&adopting->json, "reason", left->reason);
        tb_json_end_object(&adopting->json);
    }
}

/* A million rows take minutes, and whoever waits wants to see them go. */
static void on_batch(void *owner, const struct tb_adopt_counts *counts)
{
    const struct adopting *adopting = owner;
    if (adopting->shows_progress)
        fprintf(stderr, "\r%" PRId64 " rows ", counts->rows);
}

static int report_json(struct adopting *adopting, const struct tb_adopt_counts *counts)
{
    struct tb_answer answer;
    tb_json_end_list(&adopting->json);
    tb_answer_init(&answer, adopting->cli);
    tb_json_str(&answer.json, "table", tb_str_of(adopting->cli->args.operands[0]));
    tb_json_bool(&answer.json, "dry_run", tb_cli_has(adopting->cli, DRY_RUN));
    tb_json_int(&answer.json, "rows", counts->rows);
    tb_json_int(&answer.json, "added", counts->added);
    tb_json_int(&answer.json, "completed", counts->completed);
    tb_json_int(&answer.json, "unchanged", counts->rows - counts->added - counts->completed - counts->left);
    tb_json_int(&answer.json, "left", counts->left);
    tb_json_int(&answer.json, "deleted_soon", counts->old);
    tb_json_raw(&answer.json, "reasons", (struct tb_str){adopting->list.ptr, adopting->list.len});
    return tb_answer_print(&answer, "%s", "");
}

static int report(struct adopting *adopting, const struct tb_adopt_counts *counts)
{
    const char *would = tb_cli_has(adopting->cli, DRY_RUN) ? "would be " : "";
    if (adopting->shows_progress)
        fputc('\r', stderr);
    if (adopting->is_json)
        return report_json(adopting, counts);
    printf("%" PRId64 " rows: %s%" PRId64 " added, %" PRId64 " completed, %" PRId64 " as before, %" PRId64
           " left\n",
           counts->rows, would, counts->added, counts->completed,
           counts->rows - counts->added - counts->completed - counts->left, counts->left);
    if (counts->old)
        printf("%" PRId64 " of them were over long ago: maintenance deletes them soon "
               "(maintenance.completed_after_s)\n",
               counts->old);
    return TB_EXIT_GOOD;
}

static bool is_our_name(const char *name)
{
    static const char *const names[] = {
        "id",         "task_id",      "company_id",    "task_name", "display_name", "status",    "progress",
        "started_at", "completed_at", "error_message", "metadata",  "created_at",   "updated_at"};
    for (size_t i = 0; i < TB_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static int read_map_item(struct tb_cli *cli, const char *item, struct tb_json *json)
{
    char column[256]; /* PostgreSQL's names have 63 bytes */
    const char *equals = strrchr(item, '=');
    if (!equals || equals == item || (size_t)(equals - item) >= sizeof(column))
        return tb_cli_usage(cli, MAP " is COLUMN=NAME, as created=created_at, not \"%s\"", item);
    if (!is_our_name(equals + 1))
        return tb_cli_usage(cli,
                            MAP " %s: nothing here is called %s, but id, task_id, company_id, task_name, "
                                "display_name, status, progress, started_at, completed_at, error_message, "
                                "metadata, created_at and updated_at are",
                            item, equals + 1);
    snprintf(column, sizeof(column), "%.*s", (int)(equals - item), item);
    tb_json_str(json, column, tb_str_of(equals + 1));
    return 0;
}

/* "--map created=created_at", once or more, as JSON. 0, or an enum tb_exit with the reason printed. */
static int read_map(struct adopting *adopting)
{
    struct tb_cli *cli = adopting->cli;
    struct tb_json json;
    int code = 0;
    tb_json_init(&json, &adopting->map);
    tb_json_begin_object(&json, NULL);
    for (int i = 0; i < cli->args.given_count && !code; i++)
        if (strcmp(cli->args.given[i].option->name, MAP) == 0)
            code = read_map_item(cli, cli->args.given[i].value, &json);
    tb_json_end_object(&json);
    tb_buf_push_byte(&adopting->map, '\0');
    if (code || !adopting->map.failed)
        return code;
    tb_error_set(&cli->err, TB_EXIT_FAILED, "no memory is left");
    return tb_cli_fail(cli, NULL);
}

static int refuse_unmigrated(struct tb_cli *cli)
{
    int applied = 0, known = 0;
    if (tb_migrate_state(cli->session, &applied, &known, &cli->err))
        return tb_cli_fail(cli, NULL);
    if (applied == known)
        return 0;
    tb_error_set(&cli->err, TB_EXIT_FAILED, "the database is at version %d of %d: run `taskbridge migrate`",
                 applied, known);
    return tb_cli_fail(cli, NULL);
}

static int adopt(struct adopting *adopting)
{
    struct tb_cli *cli = adopting->cli;
    struct tb_adopt_counts counts;
    int code = read_map(adopting);
    if (!code)
        code = tb_cli_connect(cli);
    if (!code)
        code = refuse_unmigrated(cli);
    if (code)
        return code;
    struct tb_adopt_options options = {.table = cli->args.operands[0],
                                       .map = adopting->map.ptr,
                                       .zone = tb_cli_value(cli, ZONE),
                                       .is_dry = tb_cli_has(cli, DRY_RUN),
                                       .old_after_s = cli->config->maintenance.completed_after_s,
                                       .on_left = on_left,
                                       .on_batch = on_batch,
                                       .owner = adopting};
    int r = tb_adopt(cli->session, &options, &counts, &cli->err);
    if (r && counts.rows)
        tb_error_prefix(&cli->err, "after %" PRId64 " rows, which stay; run it again to go on", counts.rows);
    return r ? tb_cli_fail(cli, NULL) : report(adopting, &counts);
}

static int run(struct tb_cli *cli)
{
    struct adopting adopting = {
        .cli = cli, .is_json = cli->args.json, .shows_progress = isatty(STDERR_FILENO)};
    tb_buf_init(&adopting.list, 16 * TB_MIB);
    tb_buf_init(&adopting.map, 64 * TB_KIB);
    tb_json_init(&adopting.json, &adopting.list);
    tb_json_begin_list(&adopting.json, NULL);
    int code = adopt(&adopting);
    tb_buf_deinit(&adopting.list);
    tb_buf_deinit(&adopting.map);
    return code;
}

static const struct tb_cli_option options[] = {
    {MAP, "COLUMN=NAME", "the table's COLUMN has what is called NAME here", false, true},
    {ZONE, "ZONE", "of the table's times, if they have none, as America/Santiago", false, false},
    {DRY_RUN, NULL, "only tell what would be done", false, false},
    {NULL, NULL, NULL, false, false},
};

const struct tb_cli_command tb_cli_adopt = {
    .name = "adopt",
    .operands = "TABLE",
    .min_operands = 1,
    .max_operands = 1,
    .options = options,
    .has_json = true,
    .summary = "Copy the rows of the product's own table of trackers",
    .help =
        "TABLE is named with its schema: public.background_task_trackers. It is only read. Columns called\n"
        "created and modified are known. Rows that can't be copied are listed with their reasons; it may\n"
        "be run again at any time, and beside running daemons and workers.\n",
    .run = run,
};

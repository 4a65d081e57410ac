/* taskbridge cleanup …: what the daemons do by themselves, at once; without an operand, what was done lately,
 * by whomever.
 *
 * Rows are deleted here, also while no daemon runs, and with another age. The same lock as the daemons', the
 * same statements, the same rests between batches: a person in a hurry must not hold up the events either.
 * Whether a task is lost only a daemon can judge, who knows since when it hears everything, so it is asked
 * (cleanup_request.c). */
#include "cleanup_request.h"
#include "commands.h"
#include "output.h"

#include "taskbridge/base/clock.h"
#include "taskbridge/base/json.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/store/maintenance.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#define RUNS_SHOWN       20
#define OUTPUT_MAX_BYTES TB_MIB
#define STATUSES         "statuses"

struct wish {
    enum tb_cleanup kind;
    int64_t age_s, limit_rows;
};

/* Set by a signal: the batch under way is the last. */
static volatile sig_atomic_t is_interrupted;

static void interrupt(int signal)
{
    (void)signal;
    is_interrupted = 1;
}

/* ---- what was done lately ---- */

static const struct tb_listing_column run_columns[] = {
    {"STARTED", false, false}, {"JOB", false, false},    {"OUTCOME", false, false}, {"ROWS", true, false},
    {"MS", true, false},       {"DONE BY", false, true}, {"DETAIL", false, true},
};

static void push_run(void *owner, const struct tb_maintenance_run *run)
{
    struct tb_output *output = owner;

    tb_output_begin_row(output);
    tb_output_str(output, "started_at", run->started_at);
    tb_output_str(output, "job", run->job);
    tb_output_str(output, "outcome", run->outcome);
    tb_output_int(output, "rows", run->rows);
    tb_output_int(output, "duration_ms", run->duration_ms);
    tb_output_str(output, "instance", run->instance);
    tb_output_str(output, "detail", run->detail);
    tb_output_end_row(output);
}

static int list_runs(struct tb_cli *cli)
{
    struct tb_output output;

    tb_output_init(&output, cli, run_columns, TB_COUNT(run_columns));
    int code = tb_maintenance_runs(cli->session, RUNS_SHOWN, push_run, &output, &cli->err);
    code = code ? tb_cli_fail(cli, NULL) : tb_output_print(&output, cli, "no maintenance was done yet");
    tb_output_deinit(&output);
    return code;
}

/* ---- one cleanup ---- */

static int print_result(struct tb_cli *cli, const struct wish *wish, const char *outcome, int64_t rows)
{
    struct tb_buf buf;
    struct tb_json json;

    tb_buf_init(&buf, OUTPUT_MAX_BYTES);
    if (cli->args.json) {
        tb_json_init(&json, &buf);
        tb_json_begin_object(&json, NULL);
        tb_json_str(&json, "job", tb_str_of(tb_cleanups[wish->kind].job));
        tb_json_str(&json, "outcome", tb_str_of(outcome));
        tb_json_int(&json, "rows", rows);
        tb_json_end_object(&json);
    } else {
        tb_buf_printf(&buf, "%s %s: %" PRId64 " rows", tb_cleanups[wish->kind].job, outcome, rows);
    }
    int code = tb_cli_print(cli, &buf);
    tb_buf_deinit(&buf);
    return code;
}

static int count_only(struct tb_cli *cli, const struct wish *wish)
{
    int64_t rows = 0;

    if (tb_cleanup_count(cli->session, wish->kind, wish->age_s, &rows, &cli->err))
        return tb_cli_fail(cli, NULL);
    return print_result(cli, wish, "would touch", rows);
}

static void rest(int64_t took_us)
{
    int64_t us = tb_cleanup_rest_us(took_us);
    const struct timespec pause = {.tv_sec = us / TB_US_PER_S, .tv_nsec = us % TB_US_PER_S * 1000};

    nanosleep(&pause, NULL);
}

/* Batch after batch; 0 or the failure. */
static int delete_rows(struct tb_cli *cli, const struct wish *wish, int64_t *ret_rows)
{
    int64_t batch = wish->limit_rows;
    int r = 0;

    while (r == 0 && batch >= wish->limit_rows && !is_interrupted) {
        int64_t began_us = tb_clock_monotonic_us();
        r = tb_cleanup_remove(cli->session, wish->kind, wish->age_s, wish->limit_rows, &batch, &cli->err);
        if (r == 0)
            *ret_rows += batch;
        if (r == 0 && batch >= wish->limit_rows)
            rest(tb_clock_monotonic_us() - began_us);
    }
    return r;
}

/* Under the lock. */
static int run_cleanup(struct tb_cli *cli, const struct wish *wish)
{
    const char *job = tb_cleanups[wish->kind].job;
    char who[TB_CLEANUP_WHO_BYTES];
    int64_t id = 0, rows = 0;

    tb_cleanup_name_myself(who);
    if (tb_maintenance_begin(cli->session, job, who, &id, &cli->err))
        return tb_cli_fail(cli, NULL);
    int r = delete_rows(cli, wish, &rows);
    struct tb_error failure = cli->err;
    const char *outcome = r ? "failed" : is_interrupted ? "stopped" : "done";
    tb_error_clear(&cli->err);
    int recorded = tb_maintenance_finish(cli->session, id, outcome, rows,
                                         r ? failure.text : "asked for by a person", &cli->err);
    if (r)
        cli->err = failure;
    if (r || recorded)
        return tb_cli_fail(cli, NULL);
    int code = print_result(cli, wish, outcome, rows);
    return code == TB_EXIT_GOOD && is_interrupted ? TB_EXIT_FAILED : code;
}

static int clean(struct tb_cli *cli, const struct wish *wish)
{
    const char *job = tb_cleanups[wish->kind].job;
    bool is_locked = false;

    signal(SIGINT, interrupt);
    signal(SIGTERM, interrupt);
    if (tb_maintenance_lock(cli->session, job, &is_locked, &cli->err))
        return tb_cli_fail(cli, NULL);
    if (!is_locked) {
        tb_error_set(&cli->err, 1, "%s is running already, in a daemon or of another person; try again later",
                     job);
        return tb_cli_fail(cli, NULL);
    }
    int code = run_cleanup(cli, wish);
    if (tb_maintenance_unlock(cli->session, job, &cli->err) && code == TB_EXIT_GOOD)
        return tb_cli_fail(cli, NULL);
    return code;
}

static int read_wish(struct tb_cli *cli, struct wish *ret_wish)
{
    const struct tb_config *config = cli->config;
    struct tb_str word = tb_str_of(cli->args.operands[0]);

    const int64_t ages_s[TB_CLEANUPS] = {
        [TB_CLEANUP_COMPLETED] = config->maintenance.history_after_s,
        [TB_CLEANUP_ORPHANED] = config->maintenance.orphaned_after_s,
        [TB_CLEANUP_DEAD_LETTERS] = config->maintenance.dead_letters_after_s,
    };

    ret_wish->limit_rows = config->maintenance.delete_batch_rows;
    for (size_t kind = 0; kind < TB_CLEANUPS; kind++) {
        if (!tb_str_equal(word, tb_str_of(tb_cleanups[kind].name)))
            continue;
        ret_wish->kind = (enum tb_cleanup)kind;
        ret_wish->age_s = ages_s[kind];
        return tb_cli_duration(cli, "--older-than", &ret_wish->age_s);
    }
    return tb_cli_usage(cli, "%.64s: right would be completed, orphaned, dead-letters or " STATUSES,
                        cli->args.operands[0]);
}

/* ---- what a daemon does ---- */

static int ask(struct tb_cli *cli)
{
    int64_t wait_s = TB_CLEANUP_WAIT_S;
    int code = TB_EXIT_GOOD;

    if (tb_cli_has(cli, "--older-than") || tb_cli_has(cli, "--dry-run"))
        return tb_cli_usage(cli, STATUSES " takes neither --older-than nor --dry-run");
    code = tb_cli_duration(cli, "--wait", &wait_s);
    if (code == TB_EXIT_GOOD)
        code = tb_cli_connect(cli);
    return code ? code : tb_cleanup_ask_daemon(cli, "update_task_statuses", wait_s);
}

static int run(struct tb_cli *cli)
{
    struct wish wish = {0};
    int code = tb_cli_configure(cli);

    if (code == TB_EXIT_GOOD && cli->args.operand_count &&
        tb_str_equal(tb_str_of(cli->args.operands[0]), TB_STR(STATUSES)))
        return ask(cli);
    if (code == TB_EXIT_GOOD && cli->args.operand_count)
        code = read_wish(cli, &wish);
    if (code == TB_EXIT_GOOD)
        code = tb_cli_connect(cli);
    if (code)
        return code;
    if (!cli->args.operand_count)
        return list_runs(cli);
    return tb_cli_has(cli, "--dry-run") ? count_only(cli, &wish) : clean(cli, &wish);
}

static const struct tb_cli_option options[] = {
    {"--older-than", "DURATION", "another age than the configuration's: 90s, 5m, 12h, 30d", false, false},
    {"--dry-run", NULL, "change nothing, say how many rows it would touch", false, false},
    {"--wait", "DURATION", "for statuses: how long a daemon is given (90s)", false, false},
    {NULL, NULL, NULL, false, false},
};

const struct tb_cli_command tb_cli_cleanup = {
    .name = "cleanup",
    .operands = "[completed | orphaned | dead-letters | statuses]",
    .min_operands = 0,
    .max_operands = 1,
    .options = options,
    .has_json = true,
    .summary = "Delete old rows or find lost tasks now, or show what maintenance did",
    .help =
        "completed deletes tasks that ended long enough ago, dead-letters those that came long enough ago;\n"
        "orphaned ends tasks that wait and were not heard of for long.\n"
        "statuses has a daemon look for lost tasks at once. Without an operand: the last runs.\n",
    .run = run,
};

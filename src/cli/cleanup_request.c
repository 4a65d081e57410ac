/* The request is a row among the runs: the daemon that begins it makes it its own, and its end is read there.
 *
 * What no daemon begins in time is taken back, so that nothing happens behind the person's back later; what
 * is under way by then goes on, and the person is told where its end will be seen. */
#include "cleanup_request.h"

#include "taskbridge/base/clock.h"
#include "taskbridge/base/json.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/store/maintenance.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY_MS    100
#define OUTPUT_MAX_BYTES TB_MIB

void tb_cleanup_name_myself(char ret_who[TB_CLEANUP_WHO_BYTES])
{
    char host[64] = "localhost";

    if (gethostname(host, sizeof(host) - 1) != 0)
        snprintf(host, sizeof(host), "localhost");
    snprintf(ret_who, TB_CLEANUP_WHO_BYTES, "taskbridge cleanup, %s:%d", host, (int)getpid());
}

static bool has_ended(const struct tb_maintenance_run *run)
{
    return !tb_str_equal(run->outcome, TB_STR("requested")) && !tb_str_equal(run->outcome, TB_STR("running"));
}

/* Until the run has ended or the time is over. *ret_run is as it was last seen. */
static int await_end(struct tb_cli *cli, int64_t id, int64_t wait_s, struct tb_maintenance_run *ret_run)
{
    const struct timespec pause = {.tv_nsec = LOOK_EVERY_MS * (long)(TB_US_PER_MS * 1000)};
    int64_t until_us = tb_clock_monotonic_us() + wait_s * TB_US_PER_S;
    int r = tb_maintenance_run(cli->session, id, ret_run, &cli->err);

    while (r == 0 && !has_ended(ret_run) && tb_clock_monotonic_us() < until_us) {
        nanosleep(&pause, NULL);
        r = tb_maintenance_run(cli->session, id, ret_run, &cli->err);
    }
    return r;
}

static int print_end(struct tb_cli *cli, const struct tb_maintenance_run *run)
{
    bool is_done = tb_str_equal(run->outcome, TB_STR("done"));
    struct tb_buf buf;
    struct tb_json json;

    tb_buf_init(&buf, OUTPUT_MAX_BYTES);
    if (cli->args.json) {
        tb_json_init(&json, &buf);
        tb_json_begin_object(&json, NULL);
        tb_json_str(&json, "job", run->job);
        tb_json_str(&json, "instance", run->instance);
        tb_json_str(&json, "outcome", run->outcome);
        tb_json_int(&json, "rows", run->rows);
        tb_json_int(&json, "duration_ms", run->duration_ms);
        tb_json_str(&json, "detail", run->detail);
        tb_json_end_object(&json);
    } else {
        tb_buf_printf(&buf, "%.*s %.*s by ", TB_STR_FMT(run->job), TB_STR_FMT(run->outcome));
        tb_cli_push_plain(&buf, run->instance);
        tb_buf_push_str(&buf, TB_STR(": "));
        tb_cli_push_plain(&buf, run->detail);
    }
    int code = tb_cli_print(cli, &buf);
    tb_buf_deinit(&buf);
    return code == TB_EXIT_GOOD && !is_done ? TB_EXIT_FAILED : code;
}

static int give_up(struct tb_cli *cli, int64_t id, const char *job, int64_t wait_s)
{
    bool withdrawn = false;

    if (tb_maintenance_withdraw(cli->session, id, &withdrawn, &cli->err))
        return tb_cli_fail(cli, NULL);
    if (withdrawn)
        tb_error_set(&cli->err, 1,
                     "no daemon began %s within %" PRId64
                     " s: is taskbridged running with maintenance.enabled, "
                     "does it reach RabbitMQ, or is it busy with another job? See taskbridge status",
                     job, wait_s);
    else
        tb_error_set(&cli->err, 1, "%s is still running; taskbridge cleanup will show its end", job);
    return tb_cli_fail(cli, NULL);
}

int tb_cleanup_ask_daemon(struct tb_cli *cli, const char *job, int64_t wait_s)
{
    struct tb_maintenance_run run = {0};
    char who[TB_CLEANUP_WHO_BYTES];
    int64_t id = 0;

    tb_cleanup_name_myself(who);
    int r = tb_maintenance_request(cli->session, job, who, &id, &cli->err);
    if (r == 0)
        r = await_end(cli, id, wait_s, &run);
    if (r)
        return tb_cli_fail(cli, NULL);
    if (tb_str_is_null(run.outcome)) {
        tb_error_set(&cli->err, 1, "somebody deleted the request for %s", job);
        return tb_cli_fail(cli, NULL);
    }
    return has_ended(&run) ? print_end(cli, &run) : give_up(cli, id, job, wait_s);
}

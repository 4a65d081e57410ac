/* taskbridge status: how the bridge is doing, out of the database and the broker.
 *
 * Numbers and times, no judgement beyond "silent": what is wrong and what to do about it is told by
 * `taskbridge doctor`. The exit code is 1 when database or broker can't be asked; what can be is printed. */
#include "commands.h"

#include "output.h"
#include "taskbridge/amqp/inspect.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/store/migrate.h"
#include "taskbridge/store/status.h"

#include <inttypes.h>
#include <stdio.h>

/* A daemon says how it is every few seconds; a worker by default every two. */
#define SILENT_US (60 * TB_US_PER_S)

struct status {
    int applied, known; /* migrations */
    struct tb_status_totals totals;
    bool has_broker;
    struct tb_inspection broker;
    char broker_problem[TB_ERROR_TEXT_BYTES];
};

/* ---- asking ---- */

static void on_finding(void *owner, const struct tb_migrate_finding *finding)
{
    struct tb_error *err = owner;
    if (!err->text[0])
        tb_error_set(err, TB_EXIT_FAILED, "the %.*s %.*s is %.*s: `taskbridge doctor` tells what to do",
                     TB_STR_FMT(finding->kind), TB_STR_FMT(finding->name), TB_STR_FMT(finding->how));
}

/* Numbers out of tables that are not what they were would mislead. */
static int ask_damage(struct tb_cli *cli)
{
    if (tb_migrate_find(cli->session, on_finding, &cli->err, &cli->err) || cli->err.text[0])
        return tb_cli_fail(cli, NULL);
    return TB_EXIT_GOOD;
}

static int ask_schema(struct tb_cli *cli, struct status *status)
{
    if (tb_migrate_state(cli->session, &status->applied, &status->known, &cli->err))
        return tb_cli_fail(cli, NULL);
    if (status->applied >= status->known)
        return ask_damage(cli);
    tb_error_set(&cli->err, TB_EXIT_FAILED, "the database is at version %d of %d: run `taskbridge migrate`",
                 status->applied, status->known);
    return tb_cli_fail(cli, NULL);
}

static void ask_broker(struct tb_cli *cli, struct status *status)
{
    struct tb_error err = {0};
    status->has_broker = tb_inspect_depth(&cli->amqp, &status->broker, &err) == 0;
    if (!status->has_broker)
        snprintf(status->broker_problem, sizeof(status->broker_problem), "%s", err.text);
}

/* ---- for people ---- */

static void push_bytes(struct tb_buf *buf, int64_t bytes)
{
    if (bytes < 0)
        tb_buf_push_str(buf, TB_STR("?"));
    else if (bytes < (INT64_C(10) << 30))
        tb_buf_printf(buf, "%.1f MiB", (double)bytes / (double)TB_MIB);
    else
        tb_buf_printf(buf, "%.1f GiB", (double)bytes / (double)TB_MIB / 1024);
}

static void push_broker(const struct status *status, struct tb_buf *buf)
{
    const struct tb_inspection *broker = &status->broker;
    if (!status->has_broker) {
        tb_buf_printf(buf, "broker    cannot be asked: %s\n", status->broker_problem);
        return;
    }
    tb_buf_printf(buf, "broker    %s %s at %s; ", broker->product, broker->version, broker->place);
    if (broker->queue.finding == TB_FINDING_MISSING)
        tb_buf_push_str(buf, TB_STR("the queue is not there yet: a daemon makes it\n"));
    else if (broker->reading.finding == TB_FINDING_DIFFERENT)
        tb_buf_printf(buf, "the queue: %s\n", broker->reading.text);
    else if (broker->queue_messages < 0)
        tb_buf_printf(buf, "the queue cannot be looked at: %s\n", broker->queue.text);
    else
        tb_buf_printf(buf, "%" PRId64 " waiting, %" PRId64 " consuming\n", broker->queue_messages,
                      broker->queue_consumers);
}

static void push_summary(const struct status *status, struct tb_buf *buf)
{
    const struct tb_status_totals *totals = &status->totals;
    tb_buf_printf(buf, "database  PostgreSQL %.*s, ", TB_STR_FMT(totals->server_version));
    push_bytes(buf, totals->database_bytes);
    tb_buf_printf(buf, "; schema version %d; %" PRId64 " companies, %" PRId64 " valid tokens\n",
                  status->applied, totals->companies, totals->tokens);
    push_broker(status, buf);
    tb_buf_printf(buf,
                  "tasks     %" PRId64 " pending, %" PRId64 " running, %" PRId64 " success, %" PRId64
                  " failed (%" PRId64 " lost); %" PRId64 " without a company",
                  totals->pending, totals->running, totals->success, totals->failed, totals->lost,
                  totals->without_company);
    if (totals->oldest_active_at != TB_STAMP_NONE)
        tb_buf_printf(buf, "; oldest active: %" PRId64 " s",
                      (totals->now - totals->oldest_active_at) / TB_US_PER_S);
    tb_buf_printf(buf, "\ndead      %" PRId64 " letters, %" PRId64 " of them not sent again", totals->dead,
                  totals->dead_unretried);
}

/* ---- daemons and workers, in both forms ---- */

static struct tb_str instance_state(const struct tb_status_instance *instance)
{
    if (instance->stopped_at != TB_STAMP_NONE)
        return TB_STR("stopped");
    if (instance->silent_us > SILENT_US)
        return TB_STR("silent");
    if (instance->is_starting)
        return TB_STR("starting");
    return instance->broker_connected ? TB_STR("running") : TB_STR("no broker");
}

static void instance_json(struct tb_output *output, const struct tb_status_instance *instance)
{
    struct tb_json *json = &output->json;
    tb_json_stamp(json, "started_at", instance->started_at);
    tb_json_stamp(json, "heartbeat_at", instance->heartbeat_at);
    tb_json_stamp(json, "committed_at", instance->committed_at);
    tb_json_stamp(json, "stopped_at", instance->stopped_at);
    if (instance->is_starting)
        tb_json_null(json, "broker_connected");
    else
        tb_json_bool(json, "broker_connected", instance->broker_connected);
    tb_json_int(json, "batches", instance->batches);
    tb_json_int(json, "redelivered", instance->redelivered);
    tb_json_int(json, "task_events", instance->task_events);
    tb_json_int(json, "worker_events", instance->worker_events);
    tb_json_int(json, "unknown_events", instance->unknown_events);
    tb_json_int(json, "bytes", instance->bytes);
    tb_json_int(json, "queue_messages", instance->queue_messages);
    tb_json_int(json, "queue_bytes", instance->queue_bytes);
    tb_json_int(json, "queue_max_bytes", instance->queue_max_bytes);
    tb_json_int(json, "lag_us", instance->lag_us);
    tb_json_int(json, "rss_bytes", instance->rss_bytes);
    tb_json_raw(json, "details", tb_str_is_null(instance->details) ? TB_STR("{}") : instance->details);
}

static void instance_cells(struct tb_output *output, const struct tb_status_instance *instance)
{
    char text[32];
    snprintf(text, sizeof(text), instance->lag_us < 0 ? "-" : "%.1f ms", (double)instance->lag_us / 1000);
    tb_listing_str(&output->listing, tb_str_of(text));
    snprintf(text, sizeof(text), instance->rss_bytes < 0 ? "-" : "%.1f MiB",
             (double)instance->rss_bytes / (double)TB_MIB);
    tb_listing_str(&output->listing, tb_str_of(text));
}

static void on_instance(void *owner, const struct tb_status_instance *instance)
{
    struct tb_output *output = owner;
    tb_output_begin_row(output);
    tb_output_str(output, "instance", instance->instance);
    tb_output_str(output, "state", instance_state(instance));
    tb_output_str(output, "version", instance->version);
    tb_output_int(output, "deliveries", instance->deliveries);
    tb_output_int(output, "events", instance->events);
    tb_output_int(output, "rows_written", instance->rows_written);
    tb_output_int(output, "dead", instance->dead);
    if (output->is_json)
        instance_json(output, instance);
    else
        instance_cells(output, instance);
    tb_output_end_row(output);
}

static struct tb_str worker_state(const struct tb_status_worker *worker)
{
    if (worker->offline_at != TB_STAMP_NONE && worker->offline_at >= worker->heartbeat_at)
        return TB_STR("offline");
    int64_t patience_us = (int64_t)(10 * worker->freq_s * (double)TB_US_PER_S);
    bool is_silent =
        worker->silent_us < 0 || worker->silent_us > (patience_us > SILENT_US ? patience_us : SILENT_US);
    return is_silent ? TB_STR("silent") : TB_STR("online");
}

static void worker_json(struct tb_output *output, const struct tb_status_worker *worker)
{
    struct tb_json *json = &output->json;
    tb_json_str(json, "sw_ident", worker->sw_ident);
    tb_json_str(json, "sw_sys", worker->sw_sys);
    tb_json_int(json, "pid", worker->pid);
    tb_json_stamp(json, "online_at", worker->online_at);
    tb_json_stamp(json, "heartbeat_at", worker->heartbeat_at);
    tb_json_stamp(json, "offline_at", worker->offline_at);
    tb_json_stamp(json, "heard_at", worker->heard_at);
    tb_json_double(json, "freq_s", worker->freq_s);
    tb_json_int(json, "processes", worker->processes);
    tb_json_int(json, "processed_seen", worker->processed_seen);
    tb_json_int(json, "started_seen", worker->started_seen);
    tb_json_int(json, "skew_us", worker->skew_us);
}

static void worker_cells(struct tb_output *output, const struct tb_status_worker *worker)
{
    char text[32];
    snprintf(text, sizeof(text), "%.1f ms", (double)worker->skew_us / 1000);
    tb_listing_str(&output->listing, tb_str_of(text));
}

/* -1 is unknown. */
static void count_cell(struct tb_output *output, const char *name, int64_t count)
{
    if (count >= 0)
        tb_output_int(output, name, count);
    else if (output->is_json)
        tb_json_null(&output->json, name);
    else
        tb_listing_str(&output->listing, TB_STR_NULL);
}

static void on_worker(void *owner, const struct tb_status_worker *worker)
{
    struct tb_output *output = owner;
    tb_output_begin_row(output);
    tb_output_str(output, "hostname", worker->hostname);
    tb_output_str(output, "state", worker_state(worker));
    tb_output_str(output, "sw_ver", worker->sw_ver);
    count_cell(output, "active", worker->active);
    count_cell(output, "processed", worker->processed);
    tb_output_int(output, "missed", worker->missed);
    if (output->is_json)
        worker_json(output, worker);
    else
        worker_cells(output, worker);
    tb_output_end_row(output);
}

static const struct tb_listing_column instance_columns[] = {
    {"DAEMON", false, true},     {"STATE", false, false}, {"VERSION", false, false},
    {"DELIVERIES", true, false}, {"EVENTS", true, false}, {"ROWS", true, false},
    {"DEAD", true, false},       {"LAG", true, false},    {"MEMORY", true, false}};

static const struct tb_listing_column worker_columns[] = {
    {"WORKER", false, true},    {"STATE", false, false}, {"CELERY", false, false}, {"ACTIVE", true, false},
    {"PROCESSED", true, false}, {"MISSED", true, false}, {"SKEW", true, false}};

static const struct tb_listing_column other_columns[] = {{"OTHER EVENT", false, true},
                                                         {"COUNT", true, false}};

static void on_event_type(void *owner, const struct tb_status_event_type *type)
{
    struct tb_output *output = owner;
    tb_output_begin_row(output);
    tb_output_str(output, "type", tb_str_is_empty(type->type) ? TB_STR("(further types)") : type->type);
    tb_output_int(output, "count", type->count);
    tb_output_end_row(output);
}

/* Events of types that mean nothing here stand last, where there are any. */
struct lists {
    struct tb_output daemons, workers, others;
};

static void lists_init(struct lists *lists, const struct tb_cli *cli)
{
    tb_output_init(&lists->daemons, cli, instance_columns, TB_COUNT(instance_columns));
    tb_output_init(&lists->workers, cli, worker_columns, TB_COUNT(worker_columns));
    tb_output_init(&lists->others, cli, other_columns, TB_COUNT(other_columns));
}

static void lists_deinit(struct lists *lists)
{
    tb_output_deinit(&lists->daemons);
    tb_output_deinit(&lists->workers);
    tb_output_deinit(&lists->others);
}

static int ask_lists(struct tb_cli *cli, struct lists *lists)
{
    if (tb_status_instances(cli->session, on_instance, &lists->daemons, &cli->err) ||
        tb_status_workers(cli->session, on_worker, &lists->workers, &cli->err) ||
        tb_status_event_types(cli->session, on_event_type, &lists->others, &cli->err))
        return tb_cli_fail(cli, NULL);
    return TB_EXIT_GOOD;
}

/* ---- printing ---- */

static void push_list(const struct tb_output *list, const char *empty, struct tb_buf *buf)
{
    tb_buf_push_str(buf, TB_STR("\n\n"));
    if (list->rows > 0)
        tb_listing_push(&list->listing, buf);
    else
        tb_buf_push_str(buf, tb_str_of(empty));
}

static void push_text(const struct status *status, const struct lists *lists, struct tb_buf *buf)
{
    push_summary(status, buf);
    push_list(&lists->daemons, "no daemon has run yet", buf);
    push_list(&lists->workers, "no worker has been heard yet", buf);
    if (lists->others.rows > 0)
        push_list(&lists->others, "", buf);
}

static void push_json_totals(const struct status *status, struct tb_json *json)
{
    const struct tb_status_totals *totals = &status->totals;
    tb_json_begin_object(json, "database");
    tb_json_str(json, "server_version", totals->server_version);
    tb_json_int(json, "bytes", totals->database_bytes);
    tb_json_int(json, "schema_version", status->applied);
    tb_json_int(json, "companies", totals->companies);
    tb_json_int(json, "tokens", totals->tokens);
    tb_json_end_object(json);
    tb_json_begin_object(json, "tasks");
    tb_json_int(json, "pending", totals->pending);
    tb_json_int(json, "running", totals->running);
    tb_json_int(json, "success", totals->success);
    tb_json_int(json, "failed", totals->failed);
    tb_json_int(json, "lost", totals->lost);
    tb_json_int(json, "without_company", totals->without_company);
    tb_json_stamp(json, "oldest_active_at", totals->oldest_active_at);
    tb_json_end_object(json);
    tb_json_begin_object(json, "dead_letters");
    tb_json_int(json, "total", totals->dead);
    tb_json_int(json, "unretried", totals->dead_unretried);
    tb_json_end_object(json);
}

static void push_json_broker(const struct status *status, struct tb_json *json)
{
    const struct tb_inspection *broker = &status->broker;
    tb_json_begin_object(json, "broker");
    tb_json_bool(json, "reachable", status->has_broker);
    if (status->has_broker) {
        tb_json_str(json, "product", tb_str_of(broker->product));
        tb_json_str(json, "version", tb_str_of(broker->version));
        tb_json_str(json, "place", tb_str_of(broker->place));
        if (broker->queue_messages >= 0) {
            tb_json_int(json, "queue_messages", broker->queue_messages);
            tb_json_int(json, "queue_consumers", broker->queue_consumers);
        }
        if (broker->reading.finding == TB_FINDING_DIFFERENT)
            tb_json_str(json, "queue_problem", tb_str_of(broker->reading.text));
    } else {
        tb_json_str(json, "error", tb_str_of(status->broker_problem));
    }
    tb_json_end_object(json);
}

static void push_json_list(const char *name, struct tb_output *list, struct tb_json *json)
{
    tb_json_end_list(&list->json);
    tb_json_raw(json, name, tb_buf_str(&list->buf));
    json->buf->failed = json->buf->failed || list->buf.failed;
}

static void push_json(const struct status *status, struct lists *lists, struct tb_buf *buf)
{
    struct tb_json json;
    tb_json_init(&json, buf);
    tb_json_begin_object(&json, NULL);
    push_json_totals(status, &json);
    push_json_broker(status, &json);
    push_json_list("daemons", &lists->daemons, &json);
    push_json_list("workers", &lists->workers, &json);
    push_json_list("other_events", &lists->others, &json);
    tb_json_end_object(&json);
}

static int print(struct tb_cli *cli, const struct status *status, struct lists *lists)
{
    struct tb_buf buf;
    tb_buf_init(&buf, 64 * TB_MIB);
    if (cli->args.json)
        push_json(status, lists, &buf);
    else
        push_text(status, lists, &buf);
    int code = tb_cli_print(cli, &buf);
    tb_buf_deinit(&buf);
    return code;
}

static int run(struct tb_cli *cli)
{
    struct status status = {.applied = 0};
    struct lists lists;
    int code = tb_cli_connect(cli);
    if (!code)
        code = ask_schema(cli, &status);
    if (code)
        return code;
    ask_broker(cli, &status);
    lists_init(&lists, cli);
    code = ask_lists(cli, &lists);
    /* Last: its texts live until the session's next call. */
    if (!code && tb_status_totals(cli->session, &status.totals, &cli->err))
        code = tb_cli_fail(cli, NULL);
    if (!code)
        code = print(cli, &status, &lists);
    lists_deinit(&lists);
    return code == TB_EXIT_GOOD && !status.has_broker ? TB_EXIT_FAILED : code;
}

const struct tb_cli_command tb_cli_status = {
    .name = "status",
    .operands = "",
    .has_json = true,
    .summary = "Tell how daemons, workers, queue and tasks are doing",
    .run = run,
};

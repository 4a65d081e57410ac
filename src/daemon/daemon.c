/* One loop, one thread: the consumer fills the pipeline, the pipeline the sink, and beside them run the
 * maintenance jobs and the heartbeat in the database.
 *
 * The end has an order: the consumer takes no more, the pipeline writes and acknowledges what it has and
 * meanwhile a job under way finishes; then the goodbye in the database; then the loop stops. All of it has
 * shutdown_timeout_s; when the database or the broker is away for longer, what was not acknowledged stays in
 * the queue, so nothing is lost, and the daemon ends well all the same. A second signal ends at once.
 *
 * What was configured at the start and can't change is borrowed by the parts, so the first configuration
 * lives as long as the daemon. */
#include "daemon.h"

#include "depth.h"
#include "hearing.h"
#include "jobs/jobs.h"
#include "life.h"
#include "pipeline.h"
#include "schedule.h"
#include "taskbridge/amqp/consumer.h"
#include "taskbridge/base/log.h"
#include "taskbridge/io/notify.h"
#include "taskbridge/store/sink.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define MEASURE_EVERY_US TB_US_PER_S
#define RESTART_TEXT_MAX ((size_t)4096)

struct tb_daemon {
    struct tb_config *first_config, *config; /* owned; the same until a reload */
    const struct tb_config_source *source;   /* borrowed */
    struct tb_log log;
    struct tb_loop *loop;
    struct tb_pipeline *pipeline;
    struct tb_consumer *consumer;
    struct tb_store_sink *sink;
    struct tb_schedule *schedule;
    struct tb_job_statuses *statuses;
    struct tb_life *life;
    struct tb_amqp_options amqp;
    struct tb_hearing hearing;
    struct tb_timer measure, deadline, watchdog;
    int64_t queue_messages, queue_bytes; /* -1: not known */
    enum tb_depth_level depth;
    bool is_stopping, is_drained, is_schedule_stopped;
};

/* ---- the end ---- */

static void on_goodbye(void *owner)
{
    struct tb_daemon *daemon = owner;

    tb_loop_disarm(daemon->loop, &daemon->deadline);
    tb_log(&daemon->log, TB_LOG_INFO, "stopped: everything in hand is written and acknowledged");
    tb_loop_stop(daemon->loop);
}

static void say_goodbye(struct tb_daemon *daemon)
{
    if (daemon->is_drained && daemon->is_schedule_stopped)
        tb_life_stop(daemon->life, on_goodbye);
}

static void on_drained(void *owner)
{
    struct tb_daemon *daemon = owner;

    daemon->is_drained = true;
    say_goodbye(daemon);
}

static void on_schedule_stopped(void *owner)
{
    struct tb_daemon *daemon = owner;

    daemon->is_schedule_stopped = true;
    say_goodbye(daemon);
}

static void on_deadline(struct tb_timer *timer)
{
    struct tb_daemon *daemon = timer->owner;
    struct tb_pipeline_state state = tb_pipeline_state(daemon->pipeline);

    tb_log(&daemon->log, TB_LOG_WARNING,
           "stopped after daemon.shutdown_timeout_s; what is not acknowledged stays in the queue and comes "
           "again",
           TB_F_INT("deliveries", state.gathering_deliveries + state.writing_deliveries));
    tb_loop_stop(daemon->loop);
}

static void stop(struct tb_daemon *daemon, int signal)
{
    if (daemon->is_stopping) {
        tb_log(&daemon->log, TB_LOG_WARNING, "a second signal: stopped at once");
        tb_loop_stop(daemon->loop);
        return;
    }
    daemon->is_stopping = true;
    tb_log(&daemon->log, TB_LOG_INFO, "stopping",
           TB_F_CSTR("signal", signal == SIGINT ? "SIGINT" : "SIGTERM"));
    tb_notify_stopping();
    tb_loop_disarm(daemon->loop, &daemon->measure);
    tb_loop_arm(daemon->loop, &daemon->deadline, daemon->config->daemon.shutdown_timeout_s * TB_US_PER_S);
    tb_consumer_stop_consuming(daemon->consumer);
    tb_schedule_stop(daemon->schedule);
    tb_pipeline_drain(daemon->pipeline);
}

/* ---- the configuration, read again ---- */

static void warn_of_restart(struct tb_daemon *daemon, const struct tb_config *config)
{
    struct tb_buf options;

    tb_buf_init(&options, RESTART_TEXT_MAX);
    tb_config_push_restart_needed(daemon->first_config, config, &options);
    if (options.len)
        tb_log(&daemon->log, TB_LOG_WARNING, "some options take effect only after a restart",
               TB_F_STR("options", tb_buf_str(&options)));
    tb_buf_deinit(&options);
}

static void use_config(struct tb_daemon *daemon, struct tb_config *config)
{
    struct tb_config *former = daemon->config;

    daemon->config = config;
    daemon->log.level = (enum tb_log_level)config->log.level;
    daemon->log.format = (enum tb_log_format)config->log.format;
    tb_pipeline_set_rules(daemon->pipeline, &config->rules);
    tb_schedule_set_config(daemon->schedule, config);
    if (former != daemon->first_config)
        tb_config_free(former);
}

static void reload(struct tb_daemon *daemon)
{
    struct tb_config *config = NULL;
    struct tb_error err = {0};

    tb_notify_reloading();
    if (tb_config_load(daemon->source, &config, &err) == 0) {
        warn_of_restart(daemon, config);
        use_config(daemon, config);
        tb_log(&daemon->log, TB_LOG_INFO, "configuration read again", TB_F_CSTR("file", daemon->source->path),
               TB_F_INT("rules", config->rules.count));
    } else {
        tb_log(&daemon->log, TB_LOG_ERROR, "the configuration can't be used; the former stays",
               TB_F_CSTR("error", err.text));
    }
    tb_notify_ready();
}

static void on_signal(void *owner, int signal)
{
    struct tb_daemon *daemon = owner;

    if (signal != SIGHUP)
        stop(daemon, signal);
    else if (!daemon->is_stopping)
        reload(daemon);
}

/* ---- the broker ---- */

static void on_connected(void *owner, const struct tb_consumer_info *info)
{
    struct tb_daemon *daemon = owner;

    tb_hearing_connected(&daemon->hearing);
    tb_log(&daemon->log, TB_LOG_INFO, "consuming", TB_F_CSTR("broker", info->place),
           TB_F_CSTR("product", info->product), TB_F_CSTR("version", info->version),
           TB_F_CSTR("tls", info->tls), TB_F_CSTR("queue", daemon->amqp.queue),
           TB_F_INT("waiting", info->queue_messages));
    tb_notify_status("consuming");
    tb_schedule_set_listening(daemon->schedule, true);
}

static void on_disconnected(void *owner, const struct tb_error *err, int64_t retry_in_us)
{
    struct tb_daemon *daemon = owner;

    tb_hearing_disconnected(&daemon->hearing);
    daemon->queue_messages = daemon->queue_bytes = -1;
    if (daemon->is_stopping)
        return;
    tb_log(&daemon->log, TB_LOG_WARNING, "no broker", TB_F_CSTR("error", err->text),
           TB_F_DOUBLE("retry_in_s", (double)retry_in_us / TB_US_PER_S));
    tb_notify_status("waiting for RabbitMQ");
    tb_schedule_set_listening(daemon->schedule, false);
}

static void on_warning(void *owner, const char *text)
{
    struct tb_daemon *daemon = owner;

    tb_log(&daemon->log, TB_LOG_WARNING, text);
}

static void on_blocked(void *owner, bool is_blocked, struct tb_str reason)
{
    struct tb_daemon *daemon = owner;

    if (is_blocked)
        tb_log(&daemon->log, TB_LOG_WARNING,
               "the broker takes no messages: a resource of its is low; workers' events wait there",
               TB_F_STR("reason", reason));
    else
        tb_log(&daemon->log, TB_LOG_INFO, "the broker takes messages again");
}

static void tell_depth(struct tb_daemon *daemon)
{
    static const char *const texts[] = {
        [TB_DEPTH_FINE] = "the queue has room again",
        [TB_DEPTH_HALF] =
            "the queue is half full; past amqp.queue.max_bytes the oldest events are dropped: see "
            "that the database keeps up, start more daemons, or raise it for a new queue",
        [TB_DEPTH_NEARLY_FULL] = "the queue is nearly full: its oldest events are dropped now or soon"};

    tb_log(&daemon->log, daemon->depth == TB_DEPTH_FINE ? TB_LOG_INFO : TB_LOG_WARNING, texts[daemon->depth],
           TB_F_INT("waiting", daemon->queue_messages), TB_F_INT("about_bytes", daemon->queue_bytes),
           TB_F_INT("max_bytes", daemon->amqp.queue_max_bytes));
}

static void on_measured(void *owner, int64_t messages, int64_t consumers)
{
    struct tb_daemon *daemon = owner;
    struct tb_pipeline_state state = tb_pipeline_state(daemon->pipeline);

    (void)consumers;
    daemon->queue_messages = messages;
    daemon->queue_bytes = tb_depth_estimate_bytes(messages, state.taken, state.taken_bytes);
    enum tb_depth_level former = daemon->depth;
    daemon->depth = tb_depth_next(former, daemon->queue_bytes, daemon->amqp.queue_max_bytes);
    if (daemon->depth > former || (daemon->depth < former && daemon->depth == TB_DEPTH_FINE))
        tell_depth(daemon);
    tb_hearing_measured(&daemon->hearing, messages, state.taken, state.settled, tb_clock_now_us());
}

static void on_measure(struct tb_timer *timer)
{
    struct tb_daemon *daemon = timer->owner;

    if (tb_consumer_is_connected(daemon->consumer))
        tb_consumer_measure(daemon->consumer);
    tb_loop_arm(daemon->loop, timer, MEASURE_EVERY_US);
}

/* ---- the database ---- */

static void on_database(void *owner)
{
    struct tb_daemon *daemon = owner;

    tb_log(&daemon->log, TB_LOG_INFO, "connected to PostgreSQL");
}

static void on_database_lost(void *owner, const struct tb_error *err, int64_t retry_in_us)
{
    struct tb_daemon *daemon = owner;

    tb_log(&daemon->log, TB_LOG_WARNING, "no database", TB_F_CSTR("error", err->text),
           TB_F_CSTR("sqlstate", err->sqlstate),
           TB_F_DOUBLE("retry_in_s", (double)retry_in_us / TB_US_PER_S));
}

static struct tb_life_signs signs(void *owner)
{
    struct tb_daemon *daemon = owner;

    return (struct tb_life_signs){.is_connected = tb_consumer_is_connected(daemon->consumer),
                                  .hearing = daemon->hearing,
                                  .queue_messages = daemon->queue_messages,
                                  .queue_bytes = daemon->queue_bytes,
                                  .queue_max_bytes = daemon->amqp.queue_max_bytes,
                                  .lag_us = tb_pipeline_state(daemon->pipeline).lag_us};
}

static void on_watchdog(struct tb_timer *timer)
{
    struct tb_daemon *daemon = timer->owner;

    tb_notify_watchdog();
    tb_loop_arm(daemon->loop, timer, tb_notify_watchdog_us());
}

/* ---- putting together ---- */

static const char *given(const char *text)
{
    return *text ? text : NULL;
}

static void fill_amqp_options(struct tb_daemon *daemon)
{
    const struct tb_config *config = daemon->config;

    tb_amqp_options_init(&daemon->amqp);
    daemon->amqp.url = config->amqp.url;
    daemon->amqp.tls.ca_file = given(config->amqp.tls.ca_file);
    daemon->amqp.tls.cert_file = given(config->amqp.tls.cert_file);
    daemon->amqp.tls.key_file = given(config->amqp.tls.key_file);
    daemon->amqp.tls.verify = config->amqp.tls.verify;
    daemon->amqp.heartbeat_s = (int)config->amqp.heartbeat_s;
    daemon->amqp.connect_timeout_us = config->amqp.connect_timeout_s * TB_US_PER_S;
    daemon->amqp.instance = config->daemon.instance;
    daemon->amqp.exchange = config->amqp.exchange;
    daemon->amqp.queue = config->amqp.queue.name;
    daemon->amqp.queue_max_bytes = config->amqp.queue.max_bytes;
    daemon->amqp.prefetch = (unsigned)config->amqp.prefetch;
}

static int open_pipeline(struct tb_daemon *daemon, struct tb_error *err)
{
    const struct tb_pipeline_options options = {.loop = daemon->loop,
                                                .log = &daemon->log,
                                                .rules = &daemon->config->rules,
                                                .on_drained = on_drained,
                                                .owner = daemon};
    int r = tb_pipeline_new(&options, &daemon->pipeline);

    return r ? tb_error_set_errno(err, r, "the pipeline") : 0;
}

static int open_consumer(struct tb_daemon *daemon, struct tb_error *err)
{
    const struct tb_source_events deliveries = tb_pipeline_source_events(daemon->pipeline);
    const struct tb_consumer_events events = {.on_connected = on_connected,
                                              .on_disconnected = on_disconnected,
                                              .on_warning = on_warning,
                                              .on_blocked = on_blocked,
                                              .on_measured = on_measured,
                                              .owner = daemon};

    return tb_consumer_open(daemon->loop, &daemon->amqp, &deliveries, &events, &daemon->consumer, err);
}

static int open_sink(struct tb_daemon *daemon, struct tb_error *err)
{
    const struct tb_config *config = daemon->config;
    const struct tb_sink_events events = tb_pipeline_sink_events(daemon->pipeline);
    const struct tb_store_sink_options options = {
        .url = config->database.url,
        .instance = config->daemon.instance,
        .application_name = "taskbridged",
        .connect_timeout_us = config->database.connect_timeout_s * TB_US_PER_S,
        .response_timeout_us = config->database.response_timeout_s * TB_US_PER_S,
        .on_connected = on_database,
        .on_lost = on_database_lost,
        .owner = daemon};

    return tb_store_sink_open(daemon->loop, &options, &events, &daemon->sink, err);
}

static int open_schedule(struct tb_daemon *daemon, struct tb_error *err)
{
    const struct tb_config *config = daemon->config;
    const struct tb_schedule_options options = {
        .instance = config->daemon.instance,
        .log = &daemon->log,
        .config = config,
        .database_url = config->database.url,
        .connect_timeout_us = config->database.connect_timeout_s * TB_US_PER_S,
        .response_timeout_us = config->database.response_timeout_s * TB_US_PER_S,
        .on_stopped = on_schedule_stopped,
        .owner = daemon};
    int r = tb_schedule_open(daemon->loop, &options, &daemon->schedule, err);

    if (r)
        return r;
    tb_schedule_add(daemon->schedule, &tb_job_completed);
    tb_schedule_add(daemon->schedule, &tb_job_orphaned);
    r = tb_job_statuses_new(daemon->loop, &daemon->amqp, &daemon->hearing, &daemon->statuses, err);
    if (r)
        return r;
    const struct tb_job_kind statuses = tb_job_statuses_kind(daemon->statuses);
    tb_schedule_add(daemon->schedule, &statuses);
    return 0;
}

static int open_life(struct tb_daemon *daemon, struct tb_error *err)
{
    const struct tb_life_options options = {.loop = daemon->loop,
                                            .log = &daemon->log,
                                            .connection = tb_schedule_connection(daemon->schedule),
                                            .instance = daemon->config->daemon.instance,
                                            .run = tb_store_sink_run(daemon->sink),
                                            .signs = signs,
                                            .owner = daemon};
    int r = tb_life_new(&options, &daemon->life);

    return r ? tb_error_set_errno(err, r, "the heartbeat") : 0;
}

static int open_parts(struct tb_daemon *daemon, struct tb_error *err)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, 0};
    int r = tb_loop_new(&daemon->loop, err);

    if (r == 0)
        r = tb_loop_catch_signals(daemon->loop, signals, on_signal, daemon, err);
    if (r == 0)
        r = open_pipeline(daemon, err);
    if (r == 0)
        r = open_sink(daemon, err);
    if (r == 0)
        r = open_schedule(daemon, err);
    if (r == 0)
        r = open_life(daemon, err);
    if (r == 0)
        r = open_consumer(daemon, err);
    if (r == 0)
        tb_pipeline_connect(daemon->pipeline, tb_consumer_source(daemon->consumer),
                            tb_store_sink_as_sink(daemon->sink));
    return r;
}

int tb_daemon_new(struct tb_config *config, const struct tb_config_source *source,
                  struct tb_daemon **ret_daemon, struct tb_error *err)
{
    struct tb_daemon *daemon = calloc(1, sizeof(*daemon));

    if (!daemon) {
        tb_config_free(config);
        return tb_error_set_errno(err, -ENOMEM, "the daemon");
    }
    daemon->first_config = daemon->config = config;
    daemon->source = source;
    daemon->queue_messages = daemon->queue_bytes = -1;
    tb_log_init(&daemon->log, STDERR_FILENO, (enum tb_log_level)config->log.level,
                (enum tb_log_format)config->log.format);
    tb_hearing_init(&daemon->hearing);
    daemon->measure = (struct tb_timer){.on_expire = on_measure, .owner = daemon};
    daemon->deadline = (struct tb_timer){.on_expire = on_deadline, .owner = daemon};
    daemon->watchdog = (struct tb_timer){.on_expire = on_watchdog, .owner = daemon};
    fill_amqp_options(daemon);
    int r = open_parts(daemon, err);
    if (r) {
        tb_daemon_free(daemon);
        return r;
    }
    *ret_daemon = daemon;
    return 0;
}

int tb_daemon_run(struct tb_daemon *daemon, struct tb_error *err)
{
    tb_log(&daemon->log, TB_LOG_INFO, "started", TB_F_CSTR("version", TASKBRIDGE_VERSION),
           TB_F_CSTR("instance", daemon->config->daemon.instance), TB_F_INT("pid", getpid()),
           TB_F_INT("rules", daemon->config->rules.count));
    tb_loop_arm(daemon->loop, &daemon->measure, MEASURE_EVERY_US);
    if (tb_notify_watchdog_us() > 0)
        tb_loop_arm(daemon->loop, &daemon->watchdog, tb_notify_watchdog_us());
    tb_notify_ready();
    return tb_loop_run(daemon->loop, err);
}

void tb_daemon_free(struct tb_daemon *daemon)
{
    if (!daemon)
        return;
    tb_consumer_close(daemon->consumer);
    tb_life_free(daemon->life);
    tb_schedule_close(daemon->schedule);
    tb_job_statuses_free(daemon->statuses);
    tb_store_sink_close(daemon->sink);
    tb_pipeline_free(daemon->pipeline);
    if (daemon->loop) {
        tb_loop_disarm(daemon->loop, &daemon->measure);
        tb_loop_disarm(daemon->loop, &daemon->deadline);
        tb_loop_disarm(daemon->loop, &daemon->watchdog);
        tb_loop_free(daemon->loop);
    }
    if (daemon->config != daemon->first_config)
        tb_config_free(daemon->config);
    tb_config_free(daemon->first_config);
    free(daemon);
}

/* One loop, one thread: the consumer fills the pipeline, the pipeline the sink, and beside them run the
 * maintenance jobs and the heartbeat in the database. Here the parts are put together, run and taken apart.
 *
 * What was configured at the start and can't change is borrowed by the parts, so the first configuration
 * lives as long as the daemon. */
#include "state.h"

#include "taskbridge/io/notify.h"
#include "taskbridge/launch/broker.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define SOURCE_MAX_BYTES ((size_t)4096)

static int name_source(struct tb_daemon *daemon, struct tb_error *err)
{
    struct tb_buf text;
    int r = tb_amqp_options_check(&daemon->amqp, err);

    if (r)
        return r;
    tb_buf_init(&text, SOURCE_MAX_BYTES);
    tb_amqp_options_push_source(&daemon->amqp, &text);
    if (!text.failed)
        daemon->amqp_source = strdup(text.ptr);
    tb_buf_deinit(&text);
    return daemon->amqp_source ? 0 : tb_error_set(err, -ENOMEM, "out of memory");
}

static int open_pipeline(struct tb_daemon *daemon, struct tb_error *err)
{
    const struct tb_pipeline_options options = {.loop = daemon->loop,
                                                .log = &daemon->log,
                                                .rules = &daemon->config->rules,
                                                .on_drained = tb_daemon_on_drained,
                                                .owner = daemon};
    int r = tb_pipeline_new(&options, &daemon->pipeline);

    return r ? tb_error_set_errno(err, r, "the pipeline") : 0;
}

static int open_consumer(struct tb_daemon *daemon, struct tb_error *err)
{
    const struct tb_source_events deliveries = tb_pipeline_source_events(daemon->pipeline);
    struct tb_consumer_events events = tb_daemon_consumer_events;

    events.owner = daemon;
    return tb_consumer_open(&daemon->broker, &deliveries, &events, &daemon->consumer, err);
}

static int open_sink(struct tb_daemon *daemon, struct tb_error *err)
{
    const struct tb_config *config = daemon->config;
    const struct tb_sink_events events = tb_pipeline_sink_events(daemon->pipeline);
    const struct tb_store_sink_options options = {
        .url = config->database.url,
        .schema = config->database.schema,
        .source = daemon->amqp_source,
        .instance = config->daemon.instance,
        .application_name = "taskbridged",
        .dead_letters_max_rows = config->maintenance.dead_letters_max_rows,
        .dead_letters_max_bytes = config->maintenance.dead_letters_max_bytes,
        .connect_timeout_us = config->database.connect_timeout_s * TB_US_PER_S,
        .response_timeout_us = config->database.response_timeout_s * TB_US_PER_S,
        .on_connected = tb_daemon_on_database,
        .on_lost = tb_daemon_on_database_lost,
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
        .on_stopped = tb_daemon_on_schedule_stopped,
        .owner = daemon};
    int r = tb_schedule_open(daemon->loop, &options, &daemon->schedule, err);

    if (r)
        return r;
    tb_schedule_add(daemon->schedule, &tb_job_completed);
    tb_schedule_add(daemon->schedule, &tb_job_orphaned);
    tb_schedule_add(daemon->schedule, &tb_job_dead_letters);
    const struct tb_judging_options judging = {.broker = &daemon->broker,
                                               .evidence = {.hearing = &daemon->hearing,
                                                            .company = &daemon->company,
                                                            .source = daemon->amqp_source,
                                                            .queue = daemon->amqp.queue}};
    r = tb_job_statuses_new(&judging, &daemon->statuses, err);
    if (r == 0)
        r = tb_job_waiting_new(&judging, &daemon->waiting, err);
    if (r)
        return r;
    const struct tb_job_kind statuses = tb_job_statuses_kind(daemon->statuses);
    const struct tb_job_kind waiting = tb_job_waiting_kind(daemon->waiting);
    tb_schedule_add(daemon->schedule, &statuses);
    tb_schedule_add(daemon->schedule, &waiting);
    return 0;
}

static int open_life(struct tb_daemon *daemon, struct tb_error *err)
{
    const struct tb_life_options options = {.loop = daemon->loop,
                                            .log = &daemon->log,
                                            .connection = tb_schedule_connection(daemon->schedule),
                                            .instance = daemon->config->daemon.instance,
                                            .run = tb_store_sink_run(daemon->sink),
                                            .source = daemon->amqp_source,
                                            .queue = daemon->amqp.queue,
                                            .signs = tb_daemon_signs,
                                            .owner = daemon};
    int r = tb_life_new(&options, &daemon->life);

    return r ? tb_error_set_errno(err, r, "the heartbeat") : 0;
}

static int open_dialler(struct tb_daemon *daemon, struct tb_error *err)
{
    int r = tb_dialler_new(daemon->loop, &daemon->dialler, err);

    if (r == 0)
        r = tb_resolver_new(daemon->loop, daemon->dialler, &daemon->resolver, err);
    daemon->broker = (struct tb_broker){.loop = daemon->loop,
                                        .dialler = daemon->dialler,
                                        .resolver = daemon->resolver,
                                        .options = &daemon->amqp};
    return r;
}

static int open_parts(struct tb_daemon *daemon, struct tb_error *err)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, 0};
    int r = tb_loop_new(&daemon->loop, err);

    if (r == 0)
        r = tb_loop_catch_signals(daemon->loop, signals, tb_daemon_on_signal, daemon, err);
    if (r == 0)
        r = open_dialler(daemon, err);
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
    daemon->measure = (struct tb_timer){.on_expire = tb_daemon_on_measure, .owner = daemon};
    daemon->deadline = (struct tb_timer){.on_expire = tb_daemon_on_deadline, .owner = daemon};
    daemon->watchdog = (struct tb_timer){.on_expire = tb_daemon_on_watchdog, .owner = daemon};
    tb_launch_broker(daemon->config, &daemon->amqp);
    int r = name_source(daemon, err);
    if (r == 0)
        r = open_parts(daemon, err);
    if (r) {
        tb_daemon_free(daemon);
        return r;
    }
    *ret_daemon = daemon;
    return 0;
}

int tb_daemon_run(struct tb_daemon *daemon, struct tb_error *err)
{
    tb_log(&daemon->log, TB_LOG_INFO, "started", TB_F_EVENT("daemon_started"),
           TB_F_CSTR("version", TASKBRIDGE_VERSION), TB_F_CSTR("instance", daemon->config->daemon.instance),
           TB_F_INT("pid", getpid()), TB_F_INT("rules", daemon->config->rules.count));
    tb_loop_arm(daemon->loop, &daemon->measure, TB_DAEMON_MEASURE_EVERY_US);
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
    tb_job_waiting_free(daemon->waiting);
    tb_store_sink_close(daemon->sink);
    tb_pipeline_free(daemon->pipeline);
    tb_resolver_free(daemon->resolver);
    tb_dialler_free(daemon->dialler);
    if (daemon->loop) {
        tb_loop_disarm(daemon->loop, &daemon->measure);
        tb_loop_disarm(daemon->loop, &daemon->deadline);
        tb_loop_disarm(daemon->loop, &daemon->watchdog);
        tb_loop_free(daemon->loop);
    }
    if (daemon->config != daemon->first_config)
        tb_config_free(daemon->config);
    tb_config_free(daemon->first_config);
    free(daemon->amqp_source);
    free(daemon);
}

/* What signals ask of the daemon: to end, or to read its configuration again.
 *
 * The end has an order: the consumer takes no more, the pipeline writes and acknowledges what it has and
 * meanwhile a job under way finishes; then the goodbye in the database; then the loop stops. All of it has
 * shutdown_timeout_s; when the database or the broker is away for longer, what was not acknowledged stays in
 * the queue, so nothing is lost, and the daemon ends well all the same. A second signal ends at once.
 *
 * A configuration that can't be used changes nothing. */
#include "state.h"

#include "taskbridge/io/notify.h"

#include <signal.h>

#define RESTART_TEXT_MAX ((size_t)4096)

/* ---- the end ---- */

static void on_goodbye(void *owner)
{
    struct tb_daemon *daemon = owner;

    tb_loop_disarm(daemon->loop, &daemon->deadline);
    tb_log(&daemon->log, TB_LOG_INFO, "stopped: everything in hand is written and acknowledged",
           TB_F_EVENT("daemon_stopped"));
    tb_loop_stop(daemon->loop);
}

static void say_goodbye(struct tb_daemon *daemon)
{
    if (daemon->is_drained && daemon->is_schedule_stopped)
        tb_life_stop(daemon->life, on_goodbye);
}

void tb_daemon_on_drained(void *owner)
{
    struct tb_daemon *daemon = owner;

    daemon->is_drained = true;
    say_goodbye(daemon);
}

void tb_daemon_on_schedule_stopped(void *owner)
{
    struct tb_daemon *daemon = owner;

    daemon->is_schedule_stopped = true;
    say_goodbye(daemon);
}

void tb_daemon_on_deadline(struct tb_timer *timer)
{
    struct tb_daemon *daemon = timer->owner;
    struct tb_pipeline_state state = tb_pipeline_state(daemon->pipeline);

    tb_log(&daemon->log, TB_LOG_WARNING,
           "stopped after daemon.shutdown_timeout_s; what is not acknowledged stays in the queue and comes "
           "again",
           TB_F_EVENT("daemon_stopped_unwritten"),
           TB_F_INT("deliveries", state.gathering_deliveries + state.writing_deliveries));
    tb_loop_stop(daemon->loop);
}

static void stop(struct tb_daemon *daemon, int signal)
{
    if (daemon->is_stopping) {
        tb_log(&daemon->log, TB_LOG_WARNING, "a second signal: stopped at once",
               TB_F_EVENT("daemon_stopped_at_once"));
        tb_loop_stop(daemon->loop);
        return;
    }
    daemon->is_stopping = true;
    tb_log(&daemon->log, TB_LOG_INFO, "stopping", TB_F_EVENT("daemon_stopping"),
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
               TB_F_EVENT("configuration_needs_restart"), TB_F_STR("options", tb_buf_str(&options)));
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
        tb_log(&daemon->log, TB_LOG_INFO, "configuration read again", TB_F_EVENT("configuration_read"),
               TB_F_CSTR("file", daemon->source->path), TB_F_INT("rules", config->rules.count));
    } else {
        tb_log(&daemon->log, TB_LOG_ERROR, "the configuration can't be used; the former stays",
               TB_F_EVENT("configuration_refused"), TB_F_CSTR("error", err.text));
    }
    tb_notify_ready();
}

void tb_daemon_on_signal(void *owner, int signal)
{
    struct tb_daemon *daemon = owner;

    if (signal != SIGHUP)
        stop(daemon, signal);
    else if (!daemon->is_stopping)
        reload(daemon);
}

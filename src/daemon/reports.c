/* What the daemon's parts tell: the log lines of broker and database, how deep the queue is, since when
 * everything is heard, and the signs of life that go into the database.
 *
 * It decides nothing but who else has to know. */
#include "state.h"

#include "taskbridge/io/notify.h"

#include <inttypes.h>

/* ---- the broker ---- */

static void tell_broker(struct tb_daemon *daemon)
{
    daemon->is_broker_known = true;
    if (daemon->life)
        tb_life_hurry(daemon->life);
}

static void on_connected(void *owner, const struct tb_consumer_info *info)
{
    struct tb_daemon *daemon = owner;

    tb_hearing_connected(&daemon->hearing);
    tell_broker(daemon);
    tb_log(&daemon->log, TB_LOG_INFO, "consuming", TB_F_EVENT("broker_connected"),
           TB_F_CSTR("broker", info->place), TB_F_CSTR("product", info->product),
           TB_F_CSTR("version", info->version), TB_F_CSTR("tls", info->tls),
           TB_F_CSTR("queue", daemon->amqp.queue), TB_F_INT("waiting", info->queue_messages));
    tb_notify_status("consuming");
    tb_schedule_set_listening(daemon->schedule, true);
}

static void on_disconnected(void *owner, const struct tb_error *err, int64_t retry_in_us)
{
    struct tb_daemon *daemon = owner;

    tb_hearing_disconnected(&daemon->hearing);
    tell_broker(daemon);
    daemon->queue_messages = daemon->queue_bytes = -1;
    if (daemon->is_stopping)
        return;
    tb_log(&daemon->log, TB_LOG_WARNING, "no broker", TB_F_EVENT("broker_lost"),
           TB_F_CSTR("error", err->text), TB_F_DOUBLE("retry_in_s", (double)retry_in_us / TB_US_PER_S));
    tb_notify_status("waiting for RabbitMQ");
    tb_schedule_set_listening(daemon->schedule, false);
}

static void on_warning(void *owner, const char *text)
{
    struct tb_daemon *daemon = owner;

    tb_log(&daemon->log, TB_LOG_WARNING, text, TB_F_EVENT("broker_warning"));
}

static void on_blocked(void *owner, bool is_blocked, struct tb_str reason)
{
    struct tb_daemon *daemon = owner;

    if (is_blocked)
        tb_log(&daemon->log, TB_LOG_WARNING,
               "the broker takes no messages: a resource of its is low; workers' events wait there",
               TB_F_EVENT("broker_blocked"), TB_F_STR("reason", reason));
    else
        tb_log(&daemon->log, TB_LOG_INFO, "the broker takes messages again", TB_F_EVENT("broker_unblocked"));
}

static void tell_depth(struct tb_daemon *daemon)
{
    static const char *const texts[] = {
        [TB_DEPTH_FINE] = "the queue has room again",
        [TB_DEPTH_HALF] =
            "the queue is half full; past amqp.queue.max_bytes the oldest events are dropped: see "
            "that the database keeps up, start more daemons, or raise it for a new queue",
        [TB_DEPTH_NEARLY_FULL] = "the queue is nearly full: its oldest events are dropped now or soon"};
    static const char *const events[] = {[TB_DEPTH_FINE] = "queue_fine",
                                         [TB_DEPTH_HALF] = "queue_half_full",
                                         [TB_DEPTH_NEARLY_FULL] = "queue_nearly_full"};

    tb_log(&daemon->log, daemon->depth == TB_DEPTH_FINE ? TB_LOG_INFO : TB_LOG_WARNING, texts[daemon->depth],
           TB_F_EVENT(events[daemon->depth]), TB_F_INT("waiting", daemon->queue_messages),
           TB_F_INT("about_bytes", daemon->queue_bytes), TB_F_INT("max_bytes", daemon->amqp.queue_max_bytes));
}

static void on_measured(void *owner, int64_t messages, int64_t consumers)
{
    struct tb_daemon *daemon = owner;
    struct tb_pipeline_state state = tb_pipeline_state(daemon->pipeline);

    daemon->queue_messages = messages;
    daemon->queue_bytes = tb_depth_estimate_bytes(messages, state.taken, state.taken_bytes);
    enum tb_depth_level former = daemon->depth;
    daemon->depth = tb_depth_next(former, daemon->queue_bytes, daemon->amqp.queue_max_bytes);
    if (daemon->depth > former || (daemon->depth < former && daemon->depth == TB_DEPTH_FINE))
        tell_depth(daemon);
    daemon->company = (struct tb_hearing_company){consumers, tb_life_daemons(daemon->life)};
    tb_hearing_measured(&daemon->hearing, &daemon->company, messages, state.taken, state.settled,
                        tb_clock_now_us());
}

void tb_daemon_on_measure(struct tb_timer *timer)
{
    struct tb_daemon *daemon = timer->owner;

    if (tb_consumer_is_connected(daemon->consumer))
        tb_consumer_measure(daemon->consumer);
    tb_loop_arm(daemon->loop, timer, TB_DAEMON_MEASURE_EVERY_US);
}

/* ---- the database ---- */

void tb_daemon_on_database(void *owner)
{
    struct tb_daemon *daemon = owner;

    tb_log(&daemon->log, TB_LOG_INFO, "connected to PostgreSQL", TB_F_EVENT("database_connected"));
}

void tb_daemon_on_database_lost(void *owner, const struct tb_error *err, int64_t retry_in_us)
{
    struct tb_daemon *daemon = owner;

    tb_log(&daemon->log, TB_LOG_WARNING, "no database", TB_F_EVENT("database_lost"),
           TB_F_CSTR("error", err->text), TB_F_CSTR("sqlstate", err->sqlstate),
           TB_F_DOUBLE("retry_in_s", (double)retry_in_us / TB_US_PER_S));
}

struct tb_life_signs tb_daemon_signs(void *owner)
{
    struct tb_daemon *daemon = owner;

    return (struct tb_life_signs){.is_broker_known = daemon->is_broker_known,
                                  .is_connected = tb_consumer_is_connected(daemon->consumer),
                                  .hearing = daemon->hearing,
                                  .queue_messages = daemon->queue_messages,
                                  .queue_bytes = daemon->queue_bytes,
                                  .queue_max_bytes = daemon->amqp.queue_max_bytes,
                                  .lag_us = tb_pipeline_state(daemon->pipeline).lag_us};
}

void tb_daemon_on_watchdog(struct tb_timer *timer)
{
    struct tb_daemon *daemon = timer->owner;

    tb_notify_watchdog();
    tb_loop_arm(daemon->loop, timer, tb_notify_watchdog_us());
}

const struct tb_consumer_events tb_daemon_consumer_events = {.on_connected = on_connected,
                                                             .on_disconnected = on_disconnected,
                                                             .on_warning = on_warning,
                                                             .on_blocked = on_blocked,
                                                             .on_measured = on_measured};

/* The daemon's insides, shared by daemon.c (putting together), reports.c (what its parts tell) and signals.c
 * (its end and its reload). */
#ifndef TASKBRIDGE_DAEMON_STATE_H
#define TASKBRIDGE_DAEMON_STATE_H

#include "daemon.h"
#include "depth.h"
#include "hearing.h"
#include "jobs/jobs.h"
#include "life.h"
#include "pipeline.h"
#include "schedule.h"
#include "taskbridge/amqp/consumer.h"
#include "taskbridge/base/log.h"
#include "taskbridge/store/sink.h"

#define TB_DAEMON_MEASURE_EVERY_US TB_US_PER_S

struct tb_daemon {
    struct tb_config *first_config, *config; /* owned; the same until a reload */
    const struct tb_config_source *source;   /* borrowed */
    struct tb_log log;
    struct tb_loop *loop;
    struct tb_dialler *dialler;
    struct tb_resolver *resolver;
    struct tb_pipeline *pipeline;
    struct tb_consumer *consumer;
    struct tb_store_sink *sink;
    struct tb_schedule *schedule;
    struct tb_job_statuses *statuses;
    struct tb_job_waiting *waiting;
    struct tb_life *life;
    struct tb_amqp_options amqp;
    struct tb_broker broker;
    struct tb_hearing hearing;
    struct tb_hearing_company company;
    char *amqp_source; /* owned: what its broker and vhost are called in the tables */
    struct tb_timer measure, deadline, watchdog;
    int64_t queue_messages, queue_bytes; /* -1: not known */
    enum tb_depth_level depth;
    bool is_broker_known; /* was reached or lost since the start */
    bool is_stopping, is_drained, is_schedule_stopped;
};

/* ---- signals.c ---- */
void tb_daemon_on_signal(void *owner, int signal);
void tb_daemon_on_drained(void *owner);
void tb_daemon_on_schedule_stopped(void *owner);
void tb_daemon_on_deadline(struct tb_timer *timer);

/* ---- reports.c ---- */
extern const struct tb_consumer_events tb_daemon_consumer_events; /* but for the owner */
void tb_daemon_on_database(void *owner);
void tb_daemon_on_database_lost(void *owner, const struct tb_error *err, int64_t retry_in_us);
void tb_daemon_on_measure(struct tb_timer *timer);
void tb_daemon_on_watchdog(struct tb_timer *timer);
struct tb_life_signs tb_daemon_signs(void *owner);

#endif

/* This daemon's own row among bridge_instances: how it is, every few seconds. */
#ifndef TASKBRIDGE_DAEMON_LIFE_H
#define TASKBRIDGE_DAEMON_LIFE_H

#include "hearing.h"
#include "taskbridge/base/log.h"
#include "taskbridge/io/loop.h"
#include "taskbridge/pg/connection.h"

/* What the row says, gathered by the daemon when it is asked. */
struct tb_life_signs {
    bool is_broker_known; /* it was reached or lost: until then nobody knows whether it is there */
    bool is_connected;
    struct tb_hearing hearing;
    int64_t queue_messages, queue_bytes; /* -1: not known; the latter is an estimate */
    int64_t queue_max_bytes;
    int64_t lag_us; /* -1: not known */
};

struct tb_life_options {
    struct tb_loop *loop; /* borrowed, as all here */
    struct tb_log *log;
    struct tb_pg_connection *connection; /* shared with the maintenance */
    const char *instance, *run, *source, *queue;
    struct tb_life_signs (*signs)(void *owner);
    void *owner;
};

struct tb_life;

/* 0 or -ENOMEM. */
int tb_life_new(const struct tb_life_options *options, struct tb_life **ret_life) TB_MUST_CHECK;
void tb_life_free(struct tb_life *life);

/* Says how it is at once, and not at the next beat: something changed that people look for. */
void tb_life_hurry(struct tb_life *life);

/* How many daemons consume this one's queue, itself included, as the database had it at the last beat; 0
 * where that is not known. */
int64_t tb_life_daemons(const struct tb_life *life);

/* Writes that it has ended, if the database is there; on_stopped comes in any case, and never from inside. */
void tb_life_stop(struct tb_life *life, void (*on_stopped)(void *owner));

#endif

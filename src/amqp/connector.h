/* From options to a connection that is ready, without the loop waiting for anything. */
#ifndef TASKBRIDGE_AMQP_CONNECTOR_H
#define TASKBRIDGE_AMQP_CONNECTOR_H

#include "session.h"
#include "taskbridge/amqp/broker.h"

struct tb_connector;

struct tb_connector_events {
    /* On a thread: what is to be asked for on the new connection before the loop gets it. It waits within the
     * session's deadline, and shares nothing with the loop but task. 0 or negative. May be NULL. */
    int (*set_up)(struct tb_session *session, const struct tb_amqp_options *options, void *task,
                  struct tb_error *err);
    /* The session (heap) and task are the owner's. broker is its number in the list. */
    void (*on_ready)(void *owner, struct tb_session *session, size_t broker, void *task);
    /* No broker of the list was to be had; task is freed. */
    void (*on_failed)(void *owner, const struct tb_error *err);
    void *owner;
};

/* role stands before the instance in the broker's list of connections; borrowed like all of broker. */
int tb_connector_new(const struct tb_broker *broker, const char *role,
                     const struct tb_connector_events *events, struct tb_connector **ret_connector,
                     struct tb_error *err) TB_MUST_CHECK;

/* Stops. NULL is fine; not from inside set_up. */
void tb_connector_free(struct tb_connector *connector);

/* Tries every address of every broker once, beginning with the broker that was had last; on_ready or
 * on_failed comes, never from inside this call. task (malloc'ed, or NULL) is taken. Not while under way. */
void tb_connector_start(struct tb_connector *connector, void *task);

/* No callback any more; fine when not under way. */
void tb_connector_stop(struct tb_connector *connector);

bool tb_connector_is_under_way(const struct tb_connector *connector);

#endif

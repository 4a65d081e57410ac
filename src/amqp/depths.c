/* A queue is looked for by a passive declaration: the answer has the number of messages that wait, and a
 * queue that is not there costs the AMQP channel, which is opened again for the next one.
 *
 * All that happens on the dialler's thread, before the connection would be handed to the loop; what comes
 * back is the task with its findings, and the connection is closed. */
#include "taskbridge/amqp/depths.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connector.h"
#include "topology.h"

#define CHANNEL 1
#define ROLE    "counting queues"

struct task {
    size_t count;
    enum tb_queue_finding findings[TB_DEPTHS_MAX];
    const char *names[TB_DEPTHS_MAX]; /* in text */
    char text[];
};

struct tb_depths {
    struct tb_connector *connector;
    void (*on_done)(void *owner, const enum tb_queue_finding *findings, size_t count,
                    const struct tb_error *err);
    void *owner;
};

/* ---- on the thread ---- */

static enum tb_queue_finding look_at(struct tb_session *session, const char *name, int *ret_r,
                                     struct tb_error *err)
{
    struct tb_topology topology = {0};
    int code = tb_topology_find_queue(session, CHANNEL, name, &topology, err);

    *ret_r = code < 0 ? code : 0;
    if (code == 0)
        return topology.messages > 0 ? TB_QUEUE_HOLDS : TB_QUEUE_EMPTY;
    return code == AMQP_NOT_FOUND ? TB_QUEUE_GONE : TB_QUEUE_UNKNOWN;
}

static int look(struct tb_session *session, const struct tb_amqp_options *options, void *work,
                struct tb_error *err)
{
    struct task *task = work;
    int r = tb_session_open_channel(session, CHANNEL, err);

    (void)options;
    for (size_t i = 0; r == 0 && i < task->count; i++) {
        struct tb_error reason = {0};
        task->findings[i] = look_at(session, task->names[i], &r, &reason);
        if (r < 0)
            *err = reason;
    }
    return r;
}

/* ---- in the loop ---- */

static void on_ready(void *owner, struct tb_session *session, size_t broker, void *work)
{
    struct tb_depths *depths = owner;
    struct task *task = work;

    (void)broker;
    tb_session_close(session, 0);
    free(session);
    depths->on_done(depths->owner, task->findings, task->count, NULL);
    free(task);
}

static void on_failed(void *owner, const struct tb_error *err)
{
    struct tb_depths *depths = owner;

    depths->on_done(depths->owner, NULL, 0, err);
}

int tb_depths_ask(struct tb_depths *depths, const struct tb_str *names, size_t count)
{
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += names[i].len + 1;
    struct task *task = malloc(sizeof(*task) + bytes);
    if (!task)
        return -ENOMEM;
    char *at = task->text;
    *task = (struct task){.count = count};
    for (size_t i = 0; i < count; i++) {
        task->names[i] = at;
        memcpy(at, names[i].ptr, names[i].len);
        at += names[i].len;
        *at++ = '\0';
    }
    tb_connector_start(depths->connector, task);
    return 0;
}

int tb_depths_new(const struct tb_broker *broker,
                  void (*on_done)(void *owner, const enum tb_queue_finding *findings, size_t count,
                                  const struct tb_error *err),
                  void *owner, struct tb_depths **ret_depths, struct tb_error *err)
{
    struct tb_depths *depths = calloc(1, sizeof(*depths));

    if (!depths)
        return tb_error_set_errno(err, -ENOMEM, "counting queues");
    depths->on_done = on_done;
    depths->owner = owner;
    const struct tb_connector_events events = {
        .set_up = look, .on_ready = on_ready, .on_failed = on_failed, .owner = depths};
    int r = tb_connector_new(broker, ROLE, &events, &depths->connector, err);
    if (r) {
        free(depths);
        return r;
    }
    *ret_depths = depths;
    return 0;
}

void tb_depths_free(struct tb_depths *depths)
{
    if (!depths)
        return;
    tb_connector_free(depths->connector);
    free(depths);
}

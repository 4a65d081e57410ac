/* The types of events, in one table.
 *
 * The table is in the order of the enum, so that a name is found by its type at once; a type by its name in
 * one comparison per entry of the same length, of which there are few. */
#include "taskbridge/core/event.h"

#define NAME(text)                                                                                           \
    {                                                                                                        \
        text, sizeof(text) - 1                                                                               \
    }

static const struct tb_str names[TB_EVENT_TYPES] = {
    [TB_EVENT_UNKNOWN] = NAME(""),
    [TB_EVENT_TASK_SENT] = NAME("task-sent"),
    [TB_EVENT_TASK_RECEIVED] = NAME("task-received"),
    [TB_EVENT_TASK_STARTED] = NAME("task-started"),
    [TB_EVENT_TASK_SUCCEEDED] = NAME("task-succeeded"),
    [TB_EVENT_TASK_FAILED] = NAME("task-failed"),
    [TB_EVENT_TASK_RETRIED] = NAME("task-retried"),
    [TB_EVENT_TASK_REJECTED] = NAME("task-rejected"),
    [TB_EVENT_TASK_REVOKED] = NAME("task-revoked"),
    [TB_EVENT_TASK_CANCELLED] = NAME("task-cancelled"),
    [TB_EVENT_TASK_PROGRESS] = NAME("task-progress"),
    [TB_EVENT_TASK_TRACKED] = NAME("task-tracked"),
    [TB_EVENT_WORKER_ONLINE] = NAME("worker-online"),
    [TB_EVENT_WORKER_HEARTBEAT] = NAME("worker-heartbeat"),
    [TB_EVENT_WORKER_OFFLINE] = NAME("worker-offline"),
};

struct tb_str tb_event_type_name(enum tb_event_type type)
{
    return names[type];
}

enum tb_event_type tb_event_type_find(struct tb_str name)
{
    for (enum tb_event_type type = TB_EVENT_UNKNOWN + 1; type < TB_EVENT_TYPES; type++)
        if (tb_str_equal(names[type], name))
            return type;
    if (tb_str_equal(name, TB_STR("kanchi-task-progress")))
        return TB_EVENT_TASK_PROGRESS;
    return TB_EVENT_UNKNOWN;
}

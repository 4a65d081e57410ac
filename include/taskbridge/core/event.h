/* An event of Celery's, decoded: the fields that mean something here, checked and cleaned.
 *
 * All text is well-formed UTF-8 without U+0000 and within its ceiling of base/limits.h; the null string is
 * "absent or null". Stamps are microseconds within TB_STAMP_MIN..TB_STAMP_MAX. */
#ifndef TASKBRIDGE_CORE_EVENT_H
#define TASKBRIDGE_CORE_EVENT_H

#include "taskbridge/base/clock.h"
#include "taskbridge/base/str.h"

enum tb_event_type {
    TB_EVENT_UNKNOWN, /* counted by its name, nothing else */
    TB_EVENT_TASK_SENT,
    TB_EVENT_TASK_RECEIVED,
    TB_EVENT_TASK_STARTED,
    TB_EVENT_TASK_SUCCEEDED,
    TB_EVENT_TASK_FAILED,
    TB_EVENT_TASK_RETRIED,
    TB_EVENT_TASK_REJECTED,
    TB_EVENT_TASK_REVOKED,
    TB_EVENT_TASK_CANCELLED,
    TB_EVENT_TASK_PROGRESS,
    TB_EVENT_TASK_TRACKED, /* taskbridge's own: brings a company_id */
    TB_EVENT_WORKER_ONLINE,
    TB_EVENT_WORKER_HEARTBEAT,
    TB_EVENT_WORKER_OFFLINE,
    TB_EVENT_TYPES
};

/* The table's name ("task-sent"); "" for TB_EVENT_UNKNOWN. */
struct tb_str tb_event_type_name(enum tb_event_type type);
enum tb_event_type tb_event_type_find(struct tb_str name);

static inline bool tb_event_is_task(enum tb_event_type type)
{
    return type >= TB_EVENT_TASK_SENT && type <= TB_EVENT_TASK_TRACKED;
}

static inline bool tb_event_is_worker(enum tb_event_type type)
{
    return type >= TB_EVENT_WORKER_ONLINE && type <= TB_EVENT_WORKER_OFFLINE;
}

struct tb_event {
    enum tb_event_type type;
    struct tb_str type_name; /* as sent */
    int64_t stamp;           /* llround(timestamp * 1e6), the timestamp read as a double */
    struct tb_str hostname;  /* never null for a worker's event */
    int64_t pid;             /* 0 when absent */

    /* ---- tasks ---- */
    struct tb_str uuid; /* 1 to TB_TASK_ID_MAX_CHARS characters */
    /* sent, received, and the name of tracked; args and kwargs are whole, up to TB_DECODE_MAX_BYTES, as are
     * all texts that may hold a secret: the fold cuts them, once nothing secret is left in them */
    struct tb_str name, args, kwargs, root_id, parent_id, queue, eta, expires;
    bool has_retries; /* progress may bring them too */
    int64_t retries;
    /* succeeded */
    struct tb_str result;
    double runtime_s;                   /* NaN when absent */
    struct tb_str exception, traceback; /* failed, retried */
    /* rejected */
    bool requeue;
    /* revoked: "revoked", "terminated (SIGTERM)" or "expired" */
    struct tb_str revoke_text;
    /* progress */
    bool has_progress;
    double progress;    /* percent as sent, maybe below 0, above 100 or infinite; never NaN */
    struct tb_str text; /* progress text */
    /* progress, tracked: the text of an integer or string as sent, which the fold holds against the
     * configured format; null when absent */
    struct tb_str company;

    /* ---- workers ---- */
    double freq_s;   /* NaN when absent */
    bool has_counts; /* an on-demand heartbeat lacks the following */
    int64_t active, processed;
    double loadavg[3]; /* NaN when absent */
    struct tb_str sw_ident, sw_ver, sw_sys;
};

#endif

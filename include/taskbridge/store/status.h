/* How the bridge is doing, as the database knows it: for `taskbridge status` and `doctor`. */
#ifndef TASKBRIDGE_STORE_STATUS_H
#define TASKBRIDGE_STORE_STATUS_H

#include "taskbridge/pg/session.h"

/* A daemon. Stamps are TB_STAMP_NONE where not; numbers of its last heartbeat are -1 where unknown. */
struct tb_status_instance {
    struct tb_str instance, version;
    int64_t started_at, heartbeat_at, committed_at, stopped_at;
    int64_t silent_us; /* since its last heartbeat, by the database's clock */
    int64_t batches, deliveries, redelivered, events, task_events, worker_events, unknown_events, dead, bytes,
        rows_written;
    bool is_starting; /* it has not said yet whether it has a broker, nor perhaps its version */
    bool broker_connected;
    int64_t queue_messages, queue_bytes, queue_max_bytes, lag_us, rss_bytes;
    struct tb_str details; /* JSON */
};

struct tb_status_worker {
    struct tb_str hostname, sw_ident, sw_ver, sw_sys;
    int64_t pid, online_at, heartbeat_at, offline_at, heard_at;
    int64_t silent_us; /* since it was heard, by the database's clock; -1: never */
    int64_t skew_us;
    double freq_s;                                /* 0 when unknown */
    int64_t active, processed;                    /* -1 when unknown */
    int64_t processes;                            /* how many of that name are known */
    int64_t processed_seen, started_seen, missed; /* of all of them: the meter of missed events */
};

struct tb_status_totals {
    int64_t pending, running, success, failed, lost, without_company;
    int64_t dead, dead_unretried, companies, tokens;
    int64_t oldest_active_at; /* when the oldest row that has not ended was made */
    int64_t database_bytes;
    int64_t now;
    struct tb_str server_version;
};

struct tb_status_event_type {
    struct tb_str type; /* "" counts those beyond the ceiling of names */
    int64_t count;
};

/* All return 0, a negative errno or an enum tb_pg_outcome; what is called back or returned is borrowed
 * until the session's next call. */
int tb_status_instances(struct tb_pg_session *session,
                        void (*on_instance)(void *owner, const struct tb_status_instance *instance),
                        void *owner, struct tb_error *err) TB_MUST_CHECK;
int tb_status_workers(struct tb_pg_session *session,
                      void (*on_worker)(void *owner, const struct tb_status_worker *worker), void *owner,
                      struct tb_error *err) TB_MUST_CHECK;
int tb_status_event_types(struct tb_pg_session *session,
                          void (*on_type)(void *owner, const struct tb_status_event_type *type), void *owner,
                          struct tb_error *err) TB_MUST_CHECK;
int tb_status_totals(struct tb_pg_session *session, struct tb_status_totals *ret_totals,
                     struct tb_error *err) TB_MUST_CHECK;

#endif

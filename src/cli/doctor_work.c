/* The daemons and workers that the database knows, kept and counted for the doctor.
 *
 * A daemon that stopped in good order is not counted. One that went silent without a goodbye is, until it is
 * forgotten by the others. */
#include "doctor_facts.h"

#include "taskbridge/base/limits.h"
#include "taskbridge/store/status.h"

#include <errno.h>

#define NAMES_MAX_BYTES (4 * TB_KIB)
#define WORKERS_MAX     1000

struct counting {
    struct tb_doctor_daemons *daemons;
    struct tb_buf names, silent_names, other_versions;
};

static void push_name(struct tb_buf *buf, struct tb_str name)
{
    tb_buf_printf(buf, "%s%.*s", buf->len > 0 ? ", " : "", TB_STR_FMT(name));
}

static void count_running(struct counting *counting, const struct tb_status_instance *instance)
{
    struct tb_doctor_daemons *daemons = counting->daemons;
    int64_t running_us = instance->heartbeat_at - instance->started_at;
    daemons->running++;
    push_name(&counting->names, instance->instance);
    daemons->starting += instance->is_starting;
    daemons->without_broker += !instance->is_starting && !instance->broker_connected;
    if (instance->version.len > 0 && !tb_str_equal(instance->version, TB_STR(TASKBRIDGE_VERSION))) {
        daemons->others++;
        push_name(&counting->other_versions, instance->version);
    }
    if (running_us > daemons->running_us)
        daemons->running_us = running_us;
    if (instance->lag_us > daemons->lag_us)
        daemons->lag_us = instance->lag_us;
    if (instance->queue_bytes > daemons->queue_bytes)
        daemons->queue_bytes = instance->queue_bytes;
}

static void on_instance(void *owner, const struct tb_status_instance *instance)
{
    struct counting *counting = owner;
    struct tb_doctor_daemons *daemons = counting->daemons;
    /* By the database's clock, as the stamps are. */
    int64_t now_us = instance->heartbeat_at + instance->silent_us;
    int64_t commit_us = instance->committed_at == TB_STAMP_NONE ? -1 : now_us - instance->committed_at;
    daemons->deliveries += instance->deliveries;
    daemons->bytes += instance->bytes;
    if (commit_us >= 0 && (daemons->commit_us < 0 || commit_us < daemons->commit_us))
        daemons->commit_us = commit_us;
    if (instance->stopped_at != TB_STAMP_NONE)
        return;
    if (instance->silent_us <= TB_DOCTOR_DAEMON_SILENT_US) {
        count_running(counting, instance);
    } else {
        daemons->silent++;
        push_name(&counting->silent_names, instance->instance);
    }
}

int tb_doctor_keep_daemons(struct tb_pg_session *session, struct tb_arena *arena,
                           struct tb_doctor_daemons *ret_daemons, struct tb_error *err)
{
    struct counting counting = {.daemons = ret_daemons};
    *ret_daemons = (struct tb_doctor_daemons){.lag_us = -1, .commit_us = -1, .queue_bytes = -1};
    tb_buf_init(&counting.names, NAMES_MAX_BYTES);
    tb_buf_init(&counting.silent_names, NAMES_MAX_BYTES);
    tb_buf_init(&counting.other_versions, NAMES_MAX_BYTES);
    int r = tb_status_instances(session, on_instance, &counting, err);
    ret_daemons->names = tb_doctor_keep(arena, tb_buf_str(&counting.names));
    ret_daemons->silent_names = tb_doctor_keep(arena, tb_buf_str(&counting.silent_names));
    ret_daemons->other_versions = tb_doctor_keep(arena, tb_buf_str(&counting.other_versions));
    tb_buf_deinit(&counting.names);
    tb_buf_deinit(&counting.silent_names);
    tb_buf_deinit(&counting.other_versions);
    return r;
}

struct keeping {
    struct tb_arena *arena;
    struct tb_doctor_workers *workers;
};

static void on_worker(void *owner, const struct tb_doctor_worker *worker)
{
    struct keeping *keeping = owner;
    struct tb_doctor_workers *workers = keeping->workers;
    struct tb_doctor_worker copy = *worker;
    if (workers->count < WORKERS_MAX && tb_arena_copy(keeping->arena, worker->hostname, &copy.hostname) &&
        tb_arena_copy(keeping->arena, worker->sw_ver, &copy.sw_ver))
        workers->list[workers->count++] = copy;
}

int tb_doctor_keep_workers(struct tb_pg_session *session, struct tb_arena *arena,
                           struct tb_doctor_workers *ret_workers, struct tb_error *err)
{
    struct keeping keeping = {arena, ret_workers};
    *ret_workers =
        (struct tb_doctor_workers){.list = tb_arena_calloc(arena, WORKERS_MAX, sizeof(*ret_workers->list))};
    if (!ret_workers->list)
        return tb_error_set(err, -ENOMEM, "out of memory");
    return tb_doctor_ask_workers(session, on_worker, &keeping, err);
}

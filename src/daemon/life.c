/* A heartbeat in the database, for people and for the other programs: taskbridge status, doctor, readyz.
 *
 * It goes over the maintenance's connection, never over the one that writes events. One beat at a time; where
 * the database is away, it is simply not written.
 *
 * A name belongs to one daemon. Another run's name in the row is no news at the first beat, for it may be the
 * one before this; later it means that two run at once, of which people are told. */
#include "life.h"

#include "taskbridge/base/buf.h"
#include "taskbridge/pg/params.h"
#include "taskbridge/store/maintenance.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define BEAT_EVERY_US   (5 * TB_US_PER_S)
#define FIRST_BEAT_US   (200 * TB_US_PER_MS)
#define RETRY_BEAT_US   (200 * TB_US_PER_MS) /* while one is under way, or the database is not there */
#define PARAM_MAX_BYTES ((size_t)4096)

struct tb_life {
    struct tb_life_options options;
    int64_t started_at;
    struct tb_timer timer;
    struct tb_buf buf;
    struct tb_params params;
    struct tb_statement statement;
    struct tb_transaction transaction;
    bool is_under_way, is_stopping;
    bool has_beaten, is_shared, is_sharing_told;
    int64_t daemons; /* that consume the same queue; 0 while the database does not say */
    void (*on_stopped)(void *owner);
};

/* -1 where it can't be read. */
static int64_t read_rss_bytes(void)
{
    char text[128] = "";
    FILE *file = fopen("/proc/self/statm", "re");
    int64_t pages = -1;

    if (!file)
        return -1;
    if (fgets(text, sizeof(text), file)) {
        char *second = strchr(text, ' ');
        pages = second ? strtoll(second, NULL, 10) : -1;
    }
    fclose(file);
    return pages < 0 ? -1 : pages * sysconf(_SC_PAGESIZE);
}

static void push_known(struct tb_params *params, int64_t value)
{
    if (value < 0)
        tb_params_push_null(params);
    else
        tb_params_push_int64(params, value);
}

static void push_beat(struct tb_life *life)
{
    const struct tb_life_signs signs = life->options.signs(life->options.owner);
    struct tb_params *params = &life->params;

    tb_params_push_text(params, tb_str_of(life->options.instance));
    tb_params_push_text(params, tb_str_of(life->options.run));
    tb_params_push_text(params, TB_STR(TASKBRIDGE_VERSION));
    tb_params_push_stamp(params, life->started_at);
    if (signs.is_broker_known)
        tb_params_push_bool(params, signs.is_connected);
    else
        tb_params_push_null(params);
    tb_params_push_stamp(params, signs.hearing.listening_since);
    tb_params_push_stamp(params, signs.hearing.heard_until);
    push_known(params, signs.queue_messages);
    push_known(params, signs.queue_bytes);
    tb_params_push_int64(params, signs.queue_max_bytes);
    push_known(params, signs.lag_us);
    push_known(params, read_rss_bytes());
    tb_params_push_null(params);
    tb_params_push_text(params, tb_str_of(life->options.source));
    tb_params_push_text(params, tb_str_of(life->options.queue));
    tb_params_push_int64(params, TB_DAEMON_FRESH_S);
}

static void stopped(struct tb_timer *timer)
{
    struct tb_life *life = timer->owner;

    life->on_stopped(life->options.owner);
}

static void tell_stopped(struct tb_life *life)
{
    life->timer.on_expire = stopped;
    tb_loop_arm(life->options.loop, &life->timer, 0);
}

/* false when nothing could be sent. */
static bool submit(struct tb_life *life, const struct tb_query *query)
{
    if (life->is_under_way || life->buf.failed || !tb_pg_connection_is_ready(life->options.connection))
        return false;
    tb_params_settle(&life->params);
    life->statement = (struct tb_statement){query, life->params.list, life->params.count};
    life->is_under_way = true;
    tb_pg_connection_submit(life->options.connection, &life->transaction);
    return true;
}

static void begin_params(struct tb_life *life)
{
    tb_buf_reset(&life->buf);
    tb_params_init(&life->params, &life->buf);
}

static void say_goodbye(struct tb_life *life)
{
    begin_params(life);
    tb_params_push_text(&life->params, tb_str_of(life->options.instance));
    tb_params_push_text(&life->params, tb_str_of(life->options.run));
    if (!submit(life, tb_maintenance_queries.stop))
        tell_stopped(life);
}

static void on_result(struct tb_transaction *transaction, size_t statement, const struct tb_result *result)
{
    struct tb_life *life = transaction->owner;

    (void)statement;
    if (life->statement.query != tb_maintenance_queries.beat)
        return;
    life->is_shared = tb_result_bool(result, 0, 0);
    life->daemons = tb_result_int64(result, 0, 1);
}

static void take_beat(struct tb_life *life)
{
    if (life->has_beaten && life->is_shared && !life->is_sharing_told) {
        life->is_sharing_told = true;
        tb_log(life->options.log, TB_LOG_WARNING,
               "another daemon runs under this one's name, and their numbers mix; give each its own in "
               "daemon.instance",
               TB_F_EVENT("name_shared"), TB_F_CSTR("instance", life->options.instance));
    }
    life->has_beaten = true;
}

static void on_done(struct tb_transaction *transaction, int outcome, const struct tb_error *err)
{
    struct tb_life *life = transaction->owner;
    bool was_goodbye = life->statement.query == tb_maintenance_queries.stop;

    life->is_under_way = false;
    if (outcome) {
        life->daemons = 0;
        tb_log(life->options.log, TB_LOG_DEBUG, "the daemon's heartbeat was not written",
               TB_F_EVENT("beat_failed"), TB_F_CSTR("error", err->text));
    } else if (!was_goodbye) {
        take_beat(life);
    }
    if (!life->is_stopping)
        return;
    if (was_goodbye || outcome)
        tell_stopped(life);
    else
        say_goodbye(life);
}

static void on_timer(struct tb_timer *timer)
{
    struct tb_life *life = timer->owner;
    bool is_sent = false;

    if (!life->is_under_way) {
        begin_params(life);
        push_beat(life);
        is_sent = submit(life, tb_maintenance_queries.beat);
    }
    tb_loop_arm(life->options.loop, timer, is_sent ? BEAT_EVERY_US : RETRY_BEAT_US);
}

int64_t tb_life_daemons(const struct tb_life *life)
{
    return life->daemons;
}

void tb_life_hurry(struct tb_life *life)
{
    if (!life->is_stopping)
        tb_loop_arm(life->options.loop, &life->timer, 0);
}

void tb_life_stop(struct tb_life *life, void (*on_stopped)(void *owner))
{
    assert(!life->is_stopping);
    life->is_stopping = true;
    life->on_stopped = on_stopped;
    tb_loop_disarm(life->options.loop, &life->timer);
    if (!life->is_under_way)
        say_goodbye(life);
}

int tb_life_new(const struct tb_life_options *options, struct tb_life **ret_life)
{
    struct tb_life *life = calloc(1, sizeof(*life));

    if (!life)
        return -ENOMEM;
    life->options = *options;
    life->started_at = tb_clock_now_us();
    life->timer = (struct tb_timer){.on_expire = on_timer, .owner = life};
    life->transaction = (struct tb_transaction){.statements = &life->statement,
                                                .statement_count = 1,
                                                .on_result = on_result,
                                                .on_done = on_done,
                                                .owner = life};
    tb_buf_init(&life->buf, PARAM_MAX_BYTES);
    tb_loop_arm(options->loop, &life->timer, FIRST_BEAT_US);
    *ret_life = life;
    return 0;
}

void tb_life_free(struct tb_life *life)
{
    if (!life)
        return;
    tb_loop_disarm(life->options.loop, &life->timer);
    tb_buf_deinit(&life->buf);
    free(life);
}

/* Notifications come over one connection of their own, which does nothing else: what it hears drops what is
 * kept in memory.
 *
 * What is notified while it is away is never told. So everybody is told whether it hears, and everything kept
 * is given up when it hears again. A connection that died without a word would hear nothing and not know: so
 * it says LISTEN again every two seconds, which changes nothing, and is answered or lost. */
#include "ear.h"

#include "taskbridge/store/company.h"

#include <errno.h>
#include <stdlib.h>

#define PING_US     (2 * TB_US_PER_S)
#define PATIENCE_US (2 * TB_US_PER_S)

struct tb_ear {
    struct tb_ear_options options;
    struct tb_pg_connection *connection; /* owned */
    struct tb_transaction listen;
    bool is_asking, is_hearing;
    struct tb_timer timer;
};

static void set_hearing(struct tb_ear *ear, bool is_hearing)
{
    if (ear->is_hearing == is_hearing)
        return;
    ear->is_hearing = is_hearing;
    tb_log(ear->options.log, is_hearing ? TB_LOG_INFO : TB_LOG_WARNING,
           is_hearing ? "hearing of changes" : "not hearing of changes: nothing is served from memory",
           TB_F_EVENT(is_hearing ? "changes_heard" : "changes_not_heard"));
    tb_feeds_listening(ear->options.feeds, is_hearing);
    tb_auth_listening(ear->options.auth, is_hearing);
}

static void on_listened(struct tb_transaction *transaction, int outcome, const struct tb_error *err)
{
    struct tb_ear *ear = transaction->owner;

    ear->is_asking = false;
    if (outcome && outcome != TB_PG_LOST)
        tb_log(ear->options.log, TB_LOG_WARNING, "the database does not let changes be heard",
               TB_F_EVENT("listen_refused"), TB_F_CSTR("error", err->text));
    set_hearing(ear, outcome == 0);
}

static void listen_again(struct tb_ear *ear)
{
    if (ear->is_asking || !tb_pg_connection_is_ready(ear->connection))
        return;
    /* A standby refuses LISTEN, until it is promoted. */
    if (tb_pg_connection_is_standby(ear->connection)) {
        set_hearing(ear, false);
        return;
    }
    ear->is_asking = true;
    tb_company_listen_prepare(&ear->listen);
    ear->listen.on_done = on_listened;
    ear->listen.owner = ear;
    tb_pg_connection_submit(ear->connection, &ear->listen);
}

static void on_timer(struct tb_timer *timer)
{
    struct tb_ear *ear = timer->owner;

    listen_again(ear);
    tb_loop_arm(ear->options.loop, timer, PING_US);
}

static void on_ready(void *owner)
{
    listen_again(owner);
}

static void on_lost(void *owner, const struct tb_error *err, int64_t retry_in_us)
{
    struct tb_ear *ear = owner;

    (void)err;
    (void)retry_in_us;
    ear->is_asking = false;
    set_hearing(ear, false);
}

static void on_notification(void *owner, struct tb_str channel, struct tb_str payload)
{
    struct tb_ear *ear = owner;

    if (tb_str_equal(channel, TB_STR(TB_COMPANY_CHANNEL)))
        tb_feeds_notified(ear->options.feeds, payload);
    else if (tb_str_equal(channel, TB_STR(TB_ACCESS_CHANNEL)))
        tb_auth_notified(ear->options.auth, payload);
}

int tb_ear_open(const struct tb_ear_options *options, struct tb_ear **ret_ear, struct tb_error *err)
{
    struct tb_ear *ear = calloc(1, sizeof(*ear));
    const struct tb_config *config = options->config;

    if (!ear)
        return tb_error_set(err, -ENOMEM, "out of memory");
    ear->options = *options;
    ear->timer = (struct tb_timer){.on_expire = on_timer, .owner = ear};
    int failed =
        tb_pg_connection_open(options->loop,
                              &(struct tb_pg_connection_options){
                                  .url = config->database.url,
                                  .application_name = "taskbridge-http listen",
                                  .schema = config->database.schema,
                                  .connect_timeout_us = config->database.connect_timeout_s * TB_US_PER_S,
                                  .response_timeout_us = PATIENCE_US,
                                  .on_ready = on_ready,
                                  .on_lost = on_lost,
                                  .on_notification = on_notification,
                                  .owner = ear},
                              &ear->connection, err);
    if (failed) {
        free(ear);
        return failed;
    }
    tb_loop_arm(options->loop, &ear->timer, PING_US);
    *ret_ear = ear;
    return 0;
}

void tb_ear_close(struct tb_ear *ear)
{
    if (!ear)
        return;
    tb_loop_disarm(ear->options.loop, &ear->timer);
    tb_pg_connection_close(ear->connection);
    free(ear);
}

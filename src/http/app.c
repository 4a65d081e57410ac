/* The program while it runs: everything it is made of is opened, run in one loop and one thread, and closed
 * again.
 *
 * SIGTERM and SIGINT let what is under way end, SIGHUP reads the configuration again, of which only log.level
 * and log.format take effect without a restart. The order of closing: first the server, whose last requests
 * may wait for the database. */
#include "app.h"

#include "auth/auth.h"
#include "database.h"
#include "engine/listener.h"
#include "engine/server.h"
#include "live/ear.h"
#include "live/feed.h"
#include "live/stream.h"
#include "pages/page.h"
#include "problem.h"
#include "proxies.h"
#include "routes.h"
#include "taskbridge/base/random.h"
#include "taskbridge/config/arguments.h"
#include "taskbridge/io/notify.h"

#include <signal.h>
#include <unistd.h>

struct app {
    const struct tb_config_source *source; /* borrowed */
    const struct tb_config *config;        /* borrowed */
    struct tb_log log;
    struct tb_loop *loop;
    struct tb_page page;
    struct tb_services services;
    struct tb_server *server;
    struct tb_ear *ear;
    struct tb_timer watchdog, flush;
    uint64_t random;
    bool is_stopping;
};

/* ---- what the engine hands over ---- */

static bool is_trusted(void *owner, const char *address)
{
    const struct app *app = owner;

    return tb_proxies_has(&app->config->http.trusted_proxies, tb_str_of(address));
}

/* Without memory for an exchange there is none for an answer of more than a line. */
static struct tb_exchange *begin(struct app *app, struct tb_request *request)
{
    struct tb_exchange *exchange = tb_exchange_new(&app->services, request);

    if (!exchange)
        tb_request_answer(request, &(struct tb_answer){.code = 503, .closes = true});
    return exchange;
}

static void on_request(void *owner, struct tb_request *request)
{
    struct tb_exchange *exchange = begin(owner, request);

    if (exchange)
        tb_routes_dispatch(exchange);
}

static void on_malformed(void *owner, struct tb_request *request, unsigned code, const char *wrong)
{
    struct tb_exchange *exchange = begin(owner, request);

    if (exchange)
        tb_problem_answer(exchange, &(struct tb_problem){.code = code, .detail = wrong, .closes = true});
}

static void on_gone(void *owner, struct tb_request *request)
{
    struct tb_exchange *exchange = request->context;

    (void)owner;
    if (!exchange)
        return;
    tb_exchange_log(exchange, 0, 0, false);
    exchange->request = NULL;
    tb_exchange_free(exchange);
}

static void on_answered(void *owner, struct tb_request *request, unsigned code, size_t bytes, bool is_whole)
{
    struct tb_exchange *exchange = request->context;

    (void)owner;
    if (!exchange)
        return;
    tb_exchange_log(exchange, code, (int64_t)bytes, is_whole);
    tb_exchange_free(exchange);
}

/* ---- signals ---- */

static void take_log(struct app *app, const struct tb_config *config)
{
    enum tb_log_level level = (enum tb_log_level)config->log.level;

    app->log.format = (enum tb_log_format)config->log.format;
    /* The line that tells of it is written if either level lets it through. */
    if (level < app->log.level)
        app->log.level = level;
    tb_log(&app->log, TB_LOG_INFO,
           "took log.level and log.format from the configuration; all else takes effect after a restart",
           TB_F_EVENT("configuration_read"));
    app->log.level = level;
}

static void reload(struct app *app)
{
    struct tb_config *config = NULL;
    struct tb_error err = {0};

    tb_notify_reloading();
    if (tb_config_load(app->source, &config, &err) == 0)
        take_log(app, config);
    else
        tb_log(&app->log, TB_LOG_ERROR, "the configuration stays as it was",
               TB_F_EVENT("configuration_refused"), TB_F_CSTR("error", err.text));
    tb_config_free(config);
    tb_notify_ready();
}

static void on_drained(void *owner)
{
    struct app *app = owner;

    tb_loop_stop(app->loop);
}

static void on_signal(void *owner, int number)
{
    struct app *app = owner;

    if (number == SIGHUP) {
        reload(app);
    } else if (!app->is_stopping) {
        app->is_stopping = true;
        tb_notify_stopping();
        tb_log(&app->log, TB_LOG_INFO, "stopping", TB_F_EVENT("http_stopping"),
               TB_F_CSTR("signal", strsignal(number)));
        tb_streams_stop(app->services.streams);
        tb_server_drain(app->server, on_drained, app);
    }
}

static void on_flush(struct tb_timer *timer)
{
    struct app *app = timer->owner;

    tb_log_flush(&app->log);
}

static void on_watchdog(struct tb_timer *timer)
{
    struct app *app = timer->owner;

    tb_notify_watchdog();
    tb_loop_arm(app->loop, timer, tb_notify_watchdog_us());
}

/* ---- opening and closing ---- */

static int open_data(struct app *app, struct tb_error *err)
{
    const struct tb_config *config = app->config;
    struct tb_services *services = &app->services;
    int failed = tb_database_open(
        &(struct tb_database_options){.loop = app->loop,
                                      .log = &app->log,
                                      .url = config->database.url,
                                      .schema = config->database.schema,
                                      .name = "taskbridge-http",
                                      .connect_timeout_us = config->database.connect_timeout_s * TB_US_PER_S,
                                      .response_timeout_us =
                                          config->database.response_timeout_s * TB_US_PER_S},
        &services->database, err);

    if (!failed)
        failed = tb_auth_open(&(struct tb_auth_options){app->loop, &app->log, config}, &services->auth, err);
    if (!failed)
        failed = tb_feeds_open(&(struct tb_feeds_options){app->loop, &app->log, services->database, config},
                               &services->feeds, err);
    if (!failed)
        failed = tb_ear_open(
            &(struct tb_ear_options){app->loop, &app->log, config, services->feeds, services->auth},
            &app->ear, err);
    if (!failed)
        failed = tb_streams_open(app->loop, &services->streams, err);
    return failed;
}

static int open_server(struct app *app, struct tb_error *err)
{
    const struct tb_config *config = app->config;
    char address[TB_LISTENER_TEXT_BYTES];
    int fd = -1;
    int failed = tb_listener_open(config->http.listen, &fd, address, err);

    if (!failed)
        failed = tb_server_open(&(struct tb_server_options){.loop = app->loop,
                                                            .listen_fd = fd,
                                                            .max_connections = config->http.max_connections,
                                                            .max_connections_per_address =
                                                                config->http.max_connections_per_address,
                                                            .idle_timeout_s = config->http.idle_timeout_s,
                                                            .is_trusted = is_trusted,
                                                            .on_request = on_request,
                                                            .on_malformed = on_malformed,
                                                            .on_gone = on_gone,
                                                            .on_answered = on_answered,
                                                            .owner = app},
                                &app->server, err);
    if (!failed)
        tb_log(&app->log, TB_LOG_INFO, "listening", TB_F_EVENT("http_listening"),
               TB_F_CSTR("address", address), TB_F_CSTR("version", TASKBRIDGE_VERSION));
    return failed;
}

static int open_all(struct app *app, struct tb_error *err)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, 0};
    int failed = tb_loop_new(&app->loop, err);

    if (!failed)
        failed = tb_loop_catch_signals(app->loop, signals, on_signal, app, err);
    app->services.loop = app->loop;
    if (!failed)
        failed = open_data(app, err);
    if (!failed)
        failed = open_server(app, err);
    return failed;
}

/* First whatever waits is answered, then its connections are closed, then what answered goes. */
static void close_all(struct app *app)
{
    struct tb_services *services = &app->services;

    if (services->auth)
        tb_auth_stop(services->auth);
    if (services->database)
        tb_database_stop(services->database);
    tb_server_close(app->server);
    tb_ear_close(app->ear);
    tb_streams_close(services->streams);
    tb_feeds_close(services->feeds);
    tb_auth_close(services->auth);
    tb_database_close(services->database);
    tb_loop_free(app->loop);
    tb_log_flush(&app->log);
}

static int serve(struct app *app)
{
    struct tb_error err = {0};

    tb_log_init(&app->log, STDERR_FILENO, (enum tb_log_level)app->config->log.level,
                (enum tb_log_format)app->config->log.format);
    tb_page_init(&app->page);
    app->flush = (struct tb_timer){.on_expire = on_flush, .owner = app};
    if (tb_random_bytes(&app->random, sizeof(app->random)) != 0)
        app->random = (uint64_t)tb_clock_now_us();
    app->services = (struct tb_services){.log = &app->log,
                                         .config = app->config,
                                         .page = &app->page,
                                         .flush = &app->flush,
                                         .random = &app->random};
    int failed = open_all(app, &err);
    if (!failed) {
        app->watchdog = (struct tb_timer){.on_expire = on_watchdog, .owner = app};
        if (tb_notify_watchdog_us() > 0)
            tb_loop_arm(app->loop, &app->watchdog, tb_notify_watchdog_us());
        tb_notify_ready();
        failed = tb_loop_run(app->loop, &err);
    }
    close_all(app);
    if (failed)
        tb_log(&app->log, TB_LOG_ERROR, "taskbridge-http ends", TB_F_EVENT("http_failed"),
               TB_F_CSTR("error", err.text));
    else
        tb_log(&app->log, TB_LOG_INFO, "stopped", TB_F_EVENT("http_stopped"));
    tb_log_deinit(&app->log);
    return failed ? TB_EXIT_FAILED : TB_EXIT_GOOD;
}

int tb_app_run(const struct tb_config_source *source, const struct tb_config *config)
{
    struct app app = {.source = source, .config = config};

    return serve(&app);
}

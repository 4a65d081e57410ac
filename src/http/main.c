/* taskbridge-http: serves the rows that taskbridged writes, as documents and pages.
 *
 * One loop, one thread: libmicrohttpd's sockets and the one to PostgreSQL. Here everything is made, run and
 * taken apart again. SIGTERM and SIGINT let what is under way end, SIGHUP reads the configuration again, of
 * which only log.level and log.format take effect without a restart. */
#include "database.h"
#include "listener.h"
#include "page.h"
#include "server.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/base/streams.h"
#include "taskbridge/config/arguments.h"
#include "taskbridge/io/notify.h"

#include <signal.h>
#include <unistd.h>

static const struct tb_program program = {
    "taskbridge-http",
    "Serves the progress of background tasks over HTTP, out of PostgreSQL; it runs until SIGTERM."};

struct app {
    struct tb_config_source source;
    struct tb_config *config;
    struct tb_log log;
    struct tb_loop *loop;
    struct tb_page page;
    struct tb_services services;
    struct tb_server *server;
    bool is_stopping;
};

static void reload(struct app *app)
{
    struct tb_config *config = NULL;
    struct tb_error err = {0};
    struct tb_buf ignored;

    tb_notify_reloading();
    if (tb_config_load(&app->source, &config, &err) != 0) {
        tb_log(&app->log, TB_LOG_ERROR, "the configuration stays as it was", TB_F_CSTR("error", err.text));
    } else {
        tb_buf_init(&ignored, TB_CONFIG_MAX_BYTES);
        tb_config_push_restart_needed(app->config, config, &ignored);
        app->log.level = (enum tb_log_level)config->log.level;
        app->log.format = (enum tb_log_format)config->log.format;
        tb_log(&app->log, TB_LOG_INFO, "read the configuration again",
               TB_F_STR("effective_after_restart", tb_buf_str(&ignored)));
        tb_buf_deinit(&ignored);
        tb_config_free(config);
    }
    tb_notify_ready();
}

static void on_drained(void *owner)
{
    struct app *app = owner;

    tb_database_stop(app->services.database);
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
        tb_log(&app->log, TB_LOG_INFO, "stopping", TB_F_CSTR("signal", strsignal(number)));
        tb_server_drain(app->server, on_drained, app);
    }
}

static int open_all(struct app *app, struct tb_error *err)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, 0};
    const struct tb_config *config = app->config;
    char address[TB_LISTENER_TEXT_BYTES];
    int fd = -1;
    int failed = tb_loop_new(&app->loop, err);

    if (!failed)
        failed = tb_loop_catch_signals(app->loop, signals, on_signal, app, err);
    if (!failed)
        failed = tb_database_open(
            &(struct tb_database_options){
                .loop = app->loop,
                .log = &app->log,
                .url = config->database.url,
                .connect_timeout_us = config->database.connect_timeout_s * TB_US_PER_S,
                .response_timeout_us = config->database.response_timeout_s * TB_US_PER_S},
            &app->services.database, err);
    if (!failed)
        failed = tb_listener_open(config->http.listen, &fd, address, err);
    if (!failed)
        failed = tb_server_open(&(struct tb_server_options){.loop = app->loop,
                                                            .listen_fd = fd,
                                                            .max_connections = config->http.max_connections,
                                                            .idle_timeout_s = config->http.idle_timeout_s,
                                                            .services = &app->services},
                                &app->server, err);
    if (!failed)
        tb_log(&app->log, TB_LOG_INFO, "listening", TB_F_CSTR("address", address),
               TB_F_CSTR("version", TASKBRIDGE_VERSION));
    return failed;
}

static int serve(struct app *app)
{
    struct tb_error err = {0};

    tb_log_init(&app->log, STDERR_FILENO, (enum tb_log_level)app->config->log.level,
                (enum tb_log_format)app->config->log.format);
    tb_page_init(&app->page);
    app->services = (struct tb_services){.log = &app->log, .rules = &app->config->rules, .page = &app->page};
    int failed = open_all(app, &err);
    if (!failed) {
        tb_notify_ready();
        failed = tb_loop_run(app->loop, &err);
    }
    if (failed)
        tb_log(&app->log, TB_LOG_ERROR, "taskbridge-http ends", TB_F_CSTR("error", err.text));
    else
        tb_log(&app->log, TB_LOG_INFO, "stopped");
    tb_server_close(app->server);
    tb_database_close(app->services.database);
    tb_loop_free(app->loop);
    return failed ? TB_EXIT_FAILED : TB_EXIT_GOOD;
}

int main(int argc, char **argv)
{
    struct app app = {0};
    struct tb_error err = {0};
    int code = TB_EXIT_USAGE;

    if (tb_streams_open() != 0)
        return TB_EXIT_FAILED;
    (void)signal(SIGPIPE, SIG_IGN);
    int outcome = tb_arguments_parse(&program, argc, argv, &app.source, &err);
    if (outcome == TB_ARGUMENTS_ANSWERED)
        return TB_EXIT_GOOD;
    app.source.environment = environ;
    if (!outcome)
        outcome = tb_config_load(&app.source, &app.config, &err);
    if (outcome)
        fprintf(stderr, "%s: %s\n", program.name, err.text);
    else
        code = serve(&app);
    tb_config_free(app.config);
    return code;
}

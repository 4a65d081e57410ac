/* taskbridged: parses its command line, loads the configuration, runs the daemon, frees all.
 *
 * Exit codes: 0 ended by a signal, 1 failed, 2 usage or configuration. What goes wrong before the log is
 * configured is one plain line on standard error. */
#include "daemon.h"
#include "taskbridge/base/streams.h"
#include "taskbridge/config/arguments.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static int fail(enum tb_exit code, const struct tb_error *err)
{
    fprintf(stderr, "taskbridged: %s\n", err->text);
    return code;
}

static int run(struct tb_config *config, const struct tb_config_source *source)
{
    struct tb_daemon *daemon = NULL;
    struct tb_error err = {0};
    int r = tb_daemon_new(config, source, &daemon, &err);

    /* A configuration that only its user, a library, finds wrong is as wrong as one that the schema does. */
    if (r == -EINVAL)
        return fail(TB_EXIT_USAGE, &err);
    if (r == 0)
        r = tb_daemon_run(daemon, &err);
    tb_daemon_free(daemon);
    return r ? fail(TB_EXIT_FAILED, &err) : TB_EXIT_GOOD;
}

int main(int argc, char **argv)
{
    static const struct tb_program program = {
        .name = "taskbridged",
        .summary = "Folds Celery's events from RabbitMQ into one row per task in PostgreSQL."};
    struct tb_config_source source = {0};
    struct tb_config *config = NULL;
    struct tb_error err = {0};
    int r = tb_standard_streams_open();

    if (r)
        return TB_EXIT_FAILED;
    r = tb_arguments_parse(&program, argc, argv, &source, &err);
    if (r == TB_ARGUMENTS_ANSWERED)
        return TB_EXIT_GOOD;
    if (r)
        return fail(TB_EXIT_USAGE, &err);
    /* A reader that is gone, a file size limit: neither is a reason to die. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    source.environment = environ;
    r = tb_config_load(&source, &config, &err);
    if (r)
        return fail(TB_EXIT_USAGE, &err);
    return run(config, &source);
}

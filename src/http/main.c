/* taskbridge-http: serves the rows that taskbridged writes, as documents and pages.
 *
 * Here the command line and the configuration are read; what is served, and how, is app.c's. What is wrong
 * with either is told on stderr in plain words, for there is no log yet. */
#include "app.h"
#include "taskbridge/base/streams.h"
#include "taskbridge/config/arguments.h"

#include <signal.h>
#include <unistd.h>

static const struct tb_program program = {
    "taskbridge-http",
    "Serves the progress of background tasks over HTTP, out of PostgreSQL; it runs until SIGTERM."};

int main(int argc, char **argv)
{
    struct tb_config_source source = {0};
    struct tb_config *config = NULL;
    struct tb_error err = {0};
    int code = TB_EXIT_USAGE;

    if (tb_standard_streams_open() != 0)
        return TB_EXIT_FAILED;
    (void)signal(SIGPIPE, SIG_IGN);
    int outcome = tb_arguments_parse(&program, argc, argv, &source, &err);
    if (outcome == TB_ARGUMENTS_ANSWERED)
        return TB_EXIT_GOOD;
    source.environment = environ;
    if (!outcome)
        outcome = tb_config_load(&source, &config, &err);
    if (outcome)
        fprintf(stderr, "%s: %s\n", program.name, err.text);
    else
        code = tb_app_run(&source, config);
    tb_config_free(config);
    return code;
}

/* taskbridge, the operator's program: reads the command line, runs one command, ends.
 *
 * What commands there are stands in commands.c, how each is done in a file of its own. */
#include "commands.h"
#include "parse.h"

#include "taskbridge/base/streams.h"

#include <unistd.h>

int main(int argc, char **argv)
{
    struct tb_cli cli = {.source = {.environment = environ}};
    if (tb_standard_streams_open())
        return TB_EXIT_FAILED;
    int outcome = tb_cli_parse(&cli, argc, argv);
    if (outcome == TB_CLI_ANSWERED)
        return tb_cli_end(&cli, TB_EXIT_GOOD);
    if (outcome) {
        tb_cli_fail(&cli, NULL);
        return tb_cli_end(&cli, outcome > 0 ? TB_EXIT_USAGE : TB_EXIT_FAILED);
    }
    return tb_cli_end(&cli, cli.command->run(&cli));
}

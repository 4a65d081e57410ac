/* taskbridge migrate: brings the database's schema to this program's.
 *
 * It may be run at any time and by several at once: steps are applied once, each in a transaction of its own,
 * under a lock. What was done is told step by step, as it happens, for a large table's step may take long. */
#include "commands.h"

#include "taskbridge/base/json.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/store/migrate.h"

#include <stdio.h>

struct progress {
    struct tb_json json;
    bool is_json;
    int count;
};

static void on_applied(void *owner, int number, const char *name)
{
    struct progress *progress = owner;
    progress->count++;
    if (progress->is_json) {
        tb_json_str(&progress->json, NULL, tb_str_of(name));
        return;
    }
    (void)number;
    printf("applied %s\n", name);
    fflush(stdout);
}

/* Says where the database stands now. */
static int report(struct tb_cli *cli, struct progress *progress)
{
    int applied, known;
    if (tb_migrate_state(cli->session, &applied, &known, &cli->err))
        return tb_cli_fail(cli, NULL);
    if (progress->is_json) {
        tb_json_end_list(&progress->json);
        tb_json_int(&progress->json, "version", applied);
        tb_json_end_object(&progress->json);
        return tb_cli_print(cli, progress->json.buf);
    }
    if (progress->count == 0)
        printf("nothing to do: ");
    printf("the database is at version %d\n", applied);
    return TB_EXIT_GOOD;
}

static int migrate(struct tb_cli *cli, struct progress *progress)
{
    struct tb_migrate_options options = {.on_applied = on_applied, .owner = progress};
    int code = tb_cli_connect(cli);
    if (code)
        return code;
    if (tb_migrate(cli->session, &options, &cli->err))
        return tb_cli_fail(cli, NULL);
    return report(cli, progress);
}

static int run(struct tb_cli *cli)
{
    struct progress progress = {.is_json = cli->args.json};
    struct tb_buf buf;
    tb_buf_init(&buf, 64 * TB_KIB);
    tb_json_init(&progress.json, &buf);
    tb_json_begin_object(&progress.json, NULL);
    tb_json_begin_list(&progress.json, "applied");
    int code = migrate(cli, &progress);
    tb_buf_deinit(&buf);
    return code;
}

const struct tb_cli_command tb_cli_migrate = {
    .name = "migrate",
    .operands = "",
    .has_json = true,
    .summary = "Bring the database's schema to this program's; harmless when it is there already",
    .run = run,
};

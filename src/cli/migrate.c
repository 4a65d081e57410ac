/* taskbridge migrate: brings the database's schema to this program's.
 *
 * It may be run at any time and by several at once: steps are applied once, each in a transaction of its own,
 * under a lock. What was done is told step by step, as it happens, for a large table's step may take long.
 * What is for somebody with more rights is told on standard error, as lines that psql takes. */
#include "commands.h"

#include "company_id.h"
#include "taskbridge/base/json.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/store/migrate.h"

#include <stdio.h>

#define RECREATE "--recreate"

/* A list of the JSON that is made while others are. */
struct list {
    struct tb_buf buf;
    struct tb_json json;
};

struct progress {
    bool is_json;
    int count;
    struct list findings, rights, applied, statements;
};

static void list_init(struct list *list)
{
    tb_buf_init(&list->buf, 64 * TB_KIB);
    tb_json_init(&list->json, &list->buf);
    tb_json_begin_list(&list->json, NULL);
}

static void list_end(struct list *list, struct tb_json *json, const char *name)
{
    tb_json_end_list(&list->json);
    tb_json_raw(json, name, (struct tb_str){list->buf.ptr, list->buf.len});
}

static void on_applied(void *owner, int number, const char *name)
{
    struct progress *progress = owner;
    (void)number;
    progress->count++;
    tb_json_str(&progress->applied.json, NULL, tb_str_of(name));
    if (!progress->is_json) {
        printf("applied %s\n", name);
        fflush(stdout);
    }
}

static void on_finding(void *owner, const struct tb_migrate_finding *finding)
{
    static const char *const fates[] = {
        [TB_FATE_MEND] = "mend", [TB_FATE_LOST] = "lost", [TB_FATE_HAND] = "hand"};
    struct progress *progress = owner;
    struct tb_json *json = &progress->findings.json;
    progress->count++;
    tb_json_begin_object(json, NULL);
    tb_json_str(json, "kind", finding->kind);
    tb_json_str(json, "name", finding->name);
    tb_json_str(json, "how", finding->how);
    tb_json_str(json, "fate", tb_str_of(fates[finding->fate]));
    tb_json_end_object(json);
    if (!progress->is_json)
        printf("%s %.*s %.*s, which is %.*s\n", finding->fate == TB_FATE_MEND ? "putting right" : "found",
               TB_STR_FMT(finding->kind), TB_STR_FMT(finding->name), TB_STR_FMT(finding->how));
}

static void on_right(void *owner, struct tb_str words, bool is_role)
{
    struct progress *progress = owner;
    if (is_role) /* made now, or told as a line for somebody else */
        return;
    progress->count++;
    tb_json_str(&progress->rights.json, NULL, words);
    if (!progress->is_json)
        printf("putting right: %.*s\n", TB_STR_FMT(words));
}

static void on_statement(void *owner, struct tb_str statement)
{
    struct progress *progress = owner;
    tb_json_str(&progress->statements.json, NULL, statement);
    if (!progress->is_json)
        fprintf(stderr, "%.*s\n", TB_STR_FMT(statement));
}

static int print_json(struct tb_cli *cli, struct progress *progress, int applied)
{
    struct tb_buf buf;
    struct tb_json json;
    tb_buf_init(&buf, 256 * TB_KIB);
    tb_json_init(&json, &buf);
    tb_json_begin_object(&json, NULL);
    list_end(&progress->findings, &json, "findings");
    list_end(&progress->rights, &json, "rights");
    list_end(&progress->applied, &json, "applied");
    list_end(&progress->statements, &json, "for_a_superuser");
    tb_json_int(&json, "version", applied);
    tb_json_end_object(&json);
    int code = tb_cli_print(cli, &buf);
    tb_buf_deinit(&buf);
    return code;
}

/* Says where the database stands now; what failed before that stands in cli->err. */
static int report(struct tb_cli *cli, struct progress *progress, int r)
{
    struct tb_error ignored = {0};
    int applied = 0, known = 0, code = TB_EXIT_GOOD;
    if (r)
        code = tb_cli_fail(cli, NULL);
    if (tb_migrate_state(cli->session, &applied, &known, r ? &ignored : &cli->err) && !r)
        return tb_cli_fail(cli, NULL);
    if (progress->is_json && print_json(cli, progress, applied))
        return TB_EXIT_FAILED;
    if (!r && !progress->is_json)
        printf("%sthe database is at version %d\n", progress->count ? "" : "nothing to do: ", applied);
    return code;
}

static int migrate(struct tb_cli *cli, struct progress *progress)
{
    int code = tb_cli_connect(cli);
    if (code)
        return code;
    struct tb_migrate_options options = {.company_format = tb_company_format_word(cli->config),
                                         .recreates = tb_cli_has(cli, RECREATE),
                                         .on_applied = on_applied,
                                         .on_finding = on_finding,
                                         .on_right = on_right,
                                         .on_statement = on_statement,
                                         .owner = progress};
    return report(cli, progress, tb_migrate(cli->session, &options, &cli->err));
}

static int run(struct tb_cli *cli)
{
    struct progress progress = {.is_json = cli->args.json};
    list_init(&progress.findings);
    list_init(&progress.rights);
    list_init(&progress.applied);
    list_init(&progress.statements);
    int code = migrate(cli, &progress);
    tb_buf_deinit(&progress.findings.buf);
    tb_buf_deinit(&progress.rights.buf);
    tb_buf_deinit(&progress.applied.buf);
    tb_buf_deinit(&progress.statements.buf);
    return code;
}

static const struct tb_cli_option options[] = {
    {RECREATE, NULL, "make tables that are gone anew, empty", false, false},
    {NULL, NULL, NULL, false, false},
};

const struct tb_cli_command tb_cli_migrate = {
    .name = "migrate",
    .operands = "",
    .options = options,
    .has_json = true,
    .summary = "Bring the database's schema to this program's; harmless when it is there already",
    .help =
        "It looks at what is there: a function, an index or a right that is missing or altered is put\n"
        "right. Where this role may not create roles, it prints the lines for somebody who may, ends with\n"
        "1, and goes on when it is run again.\n",
    .run = run,
};

/* Which dead letters a command means: ids, or what --reason or --all select.
 *
 * What is selected is read page by page, each page whole before its letters are worked on, for the work needs
 * the same database session. */
#include "dead.h"

#include <errno.h>

#define PAGE_BYTES (TB_DEAD_PAGE * sizeof(int64_t))
/* One transaction; what it skips, because the reason is another, the next one reads again. */
#define DROP_PAGE 10000

const struct tb_cli_option tb_dead_options[] = {
    {"--reason", "TEXT", "those whose reason contains TEXT", false, false},
    {"--all", NULL, "all of them", false, false},
    {NULL},
};

static int each_operand(struct tb_cli *cli, int (*on_id)(struct tb_cli *cli, void *owner, int64_t id),
                        void *owner)
{
    /* All are looked at before the first is touched. */
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < cli->args.operand_count; i++) {
            int64_t id;
            int code = tb_cli_id(cli, i, &id);
            if (!code && pass == 1)
                code = on_id(cli, owner, id);
            if (code)
                return code;
        }
    return TB_EXIT_GOOD;
}

static void collect(void *owner, const struct tb_dead_letter *letter)
{
    tb_buf_push(owner, &letter->id, sizeof(letter->id));
}

/* One page; moves filter->after_id behind it and says whether it was full. */
static int each_of_page(struct tb_cli *cli, struct tb_dead_filter *filter,
                        int (*on_id)(struct tb_cli *cli, void *owner, int64_t id), void *owner,
                        bool *ret_full)
{
    struct tb_buf ids;
    tb_buf_init(&ids, PAGE_BYTES);
    int code = TB_EXIT_GOOD;
    if (tb_dead_list(cli->session, filter, collect, &ids, &cli->err))
        code = tb_cli_fail(cli, NULL);
    size_t count = ids.len / sizeof(int64_t);
    for (size_t i = 0; i < count && code == TB_EXIT_GOOD; i++) {
        memcpy(&filter->after_id, ids.ptr + i * sizeof(int64_t), sizeof(int64_t));
        code = on_id(cli, owner, filter->after_id);
    }
    *ret_full = count == TB_DEAD_PAGE;
    tb_buf_deinit(&ids);
    return code;
}

static int select_letters(struct tb_cli *cli, struct tb_dead_filter *ret_filter)
{
    bool has_ids = cli->args.operand_count > 0, is_all = tb_cli_has(cli, "--all");
    *ret_filter =
        (struct tb_dead_filter){.reason = tb_str_of(tb_cli_value(cli, "--reason")), .limit = TB_DEAD_PAGE};
    if (has_ids + is_all + !tb_str_is_null(ret_filter->reason) != 1)
        return tb_cli_usage(cli, "one of these is needed: ids, --reason TEXT, or --all");
    return tb_cli_connect(cli);
}

int tb_dead_drop_selected(struct tb_cli *cli, int (*on_id)(struct tb_cli *cli, void *owner, int64_t id),
                          int64_t *total)
{
    struct tb_dead_filter filter;
    int code = select_letters(cli, &filter);
    if (code || cli->args.operand_count > 0)
        return code ? code : each_operand(cli, on_id, total);
    filter.limit = DROP_PAGE;
    for (int64_t count = 1; count > 0; *total += count) {
        if (tb_dead_drop(cli->session, &filter, &count, &cli->err))
            return tb_cli_fail(cli, NULL);
    }
    return TB_EXIT_GOOD;
}

int tb_dead_each(struct tb_cli *cli, bool unretried,
                 int (*on_id)(struct tb_cli *cli, void *owner, int64_t id), void *owner)
{
    struct tb_dead_filter filter;
    int code = select_letters(cli, &filter);
    filter.unretried = unretried;
    if (code || cli->args.operand_count > 0)
        return code ? code : each_operand(cli, on_id, owner);
    for (bool full = true; full && code == TB_EXIT_GOOD;)
        code = each_of_page(cli, &filter, on_id, owner, &full);
    return code;
}

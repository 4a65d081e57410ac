/* Which dead letters a command means, out of its arguments. */
#ifndef TASKBRIDGE_CLI_DEAD_H
#define TASKBRIDGE_CLI_DEAD_H

#include "cli.h"
#include "taskbridge/store/dead_letters.h"

/* "--reason TEXT" and "--all", for commands that also take ids. */
extern const struct tb_cli_option tb_dead_options[];

/* Calls back for the ids of the command line, or for each page of at most TB_DEAD_PAGE letters that --reason
 * or --all mean, until one call returns not 0; only those not sent again, when unretried says so. Connects.
 * Returns an enum tb_exit. */
#define TB_DEAD_PAGE 1000
int tb_dead_each(struct tb_cli *cli, bool unretried,
                 int (*on_id)(struct tb_cli *cli, void *owner, int64_t id), void *owner);

/* Drops what the command means, page by page; each id that is given, by on_id, whose owner is total. Returns
 * an enum tb_exit; *total is how many were dropped, also where it failed. */
int tb_dead_drop_selected(struct tb_cli *cli, int (*on_id)(struct tb_cli *cli, void *owner, int64_t id),
                          int64_t *total) TB_MUST_CHECK;

#endif

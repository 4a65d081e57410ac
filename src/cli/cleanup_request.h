/* A maintenance job that only a daemon can do: it is asked for, and its end awaited. */
#ifndef TASKBRIDGE_CLI_CLEANUP_REQUEST_H
#define TASKBRIDGE_CLI_CLEANUP_REQUEST_H

#include "cli.h"

/* How long a daemon is given, unless the person says so. */
#define TB_CLEANUP_WAIT_S 90

#define TB_CLEANUP_WHO_BYTES 160

/* Who runs the job, for the book: this program, its host and process. */
void tb_cleanup_name_myself(char ret_who[TB_CLEANUP_WHO_BYTES]);

/* Prints what the run came to. Returns an enum tb_exit: good only when the job was done. The command must be
 * connected. */
int tb_cleanup_ask_daemon(struct tb_cli *cli, const char *job, int64_t wait_s) TB_MUST_CHECK;

#endif

/* The daemon: its parts, put together, run until a signal ends it. */
#ifndef TASKBRIDGE_DAEMON_DAEMON_H
#define TASKBRIDGE_DAEMON_DAEMON_H

#include "taskbridge/config/config.h"

struct tb_daemon;

/* Takes the configuration; source is what SIGHUP reads again, borrowed until free. 0 or negative. */
int tb_daemon_new(struct tb_config *config, const struct tb_config_source *source,
                  struct tb_daemon **ret_daemon, struct tb_error *err) TB_MUST_CHECK;

/* Until SIGTERM or SIGINT, and all in hand is written. 0 or negative. */
int tb_daemon_run(struct tb_daemon *daemon, struct tb_error *err) TB_MUST_CHECK;

/* NULL is fine. */
void tb_daemon_free(struct tb_daemon *daemon);

#endif

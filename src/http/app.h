/* taskbridge-http from its configuration to its exit code. */
#ifndef TASKBRIDGE_HTTP_APP_H
#define TASKBRIDGE_HTTP_APP_H

#include "taskbridge/config/config.h"

/* Serves until SIGTERM; source is where config came from. Returns the program's exit code. */
int tb_app_run(const struct tb_config_source *source, const struct tb_config *config) TB_MUST_CHECK;

#endif

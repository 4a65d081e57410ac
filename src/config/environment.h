/* The environment, put over the file. */
#ifndef TASKBRIDGE_CONFIG_ENVIRONMENT_H
#define TASKBRIDGE_CONFIG_ENVIRONMENT_H

#include "schema.h"

/* environment as environ, or NULL. 0, TB_CONFIG_WRONG or -ENOMEM. */
int tb_environment_apply(struct tb_config *config, char *const *environment,
                         struct tb_error *err) TB_MUST_CHECK;

#endif

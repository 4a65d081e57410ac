/* What no single option can tell: options that need or exclude each other. */
#ifndef TASKBRIDGE_CONFIG_WHOLE_H
#define TASKBRIDGE_CONFIG_WHOLE_H

#include "taskbridge/config/config.h"

/* 0, or TB_CONFIG_WRONG with the options' names and what would be right. */
int tb_whole_check(const struct tb_config *config, struct tb_error *err) TB_MUST_CHECK;

#endif

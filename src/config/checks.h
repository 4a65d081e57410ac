/* Whether a text is right for its option: each gives NULL, or what would be right. */
#ifndef TASKBRIDGE_CONFIG_CHECKS_H
#define TASKBRIDGE_CONFIG_CHECKS_H

#include "taskbridge/base/str.h"

const char *tb_check_amqp_url(struct tb_str text);
const char *tb_check_database_url(struct tb_str text);
const char *tb_check_listen(struct tb_str text);
const char *tb_check_origin(struct tb_str text);

#endif

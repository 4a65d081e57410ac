/* Whether a text is right for its option: each gives NULL, or what would be right. */
#ifndef TASKBRIDGE_CONFIG_CHECKS_H
#define TASKBRIDGE_CONFIG_CHECKS_H

#include "taskbridge/base/str.h"

const char *tb_check_amqp_url(struct tb_str text);
const char *tb_check_database_url(struct tb_str text);
const char *tb_check_schema(struct tb_str text);
const char *tb_check_listen(struct tb_str text);
const char *tb_check_origin(struct tb_str text);
const char *tb_check_network(struct tb_str text);
/* "" is right for the following three: not given. */
const char *tb_check_http_url(struct tb_str text);
const char *tb_check_forward_url(struct tb_str text);
const char *tb_check_secret(struct tb_str text);
const char *tb_check_algorithm(struct tb_str text);
/* The name of a header or a cookie. */
const char *tb_check_header(struct tb_str text);

#endif

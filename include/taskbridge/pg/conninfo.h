/* What a database URL says, before it is used. */
#ifndef TASKBRIDGE_PG_CONNINFO_H
#define TASKBRIDGE_PG_CONNINFO_H

#include "taskbridge/base/error.h"

#include <stddef.h>

/* Whether libpq takes the URL or connection string. 0, -EINVAL or -ENOMEM; the error never shows a password.
 */
int tb_conninfo_check(const char *url, struct tb_error *err) TB_MUST_CHECK;

/* How many hosts it names; 1 where it names none, or is not understood. */
size_t tb_conninfo_hosts(const char *url);

#endif

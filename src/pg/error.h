/* libpq's words as an error: one line, without its trailing newline. */
#ifndef TASKBRIDGE_PG_ERROR_H
#define TASKBRIDGE_PG_ERROR_H

#include "taskbridge/base/error.h"

/* Code -EIO. message and sqlstate may be NULL: the connection broke. */
void tb_pg_error_set(struct tb_error *err, const char *sqlstate, const char *message);

#endif

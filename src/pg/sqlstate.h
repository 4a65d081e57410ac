/* What PostgreSQL's error codes mean for whoever submitted a transaction. */
#ifndef TASKBRIDGE_PG_SQLSTATE_H
#define TASKBRIDGE_PG_SQLSTATE_H

#include "taskbridge/pg/connection.h"

/* function is the server's that raised it, and may be NULL. sqlstate NULL: the connection broke. */
enum tb_pg_outcome tb_sqlstate_outcome(const char *sqlstate, const char *function);

#endif

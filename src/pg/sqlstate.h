/* What PostgreSQL's error codes mean for whoever submitted a transaction. */
#ifndef TASKBRIDGE_PG_SQLSTATE_H
#define TASKBRIDGE_PG_SQLSTATE_H

#include "taskbridge/pg/connection.h"

/* sqlstate NULL: the connection broke. */
enum tb_pg_outcome tb_sqlstate_outcome(const char *sqlstate);

#endif

/* What PostgreSQL's error codes mean for whoever submitted a transaction. */
#ifndef TASKBRIDGE_STORE_SQLSTATE_H
#define TASKBRIDGE_STORE_SQLSTATE_H

#include "taskbridge/store/connection.h"

/* sqlstate NULL: the connection broke. */
enum tb_store_outcome tb_sqlstate_outcome(const char *sqlstate);

#endif

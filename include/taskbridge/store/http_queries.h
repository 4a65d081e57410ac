/* What the HTTP module asks, over a struct tb_connection, beside a company's document (company_read.h). What
 * each takes and gives stands in its file of sql/queries/. */
#ifndef TASKBRIDGE_STORE_HTTP_QUERIES_H
#define TASKBRIDGE_STORE_HTTP_QUERIES_H

#include "taskbridge/store/connection.h"

/* All but listen go behind http_caller.sql, which narrows what row-level security shows. */
extern const struct tb_http_queries {
    const struct tb_query *listen;        /* notified of each company that changed: the payload is its key */
    const struct tb_query *company_tasks; /* one company's, with filters: company_tasks.sql */
    const struct tb_query *task;          /* $1 task id: http_task.sql */
    const struct tb_query *children;      /* $1 task id, $2 how many at most: http_children.sql */
    const struct tb_query *tasks;         /* operators' list: http_tasks.sql */
    const struct tb_query *workers;       /* http_workers.sql */
    const struct tb_query *bridge;        /* http_bridge.sql */
    const struct tb_query *dead;          /* $1 after id, $2 how many at most: http_dead.sql */
} tb_http_queries;

#endif

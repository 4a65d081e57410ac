/* What the HTTP module asks, over a struct tb_connection. The columns stand in the files of sql/queries/. */
#ifndef TASKBRIDGE_STORE_HTTP_QUERIES_H
#define TASKBRIDGE_STORE_HTTP_QUERIES_H

#include "taskbridge/store/connection.h"

/* A company's document is one transaction: scope first, which narrows what row-level security shows, then the
 * three others. */
extern const struct tb_http_queries {
    const struct tb_query *scope;         /* $1 company or NULL, $2 whether an operator asks */
    const struct tb_query *active;        /* $1 company, $2 how many at most: company_active.sql */
    const struct tb_query *recent;        /* $1 company, $2 how many at most: company_recent.sql */
    const struct tb_query *totals;        /* $1 company: name, active, completed, clock */
    const struct tb_query *listen;        /* notified of each company that changed: the payload is its key */
    const struct tb_query *token_find;    /* $1 SHA-256 as binary: id, user, scope; no row when invalid */
    const struct tb_query *token_used;    /* $1 id */
    const struct tb_query *access;        /* $1 user, $2 company: one row if the standalone tables allow it */
    const struct tb_query *task;          /* $1 task id: http_task.sql */
    const struct tb_query *children;      /* $1 task id, $2 how many at most: http_children.sql */
    const struct tb_query *company_tasks; /* one company's, with filters: company_tasks.sql */
    const struct tb_query *tasks;         /* operators' list: http_tasks.sql */
    const struct tb_query *workers;       /* http_workers.sql */
    const struct tb_query *bridge;        /* http_bridge.sql */
    const struct tb_query *dead;          /* $1 after id, $2 how many at most: http_dead.sql */
} tb_http_queries;

#endif

/* The statements of the HTTP module, by name.
 *
 * What each takes and gives is told in its file; nothing of it is known here. */
#include "taskbridge/store/http_queries.h"

#include "tb_sql.h"

const struct tb_http_queries tb_http_queries = {
    .listen = &tb_query_http_listen,
    .task = &tb_query_http_task,
    .children = &tb_query_http_children,
    .company_tasks = &tb_query_company_tasks,
    .tasks = &tb_query_http_tasks,
    .workers = &tb_query_http_workers,
    .bridge = &tb_query_http_bridge,
    .dead = &tb_query_http_dead,
};

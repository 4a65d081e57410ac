/* The statements of the HTTP module, by name.
 *
 * What each takes and gives is told in its file; nothing of it is known here. */
#include "taskbridge/store/http_queries.h"

#include "tb_sql.h"

const struct tb_http_queries tb_http_queries = {
    .scope = &tb_query_company_scope,
    .active = &tb_query_company_active,
    .recent = &tb_query_company_recent,
    .totals = &tb_query_company_totals,
    .listen = &tb_query_http_listen,
    .token_find = &tb_query_token_find,
    .token_used = &tb_query_token_used,
    .access = &tb_query_company_access,
    .task = &tb_query_http_task,
    .children = &tb_query_http_children,
    .company_tasks = &tb_query_company_tasks,
    .tasks = &tb_query_http_tasks,
    .workers = &tb_query_http_workers,
    .bridge = &tb_query_http_bridge,
    .dead = &tb_query_http_dead,
};

/* GET /api/v1/companies/{company_id}/task_status/ */
#ifndef TASKBRIDGE_HTTP_TASK_STATUS_H
#define TASKBRIDGE_HTTP_TASK_STATUS_H

#include "exchange.h"
#include "live/feed.h"

/* The places of the filters in the route's table. */
enum tb_filter_parameter {
    TB_FILTER_STATUS,
    TB_FILTER_TYPE,
    TB_FILTER_SINCE,
    TB_FILTER_UNTIL,
    TB_FILTER_LIMIT,
    TB_FILTER_CURSOR
};

/* As many as http_recent.sql gives at most. */
#define TB_LIMIT_MAX 200

void tb_task_status_get(struct tb_exchange *exchange);

/* Which document the exchange asks for: its filters, narrowed to what the grant lets see. Its texts are in
 * the exchange's arena; NULL filter: the whole company. false without memory. */
bool tb_task_status_key(struct tb_exchange *exchange, struct tb_company_filter *filter,
                        struct tb_feed_key *ret_key) TB_MUST_CHECK;
/* In which view. */
size_t tb_task_status_view(const struct tb_exchange *exchange);

#endif

/* One task of a company, and the flow that a task began. */
#ifndef TASKBRIDGE_HTTP_TASK_H
#define TASKBRIDGE_HTTP_TASK_H

#include "exchange.h"

/* GET /api/v1/companies/{company_id}/tasks/{task_id}/ and …/flows/{root_id}/ */
void tb_task_get(struct tb_exchange *exchange);
void tb_flow_get(struct tb_exchange *exchange);

#endif

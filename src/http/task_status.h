/* GET /api/v1/companies/{company_id}/task_status/ */
#ifndef TASKBRIDGE_HTTP_TASK_STATUS_H
#define TASKBRIDGE_HTTP_TASK_STATUS_H

#include "request.h"

void tb_task_status_get(struct tb_request *request);

#endif

/* GET /api/v1/openapi.json */
#ifndef TASKBRIDGE_HTTP_OPENAPI_H
#define TASKBRIDGE_HTTP_OPENAPI_H

#include "exchange.h"

void tb_openapi_get(struct tb_exchange *exchange);

#endif

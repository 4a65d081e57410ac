/* Which address is whose. */
#ifndef TASKBRIDGE_HTTP_ROUTES_H
#define TASKBRIDGE_HTTP_ROUTES_H

#include "request.h"

/* Answers the request, or suspends it until it will be answered. */
void tb_routes_dispatch(struct tb_request *request);

#endif

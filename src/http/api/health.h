/* /healthz and /readyz. */
#ifndef TASKBRIDGE_HTTP_HEALTH_H
#define TASKBRIDGE_HTTP_HEALTH_H

#include "exchange.h"

/* The process lives and its loop turns. */
void tb_health_get_alive(struct tb_exchange *exchange);
/* The database answers what requests ask of it. */
void tb_health_get_ready(struct tb_exchange *exchange);

#endif

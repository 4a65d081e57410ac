/* Pages of other origins that may read the API: CORS, by an allow-list. */
#ifndef TASKBRIDGE_HTTP_CORS_H
#define TASKBRIDGE_HTTP_CORS_H

#include "exchange.h"

/* Pushes what lets the page that asks, if it is of an allowed origin, read the answer. */
void tb_cors_push_fields(const struct tb_exchange *exchange, struct tb_fields *fields);

/* Answers a browser that asks, before the request itself, whether it may be sent; false when this is no such
 * question or the origin is not allowed, and nothing was answered. */
bool tb_cors_answer_preflight(struct tb_exchange *exchange) TB_MUST_CHECK;

#endif

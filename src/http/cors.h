/* Pages of other origins that may read the API: CORS, by an allow-list. */
#ifndef TASKBRIDGE_HTTP_CORS_H
#define TASKBRIDGE_HTTP_CORS_H

#include "request.h"

/* Adds to a response what lets the page that asks, if it is of an allowed origin, read it. false without
 * memory. */
bool tb_cors_add_headers(const struct tb_request *request, struct MHD_Response *response) TB_MUST_CHECK;

/* Answers a browser that asks, before the request itself, whether it may be sent; false when this is no such
 * question or the origin is not allowed, and nothing was answered. */
bool tb_cors_answer_preflight(struct tb_request *request) TB_MUST_CHECK;

#endif

/* Which address is whose: the table that requests, OpenAPI and the tests read. */
#ifndef TASKBRIDGE_HTTP_ROUTES_H
#define TASKBRIDGE_HTTP_ROUTES_H

#include "exchange.h"

enum tb_needs {
    TB_NEEDS_NOTHING,
    TB_NEEDS_COMPANY,  /* the company that the address names is the caller's to see */
    TB_NEEDS_VIEWER,   /* an operator who may look */
    TB_NEEDS_OPERATOR, /* … and act */
    TB_NEEDS_ADMIN
};

struct tb_route {
    const char *method;
    const char *pattern; /* a segment "{name}" is left open */
    enum tb_needs needs;
    bool is_websocket, takes_unknown;
    const struct tb_parameter *parameters; /* NULL: none */
    /* Answers, or sees to it that it is answered. */
    void (*handler)(struct tb_exchange *exchange);
    /* Of OpenAPI. */
    const char *summary, *schema, *content_type;
};

extern const struct tb_route tb_routes[];
extern const size_t tb_route_count;

/* Answers the request, now or later. */
void tb_routes_dispatch(struct tb_exchange *exchange);

#endif

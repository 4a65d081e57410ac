/* The HTTP server on the program's loop. */
#ifndef TASKBRIDGE_HTTP_SERVER_H
#define TASKBRIDGE_HTTP_SERVER_H

#include "request.h"
#include "taskbridge/io/loop.h"

struct tb_server;

struct tb_server_options {
    struct tb_loop *loop; /* borrowed */
    int listen_fd;        /* taken, also when opening fails */
    int64_t max_connections, idle_timeout_s;
    struct tb_services *services; /* borrowed */
};

/* 0 or a negative errno. */
int tb_server_open(const struct tb_server_options *options, struct tb_server **ret_server,
                   struct tb_error *err) TB_MUST_CHECK;

/* No connection is accepted any more; on_drained is called when what was under way has been answered, or when
 * it has taken too long. Once. */
void tb_server_drain(struct tb_server *server, void (*on_drained)(void *owner), void *owner);

/* Closes what is still open. Every suspended request has been answered before. NULL is fine. */
void tb_server_close(struct tb_server *server);

#endif

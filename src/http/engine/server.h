/* The HTTP server on the program's loop: who is let in, and for how long. */
#ifndef TASKBRIDGE_HTTP_SERVER_H
#define TASKBRIDGE_HTTP_SERVER_H

#include "request.h"
#include "taskbridge/io/loop.h"

struct tb_server;

struct tb_server_options {
    struct tb_loop *loop; /* borrowed */
    int listen_fd;        /* taken, also when opening fails */
    int64_t max_connections;
    int64_t max_connections_per_address; /* of one that is not trusted */
    int64_t idle_timeout_s;
    /* Whether the address may have any number of connections: a proxy's. */
    bool (*is_trusted)(void *owner, const char *address);
    /* As struct tb_connection_host has them. */
    void (*on_request)(void *owner, struct tb_request *request);
    void (*on_malformed)(void *owner, struct tb_request *request, unsigned code, const char *wrong);
    void (*on_gone)(void *owner, struct tb_request *request);
    void (*on_answered)(void *owner, struct tb_request *request, unsigned code, size_t bytes, bool is_whole);
    void *owner;
};

/* 0 or a negative errno. */
int tb_server_open(const struct tb_server_options *options, struct tb_server **ret_server,
                   struct tb_error *err) TB_MUST_CHECK;

/* No connection is accepted any more; on_drained is called when what was under way has been answered and
 * every stream has ended, or when it has taken too long. Once. */
void tb_server_drain(struct tb_server *server, void (*on_drained)(void *owner), void *owner);

/* Closes what is still open. NULL is fine. */
void tb_server_close(struct tb_server *server);

#endif

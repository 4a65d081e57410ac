/* One client's connection: bytes in, requests up, answers and streams out. */
#ifndef TASKBRIDGE_HTTP_CONNECTION_H
#define TASKBRIDGE_HTTP_CONNECTION_H

#include "request.h"
#include "response.h"
#include "taskbridge/io/loop.h"

/* What all connections of a server share. */
struct tb_connection_host {
    struct tb_loop *loop; /* borrowed */
    int64_t head_us;      /* how long a request's head and body may take to come */
    int64_t idle_us;      /* how long nothing may happen between requests, or to an answer under way */
    bool is_draining;     /* connections are not kept */
    void (*on_request)(void *owner, struct tb_request *request);
    /* No request could be made of it: an answer of this code has to be given, which closes the connection. */
    void (*on_malformed)(void *owner, struct tb_request *request, unsigned code, const char *wrong);
    /* The client left before the answer; the request is gone after it. */
    void (*on_gone)(void *owner, struct tb_request *request);
    /* An answer has been sent, or was broken off. */
    void (*on_answered)(void *owner, struct tb_request *request, unsigned code, size_t bytes, bool is_whole);
    void (*on_closed)(void *owner, struct tb_connection *connection);
    void *owner;
    struct tb_connection *first; /* of all that are open */
    size_t count;
    /* Those whose request is not whole, the oldest first. */
    struct tb_connection *unfinished_first, *unfinished_last;
    struct tb_connection *ended; /* freed in the loop's next turn */
    struct tb_timer burial;
    struct tb_response_clock clock;
    size_t requests; /* under way, streams not among them */
    size_t streams;
};

#define TB_CONNECTION_ADDRESS_BYTES 48

/* fd is taken, also without memory; address is the peer's. NULL without memory. */
struct tb_connection *tb_connection_new(struct tb_connection_host *host, int fd, const char *address);
/* Frees those that have ended. */
void tb_connection_host_bury(struct tb_connection_host *host);

/* From inside no callback of it; calls on_gone, on_closed of a stream, and on_closed. */
void tb_connection_close(struct tb_connection *connection);

const char *tb_connection_address(const struct tb_connection *connection);
/* Since when its request is unfinished; monotonic. */
int64_t tb_connection_waits_since_us(const struct tb_connection *connection);
/* Closed when nothing is under way on it. */
void tb_connection_drain(struct tb_connection *connection);

#endif

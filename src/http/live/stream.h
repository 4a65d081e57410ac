/* Those who watch a company: event streams and WebSockets. */
#ifndef TASKBRIDGE_HTTP_STREAM_H
#define TASKBRIDGE_HTTP_STREAM_H

#include "exchange.h"

struct tb_streams;

int tb_streams_open(struct tb_loop *loop, struct tb_streams **ret_streams,
                    struct tb_error *err) TB_MUST_CHECK;
/* Every stream has ended. NULL is fine. */
void tb_streams_close(struct tb_streams *streams);

/* Tells all that the server goes down, and ends them. */
void tb_streams_stop(struct tb_streams *streams);

/* GET …/task_status/stream and …/task_status/ws */
void tb_stream_get_events(struct tb_exchange *exchange);
void tb_stream_get_websocket(struct tb_exchange *exchange);

#endif

/* WebSocket frames as a server sends them. */
#ifndef TASKBRIDGE_HTTP_FRAME_H
#define TASKBRIDGE_HTTP_FRAME_H

#include "engine/body.h"

#include <stdint.h>

/* Held by the caller; NULL without memory. */
struct tb_body *tb_frame_text(struct tb_str text);
struct tb_body *tb_frame_ping(void);
/* code as RFC 6455, 7.4, has it; 0: none. */
struct tb_body *tb_frame_close(uint16_t code);

/* What the server answers to a client's Sec-WebSocket-Key. */
#define TB_FRAME_ACCEPT_BYTES 29
/* false when the key is none. */
bool tb_frame_accept(struct tb_str key, char ret_accept[TB_FRAME_ACCEPT_BYTES]) TB_MUST_CHECK;

#endif

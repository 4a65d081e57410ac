/* Bytes that many connections send at once: one copy, counted. */
#ifndef TASKBRIDGE_HTTP_BODY_H
#define TASKBRIDGE_HTTP_BODY_H

#include "taskbridge/base/buf.h"

struct tb_body {
    struct tb_str bytes; /* never change */
    /* Its own. */
    size_t holders;
    bool is_static;
};

/* Held once, by the caller. NULL without memory. */
struct tb_body *tb_body_static(struct tb_str bytes);
struct tb_body *tb_body_copy(struct tb_str bytes);
/* Of what a buffer gathered, which is empty after it; NULL also when the buffer failed. */
struct tb_body *tb_body_take(struct tb_buf *buf);

/* NULL is fine for both. */
struct tb_body *tb_body_hold(struct tb_body *body);
void tb_body_release(struct tb_body *body);

#endif

/* A body is made once and sent to whoever wants it; the last who releases it frees it.
 *
 * Everything happens in one thread, so the count is a plain number. */
#include "body.h"

#include <assert.h>
#include <stdlib.h>

static struct tb_body *make(struct tb_str bytes, bool is_static)
{
    struct tb_body *body = malloc(sizeof(*body));

    if (body)
        *body = (struct tb_body){.bytes = bytes, .holders = 1, .is_static = is_static};
    return body;
}

struct tb_body *tb_body_static(struct tb_str bytes)
{
    return make(bytes, true);
}

struct tb_body *tb_body_take(struct tb_buf *buf)
{
    struct tb_str bytes = TB_STR_NULL;
    char *taken = tb_buf_take(buf, &bytes.len);
    struct tb_body *body = NULL;

    bytes.ptr = taken;
    if (taken)
        body = make(bytes, false);
    if (!body)
        free(taken);
    return body;
}

struct tb_body *tb_body_copy(struct tb_str bytes)
{
    struct tb_buf buf;
    struct tb_body *body = NULL;

    tb_buf_init(&buf, bytes.len + 1);
    tb_buf_push_str(&buf, bytes);
    body = tb_body_take(&buf);
    tb_buf_deinit(&buf);
    return body;
}

struct tb_body *tb_body_hold(struct tb_body *body)
{
    if (body)
        body->holders++;
    return body;
}

void tb_body_release(struct tb_body *body)
{
    union {
        const char *shown;
        void *owned;
    } bytes;

    if (!body)
        return;
    assert(body->holders);
    if (--body->holders)
        return;
    bytes.shown = body->bytes.ptr;
    if (!body->is_static)
        free(bytes.owned);
    free(body);
}

/* A growing buffer of bytes that never passes its ceiling.
 *
 * Invariants: where ptr is set, ptr[len] is NUL and len < cap; len <= max_bytes always. Growth doubles, and
 * stops exactly at the ceiling. Once failed, every further push is refused too: content with a hole in it
 * would be worse than content that ends early. Pushing bytes that lie in the buffer itself is not supported.
 */
#include "taskbridge/base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define CAP_MIN ((size_t)64)

void tb_buf_init(struct tb_buf *buf, size_t max_bytes)
{
    *buf = (struct tb_buf){.max_bytes = max_bytes};
}

void tb_buf_deinit(struct tb_buf *buf)
{
    free(buf->ptr);
    *buf = (struct tb_buf){0};
}

void tb_buf_reset(struct tb_buf *buf)
{
    tb_buf_truncate(buf, 0);
}

void tb_buf_truncate(struct tb_buf *buf, size_t len)
{
    assert(len <= buf->len);
    buf->len = len;
    buf->failed = false;
    if (buf->ptr)
        buf->ptr[len] = '\0';
}

/* A capacity of at least needed bytes, the NUL included. */
static bool grow(struct tb_buf *buf, size_t needed)
{
    size_t cap = buf->cap ? buf->cap : CAP_MIN;
    while (cap < needed)
        cap = cap > SIZE_MAX / 2 ? SIZE_MAX : cap * 2;
    if (cap - 1 > buf->max_bytes)
        cap = buf->max_bytes + 1;

    char *ptr = realloc(buf->ptr, cap);
    if (!ptr)
        return false;
    buf->ptr = ptr;
    buf->cap = cap;
    buf->ptr[buf->len] = '\0';
    return true;
}

char *tb_buf_reserve(struct tb_buf *buf, size_t len)
{
    if (buf->failed)
        return NULL;
    if (len > buf->max_bytes - buf->len || buf->len + len == SIZE_MAX ||
        (buf->len + len >= buf->cap && !grow(buf, buf->len + len + 1))) {
        buf->failed = true;
        return NULL;
    }
    return buf->ptr + buf->len;
}

void tb_buf_commit(struct tb_buf *buf, size_t used)
{
    assert(buf->ptr && used < buf->cap - buf->len);
    buf->len += used;
    buf->ptr[buf->len] = '\0';
}

void tb_buf_push(struct tb_buf *buf, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    char *place = tb_buf_reserve(buf, len);
    if (!place)
        return;
    memcpy(place, bytes, len);
    tb_buf_commit(buf, len);
}

void tb_buf_push_str(struct tb_buf *buf, struct tb_str str)
{
    tb_buf_push(buf, str.ptr, str.len);
}

void tb_buf_push_byte(struct tb_buf *buf, char byte)
{
    tb_buf_push(buf, &byte, 1);
}

void tb_buf_printf(struct tb_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tb_buf_vprintf(buf, format, args);
    va_end(args);
}

void tb_buf_vprintf(struct tb_buf *buf, const char *format, va_list args)
{
    if (buf->failed)
        return;
    va_list again;
    va_copy(again, args);
    size_t room = buf->cap - buf->len;
    int len = vsnprintf(buf->ptr ? buf->ptr + buf->len : NULL, room, format, args);
    if (len < 0) {
        buf->failed = true;
    } else if ((size_t)len < room) {
        buf->len += (size_t)len;
    } else {
        if (buf->ptr)
            buf->ptr[buf->len] = '\0';
        char *place = tb_buf_reserve(buf, (size_t)len);
        if (place) {
            vsnprintf(place, (size_t)len + 1, format, again);
            tb_buf_commit(buf, (size_t)len);
        }
    }
    va_end(again);
}

char *tb_buf_take(struct tb_buf *buf, size_t *ret_len)
{
    char *taken = NULL;
    if (tb_buf_reserve(buf, 0)) {
        taken = buf->ptr;
        if (ret_len)
            *ret_len = buf->len;
    } else {
        free(buf->ptr);
    }
    tb_buf_init(buf, buf->max_bytes);
    return taken;
}

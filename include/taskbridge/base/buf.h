/* A growing buffer of bytes with a ceiling.
 *
 * A push that would pass the ceiling, or finds no memory, leaves the buffer as it was and sets failed, which
 * stays: a writer pushes everything and asks once, at the end. The content is always followed by a NUL that
 * len does not count. */
#ifndef TASKBRIDGE_BASE_BUF_H
#define TASKBRIDGE_BASE_BUF_H

#include "taskbridge/base/attributes.h"
#include "taskbridge/base/str.h"

#include <stdarg.h>

struct tb_buf {
    char *ptr; /* owned */
    size_t len, cap, max_bytes;
    bool failed;
};

void tb_buf_init(struct tb_buf *buf, size_t max_bytes);

/* Back to the null state; may run twice. */
void tb_buf_deinit(struct tb_buf *buf);

/* Empty again, failed cleared, memory kept. */
void tb_buf_reset(struct tb_buf *buf);

void tb_buf_push(struct tb_buf *buf, const void *bytes, size_t len);
void tb_buf_push_str(struct tb_buf *buf, struct tb_str str);
void tb_buf_push_byte(struct tb_buf *buf, char byte);
void tb_buf_printf(struct tb_buf *buf, const char *format, ...) TB_PRINTF(2, 3);
void tb_buf_vprintf(struct tb_buf *buf, const char *format, va_list args) TB_PRINTF(2, 0);

/* Makes room for len more bytes behind the content and returns the place; NULL when failed. Of these, *used*
 * are added by tb_buf_commit. */
char *tb_buf_reserve(struct tb_buf *buf, size_t len) TB_MUST_CHECK;
void tb_buf_commit(struct tb_buf *buf, size_t used);

/* Back to the first len bytes, which are there; failed cleared. */
void tb_buf_truncate(struct tb_buf *buf, size_t len);

/* Borrowed until the next change of buf. */
static inline struct tb_str tb_buf_str(const struct tb_buf *buf)
{
    return (struct tb_str){buf->ptr ? buf->ptr : "", buf->len};
}

/* The content leaves as one NUL-terminated string that the caller frees; NULL when failed. buf is empty after
 * it. */
char *tb_buf_take(struct tb_buf *buf, size_t *ret_len) TB_MUST_CHECK;

#endif

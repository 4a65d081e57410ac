/* What people read when a task failed.
 *
 * An exception is known by its repr. Where a worker was lost or ran into its hard time limit the repr is only
 * the name of a wrapper, and the real text is the traceback's last line. A traceback has no bound and its end
 * says most, so the end is kept. Secrets are taken out first: behind a cut nobody knows what was one. */
#include "failure.h"

#include "taskbridge/base/limits.h"
#include "taskbridge/base/utf8.h"

#include <errno.h>

#define ELLIPSIS TB_STR("\xE2\x80\xA6")

/* Whether a repr tells nothing about what went wrong: it is empty, or a wrapper with nothing in it. */
static bool says_nothing(struct tb_str repr)
{
    struct tb_str wrapper = TB_STR("ExceptionWithTraceback");

    repr = tb_str_trim(repr);
    if (tb_str_starts_with(repr, wrapper)) {
        repr.ptr += wrapper.len;
        repr.len -= wrapper.len;
    }
    for (size_t i = 0; i < repr.len; i++)
        if (!memchr("()'\", ", repr.ptr[i], 6))
            return false;
    return true;
}

/* The last line that is not empty; the null string when there is none. */
static struct tb_str last_line(struct tb_str text)
{
    text = tb_str_trim(text);
    if (text.len == 0)
        return TB_STR_NULL;
    const char *newline = memrchr(text.ptr, '\n', text.len);
    size_t start = newline ? (size_t)(newline + 1 - text.ptr) : 0;
    return tb_str_trim((struct tb_str){text.ptr + start, text.len - start});
}

/* The last TB_TRACEBACK_MAX_BYTES, beginning with a whole character behind "…"; the null string without
 * memory. */
static struct tb_str take_end(struct tb_str text, struct tb_arena *arena)
{
    if (text.len <= TB_TRACEBACK_MAX_BYTES)
        return text;
    size_t at = text.len - (TB_TRACEBACK_MAX_BYTES - ELLIPSIS.len);
    while (at < text.len && ((unsigned char)text.ptr[at] & 0xC0) == 0x80)
        at++;
    size_t len = text.len - at;
    char *copy = tb_arena_alloc(arena, ELLIPSIS.len + len);
    if (!copy)
        return TB_STR_NULL;
    memcpy(copy, ELLIPSIS.ptr, ELLIPSIS.len);
    memcpy(copy + ELLIPSIS.len, text.ptr + at, len);
    return (struct tb_str){copy, ELLIPSIS.len + len};
}

int tb_failure_read(const struct tb_event *event, const struct tb_redact *redact, struct tb_arena *arena,
                    struct tb_failure *ret_failure)
{
    struct tb_str exception, traceback;

    int r = tb_redact_text(redact, event->exception, arena, &exception);
    if (!r)
        r = tb_redact_text(redact, event->traceback, arena, &traceback);
    if (r)
        return r;
    if (says_nothing(exception)) {
        struct tb_str line = last_line(traceback);
        exception = tb_str_is_null(line) && !exception.len ? TB_STR_NULL
                    : tb_str_is_null(line)                 ? exception
                                                           : line;
    }
    exception.len = tb_utf8_cut(exception, TB_TEXT_MAX_BYTES);
    ret_failure->error = exception;
    ret_failure->traceback = take_end(traceback, arena);
    return traceback.len && tb_str_is_null(ret_failure->traceback) ? -ENOMEM : 0;
}

/* Errors as sentences for a person, in a place of fixed size.
 *
 * The first writer knows best, so later ones change nothing; callers on the way up may put context in front.
 * Text that does not fit is cut at a whole UTF-8 character. Of a prefix at most half of the place is used:
 * the cause, which stands at the end, is worth more than where it was met. */
#include "taskbridge/base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The length of text without a UTF-8 character that lacks its last bytes. */
static size_t whole_characters(const char *text, size_t len)
{
    size_t tail = 0;
    while (tail < 3 && tail < len && ((unsigned char)text[len - 1 - tail] & 0xC0) == 0x80)
        tail++;
    if (tail == len)
        return len;
    unsigned char lead = (unsigned char)text[len - 1 - tail];
    size_t needed = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    return needed > tail + 1 ? len - tail - 1 : len;
}

static size_t format_cut(char *text, size_t size, const char *format, va_list args) TB_PRINTF(3, 0);

/* Formats into text of size bytes; returns the length that fitted. */
static size_t format_cut(char *text, size_t size, const char *format, va_list args)
{
    int len = vsnprintf(text, size, format, args);
    if (len < 0)
        len = 0;
    size_t kept = (size_t)len < size ? (size_t)len : whole_characters(text, size - 1);
    text[kept] = '\0';
    return kept;
}

static size_t append_cut(char *text, size_t len, size_t size, const char *more)
{
    size_t more_len = strlen(more);
    bool fits = more_len < size - len;
    if (!fits)
        more_len = size - len - 1;
    memcpy(text + len, more, more_len);
    len += more_len;
    if (!fits)
        len = whole_characters(text, len);
    text[len] = '\0';
    return len;
}

int tb_error_set(struct tb_error *err, int code, const char *format, ...)
{
    assert(code != 0);
    if (!err || err->code)
        return code;
    va_list args;
    va_start(args, format);
    format_cut(err->text, sizeof(err->text), format, args);
    va_end(args);
    err->code = code;
    return code;
}

int tb_error_set_errno(struct tb_error *err, int code, const char *format, ...)
{
    assert(code < 0);
    if (!err || err->code)
        return code;
    va_list args;
    va_start(args, format);
    size_t len = format_cut(err->text, sizeof(err->text), format, args);
    va_end(args);
    const char *words = strerrordesc_np(-code);
    len = append_cut(err->text, len, sizeof(err->text), ": ");
    append_cut(err->text, len, sizeof(err->text), words ? words : "unknown error");
    err->code = code;
    return code;
}

void tb_error_prefix(struct tb_error *err, const char *format, ...)
{
    if (!err || !err->code)
        return;
    char cause[TB_ERROR_TEXT_BYTES];
    memcpy(cause, err->text, sizeof(cause));
    va_list args;
    va_start(args, format);
    size_t len = format_cut(err->text, sizeof(err->text) / 2, format, args);
    va_end(args);
    len = append_cut(err->text, len, sizeof(err->text), ": ");
    append_cut(err->text, len, sizeof(err->text), cause);
}

void tb_error_clear(struct tb_error *err)
{
    if (err)
        *err = (struct tb_error){0};
}

/* A JSON string's escapes, resolved.
 *
 * PostgreSQL's text has no U+0000 and UTF-8 has no surrogates, so the first and every surrogate without its
 * other half become U+FFFD. The scanner has checked the escapes; here they are taken for good. */
#include "decode_scan.h"

#define REPLACEMENT UINT32_C(0xFFFD)

static uint32_t hex_value(const char *digits)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned char byte = (unsigned char)digits[i];
        value = value << 4 | (byte <= '9' ? byte - 0x30U : (byte | 0x20U) - 'a' + 10U);
    }
    return value;
}

/* The character of the \u escape at *at, which steps behind it and behind a second half. */
static uint32_t take_hex_escape(const char **at, const char *end)
{
    uint32_t high = hex_value(*at + 2);
    *at += 6;
    if (high == 0 || (high >= 0xDC00 && high <= 0xDFFF))
        return REPLACEMENT;
    if (high < 0xD800 || high > 0xDBFF)
        return high;
    if (end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
        return REPLACEMENT;
    uint32_t low = hex_value(*at + 2);
    if (low < 0xDC00 || low > 0xDFFF)
        return REPLACEMENT;
    *at += 6;
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

static uint32_t take_escape(const char **at, const char *end)
{
    char letter = (*at)[1];
    if (letter == 'u')
        return take_hex_escape(at, end);
    *at += 2;
    switch (letter) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default: /* a quote, a backslash or a slash */
        return (unsigned char)letter;
    }
}

static size_t encode(uint32_t character, char bytes[4])
{
    if (character < 0x80) {
        bytes[0] = (char)character;
        return 1;
    }
    size_t len = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        bytes[i] = (char)(0x80 | (character & 0x3F));
        character >>= 6;
    }
    bytes[0] = (char)((0xF0U << (4 - len) & 0xFF) | character);
    return len;
}

/* The next piece of the result: a run of plain bytes (borrowed from the text), or one character in buffer. */
static struct tb_str next_piece(const char **at, const char *end, char buffer[4])
{
    const char *start = *at;
    if (*start == '\\')
        return (struct tb_str){buffer, encode(take_escape(at, end), buffer)};
    const char *escape = memchr(start, '\\', (size_t)(end - start));
    *at = escape ? escape : end;
    return (struct tb_str){start, (size_t)(*at - start)};
}

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

size_t tb_scan_unescape(struct tb_str text, size_t skip_bytes, char *ret_text, size_t max_bytes)
{
    const char *at = text.ptr, *end = text.ptr + text.len;
    size_t len = 0;
    char buffer[4];

    while (at < end && len < max_bytes) {
        struct tb_str piece = next_piece(&at, end, buffer);
        size_t skipped = piece.len < skip_bytes ? piece.len : skip_bytes;
        skip_bytes -= skipped;
        while (len == 0 && skipped && skipped < piece.len && is_continuation(piece.ptr[skipped]))
            skipped++;
        size_t kept = piece.len - skipped;
        if (kept > max_bytes - len)
            kept = max_bytes - len;
        memcpy(ret_text + len, piece.ptr + skipped, kept);
        len += kept;
    }
    return len;
}

size_t tb_scan_unescaped_len(struct tb_str text)
{
    const char *at = text.ptr, *end = text.ptr + text.len;
    size_t len = 0;
    char buffer[4];

    while (at < end)
        len += next_piece(&at, end, buffer).len;
    return len;
}

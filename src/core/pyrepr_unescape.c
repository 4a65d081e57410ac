/* The escapes of Python's string literals.
 *
 * A repr writes few of them, people's own reprs may write any. What can't be told makes the whole text
 * untold, for part of an id is another id: a character by name, a surrogate, a character that PostgreSQL has
 * not, and a line that goes on, which no repr has, but which Celery writes when text has a backslash before a
 * newline. An escape that Python does not know is a backslash and a letter, as in Python. */
#include "pyrepr_lex.h"

#include "taskbridge/base/utf8.h"

#define UNTOLD SIZE_MAX

static int digit_of(char byte, unsigned base)
{
    int digit = byte >= '0' && byte <= '9'   ? byte - '0'
                : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
                : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                             : -1;
    return digit >= 0 && (unsigned)digit < base ? digit : -1;
}

/* Up to max_digits digits at *at, which steps over them; how many there were. */
static size_t take_digits(const char **at, const char *end, size_t max_digits, unsigned base,
                          uint32_t *ret_value)
{
    size_t count = 0;
    *ret_value = 0;
    while (count < max_digits && *at < end && digit_of(**at, base) >= 0) {
        *ret_value = *ret_value * base + (uint32_t)digit_of(**at, base);
        (*at)++;
        count++;
    }
    return count;
}

/* UTF-8 of a character; 0 when it has none. Never longer than the escape it came from. */
static size_t encode(uint32_t character, char *bytes)
{
    if (character == 0 || character > 0x10FFFF || (character >= 0xD800 && character <= 0xDFFF))
        return 0;
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

/* Exactly count hexadecimal digits, or untold. */
static size_t take_hex(const char **at, const char *end, size_t count, char *bytes)
{
    uint32_t character;
    if (take_digits(at, end, count, 16, &character) != count)
        return UNTOLD;
    size_t len = encode(character, bytes);
    return len ? len : UNTOLD;
}

static size_t take_octal(const char **at, const char *end, char *bytes)
{
    uint32_t character;
    take_digits(at, end, 3, 8, &character);
    size_t len = encode(character, bytes);
    return len ? len : UNTOLD;
}

/* The escape behind the backslash at *at, which steps over both. Returns how many bytes were written. */
static size_t take_escape(const char **at, const char *end, char *bytes)
{
    static const char letters[] = "\\'\"abfnrtv", values[] = "\\'\"\a\b\f\n\r\t\v";
    const char *backslash = (*at)++;
    char letter = *(*at);

    if (digit_of(letter, 8) >= 0)
        return take_octal(at, end, bytes);
    (*at)++;
    const char *known = letter ? strchr(letters, letter) : NULL;
    if (known) {
        bytes[0] = values[known - letters];
        return 1;
    }
    switch (letter) {
    case 'x':
        return take_hex(at, end, 2, bytes);
    case 'u':
        return take_hex(at, end, 4, bytes);
    case 'U':
        return take_hex(at, end, 8, bytes);
    case 'N':
    case '\n':
        return UNTOLD;
    default:
        bytes[0] = *backslash;
        bytes[1] = letter;
        return 2;
    }
}

size_t tb_lex_unescape(const struct tb_lex_token *token, char *ret_text)
{
    const char *at = token->content.ptr, *end = at + token->content.len;
    size_t len = 0;

    while (at < end) {
        if (*at != '\\' || token->is_raw) {
            ret_text[len++] = *at++;
            continue;
        }
        size_t written = take_escape(&at, end, ret_text + len);
        if (written == UNTOLD)
            return UNTOLD;
        len += written;
    }
    return tb_utf8_is_clean((struct tb_str){ret_text, len}) ? len : UNTOLD;
}

/* Borrowed strings: comparing, searching, reading numbers.
 *
 * Nothing here allocates or looks at the locale. Bytes are compared as unsigned, so that the order is
 * PostgreSQL's COLLATE "C". Numbers are checked character by character before the C library sees them: strtod
 * alone would take hexadecimal, "nan" and leading white space, and would read a comma in some locales. */
#include "taskbridge/base/str.h"

#include <locale.h>
#include <stdlib.h>

/* What a double needs at most to be exact is 767 digits; longer text is no number anybody meant. */
#define DOUBLE_TEXT_BYTES 1024

int tb_str_compare(struct tb_str a, struct tb_str b)
{
    if (!a.ptr || !b.ptr)
        return (a.ptr != NULL) - (b.ptr != NULL);
    int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool tb_str_starts_with(struct tb_str str, struct tb_str prefix)
{
    return prefix.len == 0 || (str.len >= prefix.len && memcmp(str.ptr, prefix.ptr, prefix.len) == 0);
}

bool tb_str_ends_with(struct tb_str str, struct tb_str suffix)
{
    return suffix.len == 0 ||
           (str.len >= suffix.len && memcmp(str.ptr + (str.len - suffix.len), suffix.ptr, suffix.len) == 0);
}

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

struct tb_str tb_str_trim(struct tb_str str)
{
    while (str.len && is_space(str.ptr[str.len - 1]))
        str.len--;
    while (str.len && is_space(str.ptr[0])) {
        str.ptr++;
        str.len--;
    }
    return str;
}

size_t tb_str_find(struct tb_str str, struct tb_str needle)
{
    if (needle.len == 0)
        return 0;
    if (str.len < needle.len)
        return SIZE_MAX;
    const char *found = memmem(str.ptr, str.len, needle.ptr, needle.len);
    return found ? (size_t)(found - str.ptr) : SIZE_MAX;
}

bool tb_str_matches(struct tb_str str, struct tb_str pattern)
{
    size_t s = 0, p = 0;
    /* The last '*' seen, and where the text it stands for began: only that one is ever extended, because an
     * earlier one could not lead to a match that the last one can't. */
    size_t star = SIZE_MAX, star_start = 0;

    while (s < str.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            star_start = s;
        } else if (p < pattern.len && (pattern.ptr[p] == '?' || pattern.ptr[p] == str.ptr[s])) {
            p++;
            s++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            s = ++star_start;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

bool tb_str_parse_int64(struct tb_str str, int64_t *ret_value)
{
    bool negative = str.len && str.ptr[0] == '-';
    size_t i = str.len && (negative || str.ptr[0] == '+');
    if (i == str.len)
        return false;

    int64_t value = 0;
    for (; i < str.len; i++) {
        if (!is_digit(str.ptr[i]))
            return false;
        int digit = str.ptr[i] - '0';
        /* Counted downwards when negative: INT64_MIN has no positive twin. */
        if (__builtin_mul_overflow(value, (int64_t)10, &value) ||
            __builtin_add_overflow(value, (int64_t)(negative ? -digit : digit), &value))
            return false;
    }
    *ret_value = value;
    return true;
}

static size_t skip_sign(const char *text, size_t at)
{
    return at + (text[at] == '+' || text[at] == '-');
}

static size_t skip_digits(const char *text, size_t at)
{
    while (is_digit(text[at]))
        at++;
    return at;
}

/* word is in lower case; strcasecmp would ask the locale. */
static bool is_word(const char *text, const char *word)
{
    while (*word && (*text | 0x20) == *word) {
        text++;
        word++;
    }
    return *word == '\0' && *text == '\0';
}

/* Whether the NUL-terminated text is [sign] digits [. digits] [e [sign] digits], or infinity's name. */
static bool is_double(const char *text)
{
    size_t start = skip_sign(text, 0);
    if (is_word(text + start, "inf") || is_word(text + start, "infinity"))
        return true;

    size_t at = skip_digits(text, start);
    size_t digits = at - start;
    if (text[at] == '.') {
        size_t fraction = at + 1;
        at = skip_digits(text, fraction);
        digits += at - fraction;
    }
    if (digits == 0)
        return false;
    if (text[at] == 'e' || text[at] == 'E') {
        size_t exponent = skip_sign(text, at + 1);
        at = skip_digits(text, exponent);
        if (at == exponent)
            return false;
    }
    return text[at] == '\0';
}

bool tb_str_parse_double(struct tb_str str, double *ret_value)
{
    char text[DOUBLE_TEXT_BYTES];
    if (str.len == 0 || str.len >= sizeof(text) || memchr(str.ptr, '\0', str.len))
        return false;
    memcpy(text, str.ptr, str.len);
    text[str.len] = '\0';
    if (!is_double(text))
        return false;

    /* glibc answers with its built-in "C" locale: nothing is allocated. */
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!c_locale)
        return false;
    *ret_value = strtod_l(text, NULL, c_locale);
    freelocale(c_locale);
    return true;
}

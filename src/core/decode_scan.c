/* JSON as Python writes it, scanned once, without a tree.
 *
 * Everything that json.dumps can write passes: NaN and the infinities, lone surrogates, integers of any
 * length. What it can't write is damage, told with its place. Strings are the bulk of an event, so they are
 * searched eight bytes at a time for what ends or complicates them. Nesting is kept in a bit per level
 * instead of on the stack, up to TB_JSON_MAX_DEPTH. Bytes that are no UTF-8 do not disturb the structure:
 * they are noted, and the caller decides.
 *
 * A string's escapes are resolved apart from that, where its text is wanted. PostgreSQL's text has no U+0000
 * and UTF-8 has no surrogates, so the first and every surrogate without its other half become U+FFFD.
 *
 * Invariant: `at` never passes `end`; after damage it stays where the damage is. */
#include "decode_scan.h"

#include "taskbridge/base/limits.h"
#include "taskbridge/base/utf8.h"

#include <endian.h>

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

#define REPLACEMENT UINT32_C(0xFFFD)

static bool damage(struct tb_scan *scan, const char *what)
{
    scan->damage = what;
    return false;
}

void tb_scan_skip_space(struct tb_scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\t' || *scan->at == '\r'))
        scan->at++;
}

/* The first byte from at on that is a quote, a backslash, a control character or not ASCII. */
static const char *find_special(const char *at, const char *end)
{
    while (end - at >= (ptrdiff_t)sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        word = le64toh(word);
        uint64_t quotes = word ^ (ONES * '"');
        uint64_t backslashes = word ^ (ONES * '\\');
        /* The lowest bit that is set is at the first such byte; borrows only reach bytes behind it. */
        uint64_t found = (((quotes - ONES) & ~quotes) | ((backslashes - ONES) & ~backslashes) |
                          ((word - ONES * 0x20) & ~word) | word) &
                         HIGHS;
        if (found)
            return at + __builtin_ctzll(found) / 8;
        at += sizeof(word);
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80)
        at++;
    return at;
}

/* The value of four hexadecimal digits, or -1. */
static int hex4(const char *at, const char *end)
{
    int value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char byte = at[i];
        int digit = byte >= '0' && byte <= '9'   ? byte - '0'
                    : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
                    : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                                 : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static bool skip_escape(struct tb_scan *scan)
{
    char letter = scan->end - scan->at >= 2 ? scan->at[1] : '\0';
    if (letter == 'u') {
        if (hex4(scan->at + 2, scan->end) < 0)
            return damage(scan, "\\u without four hexadecimal digits");
        scan->at += 6;
        return true;
    }
    if (!letter || !strchr("\"\\/bfnrt", letter))
        return damage(scan, "an escape that JSON does not have");
    scan->at += 2;
    return true;
}

/* The first byte of text that begins no UTF-8 character; only called where there is one. */
static const char *find_ill_utf8(struct tb_str text)
{
    size_t at = 0;
    while (at < text.len) {
        size_t len = 1;
        while (len < 4 && at + len < text.len && !tb_utf8_is_clean((struct tb_str){text.ptr + at, len}))
            len++;
        if (!tb_utf8_is_clean((struct tb_str){text.ptr + at, len}))
            break;
        at += len;
    }
    return text.ptr + at;
}

static bool scan_string(struct tb_scan *scan, struct tb_scan_value *ret_value)
{
    const char *start = ++scan->at;
    bool is_ascii = true, is_escaped = false;

    for (;;) {
        scan->at = find_special(scan->at, scan->end);
        if (scan->at == scan->end)
            return damage(scan, "a string without its end");
        if (*scan->at == '"')
            break;
        if (*scan->at == '\\') {
            is_escaped = true;
            if (!skip_escape(scan))
                return false;
        } else if ((unsigned char)*scan->at < 0x20) {
            return damage(scan, "a control character inside a string");
        } else {
            is_ascii = false;
            scan->at++;
        }
    }
    struct tb_str text = {start, (size_t)(scan->at - start)};
    if (!is_ascii && !scan->ill_utf8 && !tb_utf8_is_clean(text))
        scan->ill_utf8 = find_ill_utf8(text);
    scan->at++;
    *ret_value = (struct tb_scan_value){TB_SCAN_STRING, is_escaped, text};
    return true;
}

static bool is_digit_at(const struct tb_scan *scan)
{
    return scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9';
}

static bool skip_digits(struct tb_scan *scan)
{
    if (!is_digit_at(scan))
        return damage(scan, "a number without digits");
    while (is_digit_at(scan))
        scan->at++;
    return true;
}

static bool skip_word(struct tb_scan *scan, struct tb_str word)
{
    if (!tb_str_starts_with((struct tb_str){scan->at, (size_t)(scan->end - scan->at)}, word))
        return false;
    scan->at += word.len;
    return true;
}

static bool scan_number(struct tb_scan *scan, struct tb_scan_value *ret_value)
{
    const char *start = scan->at;
    enum tb_scan_kind kind = TB_SCAN_INTEGER;

    if (*scan->at == '-')
        scan->at++;
    if (skip_word(scan, TB_STR("Infinity"))) {
        kind = TB_SCAN_NUMBER;
        goto out;
    }
    bool is_zero = is_digit_at(scan) && *scan->at == '0';
    if (is_zero)
        scan->at++;
    if (is_zero ? is_digit_at(scan) : !skip_digits(scan))
        return damage(scan, is_zero ? "a number that begins with 0" : "a number without digits");
    if (scan->at < scan->end && *scan->at == '.') {
        kind = TB_SCAN_NUMBER;
        scan->at++;
        if (!skip_digits(scan))
            return false;
    }
    if (scan->at < scan->end && (*scan->at == 'e' || *scan->at == 'E')) {
        kind = TB_SCAN_NUMBER;
        scan->at++;
        if (scan->at < scan->end && (*scan->at == '+' || *scan->at == '-'))
            scan->at++;
        if (!skip_digits(scan))
            return false;
    }
out:
    *ret_value = (struct tb_scan_value){.kind = kind, .text = {start, (size_t)(scan->at - start)}};
    return true;
}

static bool scan_word(struct tb_scan *scan, struct tb_scan_value *ret_value)
{
    static const struct {
        struct tb_str word;
        enum tb_scan_kind kind;
    } words[] = {
        {{"null", 4}, TB_SCAN_NULL},  {{"true", 4}, TB_SCAN_TRUE},       {{"false", 5}, TB_SCAN_FALSE},
        {{"NaN", 3}, TB_SCAN_NUMBER}, {{"Infinity", 8}, TB_SCAN_NUMBER},
    };
    const char *start = scan->at;

    for (size_t i = 0; i < TB_COUNT(words); i++) {
        if (skip_word(scan, words[i].word)) {
            *ret_value = (struct tb_scan_value){.kind = words[i].kind, .text = {start, words[i].word.len}};
            return true;
        }
    }
    return damage(scan,
                  scan->at == scan->end ? "the end where a value was expected" : "no value that JSON knows");
}

static bool scan_scalar(struct tb_scan *scan, struct tb_scan_value *ret_value)
{
    if (scan->at < scan->end && *scan->at == '"')
        return scan_string(scan, ret_value);
    if (is_digit_at(scan) || (scan->at < scan->end && *scan->at == '-'))
        return scan_number(scan, ret_value);
    return scan_word(scan, ret_value);
}

/* The brackets that are open around `at`, one bit each: 1 for an object. */
struct nesting {
    uint64_t bits[TB_JSON_MAX_DEPTH / 64];
    unsigned depth;
};

static bool enter(struct tb_scan *scan, struct nesting *nesting)
{
    /* One level is the event's own. */
    if (nesting->depth + 1 == TB_JSON_MAX_DEPTH)
        return damage(scan, "deeper nesting than 512 levels");
    uint64_t bit = UINT64_C(1) << nesting->depth % 64;
    uint64_t *bits = &nesting->bits[nesting->depth / 64];
    *bits = *scan->at == '{' ? *bits | bit : *bits & ~bit;
    nesting->depth++;
    scan->at++;
    return true;
}

static bool is_in_object(const struct nesting *nesting)
{
    unsigned level = nesting->depth - 1;
    return nesting->bits[level / 64] >> level % 64 & 1;
}

static bool scan_key(struct tb_scan *scan, struct tb_scan_value *ret_key)
{
    tb_scan_skip_space(scan);
    if (scan->at == scan->end || *scan->at != '"')
        return damage(scan, "no key where one was expected");
    if (!scan_string(scan, ret_key))
        return false;
    tb_scan_skip_space(scan);
    if (scan->at == scan->end || *scan->at != ':')
        return damage(scan, "no colon behind a key");
    scan->at++;
    return true;
}

/* From behind a value: closes brackets, steps over a comma; ends at depth 0, or before the next value. */
static bool skip_to_next(struct tb_scan *scan, struct nesting *nesting)
{
    struct tb_scan_value key;
    while (nesting->depth) {
        bool in_object = is_in_object(nesting);
        tb_scan_skip_space(scan);
        if (scan->at == scan->end)
            return damage(scan, "the end inside brackets");
        if (*scan->at == ',') {
            scan->at++;
            return !in_object || scan_key(scan, &key);
        }
        if (*scan->at != (in_object ? '}' : ']'))
            return damage(scan, "neither a comma nor the closing bracket behind a value");
        scan->at++;
        nesting->depth--;
    }
    return true;
}

/* From an opening bracket to before its first value; to behind it when it closes at once, *ret_empty true. */
static bool skip_opening(struct tb_scan *scan, struct nesting *nesting, bool *ret_empty)
{
    struct tb_scan_value key;
    if (!enter(scan, nesting))
        return false;
    bool in_object = is_in_object(nesting);
    tb_scan_skip_space(scan);
    *ret_empty = scan->at < scan->end && *scan->at == (in_object ? '}' : ']');
    if (*ret_empty) {
        scan->at++;
        nesting->depth--;
        return true;
    }
    return !in_object || scan_key(scan, &key);
}

static bool is_opening_at(const struct tb_scan *scan)
{
    return scan->at < scan->end && (*scan->at == '{' || *scan->at == '[');
}

static bool scan_nested(struct tb_scan *scan, struct tb_scan_value *ret_value)
{
    const char *start = scan->at;
    enum tb_scan_kind kind = *start == '{' ? TB_SCAN_OBJECT : TB_SCAN_LIST;
    struct nesting nesting = {.depth = 0};
    struct tb_scan_value inner;

    do {
        bool is_behind_value = true;
        tb_scan_skip_space(scan);
        if (is_opening_at(scan)) {
            if (!skip_opening(scan, &nesting, &is_behind_value))
                return false;
        } else if (!scan_scalar(scan, &inner)) {
            return false;
        }
        if (is_behind_value && !skip_to_next(scan, &nesting))
            return false;
    } while (nesting.depth);
    *ret_value = (struct tb_scan_value){.kind = kind, .text = {start, (size_t)(scan->at - start)}};
    return true;
}

bool tb_scan_value(struct tb_scan *scan, struct tb_scan_value *ret_value)
{
    tb_scan_skip_space(scan);
    return is_opening_at(scan) ? scan_nested(scan, ret_value) : scan_scalar(scan, ret_value);
}

bool tb_scan_open(struct tb_scan *scan)
{
    tb_scan_skip_space(scan);
    if (scan->at == scan->end || *scan->at != '{')
        return false;
    scan->at++;
    return true;
}

enum tb_scan_step tb_scan_member(struct tb_scan *scan, bool *is_first, struct tb_scan_value *ret_key,
                                 struct tb_scan_value *ret_value)
{
    tb_scan_skip_space(scan);
    if (scan->at < scan->end && *scan->at == '}') {
        scan->at++;
        return TB_SCAN_CLOSED;
    }
    if (!*is_first) {
        if (scan->at == scan->end || *scan->at != ',') {
            damage(scan, scan->at == scan->end ? "the end inside brackets"
                                               : "neither a comma nor the closing bracket behind a value");
            return TB_SCAN_DAMAGED;
        }
        scan->at++;
    }
    *is_first = false;
    return scan_key(scan, ret_key) && tb_scan_value(scan, ret_value) ? TB_SCAN_MEMBER : TB_SCAN_DAMAGED;
}

/* From an opening quote to behind the closing one; false at the end. */
static bool skip_damaged_string(struct tb_scan *scan)
{
    for (scan->at++; scan->at < scan->end; scan->at++) {
        if (*scan->at == '\\' && scan->end - scan->at >= 2) {
            scan->at++;
        } else if (*scan->at == '"') {
            scan->at++;
            return true;
        }
    }
    return false;
}

bool tb_scan_skip_damaged(struct tb_scan *scan)
{
    size_t depth = 0;
    while (scan->at < scan->end) {
        char byte = *scan->at;
        if (depth == 0 && (byte == ',' || byte == ']'))
            return true;
        if (byte == '"') {
            if (!skip_damaged_string(scan))
                return false;
            continue;
        }
        if (byte == '{' || byte == '[')
            depth++;
        else if ((byte == '}' || byte == ']') && depth)
            depth--;
        scan->at++;
    }
    return false;
}

/* ---- escapes ---- */

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

size_t tb_scan_unescape(struct tb_str text, char *ret_text, size_t max_bytes)
{
    const char *at = text.ptr, *end = text.ptr + text.len;
    size_t len = 0;
    char buffer[4];

    while (at < end && len < max_bytes) {
        struct tb_str piece = next_piece(&at, end, buffer);
        size_t kept = piece.len < max_bytes - len ? piece.len : max_bytes - len;
        memcpy(ret_text + len, piece.ptr, kept);
        len += kept;
    }
    return len;
}

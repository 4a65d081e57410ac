/* Tokens and items of Python reprs, and of what programs print for reprs.
 *
 * An object may print anything, so everything that is not string, bracket or separator is a word. What must
 * never happen is that a quote is taken for the start of a string when it is an apostrophe, or the other way
 * round: from there on text and structure would be exchanged. A string therefore begins only at the start of
 * a token, with a prefix that Python has, and nothing of a word may follow it at once. A backslash outside of
 * a string, and a control character that is no white space, are nothing that a repr has.
 *
 * An escape that can't be told (a character by name, a surrogate, a character that PostgreSQL has not, a line
 * that goes on) makes the whole text untold, for part of an id is another id.
 *
 * An item is a run of tokens in which all brackets close, up to a separator on its own level. What it means
 * is left to the reader; here only three things are noted that decide how far it, and what follows, can be
 * trusted. Brackets are kept in a list of fixed length, so a repr of any depth costs no stack. */
#include "pyrepr_lex.h"

#include "taskbridge/base/utf8.h"

#include <errno.h>

#define ELLIPSIS "\xE2\x80\xA6"

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool is_quote(char byte)
{
    return byte == '\'' || byte == '"';
}

static bool is_word(char byte)
{
    unsigned char code = (unsigned char)byte;
    return code > ' ' && code != 0x7F && !strchr("'\"\\`()[]{}<>,:=", byte);
}

static bool has_ellipsis(struct tb_str text)
{
    return tb_str_find(text, TB_STR("...")) != SIZE_MAX || tb_str_find(text, TB_STR(ELLIPSIS)) != SIZE_MAX;
}

static bool is_ellipsis(struct tb_str text)
{
    return tb_str_equal(text, TB_STR("...")) || tb_str_equal(text, TB_STR(ELLIPSIS));
}

/* "", "b", "u", "r", "rb" and the like. */
static bool read_prefix(struct tb_str prefix, struct tb_lex_token *token)
{
    if (prefix.len > 2)
        return false;
    for (size_t i = 0; i < prefix.len; i++) {
        char letter = (char)(prefix.ptr[i] | 0x20);
        if (letter == 'b' && !token->is_bytes)
            token->is_bytes = true;
        else if (letter == 'r' && !token->is_raw)
            token->is_raw = true;
        else if (letter != 'u' || prefix.len != 1)
            return false;
    }
    return true;
}

/* From the opening quote to behind the closing one; false when it is cut, or something clings to it. */
static bool skip_string(struct tb_lex *lex)
{
    char quote = *lex->at;
    for (lex->at++; lex->at < lex->end && *lex->at != quote; lex->at++)
        if (*lex->at == '\\' && ++lex->at == lex->end)
            return false;
    if (lex->at == lex->end)
        return false;
    lex->at++;
    return lex->at == lex->end || (!is_word(*lex->at) && !is_quote(*lex->at));
}

static void set(struct tb_lex_token *token, enum tb_lex_kind kind, const char *start, const char *end)
{
    token->kind = kind;
    token->text = (struct tb_str){start, (size_t)(end - start)};
}

/* A word, or the string whose prefix it is. */
static void read_word(struct tb_lex *lex, struct tb_lex_token *token)
{
    const char *start = lex->at;
    while (lex->at < lex->end && is_word(*lex->at))
        lex->at++;
    set(token, TB_LEX_WORD, start, lex->at);
    if (lex->at == lex->end || !is_quote(*lex->at)) {
        token->is_cut = has_ellipsis(token->text);
        if (is_ellipsis(token->text))
            token->kind = TB_LEX_ELLIPSIS;
        return;
    }
    const char *quote = lex->at;
    if (!read_prefix(token->text, token) || !skip_string(lex)) {
        lex->at = start;
        set(token, TB_LEX_DAMAGE, start, start);
        return;
    }
    set(token, TB_LEX_STRING, start, lex->at);
    token->content = (struct tb_str){quote + 1, (size_t)(lex->at - quote) - 2};
    token->is_cut = has_ellipsis(token->content);
}

static enum tb_lex_kind kind_of(char byte)
{
    switch (byte) {
    case '(':
    case '[':
    case '{':
    case '<':
        return TB_LEX_OPEN;
    case ')':
    case ']':
    case '}':
    case '>':
        return TB_LEX_CLOSE;
    case ',':
        return TB_LEX_COMMA;
    case ':':
        return TB_LEX_COLON;
    case '=':
        return TB_LEX_EQUALS;
    default:
        return TB_LEX_DAMAGE;
    }
}

void tb_lex_next(struct tb_lex *lex, struct tb_lex_token *ret_token)
{
    *ret_token = (struct tb_lex_token){.kind = TB_LEX_END};
    while (lex->at < lex->end && is_space(*lex->at))
        lex->at++;
    const char *start = lex->at;
    set(ret_token, TB_LEX_END, start, start);
    if (start == lex->end)
        return;
    if (is_word(*start) || is_quote(*start)) {
        read_word(lex, ret_token);
        return;
    }
    enum tb_lex_kind kind = kind_of(*start);
    if (kind != TB_LEX_DAMAGE)
        lex->at++;
    set(ret_token, kind, start, lex->at);
}

bool tb_lex_nest(struct tb_lex_nesting *nesting, const struct tb_lex_token *token)
{
    if (token->kind == TB_LEX_OPEN) {
        if (nesting->depth == TB_LEX_DEPTH_MAX)
            return false;
        char opener = *token->text.ptr;
        nesting->closers[nesting->depth++] = opener == '('   ? ')'
                                             : opener == '[' ? ']'
                                             : opener == '{' ? '}'
                                                             : '>';
        return true;
    }
    if (token->kind != TB_LEX_CLOSE)
        return true;
    return nesting->depth && nesting->closers[--nesting->depth] == *token->text.ptr;
}

/* ---- escapes ---- */

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

size_t tb_lex_unescape_any(const struct tb_lex_token *token, char *ret_text)
{
    const char *at = token->content.ptr, *end = at + token->content.len;
    size_t len = 0;

    while (at < end) {
        if (*at != '\\' || token->is_raw || end - at < 2) {
            ret_text[len++] = *at++;
            continue;
        }
        uint32_t byte;
        const char *digits = at + 2;
        if (token->is_bytes && at[1] == 'x' && take_digits(&digits, end, 2, 16, &byte) == 2) {
            ret_text[len++] = (char)byte;
            at = digits;
            continue;
        }
        size_t written = take_escape(&at, end, ret_text + len);
        if (written == UNTOLD)
            ret_text[len++] = '?';
        else
            len += written;
    }
    return len;
}

/* ---- items ---- */

bool tb_item_is_filler(struct tb_lex lex, const struct tb_lex_token *before, const struct tb_lex_token *token)
{
    struct tb_lex_token next;
    if (token->kind != TB_LEX_ELLIPSIS || before->kind != TB_LEX_OPEN)
        return false;
    tb_lex_next(&lex, &next);
    if (next.kind == TB_LEX_COMMA)
        tb_lex_next(&lex, &next);
    return next.kind == TB_LEX_CLOSE;
}

static bool ends_item(const struct tb_lex_token *token, size_t depth)
{
    switch (token->kind) {
    case TB_LEX_END:
    case TB_LEX_DAMAGE:
        return true;
    case TB_LEX_COMMA:
    case TB_LEX_COLON:
    case TB_LEX_CLOSE:
        return depth == 0;
    default:
        return false;
    }
}

static void add_token(struct tb_item *item, const struct tb_lex_token *token)
{
    if (item->token_count++ == 0) {
        item->first = *token;
        item->text = token->text;
    }
    item->text.len = (size_t)(token->text.ptr + token->text.len - item->text.ptr);
    item->is_cut |= token->is_cut;
    item->is_opaque |= token->kind == TB_LEX_OPEN && *token->text.ptr == '<';
}

void tb_item_read(struct tb_lex *lex, struct tb_item *ret_item)
{
    struct tb_lex_nesting nesting = {.depth = 0};
    struct tb_lex_token token, before = {.kind = TB_LEX_END};

    *ret_item = (struct tb_item){.first = {.kind = TB_LEX_END}};
    for (;;) {
        tb_lex_next(lex, &token);
        if (ends_item(&token, nesting.depth))
            break;
        if (!tb_lex_nest(&nesting, &token)) {
            token.kind = TB_LEX_DAMAGE;
            break;
        }
        add_token(ret_item, &token);
        ret_item->is_doubt |= token.is_cut && !tb_item_is_filler(*lex, &before, &token);
        before = token;
    }
    if (nesting.depth)
        token.kind = token.kind == TB_LEX_END ? TB_LEX_END : TB_LEX_DAMAGE;
    ret_item->end = token;
}

int tb_item_string_is(const struct tb_lex_token *token, struct tb_str key, struct tb_arena *arena)
{
    if (token->kind != TB_LEX_STRING)
        return 0;
    if (!token->content.len || !memchr(token->content.ptr, '\\', token->content.len))
        return tb_str_equal(token->content, key);
    char *text = tb_arena_alloc(arena, token->content.len);
    if (!text)
        return -ENOMEM;
    size_t len = tb_lex_unescape(token, text);
    return len == SIZE_MAX ? -1 : tb_str_equal((struct tb_str){text, len}, key);
}

/* Tokens of Python reprs, and of what programs print for reprs.
 *
 * An object may print anything, so everything that is not string, bracket or separator is a word. What must
 * never happen is that a quote is taken for the start of a string when it is an apostrophe, or the other way
 * round: from there on text and structure would be exchanged. A string therefore begins only at the start of
 * a token, with a prefix that Python has, and nothing of a word may follow it at once. A backslash outside of
 * a string, and a control character that is no white space, are nothing that a repr has. */
#include "pyrepr_lex.h"

#include "taskbridge/base/utf8.h"

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

/* Python reprs, token by token. */
#ifndef TASKBRIDGE_CORE_PYREPR_LEX_H
#define TASKBRIDGE_CORE_PYREPR_LEX_H

#include "taskbridge/base/str.h"

enum tb_lex_kind {
    TB_LEX_END,    /* of the text */
    TB_LEX_DAMAGE, /* cut inside of a string, or nothing that a repr has */
    TB_LEX_STRING,
    TB_LEX_WORD,     /* names, numbers, and whatever else is no bracket or separator */
    TB_LEX_ELLIPSIS, /* "..." or "…" alone, in place of something left out */
    TB_LEX_OPEN,     /* ( [ { < */
    TB_LEX_CLOSE,    /* ) ] } > */
    TB_LEX_COMMA,
    TB_LEX_COLON,
    TB_LEX_EQUALS
};

struct tb_lex_token {
    enum tb_lex_kind kind;
    struct tb_str text;    /* as it stands; of TB_LEX_END and TB_LEX_DAMAGE empty, at their place */
    struct tb_str content; /* of a string: between the quotes */
    bool is_bytes, is_raw; /* of a string, by its prefix */
    bool is_cut;           /* there is an ellipsis in the string or word: part of it may be missing */
};

struct tb_lex {
    const char *at, *end;
};

static inline struct tb_lex tb_lex_of(struct tb_str text)
{
    return (struct tb_lex){text.ptr, text.ptr ? text.ptr + text.len : text.ptr};
}

void tb_lex_next(struct tb_lex *lex, struct tb_lex_token *ret_token);

/* A string's text, escapes resolved, into ret_text, which has room for content.len bytes. Returns its length,
 * or SIZE_MAX when it can't be told, or is no UTF-8 text without U+0000. */
size_t tb_lex_unescape(const struct tb_lex_token *token, char *ret_text);

#define TB_LEX_DEPTH_MAX 256

/* The brackets that are open. */
struct tb_lex_nesting {
    char closers[TB_LEX_DEPTH_MAX];
    size_t depth;
};

/* Follows an opening or closing bracket; false when the brackets don't match or are too many. Other tokens
 * change nothing. */
bool tb_lex_nest(struct tb_lex_nesting *nesting, const struct tb_lex_token *token) TB_MUST_CHECK;

#endif

/* Python reprs, token by token, and item by item: a key, a value, an element. */
#ifndef TASKBRIDGE_CORE_PYREPR_LEX_H
#define TASKBRIDGE_CORE_PYREPR_LEX_H

#include "taskbridge/base/arena.h"
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

/* The same of any string's, whatever it holds: what can't be told is "?". Of bytes the result is bytes. */
size_t tb_lex_unescape_any(const struct tb_lex_token *token, char *ret_text);

#define TB_LEX_DEPTH_MAX 256

/* The brackets that are open. */
struct tb_lex_nesting {
    char closers[TB_LEX_DEPTH_MAX];
    size_t depth;
};

/* Follows an opening or closing bracket; false when the brackets don't match or are too many. Other tokens
 * change nothing. */
bool tb_lex_nest(struct tb_lex_nesting *nesting, const struct tb_lex_token *token) TB_MUST_CHECK;

struct tb_item {
    struct tb_str text;        /* without white space around it */
    struct tb_lex_token first; /* TB_LEX_END when the item is empty */
    size_t token_count;
    bool is_cut;    /* an ellipsis is in it, so it is not known whole */
    bool is_doubt;  /* an ellipsis that does not fill a container alone: what follows may not be what it seems
                     */
    bool is_opaque; /* an object's own repr is in it, which may say anything */
    struct tb_lex_token end; /* what stands behind it: a comma, a colon, a closing bracket that it did not
                                open, TB_LEX_END, or TB_LEX_DAMAGE */
};

/* Reads tokens up to one that ends the item, and over that. */
void tb_item_read(struct tb_lex *lex, struct tb_item *ret_item);

/* Whether the token, an ellipsis behind an opening bracket, has the brackets for itself: "[...]", "(...,)".
 */
bool tb_item_is_filler(struct tb_lex lex, const struct tb_lex_token *before,
                       const struct tb_lex_token *token);

/* Whether a string token's text is key. 1, 0, or -1 when it can't be told; -ENOMEM. */
int tb_item_string_is(const struct tb_lex_token *token, struct tb_str key, struct tb_arena *arena);

#endif

/* One item of a repr: a key, a value, an element. */
#ifndef TASKBRIDGE_CORE_PYREPR_ITEM_H
#define TASKBRIDGE_CORE_PYREPR_ITEM_H

#include "pyrepr_lex.h"
#include "taskbridge/base/arena.h"

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

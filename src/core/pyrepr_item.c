/* Items of reprs, whatever is in them.
 *
 * An item is a run of tokens in which all brackets close, up to a separator on its own level. What it means
 * is left to the reader; here only three things are noted that decide how far it, and what follows, can be
 * trusted. Brackets are kept in a list of fixed length, so a repr of any depth costs no stack. */
#include "pyrepr_item.h"

#include <errno.h>

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

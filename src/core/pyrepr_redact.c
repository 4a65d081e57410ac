/* Secrets taken out of a repr before anybody keeps it.
 *
 * A value is secret by the key it stands behind: in a dict, in a call (password='x'), or as the first of a
 * pair. An object that prints itself and mentions such a key is hidden whole. Hiding too much is fine,
 * showing too much is not: where text and structure can't be told apart any more, or something is missing,
 * the copy ends. */
#include "pyrepr_item.h"
#include "taskbridge/core/pyrepr.h"

#include "taskbridge/base/buf.h"

#include <errno.h>

#define HIDDEN TB_STR("'***'")
#define REST   TB_STR("...")

struct redaction {
    const struct tb_str *keys;
    size_t key_count;
    struct tb_arena *arena;
    struct tb_lex lex;
    struct tb_lex_nesting nesting;
    struct tb_lex_token before; /* the token before the one at hand */
    const char *copied;         /* up to where the repr is in out */
    struct tb_buf out;
    bool is_over;
};

static void copy_to(struct redaction *redaction, const char *end)
{
    tb_buf_push(&redaction->out, redaction->copied, (size_t)(end - redaction->copied));
    redaction->copied = end;
}

static void leave_out_from(struct redaction *redaction, const char *start)
{
    copy_to(redaction, start);
    tb_buf_push_str(&redaction->out, REST);
    redaction->is_over = true;
}

static void hide(struct redaction *redaction, struct tb_str text)
{
    copy_to(redaction, text.ptr);
    tb_buf_push_str(&redaction->out, HIDDEN);
    redaction->copied = text.ptr + text.len;
}

/* Whether the token names a secret; a string that can't be told may. 1, 0 or -ENOMEM. */
static int is_secret(const struct redaction *redaction, const struct tb_lex_token *token)
{
    for (size_t i = 0; i < redaction->key_count; i++) {
        int is_key = token->kind == TB_LEX_WORD
                         ? tb_str_equal(token->text, redaction->keys[i])
                         : tb_item_string_is(token, redaction->keys[i], redaction->arena);
        if (is_key)
            return is_key == -ENOMEM ? -ENOMEM : 1;
    }
    return 0;
}

static bool mentions_secret(const struct redaction *redaction, struct tb_str text)
{
    for (size_t i = 0; i < redaction->key_count; i++)
        if (redaction->keys[i].len && tb_str_find(text, redaction->keys[i]) != SIZE_MAX)
            return true;
    return false;
}

/* The value at the lexer's place, behind its key. */
static void hide_value(struct redaction *redaction)
{
    struct tb_item value;

    tb_item_read(&redaction->lex, &value);
    bool is_whole = value.end.kind == TB_LEX_COMMA || value.end.kind == TB_LEX_CLOSE;
    if (!is_whole || value.token_count == 0) {
        leave_out_from(redaction, value.token_count ? value.text.ptr : value.end.text.ptr);
        return;
    }
    hide(redaction, value.text);
    redaction->lex.at = value.end.text.ptr;
    if (value.is_doubt)
        leave_out_from(redaction, redaction->copied);
}

/* Whether a value follows the token, which names a secret; then steps to before the value. */
static bool step_to_value(struct redaction *redaction, const struct tb_lex_token *token)
{
    struct tb_lex lex = redaction->lex;
    struct tb_lex_token next;

    tb_lex_next(&lex, &next);
    bool is_pair = next.kind == TB_LEX_COMMA && redaction->before.kind == TB_LEX_OPEN &&
                   *redaction->before.text.ptr != '{' && token->kind == TB_LEX_STRING;
    if (next.kind != TB_LEX_COLON && next.kind != TB_LEX_EQUALS && !is_pair)
        return false;
    redaction->lex = lex;
    return true;
}

/* From "<" to its ">". */
static void take_object(struct redaction *redaction, const struct tb_lex_token *open)
{
    struct tb_lex_nesting nesting = {.depth = 0};
    struct tb_lex_token token = *open;

    while (tb_lex_nest(&nesting, &token) && token.kind != TB_LEX_END && token.kind != TB_LEX_DAMAGE &&
           !token.is_cut) {
        if (nesting.depth == 0) {
            struct tb_str text = {open->text.ptr, (size_t)(redaction->lex.at - open->text.ptr)};
            if (mentions_secret(redaction, text))
                hide(redaction, text);
            return;
        }
        tb_lex_next(&redaction->lex, &token);
    }
    leave_out_from(redaction, open->text.ptr);
}

/* 0 or -ENOMEM. */
static int take_token(struct redaction *redaction, const struct tb_lex_token *token)
{
    bool is_end = token->kind == TB_LEX_END && redaction->nesting.depth == 0;
    bool is_doubt = token->is_cut && !tb_item_is_filler(redaction->lex, &redaction->before, token);

    if (is_end) {
        copy_to(redaction, token->text.ptr);
        redaction->is_over = true;
    } else if (token->kind == TB_LEX_OPEN && *token->text.ptr == '<') {
        take_object(redaction, token);
    } else if (token->kind == TB_LEX_END || token->kind == TB_LEX_DAMAGE || is_doubt ||
               !tb_lex_nest(&redaction->nesting, token)) {
        leave_out_from(redaction, token->text.ptr);
    } else if (token->kind == TB_LEX_STRING || token->kind == TB_LEX_WORD) {
        int secret = is_secret(redaction, token);
        if (secret < 0)
            return secret;
        if (secret && step_to_value(redaction, token))
            hide_value(redaction);
    }
    redaction->before = *token;
    if (token->kind == TB_LEX_OPEN && *token->text.ptr == '<')
        redaction->before.kind = TB_LEX_WORD; /* the whole object was taken */
    return 0;
}

int tb_pyrepr_redact(struct tb_str repr, const struct tb_str *keys, size_t key_count, struct tb_arena *arena,
                     struct tb_str *ret_repr)
{
    struct redaction redaction = {.keys = keys, .key_count = key_count, .arena = arena};
    struct tb_lex_token token;
    int status = 0;

    redaction.lex = tb_lex_of(repr);
    redaction.copied = repr.ptr;
    redaction.before.kind = TB_LEX_END;
    /* A secret of one byte grows to five. */
    tb_buf_init(&redaction.out, repr.len * HIDDEN.len + REST.len);
    while (!status && !redaction.is_over) {
        tb_lex_next(&redaction.lex, &token);
        status = take_token(&redaction, &token);
    }
    if (!status && (redaction.out.failed || !tb_arena_copy(arena, tb_buf_str(&redaction.out), ret_repr)))
        status = -ENOMEM;
    tb_buf_deinit(&redaction.out);
    return status;
}

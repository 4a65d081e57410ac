/* Finding a value in a repr that may be cut anywhere, without ever taking one value for another.
 *
 * A value counts when it is whole and what follows it proves so: a comma or the container's closing bracket.
 * "{'company_id': 7" may have been 73. An ellipsis means that something is missing, maybe more than what
 * stands between the same two brackets; what comes behind one is believed only where the whole repr still
 * closes properly at its end, and positions behind one not at all. What comes before it stands.
 *
 * No dict's repr has a key twice. Where a key is there twice, somebody's own repr is no repr of a dict, and
 * the last is taken as JSON would, but only when nothing is missing and no object printed itself in between.
 */
#include "taskbridge/core/pyrepr.h"

#include "pyrepr_lex.h"
#include "uuid_text.h"

#include <errno.h>

static bool is_integer(struct tb_str text)
{
    size_t at = text.len && text.ptr[0] == '-';
    if (at == text.len || (text.ptr[at] == '0' && text.len > 1))
        return false;
    for (; at < text.len; at++)
        if (text.ptr[at] < '0' || text.ptr[at] > '9')
            return false;
    return true;
}

/* Fills in text of UUID('…'); 0, 1 when it is not one, -ENOMEM. */
static int read_uuid(const struct tb_item *item, struct tb_arena *arena, struct tb_pyrepr_value *value)
{
    struct tb_str call = TB_STR("UUID('"), text = item->text;
    char uuid[TB_UUID_LEN];

    if (item->token_count != 4 || text.len != call.len + TB_UUID_LEN + 2 ||
        memcmp(text.ptr, call.ptr, call.len - 1) != 0 ||
        !tb_uuid_parse((struct tb_str){text.ptr + call.len, TB_UUID_LEN}, uuid))
        return 1;
    value->kind = TB_PYREPR_UUID;
    return tb_arena_copy(arena, (struct tb_str){uuid, sizeof(uuid)}, &value->text) ? 0 : -ENOMEM;
}

/* Text that cannot be told, for its escapes, is as good as cut. */
static int read_string(const struct tb_lex_token *token, struct tb_arena *arena,
                       struct tb_pyrepr_value *value)
{
    value->kind = TB_PYREPR_STRING;
    value->text = token->content;
    char *text = tb_arena_alloc(arena, token->content.len ? token->content.len : 1);
    if (!text)
        return -ENOMEM;
    size_t len = tb_lex_unescape(token, text);
    if (len == SIZE_MAX)
        return TB_PYREPR_ABSENT;
    value->text = (struct tb_str){text, len};
    return 0;
}

static int read_value(const struct tb_item *item, struct tb_arena *arena, struct tb_pyrepr_value *ret_value)
{
    struct tb_pyrepr_value value = {.kind = TB_PYREPR_OTHER, .text = item->text, .repr = item->text};
    int status = 0;

    if (item->is_cut || item->token_count == 0)
        return TB_PYREPR_ABSENT;
    if (item->token_count == 1 && item->first.kind == TB_LEX_STRING && !item->first.is_bytes)
        status = read_string(&item->first, arena, &value);
    else if (is_integer(item->text))
        value.kind = TB_PYREPR_INTEGER;
    else if (tb_str_equal(item->text, TB_STR("None")))
        value.kind = TB_PYREPR_NONE;
    else if (read_uuid(item, arena, &value) < 0)
        status = -ENOMEM;
    if (!status)
        *ret_value = value;
    return status;
}

static bool is_close(const struct tb_lex_token *token, char bracket)
{
    return token->kind == TB_LEX_CLOSE && *token->text.ptr == bracket;
}

/* A search through a dict's entries. */
struct search {
    struct tb_str key;
    struct tb_arena *arena;
    size_t count;        /* of the key */
    struct tb_item item; /* the value last found */
    bool is_behind_doubt;
    bool is_doubt, is_opaque; /* so far */
    bool is_closed;           /* and nothing follows */
};

static void note(struct search *search, const struct tb_item *item)
{
    search->is_doubt |= item->is_doubt;
    search->is_opaque |= item->is_opaque;
}

static void close_search(struct search *search, struct tb_lex *lex)
{
    struct tb_lex_token token;
    tb_lex_next(lex, &token);
    search->is_closed = token.kind == TB_LEX_END;
}

/* The value behind a colon. 1 to go on, 0 at the end, -ENOMEM. */
static int search_value(struct search *search, struct tb_lex *lex, const struct tb_item *key)
{
    struct tb_item value;
    int is_key = 0;

    tb_item_read(lex, &value);
    if (key->token_count == 1 && !key->first.is_bytes && !key->is_cut)
        is_key = tb_item_string_is(&key->first, search->key, search->arena);
    if (is_key == -ENOMEM)
        return -ENOMEM;
    bool is_last = is_close(&value.end, '}');
    bool is_whole = is_last || value.end.kind == TB_LEX_COMMA;
    if (is_key > 0) {
        search->count++;
        search->item = value;
        search->item.is_cut |= !is_whole;
        search->is_behind_doubt = search->is_doubt;
    }
    note(search, &value);
    if (is_last)
        close_search(search, lex);
    return is_whole && !is_last;
}

/* The next entry. 1 to go on, 0 at the end, -ENOMEM. */
static int search_entry(struct search *search, struct tb_lex *lex)
{
    struct tb_item key;

    tb_item_read(lex, &key);
    note(search, &key);
    if (key.end.kind == TB_LEX_COLON && key.token_count)
        return search_value(search, lex, &key);
    /* No entry: the end, or an ellipsis for entries left out. */
    bool is_ellipsis = key.token_count == 1 && key.first.kind == TB_LEX_ELLIPSIS;
    if (key.token_count && !is_ellipsis)
        return 0;
    if (is_close(&key.end, '}'))
        close_search(search, lex);
    return is_ellipsis && key.end.kind == TB_LEX_COMMA;
}

int tb_pyrepr_find_key(struct tb_str repr, struct tb_str key, struct tb_arena *arena,
                       struct tb_pyrepr_value *ret_value)
{
    struct search search = {.key = key, .arena = arena};
    struct tb_lex lex = tb_lex_of(repr);
    struct tb_lex_token token;
    int status = 1;

    tb_lex_next(&lex, &token);
    if (token.kind != TB_LEX_OPEN || *token.text.ptr != '{')
        return TB_PYREPR_ABSENT;
    while (status > 0)
        status = search_entry(&search, &lex);
    if (status < 0)
        return status;
    if (search.count == 0 || (search.is_behind_doubt && !search.is_closed) ||
        (search.count > 1 && (!search.is_closed || search.is_doubt || search.is_opaque)))
        return TB_PYREPR_ABSENT;
    return read_value(&search.item, arena, ret_value);
}

int tb_pyrepr_find_index(struct tb_str repr, size_t index, struct tb_arena *arena,
                         struct tb_pyrepr_value *ret_value)
{
    struct tb_lex lex = tb_lex_of(repr);
    struct tb_lex_token token;
    struct tb_item item;

    tb_lex_next(&lex, &token);
    if (token.kind != TB_LEX_OPEN || (*token.text.ptr != '(' && *token.text.ptr != '['))
        return TB_PYREPR_ABSENT;
    char closer = *token.text.ptr == '(' ? ')' : ']';
    for (size_t at = 0;; at++) {
        tb_item_read(&lex, &item);
        if (item.is_doubt || (item.end.kind != TB_LEX_COMMA && !is_close(&item.end, closer)))
            return TB_PYREPR_ABSENT;
        if (at == index)
            return read_value(&item, arena, ret_value);
        if (item.end.kind != TB_LEX_COMMA || item.token_count == 0)
            return TB_PYREPR_ABSENT;
    }
}

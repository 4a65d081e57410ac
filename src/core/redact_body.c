/* Secrets taken out of whole messages: what is set aside, and what is captured.
 *
 * JSON is walked value by value and rewritten only where a value is secret, or text in it holds one. Of JSON
 * that is damaged nobody knows what belongs to what: it ends where a name is followed by anything. Of what is
 * no JSON in UTF-8 nothing is kept as soon as a name is in it, or when none could be seen.
 *
 * Values are nested at most TB_JSON_MAX_DEPTH deep, which the scanner has seen to before. */
#include "decode_scan.h"
#include "redact_names.h"
#include "taskbridge/base/buf.h"
#include "taskbridge/base/json.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/core/decode.h"

#include <errno.h>

#define HIDDEN TB_STR("\"***\"")
#define REST   TB_STR("...")

/* What a value is by its key. */
enum role { ROLE_TEXT, ROLE_ARGS, ROLE_KWARGS, ROLE_SPREAD };

struct rewrite {
    const struct tb_redact *redact;
    struct tb_arena *arena;
    const char *copied; /* up to where the JSON is in out */
    struct tb_buf out;
    bool is_changed;
    int r;
};

static void rewrite_value(struct rewrite *rewrite, struct tb_scan_value value, enum role role);

/* As it stands, with a string's quotes. */
static struct tb_str raw_of(struct tb_scan_value value)
{
    size_t quote = value.kind == TB_SCAN_STRING;
    return (struct tb_str){value.text.ptr - quote, value.text.len + 2 * quote};
}

static void copy_to(struct rewrite *rewrite, const char *end)
{
    tb_buf_push(&rewrite->out, rewrite->copied, (size_t)(end - rewrite->copied));
    rewrite->copied = end;
}

static void step_over(struct rewrite *rewrite, struct tb_scan_value value)
{
    struct tb_str raw = raw_of(value);

    copy_to(rewrite, raw.ptr);
    rewrite->copied = raw.ptr + raw.len;
    rewrite->is_changed = true;
}

static void hide(struct rewrite *rewrite, struct tb_scan_value value)
{
    step_over(rewrite, value);
    tb_buf_push_str(&rewrite->out, HIDDEN);
}

/* Its escapes resolved; the null string without memory. */
static struct tb_str text_of(struct rewrite *rewrite, struct tb_scan_value value)
{
    if (!value.is_escaped)
        return value.text;
    char *text = tb_arena_alloc(rewrite->arena, value.text.len + 1);
    if (text)
        return (struct tb_str){text, tb_scan_unescape(value.text, text, value.text.len)};
    rewrite->r = -ENOMEM;
    return TB_STR_NULL;
}

static void rewrite_string(struct rewrite *rewrite, struct tb_scan_value value, enum role role)
{
    const struct tb_redact *redact = rewrite->redact;
    struct tb_str text = text_of(rewrite, value), kept = text;

    if (rewrite->r)
        return;
    if (role == ROLE_TEXT)
        rewrite->r = tb_redact_text(redact, text, rewrite->arena, &kept);
    else
        rewrite->r =
            tb_redact_repr(redact, text, role == ROLE_ARGS ? redact->positions : 0, rewrite->arena, &kept);
    if (rewrite->r || kept.ptr == text.ptr)
        return;
    step_over(rewrite, value);
    tb_json_push_quoted(&rewrite->out, kept);
}

static bool is_hidden(const struct rewrite *rewrite, enum role role, size_t index)
{
    if (role == ROLE_SPREAD)
        return true;
    return role == ROLE_ARGS && index < TB_REDACT_POSITIONS && rewrite->redact->positions >> index & 1;
}

static void rewrite_list(struct rewrite *rewrite, struct tb_str text, enum role role)
{
    struct tb_scan scan = tb_scan_of((struct tb_str){text.ptr + 1, text.len - 2});
    struct tb_scan_value value;
    bool is_behind_name = false;

    for (size_t index = 0; !rewrite->r; index++) {
        tb_scan_skip_space(&scan);
        if (scan.at == scan.end || !tb_scan_value(&scan, &value))
            return;
        if (is_hidden(rewrite, role, index) || is_behind_name)
            hide(rewrite, value);
        else
            rewrite_value(rewrite, value, ROLE_TEXT);
        is_behind_name =
            value.kind == TB_SCAN_STRING && tb_redact_is_name(rewrite->redact, value.text) && !is_behind_name;
        tb_scan_skip_space(&scan);
        if (scan.at < scan.end)
            scan.at++; /* the comma */
    }
}

static enum role role_of(const struct rewrite *rewrite, struct tb_str key)
{
    if (tb_str_equal(key, TB_STR("args")) || tb_str_equal(key, TB_STR("argsrepr")))
        return ROLE_ARGS;
    if (tb_str_equal(key, TB_STR("kwargs")) || tb_str_equal(key, TB_STR("kwargsrepr")))
        return ROLE_KWARGS;
    return rewrite->redact->positions && tb_str_equal(key, TB_STR("it")) ? ROLE_SPREAD : ROLE_TEXT;
}

static void rewrite_object(struct rewrite *rewrite, struct tb_str text)
{
    struct tb_scan scan = tb_scan_of(text);
    struct tb_scan_value key, value;
    bool is_first = true;

    if (!tb_scan_open(&scan))
        return;
    while (!rewrite->r && tb_scan_member(&scan, &is_first, &key, &value) == TB_SCAN_MEMBER) {
        struct tb_str name = text_of(rewrite, key);
        if (tb_redact_has_key(rewrite->redact, name))
            hide(rewrite, value);
        else
            rewrite_value(rewrite, value, role_of(rewrite, name));
    }
}

static void rewrite_value(struct rewrite *rewrite, struct tb_scan_value value, enum role role)
{
    if (value.kind == TB_SCAN_STRING)
        rewrite_string(rewrite, value, role);
    else if (value.kind == TB_SCAN_LIST)
        rewrite_list(rewrite, value.text, role);
    else if (value.kind == TB_SCAN_OBJECT)
        rewrite_object(rewrite, value.text);
}

/* Whether the word begins what may be the arguments of a task whose positions are secret. */
static bool begins_arguments(const struct tb_redact *redact, const struct tb_word *word)
{
    struct tb_str name = {word->folded, word->len};

    return redact->positions && (tb_str_equal(name, TB_STR("args")) ||
                                 tb_str_equal(name, TB_STR("argsrepr")) || tb_str_equal(name, TB_STR("it")));
}

/* The end of what is surely no secret. */
static size_t certain_len(const struct tb_redact *redact, struct tb_str text)
{
    struct tb_words words = tb_words_of(text);
    struct tb_word word;
    bool is_quoted;

    while (tb_words_next(&words, &word)) {
        const char *value = NULL;
        if (tb_redact_has_word(redact, &word) || begins_arguments(redact, &word))
            value = tb_word_find_value(text, &word, &is_quoted);
        if (value)
            return (size_t)(value - text.ptr);
    }
    return text.len;
}

static int cut_damaged(const struct tb_redact *redact, struct tb_str text, struct tb_arena *arena,
                       struct tb_str *ret_text)
{
    size_t len = certain_len(redact, text);
    struct tb_buf buf;

    if (len == text.len)
        return 0;
    tb_buf_init(&buf, len + REST.len);
    tb_buf_push(&buf, text.ptr, len);
    tb_buf_push_str(&buf, REST);
    bool is_kept = !buf.failed && tb_arena_copy(arena, tb_buf_str(&buf), ret_text);
    tb_buf_deinit(&buf);
    return is_kept ? 0 : -ENOMEM;
}

int tb_redact_json(const struct tb_redact *redact, struct tb_str json, struct tb_arena *arena,
                   struct tb_str *ret_json)
{
    struct rewrite rewrite = {.redact = redact, .arena = arena, .copied = json.ptr};
    struct tb_scan scan = tb_scan_of(json);
    struct tb_scan_value value;

    *ret_json = json;
    if (!redact || !json.len || (!redact->positions && !tb_redact_is_mentioned(redact, json)))
        return 0;
    bool is_whole = tb_scan_value(&scan, &value);
    tb_scan_skip_space(&scan);
    if (!is_whole || scan.at != scan.end || scan.ill_utf8)
        return cut_damaged(redact, json, arena, ret_json);
    tb_buf_init(&rewrite.out, json.len * 8 + HIDDEN.len);
    rewrite_value(&rewrite, value, ROLE_TEXT);
    copy_to(&rewrite, json.ptr + json.len);
    if (rewrite.out.failed && !rewrite.r)
        rewrite.r = -ENOMEM;
    if (!rewrite.r && rewrite.is_changed && !tb_arena_copy(arena, tb_buf_str(&rewrite.out), ret_json))
        rewrite.r = -ENOMEM;
    tb_buf_deinit(&rewrite.out);
    return rewrite.r;
}

int tb_redact_delivery(const struct tb_redact *redact, const struct tb_delivery *delivery,
                       struct tb_arena *arena, struct tb_delivery *ret_delivery, bool *ret_is_masked)
{
    struct tb_str text, kept;
    int r = tb_decode_text(delivery, arena, &text);

    *ret_delivery = *delivery;
    if (!r)
        r = tb_redact_json(redact, delivery->headers, arena, &ret_delivery->headers);
    if (!r)
        r = tb_redact_json(redact, text, arena, &kept);
    if (r)
        return r;
    if (tb_str_is_null(text))
        ret_delivery->body = tb_redact_bytes(redact, delivery->body, tb_decode_is_plain(delivery));
    else if (kept.ptr != text.ptr)
        ret_delivery->body = kept;
    *ret_is_masked =
        ret_delivery->body.ptr != delivery->body.ptr || ret_delivery->headers.ptr != delivery->headers.ptr;
    return 0;
}

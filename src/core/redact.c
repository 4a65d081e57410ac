/* Secrets taken out of reprs, and out of what else is text.
 *
 * A repr is read token by token. A value is secret by the key it stands behind: in a dict, in a call
 * (password='x'), behind it in a list ("--password", "x"), or by its place where a rule names one. What
 * stands in quotes is read as well, as a repr or as text, and put into quotes again. An object that prints
 * itself and mentions a name is hidden whole. Where something is missing, the copy ends.
 *
 * Text that is no repr has words and no structure. What follows a name and a separator is hidden: a value in
 * quotes or brackets where its end is certain, which it is without a backslash in it; else all that follows,
 * but for what is known to be another line of a program or the next traceback. */
#include "taskbridge/core/redact.h"

#include "pyrepr_lex.h"
#include "redact_names.h"
#include "taskbridge/base/buf.h"
#include "taskbridge/base/limits.h"

#include <errno.h>

#define HIDDEN TB_STR("'***'")
#define STARS  TB_STR("***")
#define REST   TB_STR("...")

/* Quotes within quotes; what stands deeper is hidden whole. */
#define QUOTES_MAX 8

/* A container that is open. */
struct frame {
    uint64_t positions; /* of its elements that are hidden */
    size_t index;       /* of the element at hand */
    bool is_fresh;      /* nothing of it was read yet */
};

struct pass {
    const struct tb_redact *redact;
    struct tb_arena *arena;
    unsigned quotes;
    struct tb_lex lex;
    struct tb_lex_nesting nesting;
    struct frame *frames; /* as many as nesting has, and the text's own */
    struct tb_lex_token before;
    const char *copied; /* up to where the text is in out */
    struct tb_buf out;
    bool is_arguments; /* of a task: positions of calls in it are hidden, and nothing behind a cut is kept */
    bool is_over, is_changed, is_damaged;
};

static int redact_any(const struct pass *outer, struct tb_str text, uint64_t positions,
                      struct tb_str *ret_text);

static void copy_to(struct pass *pass, const char *end)
{
    tb_buf_push(&pass->out, pass->copied, (size_t)(end - pass->copied));
    pass->copied = end;
}

static void replace(struct pass *pass, struct tb_str text, struct tb_str with)
{
    copy_to(pass, text.ptr);
    tb_buf_push_str(&pass->out, with);
    pass->copied = text.ptr + text.len;
    pass->is_changed = true;
}

static void leave_out_from(struct pass *pass, const char *start)
{
    replace(pass, (struct tb_str){start, 0}, REST);
    pass->is_over = true;
}

/* ---- values ---- */

static bool is_literal(struct tb_str word)
{
    static const struct tb_str literals[] = {{"None", 4}, {"True", 4}, {"False", 5},
                                             {"null", 4}, {"true", 4}, {"false", 5}};
    double number;

    for (size_t i = 0; i < TB_COUNT(literals); i++)
        if (tb_str_equal(word, literals[i]))
            return true;
    return tb_str_parse_double(word, &number);
}

/* Whether the value is of a kind whose end is certain: text, a literal, something in brackets, a call. */
static bool is_certain(const struct tb_item *value)
{
    if (value->is_opaque || value->is_doubt)
        return false;
    if (value->first.kind != TB_LEX_WORD)
        return true;
    if (value->token_count == 1)
        return is_literal(value->text);
    const char *behind = value->first.text.ptr + value->first.text.len;
    return *behind == '(';
}

/* The value at the lexer's place. */
static void hide_value(struct pass *pass)
{
    struct tb_item value;

    tb_item_read(&pass->lex, &value);
    bool is_whole = value.end.kind == TB_LEX_COMMA || value.end.kind == TB_LEX_CLOSE ||
                    (value.end.kind == TB_LEX_END && pass->nesting.depth == 0);
    if (!is_whole || value.token_count == 0) {
        leave_out_from(pass, value.token_count ? value.text.ptr : value.end.text.ptr);
        return;
    }
    replace(pass, value.text, HIDDEN);
    pass->lex.at = value.end.text.ptr;
    if (!is_certain(&value))
        leave_out_from(pass, pass->copied);
}

/* ---- text in quotes ---- */

static void push_quoted(struct tb_buf *buf, struct tb_str text, bool is_bytes)
{
    static const char escaped[] = "\n\r\t\\'", letters[] = "nrt\\'";

    tb_buf_push_str(buf, is_bytes ? TB_STR("b'") : TB_STR("'"));
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        const char *letter = byte ? strchr(escaped, (char)byte) : NULL;
        if (letter)
            tb_buf_printf(buf, "\\%c", letters[letter - escaped]);
        else if (byte < 0x20 || byte == 0x7F || (is_bytes && byte >= 0x80))
            tb_buf_printf(buf, "\\x%02x", byte);
        else
            tb_buf_push_byte(buf, (char)byte);
    }
    tb_buf_push_byte(buf, '\'');
}

/* Whether anything in the text may have to be hidden. */
static bool has_work(const struct pass *pass, struct tb_str text, uint64_t positions)
{
    return positions || (pass->is_arguments && pass->redact->positions) ||
           tb_redact_is_mentioned(pass->redact, text);
}

/* What stands in the string is redacted like any text. 0 or -ENOMEM. */
static int take_string(struct pass *pass, const struct tb_lex_token *token, uint64_t positions)
{
    struct tb_str inner, kept;

    if (!has_work(pass, token->content, positions))
        return 0;
    if (pass->quotes == QUOTES_MAX) {
        replace(pass, token->text, HIDDEN);
        return 0;
    }
    char *text = tb_arena_alloc(pass->arena, token->content.len + 1);
    if (!text)
        return -ENOMEM;
    inner = (struct tb_str){text, tb_lex_unescape_any(token, text)};
    int r = redact_any(pass, inner, positions, &kept);
    if (r || kept.ptr == inner.ptr)
        return r;
    copy_to(pass, token->text.ptr);
    push_quoted(&pass->out, kept, token->is_bytes);
    pass->copied = token->text.ptr + token->text.len;
    pass->is_changed = true;
    return 0;
}

/* ---- a repr ---- */

static struct frame *frame_of(struct pass *pass)
{
    return &pass->frames[pass->nesting.depth];
}

/* Whether the token names a secret. */
static bool is_secret(const struct pass *pass, const struct tb_lex_token *token)
{
    return tb_redact_has_key(pass->redact, token->kind == TB_LEX_STRING ? token->content : token->text);
}

static bool is_list(const struct pass *pass)
{
    size_t depth = pass->nesting.depth;
    return depth && (pass->nesting.closers[depth - 1] == ')' || pass->nesting.closers[depth - 1] == ']');
}

/* Whether a value follows the token, which names a secret; then steps to before the value. */
static bool step_to_value(struct pass *pass, const struct tb_lex_token *token)
{
    struct tb_lex lex = pass->lex;
    struct tb_lex_token next;

    tb_lex_next(&lex, &next);
    if (next.kind == TB_LEX_COLON || next.kind == TB_LEX_EQUALS) {
        pass->lex = lex;
        return true;
    }
    if (next.kind != TB_LEX_COMMA || token->kind != TB_LEX_STRING || !is_list(pass) ||
        !tb_redact_is_name(pass->redact, token->content))
        return false;
    struct tb_lex behind = lex;
    tb_lex_next(&behind, &next);
    if (next.kind == TB_LEX_CLOSE)
        return false;
    frame_of(pass)->index++;
    pass->lex = lex;
    return true;
}

/* "args" of a signature inside of another task's arguments, and what map and starmap spread: what positions
 * are hidden there, whatever the task is. 0 for other tokens. */
static uint64_t positions_behind(const struct pass *pass, const struct tb_lex_token *token)
{
    struct tb_str name = token->kind == TB_LEX_STRING ? token->content : token->text;

    if (!pass->redact->positions || !pass->is_arguments)
        return 0;
    if (tb_str_equal(name, TB_STR("args")) || tb_str_equal(name, TB_STR("argsrepr")))
        return pass->redact->positions;
    return tb_str_equal(name, TB_STR("it")) ? UINT64_MAX : 0;
}

/* The arguments behind their key: as a container whose elements are hidden by position, as a repr in quotes,
 * or whole. 0 or -ENOMEM. */
static int take_arguments(struct pass *pass, uint64_t positions)
{
    struct tb_lex lex = pass->lex;
    struct tb_lex_token next;

    tb_lex_next(&lex, &next);
    if (next.kind != TB_LEX_COLON && next.kind != TB_LEX_EQUALS)
        return 0;
    pass->lex = lex;
    tb_lex_next(&lex, &next);
    if (next.kind == TB_LEX_STRING) {
        pass->lex = lex;
        return take_string(pass, &next, positions);
    }
    bool is_container = next.kind == TB_LEX_OPEN && (*next.text.ptr == '(' || *next.text.ptr == '[');
    if (!is_container || !tb_lex_nest(&pass->nesting, &next)) {
        hide_value(pass);
        return 0;
    }
    pass->lex = lex;
    *frame_of(pass) = (struct frame){.positions = positions, .is_fresh = true};
    return 0;
}

/* An object stands alone; what else has such brackets goes on behind them. */
static void hide_object(struct pass *pass, struct tb_str text)
{
    struct tb_lex lex = pass->lex;
    struct tb_lex_token next;

    replace(pass, text, HIDDEN);
    tb_lex_next(&lex, &next);
    if (next.kind != TB_LEX_COMMA && next.kind != TB_LEX_CLOSE && next.kind != TB_LEX_END)
        leave_out_from(pass, pass->copied);
}

/* From "<" to its ">". */
static void take_object(struct pass *pass, const struct tb_lex_token *open)
{
    struct tb_lex_nesting nesting = {.depth = 0};
    struct tb_lex_token token = *open;

    while (tb_lex_nest(&nesting, &token) && token.kind != TB_LEX_END && token.kind != TB_LEX_DAMAGE) {
        if (nesting.depth == 0) {
            struct tb_str text = {open->text.ptr, (size_t)(pass->lex.at - open->text.ptr)};
            if (tb_redact_is_mentioned(pass->redact, text))
                hide_object(pass, text);
            return;
        }
        tb_lex_next(&pass->lex, &token);
    }
    pass->is_damaged = true;
    leave_out_from(pass, open->text.ptr);
}

/* A word that is called: a signature prints itself so. */
static bool takes_call(struct pass *pass, const struct tb_lex_token *token)
{
    struct tb_lex lex = pass->lex;
    struct tb_lex_token next;

    if (!pass->is_arguments || !pass->redact->positions || token->kind != TB_LEX_WORD)
        return false;
    tb_lex_next(&lex, &next);
    if (next.kind != TB_LEX_OPEN || *next.text.ptr != '(' || !tb_lex_nest(&pass->nesting, &next))
        return false;
    pass->lex = lex;
    *frame_of(pass) = (struct frame){.positions = pass->redact->positions, .is_fresh = true};
    return true;
}

/* A string or a word. 0 or -ENOMEM. */
static int take_name(struct pass *pass, const struct tb_lex_token *token)
{
    uint64_t positions = positions_behind(pass, token);

    if (takes_call(pass, token))
        return 0;

    if (is_secret(pass, token) && step_to_value(pass, token)) {
        hide_value(pass);
        return 0;
    }
    int r = token->kind == TB_LEX_STRING ? take_string(pass, token, 0) : 0;
    return r || !positions ? r : take_arguments(pass, positions);
}

/* Where an element begins that its position hides: hides it, true. */
static bool hides_element(struct pass *pass, const struct tb_lex_token *token)
{
    struct frame *frame = frame_of(pass);

    if (!frame->is_fresh || token->kind == TB_LEX_CLOSE || token->kind == TB_LEX_END)
        return false;
    frame->is_fresh = false;
    size_t index = frame->index < TB_REDACT_POSITIONS ? frame->index : TB_REDACT_POSITIONS - 1;
    if (!(frame->positions >> index & 1))
        return false;
    pass->lex.at = token->text.ptr;
    hide_value(pass);
    return true;
}

/* Brackets and separators. false when the brackets don't match. */
static bool take_structure(struct pass *pass, const struct tb_lex_token *token)
{
    if (!tb_lex_nest(&pass->nesting, token))
        return false;
    if (token->kind == TB_LEX_OPEN)
        *frame_of(pass) = (struct frame){.is_fresh = true};
    if (token->kind == TB_LEX_COMMA) {
        frame_of(pass)->index++;
        frame_of(pass)->is_fresh = true;
    }
    return true;
}

/* 0 or -ENOMEM. */
static int take_token(struct pass *pass, const struct tb_lex_token *token)
{
    int r = 0;

    if (hides_element(pass, token))
        return 0;
    if (token->kind == TB_LEX_END && pass->nesting.depth == 0) {
        copy_to(pass, token->text.ptr);
        pass->is_over = true;
    } else if (token->kind == TB_LEX_OPEN && *token->text.ptr == '<') {
        take_object(pass, token);
    } else if (pass->is_arguments && token->is_cut && !tb_item_is_filler(pass->lex, &pass->before, token)) {
        leave_out_from(pass, token->text.ptr);
    } else if (token->kind == TB_LEX_END || token->kind == TB_LEX_DAMAGE || !take_structure(pass, token)) {
        pass->is_damaged = true;
        leave_out_from(pass, token->text.ptr);
    } else if (token->kind == TB_LEX_STRING || token->kind == TB_LEX_WORD) {
        r = take_name(pass, token);
    }
    pass->before = *token;
    if (token->kind == TB_LEX_OPEN && *token->text.ptr == '<')
        pass->before.kind = TB_LEX_WORD; /* the whole object was taken */
    return r;
}

/* The first token: only a container has elements; a repr in quotes has them inside. 0 or -ENOMEM. */
static int begin_positions(struct pass *pass, uint64_t positions)
{
    struct tb_lex lex = pass->lex;
    struct tb_lex_token token;

    tb_lex_next(&lex, &token);
    if (!positions || token.kind == TB_LEX_END)
        return 0;
    if (token.kind == TB_LEX_OPEN && (*token.text.ptr == '(' || *token.text.ptr == '[')) {
        pass->lex = lex;
        if (!tb_lex_nest(&pass->nesting, &token))
            return 0;
        *frame_of(pass) = (struct frame){.positions = positions, .is_fresh = true};
        pass->before = token;
        return 0;
    }
    if (token.kind == TB_LEX_STRING) {
        pass->lex = lex;
        return take_string(pass, &token, positions);
    }
    leave_out_from(pass, token.text.ptr);
    return 0;
}

static int end_pass(struct pass *pass, struct tb_str text, int r, struct tb_str *ret_text)
{
    *ret_text = text;
    if (!r && pass->is_changed &&
        (pass->out.failed || !tb_arena_copy(pass->arena, tb_buf_str(&pass->out), ret_text)))
        r = -ENOMEM;
    tb_buf_deinit(&pass->out);
    return r;
}

static void begin_pass(struct pass *pass, struct tb_str text)
{
    pass->copied = text.ptr;
    pass->before.kind = TB_LEX_END;
    /* A secret of one byte grows to five. */
    tb_buf_init(&pass->out, text.len * 2 * HIDDEN.len + REST.len);
}

/* *ret_is_damaged: it is no repr, and the copy ends there. */
static int redact_repr(struct pass *pass, struct tb_str text, uint64_t positions, struct tb_str *ret_text,
                       bool *ret_is_damaged)
{
    struct tb_lex_token token;

    begin_pass(pass, text);
    pass->lex = tb_lex_of(text);
    pass->frames = tb_arena_calloc(pass->arena, TB_LEX_DEPTH_MAX + 1, sizeof(*pass->frames));
    int r = pass->frames ? begin_positions(pass, positions) : -ENOMEM;
    while (!r && !pass->is_over) {
        tb_lex_next(&pass->lex, &token);
        r = take_token(pass, &token);
    }
    *ret_is_damaged = pass->is_damaged;
    return end_pass(pass, text, r, ret_text);
}

/* ---- text that is no repr ---- */

static bool is_line_end(char byte)
{
    return byte == '\n' || byte == '\r';
}

static const char *line_end(const char *at, const char *end)
{
    while (at < end && !is_line_end(*at))
        at++;
    return at;
}

/* Where a traceback begins again behind at; end when nowhere. */
static const char *next_traceback(const char *at, const char *end)
{
    size_t found =
        tb_str_find((struct tb_str){at, (size_t)(end - at)}, TB_STR("\nTraceback (most recent call"));
    return found == SIZE_MAX ? end : at + found;
}

/* Whether at is in a line of a program that a traceback quotes: indented by four. */
static bool is_in_source(struct tb_str text, const char *at)
{
    const char *line = at;

    while (line > text.ptr && !is_line_end(line[-1]))
        line--;
    return tb_str_starts_with((struct tb_str){line, (size_t)(at - line)}, TB_STR("    ")) &&
           tb_str_find(text, TB_STR("Traceback (most recent call")) != SIZE_MAX;
}

/* What can stand behind a value. */
static bool ends_value(const char *at, const char *end)
{
    return at == end || strchr(",;&)]} \t\n\r", *at);
}

/* The end of a value in quotes or brackets, or of a literal behind a name in quotes; NULL when it is not
 * certain. */
static const char *find_end(const char *value, const char *end, bool is_quoted)
{
    struct tb_lex lex = {value, end};
    struct tb_item item;
    struct tb_lex behind;
    struct tb_lex_token next;

    if (value < end && (*value == '\'' || *value == '"')) {
        struct tb_lex_token token;
        tb_lex_next(&lex, &token);
        item = (struct tb_item){.text = token.text, .first = token, .token_count = 1};
        behind = lex;
        tb_lex_next(&behind, &next);
        if (token.kind != TB_LEX_STRING || next.kind == TB_LEX_STRING)
            return NULL;
    } else {
        tb_item_read(&lex, &item);
        bool is_bracket = item.first.kind == TB_LEX_OPEN && *item.first.text.ptr != '<';
        if ((!is_bracket && !is_quoted) || !item.token_count || !is_certain(&item) ||
            item.end.kind == TB_LEX_DAMAGE || (item.end.kind == TB_LEX_END && !is_bracket))
            return NULL;
    }
    const char *found = item.text.ptr + item.text.len;
    bool is_plain = !memchr(item.text.ptr, '\\', item.text.len);
    return is_plain && ends_value(found, end) ? found : NULL;
}

/* Hides what begins at value; where to go on. */
static const char *hide_in_text(struct pass *pass, struct tb_str text, const char *value, bool is_quoted)
{
    const char *end = text.ptr + text.len, *found = find_end(value, end, is_quoted);

    if (!found)
        found = is_in_source(text, value) ? line_end(value, end) : next_traceback(value, end);
    replace(pass, (struct tb_str){value, (size_t)(found - value)}, STARS);
    return found;
}

static int redact_prose(struct pass *pass, struct tb_str text, struct tb_str *ret_text)
{
    struct tb_words words = tb_words_of(text);
    struct tb_word word;
    bool is_quoted;

    begin_pass(pass, text);
    while (tb_words_next(&words, &word)) {
        const char *value = NULL;
        if (tb_redact_has_word(pass->redact, &word))
            value = tb_word_find_value(text, &word, &is_quoted);
        if (value)
            words.at = hide_in_text(pass, text, value, is_quoted);
    }
    copy_to(pass, text.ptr + text.len);
    return end_pass(pass, text, 0, ret_text);
}

/* ---- both ---- */

static bool looks_like_repr(struct tb_str text)
{
    struct tb_words words;
    struct tb_word word;

    text = tb_str_trim(text);
    if (text.len && memchr("{[('\"", *text.ptr, 5))
        return true;
    /* A call, such as an exception's: ValueError('…'), module.Error('…') */
    words = tb_words_of(text);
    while (tb_words_next(&words, &word) && words.at < words.end && *words.at == '.')
        words.at++;
    return text.len && words.at < words.end && *words.at == '(' &&
           !memchr(text.ptr, ' ', (size_t)(words.at - text.ptr));
}

/* As a repr where it is one, else as text. Positions can't be told in what is no repr: then the copy of it
 * that ends early is what is kept. */
static int redact_any(const struct pass *outer, struct tb_str text, uint64_t positions,
                      struct tb_str *ret_text)
{
    struct pass pass = {.redact = outer->redact,
                        .arena = outer->arena,
                        .quotes = outer->quotes + 1,
                        .is_arguments = outer->is_arguments};
    bool is_damaged = true;

    if (positions || looks_like_repr(text)) {
        int r = redact_repr(&pass, text, positions, ret_text, &is_damaged);
        if (r || !is_damaged || positions || (pass.is_arguments && pass.redact->positions))
            return r;
    }
    pass = (struct pass){.redact = outer->redact, .arena = outer->arena};
    return redact_prose(&pass, text, ret_text);
}

int tb_redact_repr(const struct tb_redact *redact, struct tb_str repr, uint64_t positions,
                   struct tb_arena *arena, struct tb_str *ret_text)
{
    const struct pass outer = {.redact = redact, .arena = arena, .is_arguments = true};

    *ret_text = repr;
    return redact && repr.len && has_work(&outer, repr, positions)
               ? redact_any(&outer, repr, positions, ret_text)
               : 0;
}

int tb_redact_text(const struct tb_redact *redact, struct tb_str text, struct tb_arena *arena,
                   struct tb_str *ret_text)
{
    const struct pass outer = {.redact = redact, .arena = arena};

    *ret_text = text;
    return redact && text.len && has_work(&outer, text, 0) ? redact_any(&outer, text, 0, ret_text) : 0;
}

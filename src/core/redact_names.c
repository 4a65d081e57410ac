/* The names of secrets.
 *
 * Every argument, result and traceback is searched, and nearly none mentions a secret; so a word is first
 * held against the few shapes (length, first and last byte) that names have. A word is compared folded: in
 * lower case, "-" as "_", without such at its ends, escapes of JSON and Python resolved. In bytes of which
 * it is not known what they are, a name counts wherever it stands. */
#include "redact_names.h"

#include <errno.h>

#define LETTER_BYTES 4

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte == '-' ? '_' : byte;
}

/* Text into folded, which has room for it; of letters with accents those of Latin-1 have a lower case. */
static size_t fold(struct tb_str text, char *folded)
{
    size_t start = 0, len = text.len;

    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        bool is_latin = i && (unsigned char)text.ptr[i - 1] == 0xC3 && byte >= 0x80 && byte <= 0x9E;
        folded[i] = is_latin && byte != 0x97 ? (char)(byte | 0x20) : lower(text.ptr[i]);
    }
    while (len && folded[len - 1] == '_')
        len--;
    while (start < len && folded[start] == '_')
        start++;
    memmove(folded, folded + start, len - start);
    return len - start;
}

/* The length of the letter at at; 0 when it is none. Punctuation outside of ASCII stands around words. */
static size_t letter_len(const char *at, const char *end)
{
    unsigned char byte = (unsigned char)*at;

    if (byte < 0x80)
        return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
               byte == '_' || byte == '-';
    size_t len = byte <= 0xC2 ? 0 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
    if (byte == 0xE2 || byte == 0xEF || (size_t)(end - at) < len ||
        (byte == 0xE3 && (unsigned char)at[1] == 0x80))
        return 0;
    return len;
}

/* ---- words ---- */

static int hex_of(const char *at, size_t count)
{
    int value = 0;
    for (size_t i = 0; i < count; i++) {
        char byte = (char)(at[i] | 0x20);
        if (byte >= '0' && byte <= '9')
            value = value * 16 + (byte - '0');
        else if (byte >= 'a' && byte <= 'f')
            value = value * 16 + (byte - 'a') + 10;
        else
            return -1;
    }
    return value;
}

/* The escape at backslashes: its length, or 0 when it is none for a letter of two bytes at most. */
static size_t read_escape(const char *at, const char *end, char letter[LETTER_BYTES], size_t *ret_count)
{
    const char *kind = at;
    int value = -1;

    while (kind < end && *kind == '\\')
        kind++;
    size_t digits = kind < end && *kind == 'u' ? 4 : 2;
    if (kind < end && (*kind == 'u' || *kind == 'x') && (size_t)(end - kind) > digits)
        value = hex_of(kind + 1, digits);
    if (value <= 0 || value >= 0x800)
        return 0;
    *ret_count = value < 0x80 ? 1 : 2;
    letter[0] = value < 0x80 ? (char)value : (char)(0xC0 | value >> 6);
    letter[1] = (char)(0x80 | (value & 0x3F));
    return (size_t)(kind - at) + 1 + digits;
}

/* One letter of a word at *at, which steps over it; its bytes, or 0 where no word goes on. */
static size_t take_letter(const char **at, const char *end, char letter[LETTER_BYTES])
{
    size_t count = 1, len = **at == '\\' ? read_escape(*at, end, letter, &count) : letter_len(*at, end);

    if (**at != '\\') {
        count = len;
        memcpy(letter, *at, len);
    } else if (len && !letter_len(letter, letter + count)) {
        len = 0;
    }
    *at += len;
    return len ? count : 0;
}

bool tb_words_next(struct tb_words *words, struct tb_word *ret_word)
{
    struct tb_word *word = ret_word;
    char text[TB_REDACT_NAME_MAX_BYTES], letter[LETTER_BYTES];
    const char *start, *begin = words->at;
    size_t len = 0, count = 0;
    bool is_long = false;

    for (; words->at < words->end; words->at++) {
        start = words->at;
        count = take_letter(&words->at, words->end, letter);
        if (count)
            break;
    }
    if (!count)
        return false;
    word->is_behind_backslash = start > begin && start[-1] == '\\';
    while (count) {
        for (size_t i = 0; i < count && !is_long; i++) {
            is_long = len == sizeof(text);
            if (!is_long)
                text[len++] = letter[i];
        }
        count = words->at < words->end ? take_letter(&words->at, words->end, letter) : 0;
    }
    word->raw = (struct tb_str){start, (size_t)(words->at - start)};
    word->len = is_long ? 0 : fold((struct tb_str){text, len}, word->folded);
    return true;
}

const char *tb_word_find_value(struct tb_str text, const struct tb_word *word, bool *ret_is_quoted)
{
    const char *at = word->raw.ptr + word->raw.len, *end = text.ptr + text.len;

    *ret_is_quoted = at < end && (*at == '\'' || *at == '"' || *at == '\\');
    if (at < end && *at == '>')
        return at + 1; /* <password>x</password> */
    while (at < end && memchr("\\'\"`]) \t", *at, 8))
        at++;
    if (at == end || !(*at == ':' || *at == '=' || (*at == ',' && *ret_is_quoted)))
        return NULL;
    at++;
    while (at < end && memchr(">= \t\n\r", *at, 6))
        at++;
    return at < end ? at : NULL;
}

/* ---- names ---- */

static size_t shape_of(struct tb_str name)
{
    unsigned char first = (unsigned char)name.ptr[0], last = (unsigned char)name.ptr[name.len - 1];
    return (name.len * 7 + first * 31U + last * 131U) % 1024;
}

static bool has_bit(const uint64_t *bits, size_t bit)
{
    return bits[bit / 64] >> bit % 64 & 1;
}

static void set_bit(uint64_t *bits, size_t bit)
{
    bits[bit / 64] |= UINT64_C(1) << bit % 64;
}

static bool has_name(const struct tb_redact *redact, struct tb_str folded)
{
    if (!folded.len)
        return false;
    if (has_bit(redact->shapes, shape_of(folded)))
        for (size_t i = 0; i < redact->name_count; i++)
            if (tb_str_equal(redact->names[i], folded))
                return true;
    if (!has_bit(redact->last_bytes, (unsigned char)folded.ptr[folded.len - 1]))
        return false;
    for (size_t i = 0; i < redact->pattern_count; i++)
        if (tb_str_matches(folded, redact->patterns[i]))
            return true;
    return false;
}

bool tb_redact_has_word(const struct tb_redact *redact, const struct tb_word *word)
{
    struct tb_str folded = {word->folded, word->len};

    if (has_name(redact, folded))
        return true;
    return word->is_behind_backslash && folded.len > 1 &&
           has_name(redact, (struct tb_str){folded.ptr + 1, folded.len - 1});
}

bool tb_redact_has_key(const struct tb_redact *redact, struct tb_str key)
{
    char folded[TB_REDACT_NAME_MAX_BYTES];
    struct tb_words words = tb_words_of(key);
    struct tb_word word;
    bool is_last_secret = false;

    if (redact->has_odd && key.len && key.len <= sizeof(folded) &&
        has_name(redact, (struct tb_str){folded, fold(key, folded)}))
        return true;
    while (tb_words_next(&words, &word))
        is_last_secret = tb_redact_has_word(redact, &word);
    return is_last_secret;
}

bool tb_redact_is_name(const struct tb_redact *redact, struct tb_str text)
{
    struct tb_words words = tb_words_of(text);
    struct tb_word word;
    bool is_name = tb_words_next(&words, &word) && tb_redact_has_word(redact, &word);

    return is_name && !tb_words_next(&words, &word);
}

bool tb_redact_is_mentioned(const struct tb_redact *redact, struct tb_str text)
{
    struct tb_words words = tb_words_of(text);
    struct tb_word word;

    if (redact->has_odd && text.len)
        return true;
    while (tb_words_next(&words, &word))
        if (tb_redact_has_word(redact, &word))
            return true;
    return false;
}

/* ---- the list ---- */

static struct tb_str literal_of(struct tb_str name)
{
    while (name.len && (*name.ptr == '*' || *name.ptr == '?')) {
        name.ptr++;
        name.len--;
    }
    size_t len = 0;
    while (len < name.len && name.ptr[len] != '*' && name.ptr[len] != '?')
        len++;
    return (struct tb_str){name.ptr, len};
}

const char *tb_redact_check_name(struct tb_str name)
{
    if (name.len > TB_REDACT_NAME_MAX_BYTES)
        return "a name of at most 64 bytes";
    if (literal_of(name).len < 2 && literal_of(name).len < name.len)
        return "a name, or a pattern that begins with two letters of it, behind \"*\" at most";
    return NULL;
}

static bool is_word(struct tb_str name)
{
    const char *at = name.ptr, *end = name.ptr + name.len;
    char letter[LETTER_BYTES];

    while (at < end)
        if (!take_letter(&at, end, letter))
            return false;
    return true;
}

static void add_pair(struct tb_redact *redact, struct tb_str literal)
{
    for (unsigned second = 0; second < 256; second++) {
        if (literal.len > 1 && second != (unsigned char)literal.ptr[1])
            continue;
        set_bit(redact->first_pairs, (size_t)(unsigned char)literal.ptr[0] << 8 | second);
    }
}

static void add_pattern(struct tb_redact *redact, struct tb_str pattern)
{
    char last = pattern.ptr[pattern.len - 1];

    redact->patterns[redact->pattern_count++] = pattern;
    if (last == '*' || last == '?')
        memset(redact->last_bytes, 0xFF, sizeof(redact->last_bytes));
    else
        set_bit(redact->last_bytes, (unsigned char)last);
}

static void add_name(struct tb_redact *redact, struct tb_str name)
{
    struct tb_str literal = literal_of(name);

    if (!literal.len)
        return;
    add_pair(redact, literal);
    if (literal.len < name.len) {
        add_pattern(redact, name);
        return;
    }
    redact->names[redact->name_count++] = name;
    set_bit(redact->shapes, shape_of(name));
    redact->has_odd |= !is_word(name);
}

int tb_redact_init(struct tb_redact *redact, const struct tb_str *names, size_t count, uint64_t positions,
                   struct tb_arena *arena)
{
    *redact = (struct tb_redact){.positions = positions};
    redact->names = tb_arena_calloc(arena, count ? count : 1, sizeof(*redact->names));
    redact->patterns = tb_arena_calloc(arena, count ? count : 1, sizeof(*redact->patterns));
    if (!redact->names || !redact->patterns)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        char *folded = tb_arena_alloc(arena, names[i].len + 1);
        if (!folded)
            return -ENOMEM;
        add_name(redact, (struct tb_str){folded, fold(names[i], folded)});
    }
    return 0;
}

/* ---- bytes ---- */

static bool stands_at(struct tb_str folded_name, const char *at, const char *end)
{
    if ((size_t)(end - at) < folded_name.len)
        return false;
    for (size_t i = 0; i < folded_name.len; i++)
        if (lower(at[i]) != folded_name.ptr[i])
            return false;
    return true;
}

static bool any_stands_at(const struct tb_redact *redact, const char *at, const char *end)
{
    for (size_t i = 0; i < redact->name_count; i++)
        if (stands_at(redact->names[i], at, end))
            return true;
    for (size_t i = 0; i < redact->pattern_count; i++)
        if (stands_at(literal_of(redact->patterns[i]), at, end))
            return true;
    return false;
}

struct tb_str tb_redact_bytes(const struct tb_redact *redact, struct tb_str bytes, bool is_telling)
{
    const char *end = bytes.ptr + bytes.len;

    if (!redact || !bytes.len)
        return bytes;
    if (!is_telling || redact->positions)
        return TB_STR("");
    for (const char *at = bytes.ptr; at < end; at++) {
        unsigned char first = (unsigned char)lower(at[0]);
        unsigned char second = end - at > 1 ? (unsigned char)lower(at[1]) : 0;
        if (has_bit(redact->first_pairs, (size_t)first << 8 | second) && any_stands_at(redact, at, end))
            return TB_STR("");
    }
    return bytes;
}

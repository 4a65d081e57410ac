/* The names of secrets, and the words of a text that may be one. */
#ifndef TASKBRIDGE_CORE_REDACT_NAMES_H
#define TASKBRIDGE_CORE_REDACT_NAMES_H

#include "taskbridge/core/redact.h"

#define TB_REDACT_NAME_MAX_BYTES 64

struct tb_words {
    const char *at, *end;
};

/* A word of a text: letters, digits, "_" and "-", whatever they are escaped as. */
struct tb_word {
    struct tb_str raw; /* as it stands */
    size_t len;        /* of folded; 0 when it is longer than a name may be */
    char folded[TB_REDACT_NAME_MAX_BYTES];
    bool is_behind_backslash; /* its first letter may belong to an escape */
};

static inline struct tb_words tb_words_of(struct tb_str text)
{
    return (struct tb_words){text.ptr, text.ptr ? text.ptr + text.len : text.ptr};
}

/* The next word; false at the end. */
bool tb_words_next(struct tb_words *words, struct tb_word *ret_word) TB_MUST_CHECK;

/* Where the value begins that follows the word and a separator; NULL when none does. *ret_is_quoted: the word
 * is the end of something in quotes. */
const char *tb_word_find_value(struct tb_str text, const struct tb_word *word, bool *ret_is_quoted);

/* Whether the word names a secret. */
bool tb_redact_has_word(const struct tb_redact *redact, const struct tb_word *word);

/* Whether a key of this text names a secret: all of it, or its last word. */
bool tb_redact_has_key(const struct tb_redact *redact, struct tb_str key);

/* Whether the text is a name, and no more. */
bool tb_redact_is_name(const struct tb_redact *redact, struct tb_str text);

/* Whether a name occurs in the text. */
bool tb_redact_is_mentioned(const struct tb_redact *redact, struct tb_str text);

#endif

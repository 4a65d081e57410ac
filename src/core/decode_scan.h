/* A strict scanner of JSON that walks text value by value and copies nothing. */
#ifndef TASKBRIDGE_CORE_DECODE_SCAN_H
#define TASKBRIDGE_CORE_DECODE_SCAN_H

#include "taskbridge/base/str.h"

enum tb_scan_kind {
    TB_SCAN_ABSENT,
    TB_SCAN_NULL,
    TB_SCAN_TRUE,
    TB_SCAN_FALSE,
    TB_SCAN_INTEGER, /* of any length */
    TB_SCAN_NUMBER,  /* with a fraction or an exponent; NaN, Infinity, -Infinity */
    TB_SCAN_STRING,
    TB_SCAN_OBJECT,
    TB_SCAN_LIST
};

struct tb_scan_value {
    enum tb_scan_kind kind;
    bool is_escaped;    /* of a string: there are escapes in it */
    struct tb_str text; /* borrowed; of a string without its quotes, escapes unresolved; else as it stands */
};

struct tb_scan {
    const char *at, *end;
    const char *damage;   /* what is wrong at `at`; NULL while all is well */
    const char *ill_utf8; /* the first byte in a string that is no UTF-8; NULL while there is none */
};

static inline struct tb_scan tb_scan_of(struct tb_str text)
{
    return (struct tb_scan){.at = text.ptr, .end = text.ptr + text.len};
}

void tb_scan_skip_space(struct tb_scan *scan);

/* The whole value that begins at `at`; false when it is damaged. */
bool tb_scan_value(struct tb_scan *scan, struct tb_scan_value *ret_value) TB_MUST_CHECK;

/* Steps over "{"; false when there is none. */
bool tb_scan_open(struct tb_scan *scan) TB_MUST_CHECK;

enum tb_scan_step { TB_SCAN_MEMBER, TB_SCAN_CLOSED, TB_SCAN_DAMAGED };

/* The next member of the object that was opened, or its end. is_first is true for the first call and kept by
 * it. */
enum tb_scan_step tb_scan_member(struct tb_scan *scan, bool *is_first, struct tb_scan_value *ret_key,
                                 struct tb_scan_value *ret_value) TB_MUST_CHECK;

/* Steps over text that is not well-formed, up to a "," or "]" outside of strings and brackets; false at the
 * end of the text. */
bool tb_scan_skip_damaged(struct tb_scan *scan) TB_MUST_CHECK;

/* The string's text into ret_text: escapes resolved, lone surrogates and U+0000 as U+FFFD, at most max_bytes.
 * Returns how many. */
size_t tb_scan_unescape(struct tb_str text, char *ret_text, size_t max_bytes);

#endif

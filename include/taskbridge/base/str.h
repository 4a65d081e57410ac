/* Borrowed text: a pointer and a length, not terminated, any bytes. The null string (ptr NULL) means
 * "absent". */
#ifndef TASKBRIDGE_BASE_STR_H
#define TASKBRIDGE_BASE_STR_H

#include "taskbridge/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct tb_str {
    const char *ptr; /* borrowed */
    size_t len;
};

#define TB_STR_NULL     ((struct tb_str){NULL, 0})
#define TB_STR(literal) ((struct tb_str){"" literal "", sizeof(literal) - 1})
/* For "%.*s"; of longer text the first INT_MAX bytes. */
#define TB_STR_FMT(str) tb_str_fmt_len(str), ((str).ptr ? (str).ptr : "")

static inline int tb_str_fmt_len(struct tb_str str)
{
    return str.len > INT32_MAX ? INT32_MAX : (int)str.len;
}

/* NULL gives the null string. */
static inline struct tb_str tb_str_of(const char *text)
{
    return (struct tb_str){text, text ? strlen(text) : 0};
}

static inline bool tb_str_is_null(struct tb_str str)
{
    return !str.ptr;
}

static inline bool tb_str_is_empty(struct tb_str str)
{
    return str.len == 0;
}

/* The null string equals only itself. */
static inline bool tb_str_equal(struct tb_str a, struct tb_str b)
{
    if (!a.ptr || !b.ptr)
        return !a.ptr && !b.ptr;
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* Total order by bytes, as PostgreSQL's COLLATE "C" orders UTF-8; the null string comes before all. Negative,
 * 0 or positive. */
int tb_str_compare(struct tb_str a, struct tb_str b);

bool tb_str_starts_with(struct tb_str str, struct tb_str prefix);
bool tb_str_ends_with(struct tb_str str, struct tb_str suffix);

/* Without ASCII white space at both ends; borrowed from str. */
struct tb_str tb_str_trim(struct tb_str str);

/* The offset of the first needle, or SIZE_MAX. */
size_t tb_str_find(struct tb_str str, struct tb_str needle);

/* Whether str matches a shell pattern of '*' (any bytes) and '?' (one byte); anything else is itself. Linear
 * in str.len * pattern.len at worst, no recursion. */
bool tb_str_matches(struct tb_str str, struct tb_str pattern);

/* Decimal with optional sign, nothing else around it. false leaves *ret_value alone. */
bool tb_str_parse_int64(struct tb_str str, int64_t *ret_value) TB_MUST_CHECK;

/* A finite or infinite decimal number as JSON or Python write it ("1e3", "-inf", "Infinity", "+5"),
 * locale-independent; false for NaN, for anything else around it, and for more than 1023 bytes. */
bool tb_str_parse_double(struct tb_str str, double *ret_value) TB_MUST_CHECK;

#endif

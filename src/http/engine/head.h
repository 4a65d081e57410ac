/* The head of an HTTP/1.x request: its line and its headers, read strictly. Pure. */
#ifndef TASKBRIDGE_HTTP_HEAD_H
#define TASKBRIDGE_HTTP_HEAD_H

#include "taskbridge/base/str.h"

#define TB_HEAD_FIELDS_MAX 64

struct tb_field {
    struct tb_str name, value; /* value without white space around it; may be empty, is never null */
};

/* All texts are borrowed from the bytes that were read. */
struct tb_head {
    struct tb_str method, target;
    struct tb_str path, query; /* target's parts as they were sent; query is null without a "?" */
    struct tb_field fields[TB_HEAD_FIELDS_MAX];
    size_t field_count;
    size_t len;           /* of the whole head, with the empty line */
    size_t content_bytes; /* of the body behind it; SIZE_MAX: chunked, or more than can be counted */
    bool is_1_0, wants_close;
};

enum tb_head_outcome {
    TB_HEAD_UNFINISHED = 1, /* so far nothing is wrong with it */
    TB_HEAD_MALFORMED,      /* no HTTP, or not quite: 400 */
    TB_HEAD_TOO_LONG,       /* more fields than TB_HEAD_FIELDS_MAX: 431 */
    TB_HEAD_VERSION         /* HTTP, but not 1.0 or 1.1: 505 */
};

/* Reads the head that bytes begins with. 0 or an outcome; *ret_wrong says what is malformed, in words. */
int tb_head_parse(struct tb_str bytes, struct tb_head *ret_head, const char **ret_wrong) TB_MUST_CHECK;

/* The first field of that name, in any case; the null string without one. */
struct tb_str tb_head_find(const struct tb_head *head, const char *name);

#endif

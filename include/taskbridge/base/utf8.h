/* UTF-8: what PostgreSQL takes as text. */
#ifndef TASKBRIDGE_BASE_UTF8_H
#define TASKBRIDGE_BASE_UTF8_H

#include "taskbridge/base/buf.h"
#include "taskbridge/base/str.h"

#define TB_UTF8_REPLACEMENT "\xEF\xBF\xBD"

/* Whether str is well-formed UTF-8 (no surrogates, nothing overlong, at most U+10FFFF) without U+0000. */
bool tb_utf8_is_clean(struct tb_str str);

/* The length of the longest prefix of at most max_bytes that does not cut a character. str is well-formed. */
size_t tb_utf8_cut(struct tb_str str, size_t max_bytes);

/* Pushes str with U+FFFD for every ill-formed sequence (its maximal subpart) and for U+0000. */
void tb_utf8_push_clean(struct tb_buf *buf, struct tb_str str);

#endif

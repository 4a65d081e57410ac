/* What stands in an address: a path against a pattern, percent-encoding. Pure. */
#ifndef TASKBRIDGE_HTTP_PATH_H
#define TASKBRIDGE_HTTP_PATH_H

#include "taskbridge/base/str.h"

/* Whether path is pattern, of which a segment "{name}" stands for any that is not empty; those are put into
 * segments as they were sent, count at most. A slash at the end of path is no matter. */
bool tb_path_matches(const char *pattern, struct tb_str path, struct tb_str *segments,
                     size_t count) TB_MUST_CHECK;

/* Decodes "%41" and copies the rest into buffer, which *ret_text borrows; any bytes may come out. false for a
 * "%" without two digits behind it, and when buffer is too small. */
bool tb_path_decode(struct tb_str text, char *buffer, size_t cap, struct tb_str *ret_text) TB_MUST_CHECK;

#endif

/* Bodies that Celery compressed. */
#ifndef TASKBRIDGE_CORE_INFLATE_H
#define TASKBRIDGE_CORE_INFLATE_H

#include "taskbridge/base/arena.h"
#include "taskbridge/base/error.h"

enum tb_inflate_outcome { TB_INFLATE_UNUSABLE = 1 /* err says why */ };

/* The whole content of body, compressed as the header says, in the arena; at most max_bytes. A body that is
 * plainly JSON is returned as it is, borrowed. 0, TB_INFLATE_UNUSABLE or -ENOMEM. */
int tb_inflate(struct tb_str header, struct tb_str body, size_t max_bytes, struct tb_arena *arena,
               struct tb_str *ret_content, struct tb_error *err) TB_MUST_CHECK;

#endif

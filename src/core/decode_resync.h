/* Where a list goes on behind damage of which the end can't be told. */
#ifndef TASKBRIDGE_CORE_DECODE_RESYNC_H
#define TASKBRIDGE_CORE_DECODE_RESYNC_H

#include "taskbridge/base/str.h"

/* The comma in front of the first event that begins in the first len bytes of rest, which is a list from its
 * damaged element on; NULL when there is none, or finding it would cost more bytes than budget has, which is
 * lowered by what it cost. */
const char *tb_resync_find(struct tb_str rest, size_t len, size_t *budget);

#endif

/* Who guesses: how many wrong credentials came from an address of late. Pure: what time it is, is given. */
#ifndef TASKBRIDGE_HTTP_AUTH_GUARD_H
#define TASKBRIDGE_HTTP_AUTH_GUARD_H

#include "taskbridge/base/str.h"

struct tb_guard;

/* Up to wrong_max at once, then one every 3 seconds. NULL without memory. */
struct tb_guard *tb_guard_new(int64_t wrong_max);
/* NULL is fine. */
void tb_guard_free(struct tb_guard *guard);

/* Seconds, rounded up, until credentials that are not known to be right are looked at again; 0: now. */
int64_t tb_guard_wait_s(struct tb_guard *guard, struct tb_str address, int64_t now_us);
/* One was wrong. */
void tb_guard_count(struct tb_guard *guard, struct tb_str address, int64_t now_us);

#endif

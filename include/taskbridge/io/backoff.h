/* How long to wait before trying again: doubling, with jitter, up to a ceiling. */
#ifndef TASKBRIDGE_IO_BACKOFF_H
#define TASKBRIDGE_IO_BACKOFF_H

#include <stdint.h>

struct tb_backoff {
    int64_t first_us, max_us;
    unsigned failures;
    uint64_t random;
};

void tb_backoff_init(struct tb_backoff *backoff, int64_t first_us, int64_t max_us, uint64_t seed);

/* The next wait: between half of and the whole of first * 2^failures, max_us at most. */
int64_t tb_backoff_next_us(struct tb_backoff *backoff);

void tb_backoff_reset(struct tb_backoff *backoff);

#endif

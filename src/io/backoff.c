/* Waits between attempts: each twice the one before, half of it by chance.
 *
 * The chance keeps daemons that lost the same server from coming back in step; the fixed half keeps an
 * attempt from following at once. Nothing is waited for here: the caller arms a timer. */
#include "taskbridge/io/backoff.h"

#include "taskbridge/base/random.h"

#include <assert.h>

void tb_backoff_init(struct tb_backoff *backoff, int64_t first_us, int64_t max_us, uint64_t seed)
{
    assert(first_us > 0 && max_us >= first_us);
    *backoff = (struct tb_backoff){.first_us = first_us, .max_us = max_us, .random = seed};
}

int64_t tb_backoff_next_us(struct tb_backoff *backoff)
{
    int64_t whole_us = backoff->first_us;
    for (unsigned i = 0; i < backoff->failures && whole_us < backoff->max_us; i++)
        whole_us = whole_us > backoff->max_us / 2 ? backoff->max_us : whole_us * 2;
    /* Once the ceiling is reached, counting on would change nothing. */
    if (whole_us < backoff->max_us)
        backoff->failures++;

    int64_t least_us = whole_us - whole_us / 2;
    uint64_t spread = (uint64_t)(whole_us - least_us) + 1;
    return least_us + (int64_t)(tb_random_next(&backoff->random) % spread);
}

void tb_backoff_reset(struct tb_backoff *backoff)
{
    backoff->failures = 0;
}

/* Who guesses.
 *
 * A bucket an address fills with its wrong credentials and leaks steadily; while it is full, the address is
 * held off. IPv6 counts by /64, which is what one customer gets; IPv4 in IPv6 is IPv4.
 *
 * The table is bounded: the addresses hash into sets of a few places, and a new one takes the place that has
 * leaked most. Whoever has enough addresses to wash others out could use these for guessing as well. */
#include "guard.h"

#include "taskbridge/base/clock.h"
#include "taskbridge/base/random.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#define SETS         1024
#define PLACES       8
#define EACH_US      (3 * TB_US_PER_S)
#define PREFIX_BYTES 8

struct place {
    unsigned char prefix[PREFIX_BYTES];
    int64_t empty_at_us; /* when its bucket has leaked out; each wrong credential moves it on. 0: free */
};

struct tb_guard {
    int64_t full_us; /* a bucket that takes longer than this to leak out is full */
    uint64_t seed;
    struct place places[SETS][PLACES];
};

struct tb_guard *tb_guard_new(int64_t wrong_max)
{
    struct tb_guard *guard = calloc(1, sizeof(*guard));

    if (!guard)
        return NULL;
    guard->full_us = wrong_max * EACH_US;
    /* Without randomness who shares a set with whom can be foreseen, no more. */
    if (tb_random_bytes(&guard->seed, sizeof(guard->seed)) != 0)
        guard->seed = 1;
    return guard;
}

void tb_guard_free(struct tb_guard *guard)
{
    free(guard);
}

/* What cannot be read is one address: all of it together is held off. */
static void prefix_of(struct tb_str address, unsigned char ret_prefix[PREFIX_BYTES])
{
    char text[INET6_ADDRSTRLEN] = "";
    struct in6_addr v6 = {0};
    struct in_addr v4;

    memset(ret_prefix, 0, PREFIX_BYTES);
    if (address.len < sizeof(text))
        memcpy(text, address.ptr ? address.ptr : "", address.len);
    if (inet_pton(AF_INET, text, &v4) == 1) {
        memset(ret_prefix, 0xFF, PREFIX_BYTES - sizeof(v4));
        memcpy(ret_prefix + PREFIX_BYTES - sizeof(v4), &v4, sizeof(v4));
    } else if (inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_V4MAPPED(&v6)) {
        memset(ret_prefix, 0xFF, PREFIX_BYTES - sizeof(v4));
        memcpy(ret_prefix + PREFIX_BYTES - sizeof(v4), v6.s6_addr + 12, sizeof(v4));
    } else {
        memcpy(ret_prefix, v6.s6_addr, PREFIX_BYTES);
    }
}

static struct place *set_of(struct tb_guard *guard, const unsigned char prefix[PREFIX_BYTES])
{
    uint64_t state = guard->seed, word = 0;

    memcpy(&word, prefix, sizeof(word));
    state ^= word;
    return guard->places[tb_random_next(&state) % SETS];
}

static struct place *find(struct place *set, const unsigned char prefix[PREFIX_BYTES])
{
    for (size_t i = 0; i < PLACES; i++) {
        if (set[i].empty_at_us && memcmp(set[i].prefix, prefix, PREFIX_BYTES) == 0)
            return &set[i];
    }
    return NULL;
}

int64_t tb_guard_wait_s(struct tb_guard *guard, struct tb_str address, int64_t now_us)
{
    unsigned char prefix[PREFIX_BYTES];

    prefix_of(address, prefix);
    const struct place *place = find(set_of(guard, prefix), prefix);
    int64_t over_us = place ? place->empty_at_us - now_us - (guard->full_us - EACH_US) : 0;
    return over_us > 0 ? (over_us + TB_US_PER_S - 1) / TB_US_PER_S : 0;
}

/* Its own place, else the one that has leaked most, of which a free one has leaked all. */
static struct place *take_place(struct place *set, const unsigned char prefix[PREFIX_BYTES])
{
    struct place *place = find(set, prefix);

    if (place)
        return place;
    place = &set[0];
    for (size_t i = 1; i < PLACES; i++) {
        if (set[i].empty_at_us < place->empty_at_us)
            place = &set[i];
    }
    *place = (struct place){0};
    memcpy(place->prefix, prefix, PREFIX_BYTES);
    return place;
}

void tb_guard_count(struct tb_guard *guard, struct tb_str address, int64_t now_us)
{
    unsigned char prefix[PREFIX_BYTES];

    prefix_of(address, prefix);
    struct place *place = take_place(set_of(guard, prefix), prefix);
    if (place->empty_at_us < now_us)
        place->empty_at_us = now_us;
    place->empty_at_us += EACH_US;
    if (place->empty_at_us > now_us + guard->full_us)
        place->empty_at_us = now_us + guard->full_us;
}

/* The keys of one kind of token, kept up to date.
 *
 * Files are looked at every few seconds, and read again when they are others; an address is fetched every ten
 * minutes, and earlier when a token names a key that is not known, but not oftener than once in ten seconds,
 * whatever tokens say. What can't be read or fetched leaves the keys as they are: a rotation that went wrong
 * must not lock everybody out. */
#include "key_ring.h"

#include "taskbridge/base/limits.h"
#include "taskbridge/io/backoff.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_US          (2 * TB_US_PER_S)
#define FETCH_US         (600 * TB_US_PER_S)
#define FETCH_APART_US   (10 * TB_US_PER_S)
#define FETCH_TIMEOUT_US (5 * TB_US_PER_S)
#define RETRY_FIRST_US   (2 * TB_US_PER_S)
#define RETRY_MAX_US     (60 * TB_US_PER_S)

struct tb_key_ring {
    struct tb_key_ring_options options;
    struct tb_jwt_keys *keys; /* owned; NULL while none were fetched */
    struct tb_timer timer;
    struct stat seen; /* the file as it was read last */
    struct tb_hook_call call;
    struct tb_backoff backoff;
    int64_t fetched_us; /* monotonic; when it was begun last */
    struct tb_key_waiter *waiters;
};

/* ---- keys ---- */

static void take_keys(struct tb_key_ring *ring, struct tb_jwt_keys *keys)
{
    bool is_first = !ring->keys;

    tb_jwt_keys_free(ring->keys);
    ring->keys = keys;
    if (!is_first && ring->options.on_change)
        ring->options.on_change(ring->options.owner);
}

const struct tb_jwt_keys *tb_key_ring_keys(const struct tb_key_ring *ring)
{
    return ring->keys;
}

/* ---- files ---- */

static const char *file_of(const struct tb_key_ring *ring)
{
    return ring->options.secret_file[0] ? ring->options.secret_file : ring->options.jwks_file;
}

static int read_all(int fd, struct tb_buf *buf, struct tb_error *err)
{
    for (;;) {
        char *place = tb_buf_reserve(buf, 4096);
        if (!place)
            return tb_error_set(err, -EFBIG, "it is larger than %zu bytes", TB_KEYS_MAX_BYTES);
        ssize_t got = read(fd, place, 4096);
        if (got < 0 && errno != EINTR)
            return tb_error_set_errno(err, -errno, "it cannot be read");
        if (got == 0)
            return 0;
        if (got > 0)
            tb_buf_commit(buf, (size_t)got);
    }
}

static int parse_file(const struct tb_key_ring *ring, struct tb_str text, struct tb_jwt_keys **ret_keys,
                      struct tb_error *err)
{
    if (ring->options.secret_file[0])
        return tb_jwt_keys_of_secrets(text, ret_keys, err);
    return tb_jwt_keys_of_jwks(text, ring->options.algorithms, ret_keys, err);
}

static int read_file(struct tb_key_ring *ring, struct tb_jwt_keys **ret_keys, struct tb_error *err)
{
    const char *option = ring->options.secret_file[0] ? "secret_file" : "jwks_file";
    struct tb_buf buf;
    /* O_NONBLOCK: a FIFO without a writer must not hang the program. */
    int fd = open(file_of(ring), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int failed = 0;

    tb_buf_init(&buf, TB_KEYS_MAX_BYTES);
    if (fd < 0 || fstat(fd, &ring->seen) != 0)
        failed = tb_error_set_errno(err, -errno, "it cannot be read");
    else
        failed = read_all(fd, &buf, err);
    if (!failed)
        failed = parse_file(ring, tb_buf_str(&buf), ret_keys, err);
    if (fd >= 0)
        close(fd);
    tb_buf_deinit(&buf);
    if (failed)
        tb_error_prefix(err, "%s.%s: %s", ring->options.section, option, file_of(ring));
    return failed;
}

static bool is_other(const struct stat *a, const struct stat *b)
{
    return a->st_ino != b->st_ino || a->st_size != b->st_size || a->st_mtim.tv_sec != b->st_mtim.tv_sec ||
           a->st_mtim.tv_nsec != b->st_mtim.tv_nsec;
}

static void look_at_file(struct tb_key_ring *ring)
{
    struct tb_jwt_keys *keys = NULL;
    struct tb_error err = {0};
    struct stat now = {0};

    tb_loop_arm(ring->options.loop, &ring->timer, LOOK_US);
    /* One that is away is in the middle of being replaced, or will be told of when it is back and wrong. */
    if (stat(file_of(ring), &now) != 0 || !is_other(&now, &ring->seen))
        return;
    ring->seen = now;
    if (read_file(ring, &keys, &err) != 0) {
        tb_log(ring->options.log, TB_LOG_ERROR, "the keys stay as they were", TB_F_EVENT("keys_kept"),
               TB_F_CSTR("error", err.text));
        return;
    }
    take_keys(ring, keys);
    tb_log(ring->options.log, TB_LOG_INFO, "read the keys again", TB_F_EVENT("keys_read"),
           TB_F_CSTR("file", file_of(ring)), TB_F_INT("keys", (int64_t)ring->keys->count));
}

/* ---- an address ---- */

static void tell_waiters(struct tb_key_ring *ring)
{
    while (ring->waiters) {
        struct tb_key_waiter *waiter = ring->waiters;
        ring->waiters = waiter->next;
        waiter->is_waiting = false;
        waiter->on_fetched(waiter);
    }
}

static int read_answer(const struct tb_key_ring *ring, const struct tb_hook_answer *answer,
                       struct tb_jwt_keys **ret_keys, struct tb_error *err)
{
    if (answer->status != 200)
        return tb_error_set(err, -EIO, "it answers with status %ld", answer->status);
    return tb_jwt_keys_of_jwks(answer->body, ring->options.algorithms, ret_keys, err);
}

static void on_answer(struct tb_hook_call *call, int outcome, const struct tb_hook_answer *answer,
                      const struct tb_error *err)
{
    struct tb_key_ring *ring = call->owner;
    struct tb_error own = {0};
    struct tb_jwt_keys *keys = NULL;
    int64_t again_us = FETCH_US;

    if (outcome)
        own = *err;
    else
        outcome = read_answer(ring, answer, &keys, &own);
    if (outcome) {
        again_us = tb_backoff_next_us(&ring->backoff);
        tb_log(ring->options.log, TB_LOG_WARNING, "the keys could not be fetched", TB_F_EVENT("keys_away"),
               TB_F_CSTR("option", "access.jwt.jwks_url"), TB_F_CSTR("error", own.text),
               TB_F_INT("retry_in_ms", again_us / TB_US_PER_MS));
    } else {
        tb_backoff_reset(&ring->backoff);
        take_keys(ring, keys);
    }
    tb_loop_arm(ring->options.loop, &ring->timer, again_us);
    tell_waiters(ring);
}

static bool fetch(struct tb_key_ring *ring)
{
    static const struct tb_hook_header headers[] = {{"Accept", "application/json"}};

    if (tb_hook_is_under_way(&ring->call))
        return true;
    ring->fetched_us = tb_clock_monotonic_us();
    ring->call = (struct tb_hook_call){.url = ring->options.jwks_url,
                                       .headers = headers,
                                       .header_count = TB_COUNT(headers),
                                       .timeout_us = FETCH_TIMEOUT_US,
                                       .body_max_bytes = TB_KEYS_MAX_BYTES,
                                       .on_done = on_answer,
                                       .owner = ring};
    if (tb_hook_start(ring->options.client, &ring->call) == 0)
        return true;
    tb_loop_arm(ring->options.loop, &ring->timer, tb_backoff_next_us(&ring->backoff));
    return false;
}

bool tb_key_ring_await(struct tb_key_ring *ring, struct tb_key_waiter *waiter)
{
    int64_t now_us = tb_clock_monotonic_us();

    if (!ring->options.jwks_url[0])
        return false;
    if (!tb_hook_is_under_way(&ring->call) && (now_us - ring->fetched_us < FETCH_APART_US || !fetch(ring)))
        return false;
    waiter->is_waiting = true;
    waiter->next = ring->waiters;
    ring->waiters = waiter;
    return true;
}

/* ---- opening and closing ---- */

static void on_timer(struct tb_timer *timer)
{
    struct tb_key_ring *ring = timer->owner;

    if (ring->options.jwks_url[0])
        (void)fetch(ring);
    else
        look_at_file(ring);
}

static int open_source(struct tb_key_ring *ring, struct tb_error *err)
{
    struct tb_jwt_keys *keys = NULL;
    int failed = 0;

    if (ring->options.jwks_url[0]) {
        (void)fetch(ring);
        return 0;
    }
    if (ring->options.secret[0])
        failed = tb_jwt_keys_of_secrets(tb_str_of(ring->options.secret), &keys, err);
    else
        failed = read_file(ring, &keys, err);
    if (failed)
        return failed;
    take_keys(ring, keys);
    if (!ring->options.secret[0])
        tb_loop_arm(ring->options.loop, &ring->timer, LOOK_US);
    return 0;
}

int tb_key_ring_open(const struct tb_key_ring_options *options, struct tb_key_ring **ret_ring,
                     struct tb_error *err)
{
    struct tb_key_ring *ring = calloc(1, sizeof(*ring));

    if (!ring)
        return tb_error_set(err, -ENOMEM, "out of memory");
    ring->options = *options;
    ring->timer = (struct tb_timer){.on_expire = on_timer, .owner = ring};
    tb_backoff_init(&ring->backoff, RETRY_FIRST_US, RETRY_MAX_US, (uint64_t)tb_clock_monotonic_us());
    int failed = open_source(ring, err);
    if (failed)
        tb_key_ring_close(ring);
    else
        *ret_ring = ring;
    return failed;
}

void tb_key_ring_close(struct tb_key_ring *ring)
{
    if (!ring)
        return;
    tb_hook_cancel(&ring->call);
    tb_loop_disarm(ring->options.loop, &ring->timer);
    tb_jwt_keys_free(ring->keys);
    free(ring);
}

/* The keys of one kind of token, kept up to date: given as they are, in a file, or at an address. */
#ifndef TASKBRIDGE_HTTP_AUTH_KEY_RING_H
#define TASKBRIDGE_HTTP_AUTH_KEY_RING_H

#include "keys.h"
#include "taskbridge/base/log.h"
#include "taskbridge/hook/client.h"

struct tb_key_ring;

struct tb_key_ring_options {
    struct tb_loop *loop; /* borrowed, as all here */
    struct tb_log *log;
    struct tb_hook_client *client;                           /* for jwks_url */
    const char *section;                                     /* "access.jwt", for messages */
    const char *secret, *secret_file, *jwks_file, *jwks_url; /* one of them; "" for the others */
    unsigned algorithms;                                     /* a set, of those in key sets */
    void (*on_change)(void *owner);                          /* other keys than before; optional */
    void *owner;
};

/* Reads what is no address at once: 0, or negative with the option and file that is wrong. */
int tb_key_ring_open(const struct tb_key_ring_options *options, struct tb_key_ring **ret_ring,
                     struct tb_error *err) TB_MUST_CHECK;
/* NULL is fine. */
void tb_key_ring_close(struct tb_key_ring *ring);

/* Borrowed until the next turn of the loop; NULL while none could be fetched yet. */
const struct tb_jwt_keys *tb_key_ring_keys(const struct tb_key_ring *ring);

/* Who needs newer keys than those. */
struct tb_key_waiter {
    void (*on_fetched)(struct tb_key_waiter *waiter); /* or the attempt failed */
    void *owner;
    /* The ring's own. */
    struct tb_key_waiter *previous, *next;
    bool is_waiting;
};

/* false where none are to be expected soon, because they were fetched just now or lie in no address. */
bool tb_key_ring_await(struct tb_key_ring *ring, struct tb_key_waiter *waiter) TB_MUST_CHECK;

#endif

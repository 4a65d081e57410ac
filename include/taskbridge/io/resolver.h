/* Names into addresses, without waiting for the DNS. */
#ifndef TASKBRIDGE_IO_RESOLVER_H
#define TASKBRIDGE_IO_RESOLVER_H

#include "taskbridge/io/dialler.h"

/* A name may have more; these are tried. */
#define TB_ADDRESSES_MAX 16
/* An IPv6 address with its scope. */
#define TB_ADDRESS_TEXT_BYTES 64

struct tb_resolver;

/* The dialler is borrowed until free. 0 or -ENOMEM. */
int tb_resolver_new(struct tb_loop *loop, struct tb_dialler *dialler, struct tb_resolver **ret_resolver,
                    struct tb_error *err) TB_MUST_CHECK;

/* Cancels what is under way. NULL is fine; not from inside a callback of the resolver. */
void tb_resolver_free(struct tb_resolver *resolver);

/* Numeric, in the system's order of preference, each once. */
struct tb_addresses {
    size_t count; /* 1 or more */
    char list[TB_ADDRESSES_MAX][TB_ADDRESS_TEXT_BYTES];
};

/* One look-up; embedded in its owner, who sets on_done and owner. */
struct tb_lookup {
    /* 0 with addresses, borrowed until it returns; or negative with err: -EHOSTUNREACH the name has no
     * address, -ETIMEDOUT nobody answered in time. */
    void (*on_done)(struct tb_lookup *lookup, int r, const struct tb_addresses *addresses,
                    const struct tb_error *err);
    void *owner;
    /* The resolver's own. */
    struct tb_resolver *resolver;
    struct tb_name *name;
    struct tb_lookup *next;
    struct tb_timer timer;
    int64_t timeout_us;
    bool is_under_way;
};

/* on_done comes once, at the latest after timeout_us, never from inside this call. An address in figures is
 * answered without asking anybody. All that ask for one name share one question, and an answer that came too
 * late for who asked is kept for the next: so a DNS slower than everyone's patience is used all the same. */
void tb_lookup_start(struct tb_resolver *resolver, struct tb_lookup *lookup, const char *host,
                     int64_t timeout_us);

/* No callback any more; fine when none is under way. */
void tb_lookup_cancel(struct tb_lookup *lookup);

/* For commands, which have no loop: waits, at most timeout_us. As on_done has it. */
int tb_lookup_wait(const char *host, int64_t timeout_us, struct tb_addresses *ret_addresses,
                   struct tb_error *err) TB_MUST_CHECK;

#endif

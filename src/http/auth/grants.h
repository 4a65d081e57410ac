/* Grants from their making to the release of the last who holds them. */
#ifndef TASKBRIDGE_HTTP_AUTH_GRANTS_H
#define TASKBRIDGE_HTTP_AUTH_GRANTS_H

#include "auth.h"
#include "inquiry.h"

/* Whoever asks on behalf of a grant that is watched; embedded in its owner. */
struct tb_grant_keeper {
    struct tb_loop *loop; /* borrowed */
    /* The grant's first watch is on: from here on the keeper looks after it. */
    void (*on_watched)(struct tb_grant_keeper *keeper);
    void *owner;
};

/* A grant as the verdict has it, held for the caller; the keeper is borrowed until tb_grant_leave. NULL
 * without memory. */
struct tb_grant *tb_grant_new(const struct tb_verdict *verdict, struct tb_str company,
                              struct tb_grant_keeper *keeper);

/* Whether the verdict says the same as the grant does; but for the company's name, which is taken over. */
bool tb_grant_matches(struct tb_grant *grant, const struct tb_verdict *verdict);

bool tb_grant_is_watched(const struct tb_grant *grant);

/* It holds no longer: watches are told in the next turn, those too that come after this. The keeper is left.
 */
void tb_grant_end(struct tb_grant *grant, enum tb_grant_end reason);
/* The keeper is gone. */
void tb_grant_leave(struct tb_grant *grant);

#endif

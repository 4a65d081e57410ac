/* A batch that PostgreSQL refuses for its data is written in ever smaller parts until the culprit is alone.
 */
#ifndef TASKBRIDGE_DAEMON_BISECT_H
#define TASKBRIDGE_DAEMON_BISECT_H

#include "taskbridge/base/arena.h"
#include "taskbridge/base/error.h"
#include "taskbridge/core/batch.h"

#define TB_BISECT_DEPTH_MAX 64

struct tb_bisect_range {
    const struct tb_delivery *items;
    size_t count;
    bool are_elements; /* of one delivery's list, not deliveries */
    bool has_first;    /* the list's first element is among them: the delivery is counted with it */
    bool is_dead;      /* the one item goes to the dead letters */
};

struct tb_bisect {
    const struct tb_rules *rules; /* borrowed */
    struct tb_batch part;
    struct tb_arena arena; /* of elements, and of reasons */
    struct tb_bisect_range ranges[TB_BISECT_DEPTH_MAX];
    size_t depth;
    struct tb_str reason; /* of the range that is dead */
    size_t dead_count;    /* culprits found */
    bool has_written;     /* any part that was not a dead letter */
};

/* Takes the refused batch's deliveries, borrowed until deinit. 0 or -ENOMEM. */
int tb_bisect_init(struct tb_bisect *bisect, const struct tb_batch *refused,
                   const struct tb_rules *rules) TB_MUST_CHECK;
void tb_bisect_deinit(struct tb_bisect *bisect);

/* Builds the part that is written next, sealed and borrowed until the next call; NULL when all is written. 0
 * or -ENOMEM, after which it may be called again. */
int tb_bisect_next(struct tb_bisect *bisect, struct tb_batch **ret_part) TB_MUST_CHECK;

/* What became of the part that tb_bisect_next gave. A refusal splits it, or finds the culprit, which goes to
 * the dead letters with PostgreSQL's words as its reason. 0, or -ENOMEM, or -EBADMSG when even the dead
 * letter was refused: then the part stays. */
void tb_bisect_written(struct tb_bisect *bisect);
int tb_bisect_refused(struct tb_bisect *bisect, const struct tb_error *why) TB_MUST_CHECK;

enum tb_bisect_outcome { TB_BISECT_ALONE = 1 };

/* The part failed again and again, of which it need not be the cause. It is split, so that its neighbours are
 * rid of it; one that is alone lets all others go first. 0, TB_BISECT_ALONE where it is the last that is
 * left, or -ENOMEM. */
int tb_bisect_failed(struct tb_bisect *bisect) TB_MUST_CHECK;

#endif

/* Since when, and until when, all that was said is in the database: pure, fed by the daemon.
 *
 * A silence means something only while this is known. */
#ifndef TASKBRIDGE_DAEMON_HEARING_H
#define TASKBRIDGE_DAEMON_HEARING_H

#include "taskbridge/base/clock.h"

#include <stdbool.h>

/* Without a sign of an empty queue for so long, we no longer hear. */
#define TB_HEARING_FRESH_US (10 * TB_US_PER_S)

/* How many consume the queue, as the broker counts them; and how many daemons the database has heard of,
 * which settle what they take. Where these differ, somebody may hold what was said. */
struct tb_hearing_company {
    int64_t consumers, daemons;
};

struct tb_hearing {
    bool is_connected;
    bool is_whole;           /* at the last measurement all consumers were daemons that write */
    int64_t listening_since; /* TB_STAMP_NONE: not at present */
    int64_t heard_until;
    /* All that was said until mark_at is in the database once mark_taken deliveries are settled. */
    int64_t mark_at; /* TB_STAMP_NONE: no mark */
    uint64_t mark_taken;
    bool is_mark_behind; /* a backlog */
};

/* Nothing is heard yet. */
void tb_hearing_init(struct tb_hearing *hearing);

void tb_hearing_connected(struct tb_hearing *hearing);
void tb_hearing_disconnected(struct tb_hearing *hearing);

/* At now_us so many messages waited in the queue, and of the deliveries that this daemon ever took so many
 * were settled. */
void tb_hearing_measured(struct tb_hearing *hearing, const struct tb_hearing_company *company,
                         int64_t messages, uint64_t taken, uint64_t settled, int64_t now_us);

/* What all daemons heard: no more than the one that heard least, since the last one that began. A stamp of
 * TB_STAMP_NONE is a daemon that does not hear. */
void tb_hearing_narrow(struct tb_hearing *hearing, int64_t listening_since, int64_t heard_until);

/* Whether what is known is fresh enough to judge by. */
bool tb_hearing_is_good(const struct tb_hearing *hearing, int64_t now_us);

#endif

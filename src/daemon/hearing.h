/* Since when, and until when, all that was said is in the database: pure, fed by the daemon.
 *
 * A silence means something only while this is known. */
#ifndef TASKBRIDGE_DAEMON_HEARING_H
#define TASKBRIDGE_DAEMON_HEARING_H

#include "taskbridge/base/clock.h"

#include <stdbool.h>

/* Without a sign of an empty queue for so long, we no longer hear. */
#define TB_HEARING_FRESH_US (10 * TB_US_PER_S)

struct tb_hearing {
    bool is_connected;
    int64_t listening_since; /* TB_STAMP_NONE: not at present */
    int64_t heard_until;
};

/* Nothing is heard yet. */
void tb_hearing_init(struct tb_hearing *hearing);

void tb_hearing_connected(struct tb_hearing *hearing);
void tb_hearing_disconnected(struct tb_hearing *hearing);

/* The queue had so many messages at now_us, and has_work tells whether this daemon held deliveries then that
 * were not committed. */
void tb_hearing_measured(struct tb_hearing *hearing, int64_t messages, bool has_work, int64_t now_us);

/* Whether what is known is fresh enough to judge by. */
bool tb_hearing_is_good(const struct tb_hearing *hearing, int64_t now_us);

#endif

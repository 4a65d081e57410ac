/* A silent task, from what the database knows of it to what is written down about it. Pure. */
#ifndef TASKBRIDGE_DAEMON_SUSPECT_H
#define TASKBRIDGE_DAEMON_SUSPECT_H

#include "../hearing.h"
#include "taskbridge/store/statuses.h"

struct tb_suspect {
    struct tb_status_task task;
    enum tb_liveness_verdict verdict;
    enum tb_liveness_answer answer;
    bool is_asked; /* in the present round */
    size_t question;
};

/* Completes what is known of the task with what was heard: its silences last until where all is heard. */
void tb_suspect_hear(struct tb_suspect *suspect, const struct tb_hearing *hearing, int64_t now_us);

bool tb_suspect_is_lost(const struct tb_suspect *suspect);

/* What the verdict changes of the row, without the reason, which is a text; false when nothing. */
bool tb_suspect_change(const struct tb_suspect *suspect, struct tb_status_change *ret_change);

#endif

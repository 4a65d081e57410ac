/* Whether a verdict may be spoken: all daemons that consume the queue have written all that they took. */
#ifndef TASKBRIDGE_DAEMON_EVIDENCE_H
#define TASKBRIDGE_DAEMON_EVIDENCE_H

#include "../hearing.h"
#include "taskbridge/pg/params.h"

struct tb_evidence {
    const struct tb_hearing *hearing; /* this daemon's; borrowed, as the following */
    const struct tb_hearing_company *company;
    const char *source, *queue;
    struct tb_hearing heard; /* narrowed by what the others heard, once tb_evidence_take had the answer */
    int64_t daemons;         /* that consume the queue, as the database has it */
};

/* Begins anew, and pushes the parameters of tb_maintenance_queries.heard. */
void tb_evidence_ask(struct tb_evidence *evidence, struct tb_params *params);
void tb_evidence_take(struct tb_evidence *evidence, const struct tb_result *result);

/* NULL where silence is one at now_us; else why it is none, in words. */
const char *tb_evidence_missing(const struct tb_evidence *evidence, int64_t now_us);

#endif

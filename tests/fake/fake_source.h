/* The other implementation of struct tb_source: a list of deliveries, handed out on demand. */
#ifndef TASKBRIDGE_TESTS_FAKE_SOURCE_H
#define TASKBRIDGE_TESTS_FAKE_SOURCE_H

#include "taskbridge/core/seam.h"

struct fake_source {
    struct tb_source source; /* first, so that it can be cast back */
    struct tb_source_events events;
    uint64_t next_tag, acked_tag;
    int acks, resumes;
};

void fake_source_init(struct fake_source *fake);

/* Delivers one body under the next tag; false when it was not taken (the tag is used again). */
bool fake_source_deliver(struct fake_source *fake, const char *body);

/* A body of any bytes. */
bool fake_source_deliver_bytes(struct fake_source *fake, struct tb_str body);

#endif

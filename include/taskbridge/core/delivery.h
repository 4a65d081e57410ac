/* A delivery: one AMQP message as it came. */
#ifndef TASKBRIDGE_CORE_DELIVERY_H
#define TASKBRIDGE_CORE_DELIVERY_H

#include "taskbridge/base/clock.h"
#include "taskbridge/base/str.h"

struct tb_delivery {
    struct tb_str body, routing_key;
    struct tb_str content_type, content_encoding; /* null when absent */
    struct tb_str compression;                    /* the header of that name; null when absent */
    struct tb_str headers; /* all headers as a JSON object, for dead letters; null when none */
    int64_t received_at;   /* stamp by our clock */
    uint64_t tag;          /* what the source acknowledges by */
    bool redelivered;
};

#endif

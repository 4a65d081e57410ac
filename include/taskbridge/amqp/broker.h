/* What it takes to reach the broker without waiting for it. */
#ifndef TASKBRIDGE_AMQP_BROKER_H
#define TASKBRIDGE_AMQP_BROKER_H

#include "taskbridge/amqp/options.h"
#include "taskbridge/io/resolver.h"

/* All borrowed until whatever was opened with it is closed. */
struct tb_broker {
    struct tb_loop *loop;
    struct tb_dialler *dialler;
    struct tb_resolver *resolver;
    const struct tb_amqp_options *options;
};

#endif

/* The configuration as the broker's layer takes it: in one place for all programs, which neither of the two
 * layers can be, for neither knows the other. */
#ifndef TASKBRIDGE_LAUNCH_BROKER_H
#define TASKBRIDGE_LAUNCH_BROKER_H

#include "taskbridge/amqp/options.h"
#include "taskbridge/config/config.h"

static inline const char *tb_launch_given(const char *text)
{
    return text[0] ? text : NULL;
}

/* All texts are borrowed from the configuration; empty ones are none there. */
static inline void tb_launch_broker(const struct tb_config *config, struct tb_amqp_options *ret_options)
{
    *ret_options = (struct tb_amqp_options){
        .url = config->amqp.url,
        .tls = {.ca_file = tb_launch_given(config->amqp.tls.ca_file),
                .cert_file = tb_launch_given(config->amqp.tls.cert_file),
                .key_file = tb_launch_given(config->amqp.tls.key_file),
                .verify = config->amqp.tls.verify},
        .heartbeat_s = (int)config->amqp.heartbeat_s,
        .connect_timeout_us = config->amqp.connect_timeout_s * TB_US_PER_S,
        .instance = config->daemon.instance,
        .exchange = config->amqp.exchange,
        .control_exchange = config->amqp.control_exchange,
        .source = tb_launch_given(config->amqp.source),
        .queue = config->amqp.queue.name,
        .queue_max_bytes = config->amqp.queue.max_bytes,
        .prefetch = (unsigned)config->amqp.prefetch,
    };
}

#endif

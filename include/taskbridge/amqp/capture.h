/* A copy of everything that passes the exchange, for `taskbridge capture`: waits, for a command, not for the
 * event path.
 *
 * It listens on a queue of its own (taskbridge.capture.…), which is gone with the connection; the bridge's
 * queue is not touched. */
#ifndef TASKBRIDGE_AMQP_CAPTURE_H
#define TASKBRIDGE_AMQP_CAPTURE_H

#include "taskbridge/amqp/options.h"
#include "taskbridge/core/delivery.h"

struct tb_capture;

struct tb_captured {
    struct tb_delivery delivery;
    int delivery_mode; /* 1 transient, 2 persistent; 0 when not given */
};

enum tb_capture_outcome { TB_CAPTURE_NOTHING = 1 /* nothing came in time */ };

/* Connects and binds the queue: what is published from here on is captured. 0 or negative. */
int tb_capture_open(const struct tb_amqp_options *options, struct tb_capture **ret_capture,
                    struct tb_error *err) TB_MUST_CHECK;
/* NULL is fine. */
void tb_capture_close(struct tb_capture *capture);

/* The next delivery, borrowed until the next call; the one before is settled with it. 0, TB_CAPTURE_NOTHING,
 * or negative: the connection is of no use any more. */
int tb_capture_next(struct tb_capture *capture, int64_t timeout_us, struct tb_captured *ret_captured,
                    struct tb_error *err) TB_MUST_CHECK;

#endif

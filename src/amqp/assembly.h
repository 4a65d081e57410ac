/* Frames into deliveries. */
#ifndef TASKBRIDGE_AMQP_ASSEMBLY_H
#define TASKBRIDGE_AMQP_ASSEMBLY_H

#include "rabbitmq.h"
#include "taskbridge/base/buf.h"
#include "taskbridge/base/error.h"
#include "taskbridge/core/delivery.h"

/* A piece of text, so that it may grow meanwhile. */
struct tb_assembly_span {
    size_t start, len;
    bool is_present;
};

struct tb_assembly {
    enum { TB_ASSEMBLY_METHOD, TB_ASSEMBLY_HEADER, TB_ASSEMBLY_BODY } next; /* what kind of frame must come */
    struct tb_buf text; /* routing key and properties, one behind the other */
    struct tb_buf body; /* of a body that comes in more than one frame; else empty */
    struct tb_assembly_span routing_key, content_type, content_encoding, compression, headers;
    uint64_t body_bytes, body_received; /* as announced; so far */
    struct tb_delivery delivery;        /* the last one that was whole */
};

enum tb_assembly_outcome {
    TB_ASSEMBLY_DONE = 1 /* delivery is whole, but for received_at */
};

void tb_assembly_init(struct tb_assembly *assembly);
void tb_assembly_deinit(struct tb_assembly *assembly);

/* Forgets what was begun: the connection is another one now. */
void tb_assembly_reset(struct tb_assembly *assembly);

/* Takes the next frame of the consumer's channel: a basic.deliver, a header, a piece of body. 0 when more
 * must come, TB_ASSEMBLY_DONE, -EPROTO for a frame out of order, -ENOMEM. After 0 the frame's memory may go;
 * after TB_ASSEMBLY_DONE the delivery borrows from the frame and from assembly until the next push.
 *
 * Of a body larger than TB_DELIVERY_MAX_BYTES the first so many bytes are kept. */
int tb_assembly_push(struct tb_assembly *assembly, const amqp_frame_t *frame,
                     struct tb_error *err) TB_MUST_CHECK;

#endif

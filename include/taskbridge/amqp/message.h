/* A message that is to be published, and how that may end. */
#ifndef TASKBRIDGE_AMQP_MESSAGE_H
#define TASKBRIDGE_AMQP_MESSAGE_H

#include "taskbridge/base/str.h"

/* Null strings are left out of the message. */
struct tb_message {
    const char *exchange; /* "": the default exchange, whose routing key is the queue's name */
    struct tb_str routing_key, body;
    struct tb_str content_type, content_encoding;
    struct tb_str headers; /* a JSON object, as struct tb_delivery has it */
    struct tb_str correlation_id, reply_to;
    bool is_persistent;
    bool is_mandatory; /* no queue takes it: TB_PUBLISH_UNROUTED instead of silence */
};

enum tb_publish_outcome {
    TB_PUBLISH_UNROUTED = 1, /* mandatory, and bound to no queue */
    TB_PUBLISH_REFUSED,      /* the broker said no: a full queue that rejects, or a fault of its own */
    TB_PUBLISH_FORBIDDEN,    /* 403: the user may not write there */
    TB_PUBLISH_NO_EXCHANGE,  /* 404 */
    TB_PUBLISH_BLOCKED,      /* by an alarm of the broker; err names it */
    TB_PUBLISH_FULL          /* too much waits already; nothing was taken */
};

#endif

/* An answer's head as text. */
#ifndef TASKBRIDGE_HTTP_RESPONSE_H
#define TASKBRIDGE_HTTP_RESPONSE_H

#include "request.h"

#include <stdint.h>

#define TB_RESPONSE_HEAD_BYTES ((size_t)4096)

/* The time as HTTP writes it, made once a second. */
struct tb_response_clock {
    char text[40];
    int64_t made_at_s;
};

/* connection: one more header line, or "". Returns the length; 0 when it does not fit. */
size_t tb_response_format(struct tb_response_clock *clock, const struct tb_answer *answer, bool has_length,
                          const char *connection, char ret_text[TB_RESPONSE_HEAD_BYTES]);

#endif

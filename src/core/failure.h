/* What is kept of a failure. */
#ifndef TASKBRIDGE_CORE_FAILURE_H
#define TASKBRIDGE_CORE_FAILURE_H

#include "taskbridge/core/event.h"
#include "taskbridge/core/redact.h"

struct tb_failure {
    struct tb_str error;     /* what people read; null when nothing is said */
    struct tb_str traceback; /* its end; null when there is none */
    /* by tb_failure_name; null before */
    struct tb_str exception;   /* the class, without its module */
    struct tb_str place;       /* "file.py: function" of the deepest frame; "" where no traceback told */
    struct tb_str fingerprint; /* the same for failures of one kind */
};

/* Of the event's exception and traceback, without secrets, within the ceilings. 0 or -ENOMEM. */
int tb_failure_read(const struct tb_event *event, const struct tb_redact *redact, struct tb_arena *arena,
                    struct tb_failure *ret_failure) TB_MUST_CHECK;

/* What kind of failure it is. 0 or -ENOMEM. */
int tb_failure_name(struct tb_failure *failure, struct tb_arena *arena) TB_MUST_CHECK;

#endif

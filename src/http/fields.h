/* The header lines of one answer. */
#ifndef TASKBRIDGE_HTTP_FIELDS_H
#define TASKBRIDGE_HTTP_FIELDS_H

#include "taskbridge/base/str.h"

#define TB_FIELDS_BYTES 3072

struct tb_fields {
    char text[TB_FIELDS_BYTES];
    size_t len;
    bool failed; /* one did not fit, or could not stand in a header */
};

/* "name: value" and the end of the line; a null value adds nothing. */
void tb_fields_push(struct tb_fields *fields, const char *name, struct tb_str value);

#endif

/* What went wrong, in words for a person.
 *
 * Every fallible function returns 0 when good; a negative errno when the environment failed (passed on
 * unchanged); a positive outcome of its module's own enum, which the direct caller handles. The text goes
 * into a struct tb_error that the caller may or may not give. The first writer wins; callers may prefix
 * context. */
#ifndef TASKBRIDGE_BASE_ERROR_H
#define TASKBRIDGE_BASE_ERROR_H

#include "taskbridge/base/attributes.h"

#include <stdbool.h>
#include <stdint.h>

#define TB_ERROR_TEXT_BYTES 512

struct tb_error {
    int code; /* what the function returned; 0 while nothing was written */
    char text[TB_ERROR_TEXT_BYTES];
    int line, column; /* of a file, from 1; 0 when there is none */
    char sqlstate[6]; /* of PostgreSQL; "" when there is none */
};

/* Writes code and text unless something was written before; err may be NULL. Cuts at a whole UTF-8 character.
 * Returns code, so that a function can end in it. */
int tb_error_set(struct tb_error *err, int code, const char *format, ...) TB_PRINTF(3, 4);

/* The same, with ": " and the words for -code (an errno) behind the text. */
int tb_error_set_errno(struct tb_error *err, int code, const char *format, ...) TB_PRINTF(3, 4);

/* Puts context and ": " in front of a text that is there; without one, or with err NULL, does nothing. */
void tb_error_prefix(struct tb_error *err, const char *format, ...) TB_PRINTF(2, 3);

void tb_error_clear(struct tb_error *err);

#endif

/* What a company's id is: a number, a UUID or a slug, as the configuration says; one spelling each. Pure. */
#ifndef TASKBRIDGE_CORE_COMPANY_H
#define TASKBRIDGE_CORE_COMPANY_H

#include "taskbridge/base/arena.h"
#include "taskbridge/base/str.h"

#define TB_COMPANY_MAX_BYTES 255

enum tb_company_format {
    TB_COMPANY_NUMBER, /* within bigint: 73 */
    TB_COMPANY_UUID,   /* in lower case, with hyphens */
    TB_COMPANY_SLUG    /* ASCII letters, digits and - . _ ~, none of these first */
};

/* The id as the tables have it, borrowed from text or the arena; the null string for what the format
 * excludes. 0 or -ENOMEM. */
int tb_company_parse(enum tb_company_format format, struct tb_str text, struct tb_arena *arena,
                     struct tb_str *ret_company) TB_MUST_CHECK;

/* The same of what a program put into arguments or events: there '007' is text of somebody's, and no number.
 */
int tb_company_parse_exact(enum tb_company_format format, struct tb_str text, struct tb_arena *arena,
                           struct tb_str *ret_company) TB_MUST_CHECK;

/* "a number" and the like, for messages. */
const char *tb_company_format_words(enum tb_company_format format);

#endif

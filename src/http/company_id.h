/* A company's id as it stands in an address. Pure. */
#ifndef TASKBRIDGE_HTTP_COMPANY_ID_H
#define TASKBRIDGE_HTTP_COMPANY_ID_H

#include "taskbridge/core/rules.h"

/* The longest canonical form is a UUID. */
#define TB_COMPANY_KEY_BYTES 64

/* Whether the segment, as it was sent, is an id of the format that the configuration names; *ret_company is
 * its canonical form, borrowed from key, which is its length. */
bool tb_company_id_parse(const struct tb_rules *rules, struct tb_str segment, char key[TB_COMPANY_KEY_BYTES],
                         struct tb_str *ret_company) TB_MUST_CHECK;

/* What would be right, in a sentence. */
const char *tb_company_id_words(const struct tb_rules *rules);

#endif

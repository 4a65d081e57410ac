/* UUIDs as text. */
#ifndef TASKBRIDGE_CORE_UUID_TEXT_H
#define TASKBRIDGE_CORE_UUID_TEXT_H

#include "taskbridge/base/str.h"

#define TB_UUID_LEN ((size_t)36)

/* With hyphens in their places or without any, in either case; ret_text gets it in lower case with hyphens.
 * false when text is no UUID. */
bool tb_uuid_parse(struct tb_str text, char ret_text[TB_UUID_LEN]) TB_MUST_CHECK;

#endif

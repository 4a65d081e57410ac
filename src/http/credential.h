/* What a request shows of its sender: the header Authorization. Pure. */
#ifndef TASKBRIDGE_HTTP_CREDENTIAL_H
#define TASKBRIDGE_HTTP_CREDENTIAL_H

#include "taskbridge/base/str.h"

/* The key in "Token <key>", borrowed; the null string when the header (null: absent) is anything else. */
struct tb_str tb_credential_token(struct tb_str authorization);

#endif

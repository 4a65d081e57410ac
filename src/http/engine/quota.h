/* How many connections each address has. */
#ifndef TASKBRIDGE_HTTP_QUOTA_H
#define TASKBRIDGE_HTTP_QUOTA_H

#include "taskbridge/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>

struct tb_quota;

/* max: of one address. NULL without memory. */
struct tb_quota *tb_quota_new(size_t max);
void tb_quota_free(struct tb_quota *quota);

/* One more of address; false when it has its share already, or without memory. */
bool tb_quota_take(struct tb_quota *quota, const char *address) TB_MUST_CHECK;
/* One that was taken ends. */
void tb_quota_give(struct tb_quota *quota, const char *address);

#endif

/* The known name that is most like a wrong one. */
#ifndef TASKBRIDGE_CONFIG_NEAREST_H
#define TASKBRIDGE_CONFIG_NEAREST_H

#include "taskbridge/base/str.h"

struct tb_nearest {
    struct tb_str wanted;
    char name[96]; /* the best so far; "" when none is like it */
    size_t distance;
};

void tb_nearest_init(struct tb_nearest *nearest, struct tb_str wanted);
void tb_nearest_offer(struct tb_nearest *nearest, struct tb_str name);

#endif

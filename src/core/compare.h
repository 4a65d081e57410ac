/* Total orders of the values that travel with a stamp: the same in every join, and in SQL. */
#ifndef TASKBRIDGE_CORE_COMPARE_H
#define TASKBRIDGE_CORE_COMPARE_H

#include <math.h>
#include <stdint.h>

static inline int tb_compare_int64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* NaN comes before all numbers. */
static inline int tb_compare_double(double a, double b)
{
    if (isnan(a) || isnan(b))
        return (isnan(a) == 0) - (isnan(b) == 0);
    return (a > b) - (a < b);
}

#endif

/* cmocka with what it needs before it, and checks of borrowed text. */
#ifndef TASKBRIDGE_TESTS_CHECK_H
#define TASKBRIDGE_TESTS_CHECK_H

#include "taskbridge/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka's header comes after those. */
#include <cmocka.h>

/* cmocka 2 has it by this name, and calls the one of before deprecated. */
#ifndef assert_uint_in_range
#define assert_uint_in_range(value, least, most) assert_in_range(value, least, most)
#endif

static inline void check_str(struct tb_str actual, struct tb_str expected, const char *file, int line)
{
    if (tb_str_equal(actual, expected))
        return;
    print_error("\"%.*s\" (%zu bytes) instead of \"%.*s\" (%zu bytes)\n", TB_STR_FMT(actual), actual.len,
                TB_STR_FMT(expected), expected.len);
    _fail(file, line);
}

/* actual is a struct tb_str, expected a literal, which may hold NULs. */
#define assert_str(actual, expected) check_str(actual, TB_STR(expected), __FILE__, __LINE__)

#endif

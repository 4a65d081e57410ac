/* Reading what a statement gave, text or binary as it was asked for: only text is asked for here.
 *
 * A struct tb_result is libpq's result under another name, so that libpq stays in this layer. */
#include "taskbridge/pg/connection.h"

#include <libpq-fe.h>

static const PGresult *of(const struct tb_result *result)
{
    return (const PGresult *)result;
}

size_t tb_result_rows(const struct tb_result *result)
{
    return (size_t)PQntuples(of(result));
}

int tb_result_columns(const struct tb_result *result)
{
    return PQnfields(of(result));
}

bool tb_result_is_null(const struct tb_result *result, size_t row, int column)
{
    return PQgetisnull(of(result), (int)row, column);
}

struct tb_str tb_result_str(const struct tb_result *result, size_t row, int column)
{
    if (tb_result_is_null(result, row, column))
        return TB_STR_NULL;
    return (struct tb_str){PQgetvalue(of(result), (int)row, column),
                           (size_t)PQgetlength(of(result), (int)row, column)};
}

int64_t tb_result_int64(const struct tb_result *result, size_t row, int column)
{
    int64_t value = 0;

    return tb_str_parse_int64(tb_result_str(result, row, column), &value) ? value : 0;
}

int64_t tb_result_stamp(const struct tb_result *result, size_t row, int column)
{
    int64_t value = 0;

    return tb_str_parse_int64(tb_result_str(result, row, column), &value) ? value : TB_STAMP_NONE;
}

bool tb_result_bool(const struct tb_result *result, size_t row, int column)
{
    return tb_str_equal(tb_result_str(result, row, column), TB_STR("t"));
}

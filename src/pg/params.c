/* Rows of a batch as arrays in PostgreSQL's binary format, one a column: the statement unnests them.
 *
 * An array is its number of dimensions, a flag, its elements' type, its length, its lower bound, and each
 * element behind its own length, -1 being NULL; all numbers big-endian. What a struct's member becomes is
 * said by a table of kinds and offsets, never by code of its own. Most columns of most batches hold nothing
 * but NULL: those are sent as one NULL, which unnest fills up.
 *
 * It does not know what the columns mean. */
#include "taskbridge/pg/params.h"

#include "taskbridge/base/clock.h"
#include "taskbridge/base/utf8.h"

#include <assert.h>
#include <endian.h>
#include <math.h>

/* Of pg_type, where they have been the same since PostgreSQL 7. */
enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_TEXT = 25,
    OID_FLOAT8 = 701,
    OID_TIMESTAMPTZ = 1184
};

/* PostgreSQL counts microseconds from 2000-01-01. */
#define EPOCH_US TB_STAMP_MIN

static const int oids[] = {
    [TB_COLUMN_TEXT] = OID_TEXT,         [TB_COLUMN_CLEAN] = OID_TEXT, [TB_COLUMN_BYTES] = OID_BYTEA,
    [TB_COLUMN_STAMP] = OID_TIMESTAMPTZ, [TB_COLUMN_INT64] = OID_INT8, [TB_COLUMN_DOUBLE] = OID_FLOAT8,
    [TB_COLUMN_BOOL] = OID_BOOL,
};

void tb_params_init(struct tb_params *params, struct tb_buf *buf)
{
    params->buf = buf;
    params->count = 0;
}

/* ---- bytes ---- */

static void push_int32(struct tb_buf *buf, int32_t value)
{
    uint32_t bytes = htobe32((uint32_t)value);
    tb_buf_push(buf, &bytes, sizeof(bytes));
}

static void push_long(struct tb_buf *buf, uint64_t value)
{
    char *place = tb_buf_reserve(buf, sizeof(uint32_t) + sizeof(value));
    uint32_t len = htobe32(sizeof(value));

    if (!place)
        return;
    value = htobe64(value);
    memcpy(place, &len, sizeof(len));
    memcpy(place + sizeof(len), &value, sizeof(value));
    tb_buf_commit(buf, sizeof(len) + sizeof(value));
}

static void push_str(struct tb_buf *buf, struct tb_str str)
{
    char *place = NULL;
    uint32_t len = htobe32((uint32_t)str.len);

    assert(str.len <= INT32_MAX);
    place = tb_buf_reserve(buf, sizeof(len) + str.len);
    if (!place)
        return;
    memcpy(place, &len, sizeof(len));
    memcpy(place + sizeof(len), str.ptr, str.len);
    tb_buf_commit(buf, sizeof(len) + str.len);
}

static void push_clean(struct tb_buf *buf, struct tb_str str)
{
    size_t start = buf->len;

    if (tb_utf8_is_clean(str)) {
        push_str(buf, str);
        return;
    }
    push_int32(buf, 0);
    tb_utf8_push_clean(buf, str);
    if (buf->failed)
        return;
    uint32_t len = htobe32((uint32_t)(buf->len - start - sizeof(len)));
    memcpy(buf->ptr + start, &len, sizeof(len));
}

static uint64_t bits_of(double value)
{
    uint64_t bits = 0;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* ---- elements ---- */

/* Whether the member is NULL; what a column's kind makes of it is said beside its kind. */
static bool is_null(const struct tb_column *column, const char *item)
{
    const void *member = item + column->offset;

    if (column->has_guard && *(const int64_t *)(const void *)(item + column->guard) == TB_STAMP_NONE)
        return true;
    switch (column->kind) {
    case TB_COLUMN_TEXT:
    case TB_COLUMN_CLEAN:
    case TB_COLUMN_BYTES:
        return tb_str_is_null(*(const struct tb_str *)member);
    case TB_COLUMN_STAMP:
        return *(const int64_t *)member == TB_STAMP_NONE;
    case TB_COLUMN_DOUBLE:
        return isnan(*(const double *)member);
    case TB_COLUMN_INT64:
    case TB_COLUMN_BOOL:
        break;
    }
    return false;
}

static void push_element(struct tb_buf *buf, enum tb_column_kind kind, const void *member)
{
    switch (kind) {
    case TB_COLUMN_TEXT:
    case TB_COLUMN_BYTES:
        push_str(buf, *(const struct tb_str *)member);
        break;
    case TB_COLUMN_CLEAN:
        push_clean(buf, *(const struct tb_str *)member);
        break;
    case TB_COLUMN_STAMP:
        push_long(buf, (uint64_t)(*(const int64_t *)member - EPOCH_US));
        break;
    case TB_COLUMN_INT64:
        push_long(buf, (uint64_t) * (const int64_t *)member);
        break;
    case TB_COLUMN_DOUBLE:
        push_long(buf, bits_of(*(const double *)member));
        break;
    case TB_COLUMN_BOOL:
        push_int32(buf, 1);
        tb_buf_push_byte(buf, *(const bool *)member ? 1 : 0);
        break;
    }
}

/* ---- parameters ---- */

static void open_param(struct tb_params *params)
{
    assert(params->count < TB_PARAMS_MAX);
    params->offsets[params->count] = params->buf->len;
}

static void close_param(struct tb_params *params)
{
    size_t len = params->buf->len - params->offsets[params->count];

    assert(len <= INT32_MAX);
    params->list[params->count++] = (struct tb_param){NULL, (int)len, TB_PARAM_BINARY};
}

void tb_params_push_null(struct tb_params *params)
{
    open_param(params);
    params->offsets[params->count] = SIZE_MAX;
    params->list[params->count++] = (struct tb_param){NULL, 0, TB_PARAM_BINARY};
}

static void push_header(struct tb_buf *buf, enum tb_column_kind kind, size_t count)
{
    push_int32(buf, 1); /* dimensions */
    push_int32(buf, 1); /* there may be NULLs */
    push_int32(buf, oids[kind]);
    push_int32(buf, (int32_t)count);
    push_int32(buf, 1); /* the first element's number */
}

static bool has_value(const struct tb_column *column, const char *items, size_t count, size_t size)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_null(column, items + i * size))
            return true;
    }
    return false;
}

static void push_column(struct tb_params *params, const struct tb_column *column, const char *items,
                        size_t count, size_t size)
{
    struct tb_buf *buf = params->buf;

    if (!has_value(column, items, count, size)) {
        tb_params_push_null(params);
        return;
    }
    open_param(params);
    push_header(buf, column->kind, count);
    for (size_t i = 0; i < count; i++) {
        const char *item = items + i * size;
        if (is_null(column, item))
            push_int32(buf, -1);
        else
            push_element(buf, column->kind, item + column->offset);
    }
    close_param(params);
}

void tb_params_push_columns(struct tb_params *params, const struct tb_column *columns, size_t column_count,
                            const void *items, size_t count, size_t size)
{
    for (size_t i = 0; i < column_count; i++)
        push_column(params, &columns[i], items, count, size);
}

void tb_params_push_text(struct tb_params *params, struct tb_str text)
{
    if (tb_str_is_null(text)) {
        tb_params_push_null(params);
        return;
    }
    open_param(params);
    tb_buf_push_str(params->buf, text);
    close_param(params);
}

void tb_params_push_int64(struct tb_params *params, int64_t value)
{
    uint64_t bytes = htobe64((uint64_t)value);

    open_param(params);
    tb_buf_push(params->buf, &bytes, sizeof(bytes));
    close_param(params);
}

void tb_params_push_stamp(struct tb_params *params, int64_t stamp_us)
{
    if (stamp_us == TB_STAMP_NONE)
        tb_params_push_null(params);
    else
        tb_params_push_int64(params, stamp_us - EPOCH_US);
}

void tb_params_push_bool(struct tb_params *params, bool value)
{
    open_param(params);
    tb_buf_push_byte(params->buf, value ? 1 : 0);
    close_param(params);
}

void tb_params_settle(struct tb_params *params)
{
    for (int i = 0; i < params->count; i++)
        params->list[i].ptr = params->offsets[i] == SIZE_MAX ? NULL : params->buf->ptr + params->offsets[i];
}

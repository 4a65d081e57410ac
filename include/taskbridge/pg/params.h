/* Tables of structs as PostgreSQL's arrays, one a column, in its binary format. */
#ifndef TASKBRIDGE_PG_PARAMS_H
#define TASKBRIDGE_PG_PARAMS_H

#include "taskbridge/base/buf.h"
#include "taskbridge/pg/connection.h"

#define TB_PARAMS_MAX 64

/* How a member of a struct is read; what stands for SQL NULL. */
enum tb_column_kind {
    TB_COLUMN_TEXT,   /* struct tb_str, clean UTF-8; the null string */
    TB_COLUMN_CLEAN,  /* struct tb_str, any bytes: pushed as clean UTF-8 */
    TB_COLUMN_BYTES,  /* struct tb_str as bytea; the null string */
    TB_COLUMN_STAMP,  /* int64_t; TB_STAMP_NONE */
    TB_COLUMN_INT64,  /* int64_t */
    TB_COLUMN_DOUBLE, /* double; NaN */
    TB_COLUMN_BOOL    /* bool */
};

struct tb_column {
    enum tb_column_kind kind;
    size_t offset;
    /* With has_guard, NULL too wherever the stamp at this offset is TB_STAMP_NONE. */
    bool has_guard;
    size_t guard;
};

/* One statement's parameters. Their bytes are in a buffer that grows, so pointers are set at the end. */
struct tb_params {
    struct tb_buf *buf; /* borrowed */
    struct tb_param list[TB_PARAMS_MAX];
    size_t offsets[TB_PARAMS_MAX]; /* SIZE_MAX: NULL */
    int count;
};

void tb_params_init(struct tb_params *params, struct tb_buf *buf);

/* One array a column, of count structs of size bytes at items. A column of nothing but NULL becomes NULL. */
void tb_params_push_columns(struct tb_params *params, const struct tb_column *columns, size_t column_count,
                            const void *items, size_t count, size_t size);
/* Single values. The null string and TB_STAMP_NONE are NULL. */
void tb_params_push_text(struct tb_params *params, struct tb_str text);
void tb_params_push_int64(struct tb_params *params, int64_t value);
void tb_params_push_stamp(struct tb_params *params, int64_t stamp_us);
void tb_params_push_bool(struct tb_params *params, bool value);
void tb_params_push_null(struct tb_params *params);

/* Sets the pointers, once everything that shares the buffer was pushed; ask buf->failed before. */
void tb_params_settle(struct tb_params *params);

#endif

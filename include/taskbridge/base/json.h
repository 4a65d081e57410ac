/* Writing JSON into a buffer, comma by comma. Reading it is core/decode's. */
#ifndef TASKBRIDGE_BASE_JSON_H
#define TASKBRIDGE_BASE_JSON_H

#include "taskbridge/base/buf.h"

#define TB_JSON_DEPTH_MAX 32

struct tb_json {
    struct tb_buf *buf; /* borrowed */
    unsigned depth;
    bool has_items[TB_JSON_DEPTH_MAX]; /* whether a comma goes before the next */
};

void tb_json_init(struct tb_json *json, struct tb_buf *buf);
/* name NULL inside a list and at the top. */
void tb_json_begin_object(struct tb_json *json, const char *name);
void tb_json_end_object(struct tb_json *json);
void tb_json_begin_list(struct tb_json *json, const char *name);
void tb_json_end_list(struct tb_json *json);
/* str is cleaned as tb_utf8_push_clean does; the null string gives null. */
void tb_json_str(struct tb_json *json, const char *name, struct tb_str str);
void tb_json_int(struct tb_json *json, const char *name, int64_t value);
/* The shortest text that reads back as value; null when not finite. */
void tb_json_double(struct tb_json *json, const char *name, double value);
void tb_json_bool(struct tb_json *json, const char *name, bool value);
void tb_json_null(struct tb_json *json, const char *name);
/* text is JSON already. */
void tb_json_raw(struct tb_json *json, const char *name, struct tb_str text);
/* A stamp as tb_stamp_format writes it; null for TB_STAMP_NONE. */
void tb_json_stamp(struct tb_json *json, const char *name, int64_t stamp_us);

/* Pushes str as a quoted JSON string, cleaned; control characters, those of U+007F to U+009F too, are
 * escaped. */
void tb_json_push_quoted(struct tb_buf *buf, struct tb_str str);

/* Pushes value as tb_json_double writes it. */
void tb_json_push_double(struct tb_buf *buf, double value);

#endif

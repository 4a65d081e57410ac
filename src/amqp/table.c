/* AMQP field tables as JSON objects, for dead letters and captures, and back, for what is published again.
 *
 * A table that went to JSON and back has the same keys and values, numbers as 64-bit integers or doubles:
 * what the sender's finer types were is not kept, and nothing in Celery looks at them. Bytes become text.
 * Depth is bounded both ways. */
#include "table.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>

#include "taskbridge/base/json.h"

#define DEPTH_MAX 16

static struct tb_str str_of(amqp_bytes_t bytes)
{
    return (struct tb_str){bytes.bytes ? bytes.bytes : "", bytes.len};
}

/* ---- to JSON ---- */

static void push_table(struct tb_buf *buf, const amqp_table_t *table, unsigned depth);
static void push_value(struct tb_buf *buf, const amqp_field_value_t *value, unsigned depth);

static void push_array(struct tb_buf *buf, const amqp_array_t *array, unsigned depth)
{
    tb_buf_push_byte(buf, '[');
    for (int i = 0; i < array->num_entries; i++) {
        if (i)
            tb_buf_push_byte(buf, ',');
        push_value(buf, &array->entries[i], depth);
    }
    tb_buf_push_byte(buf, ']');
}

/* Whole numbers, all of which fit in 64 bits with a sign. false for any other kind. */
static bool push_integer(struct tb_buf *buf, const amqp_field_value_t *value)
{
    int64_t number;
    switch (value->kind) {
    case AMQP_FIELD_KIND_I8:
        number = (int64_t)value->value.i8;
        break;
    case AMQP_FIELD_KIND_U8:
        number = value->value.u8;
        break;
    case AMQP_FIELD_KIND_I16:
        number = value->value.i16;
        break;
    case AMQP_FIELD_KIND_U16:
        number = value->value.u16;
        break;
    case AMQP_FIELD_KIND_I32:
        number = value->value.i32;
        break;
    case AMQP_FIELD_KIND_U32:
        number = value->value.u32;
        break;
    case AMQP_FIELD_KIND_I64:
        number = value->value.i64;
        break;
    default:
        return false;
    }
    tb_buf_printf(buf, "%" PRId64, number);
    return true;
}

static void push_value(struct tb_buf *buf, const amqp_field_value_t *value, unsigned depth)
{
    bool is_nested = value->kind == AMQP_FIELD_KIND_TABLE || value->kind == AMQP_FIELD_KIND_ARRAY;
    if (push_integer(buf, value))
        return;
    if (value->kind == AMQP_FIELD_KIND_UTF8 || value->kind == AMQP_FIELD_KIND_BYTES)
        tb_json_push_quoted(buf, str_of(value->value.bytes));
    else if (value->kind == AMQP_FIELD_KIND_BOOLEAN)
        tb_buf_push_str(buf, value->value.boolean ? TB_STR("true") : TB_STR("false"));
    else if (value->kind == AMQP_FIELD_KIND_U64 || value->kind == AMQP_FIELD_KIND_TIMESTAMP)
        tb_buf_printf(buf, "%" PRIu64, value->value.u64);
    else if (value->kind == AMQP_FIELD_KIND_F32)
        tb_json_push_double(buf, (double)value->value.f32);
    else if (value->kind == AMQP_FIELD_KIND_F64)
        tb_json_push_double(buf, value->value.f64);
    else if (value->kind == AMQP_FIELD_KIND_DECIMAL)
        tb_json_push_double(buf, value->value.decimal.value / pow(10, value->value.decimal.decimals));
    else if (!is_nested || depth == DEPTH_MAX)
        tb_buf_push_str(buf, TB_STR("null"));
    else if (value->kind == AMQP_FIELD_KIND_TABLE)
        push_table(buf, &value->value.table, depth + 1);
    else
        push_array(buf, &value->value.array, depth + 1);
}

static void push_table(struct tb_buf *buf, const amqp_table_t *table, unsigned depth)
{
    tb_buf_push_byte(buf, '{');
    for (int i = 0; i < table->num_entries; i++) {
        if (i)
            tb_buf_push_byte(buf, ',');
        tb_json_push_quoted(buf, str_of(table->entries[i].key));
        tb_buf_push_byte(buf, ':');
        push_value(buf, &table->entries[i].value, depth);
    }
    tb_buf_push_byte(buf, '}');
}

void tb_table_push_json(const amqp_table_t *table, struct tb_buf *buf)
{
    push_table(buf, table, 1);
}

struct tb_str tb_table_find_text(const amqp_table_t *table, const char *name)
{
    for (int i = 0; i < table->num_entries; i++) {
        const amqp_table_entry_t *entry = &table->entries[i];
        if ((entry->value.kind == AMQP_FIELD_KIND_UTF8 || entry->value.kind == AMQP_FIELD_KIND_BYTES) &&
            tb_str_equal(str_of(entry->key), tb_str_of(name)))
            return str_of(entry->value.value.bytes);
    }
    return TB_STR_NULL;
}

/* ---- from JSON ---- */

static int parse_table(json_t *object, amqp_pool_t *pool, unsigned depth, amqp_table_t *ret_table);
static int parse_value(json_t *json, amqp_pool_t *pool, unsigned depth, amqp_field_value_t *ret_value);

static int copy_text(const char *text, size_t len, amqp_pool_t *pool, amqp_bytes_t *ret_bytes)
{
    amqp_pool_alloc_bytes(pool, len ? len : 1, ret_bytes);
    if (!ret_bytes->bytes)
        return -ENOMEM;
    memcpy(ret_bytes->bytes, text, len);
    ret_bytes->len = len;
    return 0;
}

static int parse_array(json_t *list, amqp_pool_t *pool, unsigned depth, amqp_array_t *ret_array)
{
    size_t count = json_array_size(list);
    *ret_array = (amqp_array_t){0};
    if (!count)
        return 0;
    ret_array->entries = amqp_pool_alloc(pool, count * sizeof(*ret_array->entries));
    if (!ret_array->entries)
        return -ENOMEM;
    ret_array->num_entries = (int)count;
    for (size_t i = 0; i < count; i++) {
        int r = parse_value(json_array_get(list, i), pool, depth, &ret_array->entries[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

static int parse_value(json_t *json, amqp_pool_t *pool, unsigned depth, amqp_field_value_t *ret_value)
{
    *ret_value = (amqp_field_value_t){.kind = AMQP_FIELD_KIND_VOID};
    switch (json_typeof(json)) {
    case JSON_TRUE:
    case JSON_FALSE:
        ret_value->kind = AMQP_FIELD_KIND_BOOLEAN;
        ret_value->value.boolean = json_is_true(json);
        return 0;
    case JSON_INTEGER:
        ret_value->kind = AMQP_FIELD_KIND_I64;
        ret_value->value.i64 = json_integer_value(json);
        return 0;
    case JSON_REAL:
        ret_value->kind = AMQP_FIELD_KIND_F64;
        ret_value->value.f64 = json_real_value(json);
        return 0;
    case JSON_STRING:
        ret_value->kind = AMQP_FIELD_KIND_UTF8;
        return copy_text(json_string_value(json), json_string_length(json), pool, &ret_value->value.bytes);
    case JSON_OBJECT:
        ret_value->kind = AMQP_FIELD_KIND_TABLE;
        return depth == DEPTH_MAX ? -EINVAL : parse_table(json, pool, depth + 1, &ret_value->value.table);
    case JSON_ARRAY:
        ret_value->kind = AMQP_FIELD_KIND_ARRAY;
        return depth == DEPTH_MAX ? -EINVAL : parse_array(json, pool, depth + 1, &ret_value->value.array);
    case JSON_NULL:
        break;
    }
    return 0;
}

static int parse_table(json_t *object, amqp_pool_t *pool, unsigned depth, amqp_table_t *ret_table)
{
    *ret_table = (amqp_table_t){0};
    if (!json_object_size(object))
        return 0;
    ret_table->entries = amqp_pool_alloc(pool, json_object_size(object) * sizeof(*ret_table->entries));
    if (!ret_table->entries)
        return -ENOMEM;
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        amqp_table_entry_t *entry = &ret_table->entries[ret_table->num_entries++];
        /* A key's length is one byte on the wire. */
        if (strlen(key) > UINT8_MAX)
            return -EINVAL;
        int r = copy_text(key, strlen(key), pool, &entry->key);
        if (r == 0)
            r = parse_value(value, pool, depth, &entry->value);
        if (r < 0)
            return r;
    }
    return 0;
}

int tb_table_parse_json(struct tb_str json, amqp_pool_t *pool, amqp_table_t *ret_table, struct tb_error *err)
{
    *ret_table = (amqp_table_t){0};
    if (tb_str_is_null(json))
        return 0;
    json_t *object = json_loadb(json.ptr, json.len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
    int r = json_is_object(object) ? parse_table(object, pool, 1, ret_table) : -EINVAL;
    json_decref(object);
    if (r == -EINVAL)
        return tb_error_set(
            err, r,
            "the headers of a message must be a JSON object, nested at most %d deep, with names of "
            "at most 255 bytes",
            DEPTH_MAX);
    return r < 0 ? tb_error_set_errno(err, r, "reading the headers of a message") : 0;
}

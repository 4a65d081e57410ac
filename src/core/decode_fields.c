/* Which of an event's keys mean something, found in one walk over its members.
 *
 * An event carries 7 to 20 keys and we know 42, so a key is looked up by its length and then compared with
 * the few names of that length. Values stay where they are until the event's type says which are wanted; of
 * doubled keys the last wins, as in Python.
 *
 * kombu writes what JSON has no type for as {"__type__": …, "__value__": …}; such a value is taken for the
 * text inside. Text without escapes is borrowed from the body, and most text has none. */
#include "decode_fields.h"

#include "taskbridge/base/utf8.h"

#include <assert.h>
#include <math.h>

#define NAME_MAX_LEN 11

struct field_name {
    struct tb_str name;
    enum tb_field field;
};

#define NAME(text, field_)                                                                                   \
    {                                                                                                        \
        {text, sizeof(text) - 1}, TB_FIELD_##field_                                                          \
    }

/* By length. */
static const struct field_name names[] = {
    NAME("eta", ETA),
    NAME("pid", PID),
    NAME("args", ARGS),
    NAME("freq", FREQ),
    NAME("meta", META),
    NAME("name", NAME),
    NAME("step", STEP),
    NAME("type", TYPE),
    NAME("uuid", UUID),
    NAME("queue", QUEUE),
    NAME("total", TOTAL),
    NAME("active", ACTIVE),
    NAME("kwargs", KWARGS),
    NAME("result", RESULT),
    NAME("signum", SIGNUM),
    NAME("status", STATUS),
    NAME("sw_sys", SW_SYS),
    NAME("sw_ver", SW_VER),
    NAME("current", CURRENT),
    NAME("expired", EXPIRED),
    NAME("expires", EXPIRES),
    NAME("loadavg", LOADAVG),
    NAME("message", MESSAGE),
    NAME("percent", PERCENT),
    NAME("requeue", REQUEUE),
    NAME("retries", RETRIES),
    NAME("root_id", ROOT_ID),
    NAME("runtime", RUNTIME),
    NAME("task_id", TASK_ID),
    NAME("hostname", HOSTNAME),
    NAME("metadata", METADATA),
    NAME("progress", PROGRESS),
    NAME("step_key", STEP_KEY),
    NAME("sw_ident", SW_IDENT),
    NAME("exception", EXCEPTION),
    NAME("parent_id", PARENT_ID),
    NAME("processed", PROCESSED),
    NAME("timestamp", TIMESTAMP),
    NAME("traceback", TRACEBACK),
    NAME("company_id", COMPANY_ID),
    NAME("terminated", TERMINATED),
    NAME("description", DESCRIPTION),
};
_Static_assert(TB_COUNT(names) == TB_FIELDS, "every field has its name");
_Static_assert(TB_FIELDS <= 64, "present has a bit for each field");

/* Where in names each length begins. */
static const unsigned char length_starts[NAME_MAX_LEN + 2] = {0, 0, 0, 0, 2, 9, 11, 18, 29, 34, 39, 41, 42};

static enum tb_field find_field(struct tb_str name)
{
    if (name.len > NAME_MAX_LEN)
        return TB_FIELDS;
    for (size_t i = length_starts[name.len]; i < length_starts[name.len + 1]; i++)
        if (names[i].name.ptr[0] == name.ptr[0] && memcmp(names[i].name.ptr, name.ptr, name.len) == 0)
            return names[i].field;
    return TB_FIELDS;
}

static enum tb_field find_key(struct tb_scan_value key)
{
    char text[NAME_MAX_LEN + 1];
    if (!key.is_escaped)
        return find_field(key.text);
    size_t len = tb_scan_unescape(key.text, text, sizeof(text));
    return find_field((struct tb_str){text, len});
}

bool tb_fields_scan(struct tb_scan *scan, struct tb_fields *ret_fields)
{
    struct tb_scan_value key, value;
    enum tb_scan_step step;
    bool is_first = true;

    ret_fields->present = 0;
    if (!tb_scan_open(scan))
        return false;
    while ((step = tb_scan_member(scan, &is_first, &key, &value)) == TB_SCAN_MEMBER) {
        enum tb_field field = find_key(key);
        if (field == TB_FIELDS)
            continue;
        ret_fields->values[field] = value;
        ret_fields->present |= UINT64_C(1) << field;
    }
    return step == TB_SCAN_CLOSED;
}

void tb_fields_of_value(struct tb_scan_value value, struct tb_fields *ret_fields)
{
    ret_fields->present = 0;
    if (value.kind != TB_SCAN_OBJECT)
        return;
    struct tb_scan scan = tb_scan_of(value.text);
    bool is_whole = tb_fields_scan(&scan, ret_fields);
    assert(is_whole);
}

static bool key_is(struct tb_scan_value key, struct tb_str name)
{
    char text[NAME_MAX_LEN + 1];
    if (!key.is_escaped)
        return tb_str_equal(key.text, name);
    size_t len = tb_scan_unescape(key.text, text, sizeof(text));
    return tb_str_equal((struct tb_str){text, len}, name);
}

/* The last member of that name of an object known to be whole; TB_SCAN_ABSENT when there is none. */
static struct tb_scan_value find_member(struct tb_scan_value object, struct tb_str name)
{
    struct tb_scan scan = tb_scan_of(object.text);
    struct tb_scan_value key, value, found = {.kind = TB_SCAN_ABSENT};
    bool is_first = true;

    if (!tb_scan_open(&scan))
        return found;
    while (tb_scan_member(&scan, &is_first, &key, &value) == TB_SCAN_MEMBER)
        if (key_is(key, name))
            found = value;
    return found;
}

/* A UUID comes as {"hex": "…", "version": 4}, everything else as a string. A decimal is a number again. */
static struct tb_scan_value unwrap(struct tb_scan_value object)
{
    struct tb_scan_value type = find_member(object, TB_STR("__type__"));
    struct tb_scan_value value = find_member(object, TB_STR("__value__"));

    if (type.kind != TB_SCAN_STRING)
        return object;
    if (value.kind == TB_SCAN_OBJECT)
        value = find_member(value, TB_STR("hex"));
    if (value.kind != TB_SCAN_STRING)
        return object;
    double number;
    if (tb_str_equal(type.text, TB_STR("decimal")) && tb_str_parse_double(value.text, &number))
        value.kind = TB_SCAN_NUMBER;
    return value;
}

struct tb_scan_value tb_fields_get(const struct tb_fields *fields, enum tb_field field)
{
    if (!(fields->present >> field & 1))
        return (struct tb_scan_value){.kind = TB_SCAN_ABSENT};
    struct tb_scan_value value = fields->values[field];
    return value.kind == TB_SCAN_OBJECT ? unwrap(value) : value;
}

static struct tb_str unescape(struct tb_texts *texts, struct tb_str text, size_t max_bytes)
{
    size_t room = text.len < max_bytes ? text.len : max_bytes;
    char *copy = tb_arena_alloc(texts->arena, room ? room : 1);
    if (!copy) {
        texts->is_full = true;
        return TB_STR_NULL;
    }
    return (struct tb_str){copy, tb_scan_unescape(text, copy, room)};
}

static struct tb_str cut(struct tb_str text, size_t max_bytes)
{
    return (struct tb_str){text.ptr, tb_utf8_cut(text, max_bytes)};
}

struct tb_str tb_texts_take(struct tb_texts *texts, struct tb_scan_value value, size_t max_bytes)
{
    if (value.kind != TB_SCAN_STRING)
        return TB_STR_NULL;
    /* One byte more than wanted, so that a cut is seen to be one. */
    if (value.is_escaped)
        value.text = unescape(texts, value.text, max_bytes + 1);
    return cut(value.text, max_bytes);
}

struct tb_str tb_texts_take_any(struct tb_texts *texts, struct tb_scan_value value, size_t max_bytes)
{
    if (value.kind == TB_SCAN_STRING)
        return tb_texts_take(texts, value, max_bytes);
    if (value.kind == TB_SCAN_ABSENT || value.kind == TB_SCAN_NULL)
        return TB_STR_NULL;
    return cut(value.text, max_bytes);
}

bool tb_value_int64(struct tb_scan_value value, int64_t *ret_value)
{
    return value.kind == TB_SCAN_INTEGER && tb_str_parse_int64(value.text, ret_value);
}

bool tb_value_number(struct tb_scan_value value, double *ret_value)
{
    if (value.kind != TB_SCAN_INTEGER && value.kind != TB_SCAN_NUMBER)
        return false;
    if (tb_str_parse_double(value.text, ret_value))
        return true;
    /* More digits than a double can tell apart. */
    bool is_huge = value.kind == TB_SCAN_INTEGER;
    if (is_huge)
        *ret_value = value.text.ptr[0] == '-' ? -HUGE_VAL : HUGE_VAL;
    return is_huge;
}

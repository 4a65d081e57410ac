/* The neighbours behind an element that broke off.
 *
 * Where a quote or bracket is missing, counting them tells nothing of where the damaged element ends. But
 * what follows it are events, and an event is easily told: behind a comma, a whole object that has a known
 * type, a timestamp, a hostname and, of a task, its uuid, followed by another comma or the list's end. Text
 * inside of strings can't look like this, for its quotes are escaped. An object inside of the damaged element
 * could, if the list was cut right behind it; so nothing is looked for unless the list has its closing
 * bracket at the very end.
 *
 * Each try costs bytes, and text can be made so that they never lead anywhere: hence the budget. */
#include "decode_resync.h"

#include "decode_fields.h"
#include "taskbridge/core/event.h"

static bool has(const struct tb_fields *fields, enum tb_field field)
{
    return fields->present >> field & 1;
}

static bool is_event(const struct tb_fields *fields)
{
    struct tb_scan_value name = tb_fields_get(fields, TB_FIELD_TYPE);
    if (name.kind != TB_SCAN_STRING || !has(fields, TB_FIELD_TIMESTAMP) || !has(fields, TB_FIELD_HOSTNAME))
        return false;
    enum tb_event_type type = tb_event_type_find(name.text);
    return tb_event_is_worker(type) || (tb_event_is_task(type) && has(fields, TB_FIELD_UUID));
}

/* Whether an event stands at start, and the list goes on or ends behind it. */
static bool stands_at(const char *start, const char *end, size_t *budget)
{
    struct tb_scan scan = {.at = start, .end = end};
    struct tb_fields fields;
    bool is_whole = tb_fields_scan(&scan, &fields);
    size_t cost = (size_t)(scan.at - start) + 1;

    *budget -= cost < *budget ? cost : *budget;
    if (!is_whole || !is_event(&fields))
        return false;
    tb_scan_skip_space(&scan);
    return scan.at < end && (*scan.at == ',' || *scan.at == ']');
}

static bool is_closed_list(struct tb_str text)
{
    text = tb_str_trim(text);
    return text.len && text.ptr[text.len - 1] == ']';
}

const char *tb_resync_find(struct tb_str rest, size_t len, size_t *budget)
{
    const char *end = rest.ptr + rest.len, *at = rest.ptr, *last = rest.ptr + len;

    if (len > *budget || !is_closed_list(rest))
        return NULL;
    *budget -= len;
    while (*budget && (at = memchr(at, ',', (size_t)(last - at)))) {
        struct tb_scan scan = {.at = at + 1, .end = end};
        tb_scan_skip_space(&scan);
        if (scan.at < end && *scan.at == '{' && stands_at(scan.at, end, budget))
            return at;
        at++;
    }
    return NULL;
}

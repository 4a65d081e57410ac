/* The dialects of progress.
 *
 * Products say how far a task is as a percentage (progress, percent), as a count (current of total), or one
 * level down, in the meta they also give to update_state. The first of these that holds a usable number is
 * taken, in that order. Usable are numbers and texts that are wholly a number; NaN, null, booleans and lists
 * are not. The text is the first of the usual names that holds one. */
#include "decode_event.h"

#include "taskbridge/base/limits.h"

#include <math.h>

#define NUMBER_TEXT_BYTES 512

static const enum tb_field inner_fields[] = {TB_FIELD_METADATA, TB_FIELD_META};

static bool find_number(const struct tb_fields *fields, enum tb_field field, double *ret_number)
{
    struct tb_scan_value value = tb_fields_get(fields, field);
    char text[NUMBER_TEXT_BYTES];

    if (value.kind != TB_SCAN_STRING)
        return tb_value_number(value, ret_number);
    if (value.text.len >= sizeof(text))
        return false;
    size_t len = tb_scan_unescape(value.text, 0, text, sizeof(text));
    return tb_str_parse_double(tb_str_trim((struct tb_str){text, len}), ret_number);
}

static bool find_share(const struct tb_fields *fields, double *ret_percent)
{
    double current, total;
    if (!find_number(fields, TB_FIELD_CURRENT, &current) || !find_number(fields, TB_FIELD_TOTAL, &total) ||
        !(total > 0))
        return false;
    double percent = 100 * current / total;
    if (isnan(percent)) /* infinite of infinite */
        return false;
    *ret_percent = percent;
    return true;
}

static bool find_percent(const struct tb_fields *fields, const struct tb_fields inner[], double *ret_percent)
{
    if (find_number(fields, TB_FIELD_PROGRESS, ret_percent) ||
        find_number(fields, TB_FIELD_PERCENT, ret_percent) || find_share(fields, ret_percent))
        return true;
    for (size_t i = 0; i < TB_COUNT(inner_fields); i++)
        if (find_number(&inner[i], TB_FIELD_PROGRESS, ret_percent))
            return true;
    return false;
}

static bool find_text(const struct tb_fields *fields, struct tb_texts *texts, struct tb_str *ret_text)
{
    static const enum tb_field names[] = {TB_FIELD_STATUS, TB_FIELD_MESSAGE, TB_FIELD_STEP,
                                          TB_FIELD_DESCRIPTION};
    for (size_t i = 0; i < TB_COUNT(names); i++) {
        struct tb_scan_value value = tb_fields_get(fields, names[i]);
        if (value.kind == TB_SCAN_STRING && value.text.len) {
            *ret_text = tb_texts_take(texts, value, TB_TEXT_MAX_BYTES);
            return true;
        }
    }
    return false;
}

void tb_decode_progress(const struct tb_fields *fields, struct tb_texts *texts, struct tb_event *event)
{
    struct tb_fields inner[TB_COUNT(inner_fields)];

    for (size_t i = 0; i < TB_COUNT(inner_fields); i++)
        tb_fields_of_value(tb_fields_get(fields, inner_fields[i]), &inner[i]);
    event->has_progress = find_percent(fields, inner, &event->progress);
    bool has_text = find_text(fields, texts, &event->text);
    for (size_t i = 0; i < TB_COUNT(inner_fields) && !has_text; i++)
        has_text = find_text(&inner[i], texts, &event->text);
}

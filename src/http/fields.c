/* Header lines are gathered in place.
 *
 * A value with a control character in it would make two lines of one, so it fails the whole; what is pushed
 * comes from ourselves or was checked, so this is never seen. */
#include "fields.h"

void tb_fields_push(struct tb_fields *fields, const char *name, struct tb_str value)
{
    size_t name_len = strlen(name);

    if (tb_str_is_null(value))
        return;
    for (size_t i = 0; i < value.len; i++)
        fields->failed = fields->failed || (unsigned char)value.ptr[i] < ' ' || value.ptr[i] == 0x7f;
    if (fields->failed || fields->len + name_len + value.len + 4 > sizeof(fields->text)) {
        fields->failed = true;
        return;
    }
    memcpy(fields->text + fields->len, name, name_len);
    fields->len += name_len;
    memcpy(fields->text + fields->len, ": ", 2);
    fields->len += 2;
    memcpy(fields->text + fields->len, value.ptr, value.len);
    fields->len += value.len;
    memcpy(fields->text + fields->len, "\r\n", 2);
    fields->len += 2;
}

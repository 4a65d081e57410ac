/* The two ways in which Python writes a UUID, made one.
 *
 * Rows are compared by their text, so one company must have one spelling: that of str(uuid.UUID). Braces and
 * "urn:uuid:" are nobody's company. */
#include "uuid_text.h"

static bool is_hyphen_place(size_t at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
}

bool tb_uuid_parse(struct tb_str text, char ret_text[TB_UUID_LEN])
{
    bool has_hyphens = text.len == TB_UUID_LEN;
    char result[TB_UUID_LEN];
    size_t from = 0;

    if (!has_hyphens && text.len != TB_UUID_LEN - 4)
        return false;
    for (size_t at = 0; at < TB_UUID_LEN; at++) {
        if (is_hyphen_place(at)) {
            if (has_hyphens && text.ptr[from++] != '-')
                return false;
            result[at] = '-';
            continue;
        }
        char byte = text.ptr[from++];
        if (byte >= 'A' && byte <= 'F')
            byte = (char)(byte | 0x20);
        if (!(byte >= '0' && byte <= '9') && !(byte >= 'a' && byte <= 'f'))
            return false;
        result[at] = byte;
    }
    memcpy(ret_text, result, sizeof(result));
    return true;
}

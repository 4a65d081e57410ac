/* Bytes that may be no text, in JSON: base64 of RFC 4648 with padding, where they are none.
 *
 * A body that is clean UTF-8 without U+0000 goes as a string, which any program reads back to the same bytes;
 * everything else would come back changed and goes in base64. */
#include "base64.h"

#include "taskbridge/base/utf8.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void tb_base64_push(struct tb_buf *buf, struct tb_str bytes)
{
    for (size_t at = 0; at < bytes.len; at += 3) {
        size_t left = bytes.len - at;
        uint32_t group = (uint32_t)(unsigned char)bytes.ptr[at] << 16;
        if (left > 1)
            group |= (uint32_t)(unsigned char)bytes.ptr[at + 1] << 8;
        if (left > 2)
            group |= (uint32_t)(unsigned char)bytes.ptr[at + 2];
        char text[4] = {alphabet[group >> 18], alphabet[group >> 12 & 63],
                        left > 1 ? alphabet[group >> 6 & 63] : '=', left > 2 ? alphabet[group & 63] : '='};
        tb_buf_push(buf, text, sizeof(text));
    }
}

bool tb_base64_parse(struct tb_str text, struct tb_buf *buf)
{
    if (text.len % 4 != 0)
        return false;
    while (text.len > 0 && text.ptr[text.len - 1] == '=')
        text.len--;
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t at = 0; at < text.len; at++) {
        const char *digit = text.ptr[at] ? strchr(alphabet, text.ptr[at]) : NULL;
        if (!digit)
            return false;
        bits = bits << 6 | (uint32_t)(digit - alphabet);
        count += 6;
        if (count >= 8) {
            count -= 8;
            tb_buf_push_byte(buf, (char)(bits >> count & 0xFF));
        }
    }
    return count < 6;
}

void tb_base64_json(struct tb_json *json, struct tb_str body)
{
    if (tb_utf8_is_clean(body)) {
        tb_json_str(json, "body", tb_str_is_null(body) ? TB_STR("") : body);
        return;
    }
    struct tb_buf text;
    tb_buf_init(&text, body.len / 3 * 4 + 8);
    tb_base64_push(&text, body);
    tb_json_str(json, "body_base64", tb_buf_str(&text));
    json->buf->failed = json->buf->failed || text.failed;
    tb_buf_deinit(&text);
}

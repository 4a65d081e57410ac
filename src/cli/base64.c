/* Bytes that may be no text, in JSON: base64 of RFC 4648 with padding, where they are none.
 *
 * A body that is clean UTF-8 without U+0000 goes as a string, which any program reads back to the same bytes;
 * everything else would come back changed and goes in base64. */
#include "base64.h"

#include "taskbridge/base/utf8.h"

#include <limits.h>
#include <openssl/evp.h>

void tb_base64_push(struct tb_buf *buf, struct tb_str bytes)
{
    char *place = bytes.len < INT_MAX ? tb_buf_reserve(buf, bytes.len / 3 * 4 + 5) : NULL;
    if (!place) {
        buf->failed = true;
        return;
    }
    int len = EVP_EncodeBlock((unsigned char *)place, (const unsigned char *)(bytes.ptr ? bytes.ptr : ""),
                              (int)bytes.len);
    tb_buf_commit(buf, (size_t)len);
}

/* libcrypto drops white space at both ends, takes '=' for a digit, and counts what it stands for. */
bool tb_base64_parse(struct tb_str text, struct tb_buf *buf)
{
    size_t padding = 0;
    while (padding < 2 && padding < text.len && text.ptr[text.len - 1 - padding] == '=')
        padding++;
    if (text.len % 4 != 0 || text.len > INT_MAX || memchr(text.ptr, '=', text.len - padding) ||
        tb_str_trim(text).len != text.len)
        return false;
    if (text.len == 0)
        return true;
    char *place = tb_buf_reserve(buf, text.len);
    int len =
        place ? EVP_DecodeBlock((unsigned char *)place, (const unsigned char *)text.ptr, (int)text.len) : 0;
    if (len < 0)
        return false;
    if (place)
        tb_buf_commit(buf, (size_t)len - padding);
    return true;
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

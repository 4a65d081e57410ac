/* base64url without padding.
 *
 * Reading is strict: each text stands for bytes that no other text stands for. Where two texts were the same
 * token, whoever keeps a list of tokens (revoked, seen, cached) could be led around it. */
#include "taskbridge/base/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void tb_base64url_push(struct tb_buf *buf, struct tb_str bytes)
{
    for (size_t at = 0; at < bytes.len; at += 3) {
        size_t count = bytes.len - at < 3 ? bytes.len - at : 3;
        uint32_t group = 0;

        for (size_t i = 0; i < 3; i++)
            group = group << 8 | (i < count ? (unsigned char)bytes.ptr[at + i] : 0u);
        for (size_t i = 0; i <= count; i++)
            tb_buf_push_byte(buf, alphabet[group >> (18 - 6 * i) & 63]);
    }
}

static int value_of(char c)
{
    const char *at = c ? strchr(alphabet, c) : NULL;

    return at ? (int)(at - alphabet) : -1;
}

/* Two to four characters; false for what is no text of bytes. */
static bool push_group(struct tb_buf *buf, struct tb_str text)
{
    uint32_t group = 0;

    for (size_t i = 0; i < 4; i++) {
        int value = i < text.len ? value_of(text.ptr[i]) : 0;
        if (value < 0)
            return false;
        group = group << 6 | (uint32_t)value;
    }
    if (group & ((1u << 8 * (4 - text.len)) - 1))
        return false;
    for (size_t i = 0; i + 1 < text.len; i++)
        tb_buf_push_byte(buf, (char)(group >> (16 - 8 * i) & 0xFF));
    return true;
}

bool tb_base64url_push_decoded(struct tb_buf *buf, struct tb_str text)
{
    size_t before = buf->len;

    if (text.len % 4 == 1)
        return false;
    for (size_t at = 0; at < text.len; at += 4) {
        size_t count = text.len - at < 4 ? text.len - at : 4;
        if (!push_group(buf, (struct tb_str){text.ptr + at, count})) {
            if (!buf->failed)
                tb_buf_truncate(buf, before);
            return false;
        }
    }
    return true;
}

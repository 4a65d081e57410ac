/* Which bytes PostgreSQL takes as text, and how other bytes are made into such.
 *
 * All text from the wire passes here, and nearly all of it is ASCII: that is skipped eight bytes at a time. A
 * sequence is checked by the table of well-formed sequences in the Unicode Standard (chapter 3): only the
 * second byte's range depends on the first. An ill-formed sequence becomes one U+FFFD per maximal subpart, as
 * browsers and Python do. */
#include "taskbridge/base/utf8.h"

#include "utf8_scan.h"

#include <assert.h>

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

size_t tb_utf8_ascii_prefix(const unsigned char *text, size_t len)
{
    size_t at = 0;
    while (len - at >= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, text + at, sizeof(word));
        /* Subtracting one from each byte sets a high bit where it was zero; where none is set, no byte
         * borrowed. */
        if (((word - ONES) | word) & HIGHS)
            break;
        at += sizeof(word);
    }
    while (at < len && text[at] >= 0x01 && text[at] <= 0x7F)
        at++;
    return at;
}

/* How many bytes follow lead, and the range of the first of them; -1 when no character begins with lead. */
static int followers(unsigned char lead, unsigned char *ret_low, unsigned char *ret_high)
{
    *ret_low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    *ret_high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (lead < 0x80)
        return lead ? 0 : -1;
    if (lead < 0xC2 || lead > 0xF4)
        return -1;
    return lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
}

size_t tb_utf8_scan(const unsigned char *text, size_t len, bool *ret_good)
{
    unsigned char low, high;
    int count = followers(text[0], &low, &high);

    *ret_good = false;
    if (count < 0)
        return 1;
    for (int i = 1; i <= count; i++) {
        if ((size_t)i == len || text[i] < low || text[i] > high)
            return (size_t)i;
        low = 0x80;
        high = 0xBF;
    }
    *ret_good = true;
    return (size_t)count + 1;
}

/* The length of the longest prefix that is clean. */
static size_t clean_prefix(struct tb_str str)
{
    const unsigned char *text = (const unsigned char *)str.ptr;
    size_t at = 0;
    for (;;) {
        at += tb_utf8_ascii_prefix(text + at, str.len - at);
        /* Runs of other characters, without going back to the search for ASCII after each. */
        while (at < str.len && text[at] >= 0x80) {
            bool good;
            size_t len = tb_utf8_scan(text + at, str.len - at, &good);
            if (!good)
                return at;
            at += len;
        }
        if (at == str.len || text[at] == '\0')
            return at;
    }
}

bool tb_utf8_is_clean(struct tb_str str)
{
    return str.len == 0 || clean_prefix(str) == str.len;
}

size_t tb_utf8_cut(struct tb_str str, size_t max_bytes)
{
    if (str.len <= max_bytes)
        return str.len;
    while (max_bytes && ((unsigned char)str.ptr[max_bytes] & 0xC0) == 0x80)
        max_bytes--;
    return max_bytes;
}

void tb_utf8_push_clean(struct tb_buf *buf, struct tb_str str)
{
    while (str.len) {
        size_t clean = clean_prefix(str);
        tb_buf_push(buf, str.ptr, clean);
        str.ptr += clean;
        str.len -= clean;
        if (!str.len)
            return;

        bool good;
        size_t bad = tb_utf8_scan((const unsigned char *)str.ptr, str.len, &good);
        assert(!good);
        tb_buf_push_str(buf, TB_STR(TB_UTF8_REPLACEMENT));
        str.ptr += bad;
        str.len -= bad;
    }
}

/* Paths are compared as they were sent, segment by segment, before anything is decoded.
 *
 * Were a path decoded first, "%2F" would become a border between segments and "%00" the end of the text. So
 * only a segment that a pattern leaves open is ever decoded, by whoever knows what may stand in it. Two
 * slashes in a row enclose an empty segment, which matches nothing. */
#include "path.h"

static struct tb_str take_segment(struct tb_str *rest)
{
    const char *slash = rest->len ? memchr(rest->ptr, '/', rest->len) : NULL;
    size_t len = slash ? (size_t)(slash - rest->ptr) : rest->len;
    struct tb_str segment = {rest->ptr, len};
    size_t step = slash ? len + 1 : len;

    *rest = (struct tb_str){rest->ptr + step, rest->len - step};
    return segment;
}

static bool is_open(struct tb_str segment)
{
    return segment.len > 2 && segment.ptr[0] == '{' && segment.ptr[segment.len - 1] == '}';
}

bool tb_path_matches(const char *pattern, struct tb_str path, struct tb_str *segments, size_t count)
{
    struct tb_str wanted = tb_str_of(pattern);
    size_t found = 0;

    if (!path.len || path.ptr[0] != '/')
        return false;
    if (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    if (path.len > 1 && path.ptr[path.len - 1] == '/')
        return false;
    while (wanted.len && path.len) {
        struct tb_str expected = take_segment(&wanted);
        struct tb_str segment = take_segment(&path);
        if (is_open(expected) && segment.len && found < count)
            segments[found++] = segment;
        else if (!tb_str_equal(expected, segment))
            return false;
    }
    return !wanted.len && !path.len;
}

/* -1 for what is no hexadecimal digit. */
static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool tb_path_decode(struct tb_str text, char *buffer, size_t cap, struct tb_str *ret_text)
{
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            int high = i + 2 < text.len ? digit(text.ptr[i + 1]) : -1;
            int low = i + 2 < text.len ? digit(text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (len == cap)
            return false;
        buffer[len++] = c;
    }
    *ret_text = (struct tb_str){buffer, len};
    return true;
}

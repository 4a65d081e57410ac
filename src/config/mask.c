/* Passwords in URLs and libpq's connection strings, replaced by "***".
 *
 * Where a text cannot be told apart with certainty more is hidden rather than less: a password must not be
 * shown because someone forgot to escape an '@' or a quote in it.
 *
 * A URL's password lies between the first ':' of its user part and the last '@' before the query; in the
 * query it is the value of any key that speaks of a password. In key=value words it is the value of such a
 * key, quoted or not. */
#include "taskbridge/config/config.h"

#define MASK TB_STR("***")

static bool is_secret_key(struct tb_str key)
{
    return tb_str_find(key, TB_STR("password")) != SIZE_MAX || memchr(key.ptr, '%', key.len);
}

static struct tb_str behind(struct tb_str text, size_t offset)
{
    return (struct tb_str){text.ptr + offset, text.len - offset};
}

static struct tb_str before(struct tb_str text, size_t offset)
{
    return (struct tb_str){text.ptr, offset};
}

/* Where byte stands in text, or text.len. */
static size_t offset_of(struct tb_str text, char byte)
{
    const char *at = text.len > 0 ? memchr(text.ptr, byte, text.len) : NULL;
    return at ? (size_t)(at - text.ptr) : text.len;
}

/* "user:password@host/path" */
static void push_authority(struct tb_str rest, struct tb_buf *buf)
{
    const char *at = rest.len > 0 ? memrchr(rest.ptr, '@', rest.len) : NULL;
    size_t user_end = at ? (size_t)(at - rest.ptr) : 0;
    size_t colon = offset_of(before(rest, user_end), ':');
    if (colon == user_end) {
        tb_buf_push_str(buf, rest);
        return;
    }
    tb_buf_push_str(buf, before(rest, colon + 1));
    tb_buf_push_str(buf, MASK);
    tb_buf_push_str(buf, behind(rest, user_end));
}

/* "key=value&key=value" */
static void push_query(struct tb_str query, struct tb_buf *buf)
{
    while (query.len > 0) {
        size_t end = offset_of(query, '&');
        struct tb_str pair = before(query, end);
        size_t equals = offset_of(pair, '=');
        if (equals < pair.len && is_secret_key(before(pair, equals))) {
            tb_buf_push_str(buf, before(pair, equals + 1));
            tb_buf_push_str(buf, MASK);
        } else {
            tb_buf_push_str(buf, pair);
        }
        if (end == query.len)
            return;
        tb_buf_push_byte(buf, '&');
        query = behind(query, end + 1);
    }
}

static void push_url(struct tb_str url, size_t scheme_end, struct tb_buf *buf)
{
    struct tb_str rest = behind(url, scheme_end);
    /* A '?' inside a password would end it too early: the query begins after the last '@'. */
    const char *at = rest.len > 0 ? memrchr(rest.ptr, '@', rest.len) : NULL;
    size_t host = at ? (size_t)(at - rest.ptr) : 0;
    size_t query = host + offset_of(behind(rest, host), '?');
    tb_buf_push_str(buf, before(url, scheme_end));
    push_authority(before(rest, query), buf);
    if (query < rest.len) {
        tb_buf_push_byte(buf, '?');
        push_query(behind(rest, query + 1), buf);
    }
}

/* The length of a value as libpq reads it: up to white space, or from quote to quote; '\' escapes. */
static size_t value_len(struct tb_str text)
{
    bool is_quoted = text.len > 0 && text.ptr[0] == '\'';
    for (size_t i = is_quoted; i < text.len; i++) {
        if (text.ptr[i] == '\\')
            i++;
        else if (is_quoted ? text.ptr[i] == '\'' : text.ptr[i] == ' ' || text.ptr[i] == '\t')
            return i + is_quoted;
    }
    return text.len;
}

/* "host=db password='a b' user=x" */
static void push_words(struct tb_str text, struct tb_buf *buf)
{
    while (text.len > 0) {
        size_t equals = offset_of(text, '=');
        tb_buf_push_str(buf, before(text, equals));
        if (equals == text.len)
            return;
        struct tb_str key = tb_str_trim(before(text, equals));
        text = behind(text, equals + 1);
        tb_buf_push_byte(buf, '=');
        struct tb_str value = tb_str_trim(text);
        text = behind(text, value.len > 0 ? (size_t)(value.ptr - text.ptr) : text.len);
        size_t len = value_len(text);
        tb_buf_push_str(buf, is_secret_key(key) ? MASK : before(text, len));
        text = behind(text, len);
    }
}

void tb_config_push_masked(struct tb_str url, struct tb_buf *buf)
{
    size_t scheme = tb_str_find(url, TB_STR("://"));
    if (scheme != SIZE_MAX && offset_of(url, '=') > scheme)
        push_url(url, scheme + 3, buf);
    else
        push_words(url, buf);
}

/* URLs and libpq's connection strings as they may be shown: without a secret, however odd they are.
 *
 * Where a text is not beyond doubt, more is hidden rather than less: somebody forgot to escape an '@', a '/'
 * or a quote, and what stands behind it is a piece of the password. So a URL is shown only where each of its
 * parts holds nothing but the characters of that part; otherwise all of it behind the scheme is "***". In a
 * query and in key=value words, values are shown of keys that are known to be harmless; from a key that
 * nobody knows on, nothing is. A list of URLs (Celery's, parted by ';') is shown if each of them may be. */
#include "taskbridge/config/config.h"

#define MASK TB_STR("***")

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"
#define PLAIN   LETTERS DIGITS "-._~"

/* What may stand unescaped, in a URL's parts and in a value that is shown. */
#define USER_BYTES     PLAIN "%!$&'()*+,=" /* and a password's */
#define HOST_BYTES     PLAIN "%:,[]"
#define PATH_BYTES     PLAIN "%/"
#define VALUE_BYTES    PLAIN "%/,+"
#define SENTENCE_BYTES VALUE_BYTES " \t'"
#define IP_BYTES       DIGITS "abcdefABCDEF.:,"

/* Keys whose values are no secrets: libpq's, and those of the broker's URL. */
static const char *const shown_keys[] = {
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "service",
    "passfile",
    "connect_timeout",
    "connection_timeout",
    "heartbeat",
    "application_name",
    "fallback_application_name",
    "client_encoding",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "target_session_attrs",
    "load_balance_hosts",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslcrl",
    "sslcrldir",
    "sslsni",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "channel_binding",
    "require_auth",
    "requirepeer",
    "gssencmode",
    "krbsrvname",
};

/* Those that are secrets: they are known too, so what stands behind them is still understood. */
static const char *const secret_keys[] = {"password", "sslpassword", "options", "oauth_client_secret"};

static bool is_among(struct tb_str key, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (tb_str_equal(key, tb_str_of(keys[i])))
            return true;
    return false;
}

static bool is_shown(struct tb_str key)
{
    return is_among(key, shown_keys, TB_COUNT(shown_keys));
}

static bool is_secret(struct tb_str key)
{
    return is_among(key, secret_keys, TB_COUNT(secret_keys));
}

static bool consists_of(struct tb_str text, const char *bytes)
{
    for (size_t i = 0; i < text.len; i++)
        if (!text.ptr[i] || !strchr(bytes, text.ptr[i]))
            return false;
    return true;
}

/* Whether a value has nothing in it that a misplaced password brings along. */
static bool is_harmless(struct tb_str key, struct tb_str value, const char *bytes)
{
    return is_shown(key) && (consists_of(value, bytes) || consists_of(value, IP_BYTES));
}

/* Where byte stands in text, or text.len. */
static size_t offset_of(struct tb_str text, char byte)
{
    const char *at = text.len > 0 ? memchr(text.ptr, byte, text.len) : NULL;
    return at ? (size_t)(at - text.ptr) : text.len;
}

/* Splits *rest at the first byte: what stands before it is returned, *rest is what stands behind. */
static struct tb_str take_until(struct tb_str *rest, char byte)
{
    size_t len = offset_of(*rest, byte), taken = len < rest->len ? len + 1 : len;
    struct tb_str part = {rest->ptr, len};
    *rest = (struct tb_str){rest->ptr + taken, rest->len - taken};
    return part;
}

/* ---- URLs ---- */

/* "user:password@host:port,host:port/path": false where a part holds what it can't. */
static bool push_address(struct tb_str rest, struct tb_buf *buf)
{
    if (offset_of(rest, '@') < rest.len) {
        struct tb_str user = take_until(&rest, '@');
        bool has_password = offset_of(user, ':') < user.len;
        struct tb_str name = take_until(&user, ':');
        bool hides_colon =
            tb_str_find(name, TB_STR("%3A")) != SIZE_MAX || tb_str_find(name, TB_STR("%3a")) != SIZE_MAX;
        if (hides_colon || !consists_of(name, USER_BYTES) || !consists_of(user, USER_BYTES))
            return false;
        tb_buf_push_str(buf, name);
        tb_buf_push_str(buf, has_password ? TB_STR(":***@") : TB_STR("@"));
    }
    size_t path = offset_of(rest, '/');
    struct tb_str hosts = {rest.ptr, path};
    if (!consists_of(hosts, HOST_BYTES) ||
        !consists_of((struct tb_str){rest.ptr + path, rest.len - path}, PATH_BYTES))
        return false;
    tb_buf_push_str(buf, rest);
    /* What stands where a port does may be a password without its '@'. */
    while (hosts.len > 0) {
        struct tb_str host = take_until(&hosts, ',');
        const char *colon = memrchr(host.ptr, ':', host.len);
        if (colon &&
            !consists_of((struct tb_str){colon + 1, host.len - (size_t)(colon + 1 - host.ptr)}, DIGITS) &&
            !memchr(colon, ']', host.len - (size_t)(colon - host.ptr)))
            return false;
    }
    return true;
}

/* "key=value&key=value" */
static void push_query(struct tb_str query, struct tb_buf *buf)
{
    for (const char *separator = "?"; query.len > 0; separator = "&") {
        struct tb_str value = take_until(&query, '&');
        bool has_value = offset_of(value, '=') < value.len;
        struct tb_str key = take_until(&value, '=');
        tb_buf_push_str(buf, tb_str_of(separator));
        if (!has_value || (!is_shown(key) && !is_secret(key))) {
            tb_buf_push_str(buf, MASK);
            return;
        }
        tb_buf_push_str(buf, key);
        tb_buf_push_byte(buf, '=');
        tb_buf_push_str(buf, is_harmless(key, value, VALUE_BYTES) ? value : MASK);
    }
}

/* One of a list; false where it is not beyond doubt. */
static bool push_url(struct tb_str url, struct tb_buf *buf)
{
    size_t scheme = tb_str_find(url, TB_STR("://"));
    if (scheme == SIZE_MAX || !consists_of((struct tb_str){url.ptr, scheme}, LETTERS "+"))
        return false;
    struct tb_str rest = {url.ptr + scheme + 3, url.len - scheme - 3};
    struct tb_str query = rest, address = take_until(&query, '?');
    tb_buf_push_str(buf, (struct tb_str){url.ptr, scheme + 3});
    if (!push_address(address, buf))
        return false;
    push_query(query, buf);
    return true;
}

static void push_urls(struct tb_str urls, size_t scheme_end, struct tb_buf *buf)
{
    size_t start = buf->len;
    struct tb_str rest = urls;
    for (const char *separator = ""; rest.len > 0; separator = ";") {
        tb_buf_push_str(buf, tb_str_of(separator));
        if (push_url(take_until(&rest, ';'), buf))
            continue;
        if (buf->failed)
            return;
        tb_buf_truncate(buf, start);
        if (consists_of((struct tb_str){urls.ptr, scheme_end}, LETTERS "+:/"))
            tb_buf_push_str(buf, (struct tb_str){urls.ptr, scheme_end});
        tb_buf_push_str(buf, MASK);
        return;
    }
}

/* ---- words ---- */

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
    for (const char *separator = ""; (text = tb_str_trim(text)).len > 0; separator = " ") {
        bool has_value = offset_of(text, '=') < text.len;
        struct tb_str key = tb_str_trim(take_until(&text, '='));
        tb_buf_push_str(buf, tb_str_of(separator));
        if (!has_value || (!is_shown(key) && !is_secret(key))) {
            tb_buf_push_str(buf, MASK);
            return;
        }
        text = tb_str_trim(text);
        struct tb_str value = {text.ptr, value_len(text)};
        text = (struct tb_str){text.ptr + value.len, text.len - value.len};
        tb_buf_push_str(buf, key);
        tb_buf_push_byte(buf, '=');
        tb_buf_push_str(buf, is_harmless(key, value, SENTENCE_BYTES) ? value : MASK);
    }
}

void tb_config_push_masked(struct tb_str url, struct tb_buf *buf)
{
    size_t scheme = tb_str_find(url, TB_STR("://"));
    if (scheme == SIZE_MAX || offset_of(url, '=') < scheme)
        push_words(url, buf);
    else
        push_urls(url, scheme + 3, buf);
}

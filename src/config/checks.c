/* Whether a text is right for its option, as far as text alone tells.
 *
 * A URL is looked at only so far that a mix-up (a host name without a scheme, the database's URL in the
 * broker's place) is found before anything is connected to; the rest is told by the library that connects. */
#include "checks.h"

#include <arpa/inet.h>

static bool has_rest(struct tb_str text, struct tb_str scheme)
{
    return text.len > scheme.len && tb_str_starts_with(text, scheme);
}

const char *tb_check_amqp_url(struct tb_str text)
{
    /* The last is what Celery's own setting may hold. */
    if (has_rest(text, TB_STR("amqp://")) || has_rest(text, TB_STR("amqps://")) ||
        has_rest(text, TB_STR("pyamqp://")))
        return NULL;
    return "a URL such as amqp://user:password@host:5672/vhost, or one of amqps://";
}

const char *tb_check_database_url(struct tb_str text)
{
    if (tb_str_starts_with(text, TB_STR("postgresql://")) || tb_str_starts_with(text, TB_STR("postgres://")))
        return NULL;
    if (tb_str_find(text, TB_STR("://")) == SIZE_MAX && memchr(text.ptr, '=', text.len))
        return NULL;
    return "a URL such as postgresql://user:password@host:5432/database, or words such as \"host=db "
           "dbname=taskbridge\"";
}

/* In a search_path "$user" stands for whoever logs in, also in quotes; names that begin with pg_ are
 * PostgreSQL's. */
const char *tb_check_schema(struct tb_str text)
{
    if (tb_str_equal(text, TB_STR("$user")) || tb_str_starts_with(text, TB_STR("pg_")) ||
        tb_str_equal(text, TB_STR("information_schema")))
        return "a name that PostgreSQL does not keep for itself";
    return NULL;
}

const char *tb_check_listen(struct tb_str text)
{
    static const char right[] = "an address and a port such as 127.0.0.1:8765, or [::1]:8765";
    size_t colon = text.len;
    while (colon > 0 && text.ptr[colon - 1] != ':')
        colon--;
    if (colon < 2)
        return right;
    struct tb_str host = {text.ptr, colon - 1};
    bool is_bracketed = host.ptr[0] == '[' && host.ptr[host.len - 1] == ']' && host.len > 2;
    int64_t port;
    if (!is_bracketed && memchr(host.ptr, ':', host.len))
        return right;
    if (!tb_str_parse_int64((struct tb_str){text.ptr + colon, text.len - colon}, &port) || port < 0 ||
        port > 65535)
        return right;
    return NULL;
}

const char *tb_check_origin(struct tb_str text)
{
    static const char right[] =
        "an origin without a path, such as https://app.example.com or http://localhost:3000";
    size_t scheme = tb_str_starts_with(text, TB_STR("https://"))  ? 8
                    : tb_str_starts_with(text, TB_STR("http://")) ? 7
                                                                  : text.len;
    if (scheme >= text.len || memchr(text.ptr + scheme, '/', text.len - scheme))
        return right;
    return NULL;
}

const char *tb_check_network(struct tb_str text)
{
    static const char right[] = "an address or a network, such as 10.0.0.1, 10.0.0.0/8 or fd00::/8";
    unsigned char bytes[16];
    char address[64];
    size_t slash = tb_str_find(text, TB_STR("/"));
    size_t len = slash == SIZE_MAX ? text.len : slash;
    int64_t bits = 0;

    if (len >= sizeof(address))
        return right;
    memcpy(address, text.ptr, len);
    address[len] = '\0';
    int64_t most = inet_pton(AF_INET, address, bytes) == 1    ? 32
                   : inet_pton(AF_INET6, address, bytes) == 1 ? 128
                                                              : -1;
    if (most < 0)
        return right;
    if (slash != SIZE_MAX &&
        (!tb_str_parse_int64((struct tb_str){text.ptr + slash + 1, text.len - slash - 1}, &bits) ||
         bits < 0 || bits > most))
        return right;
    return NULL;
}

static bool is_http_url(struct tb_str text)
{
    return has_rest(text, TB_STR("https://")) || has_rest(text, TB_STR("http://"));
}

const char *tb_check_http_url(struct tb_str text)
{
    return text.len == 0 || is_http_url(text) ? NULL : "a URL of https:// or http://";
}

const char *tb_check_forward_url(struct tb_str text)
{
    if (text.len == 0 || (is_http_url(text) && tb_str_find(text, TB_STR("{company_id}")) != SIZE_MAX))
        return NULL;
    return "a URL such as https://app.example.com/api/companies/{company_id}/";
}

/* A secret that can be guessed is none: HS256 wants as many bytes as its hash has. Three asterisks are what
 * is printed in its place; whoever uses them as a secret is told that they are too short. */
const char *tb_check_secret(struct tb_str text)
{
    return text.len == 0 || text.len >= 32 || tb_str_equal(text, TB_STR("***"))
               ? NULL
               : "32 bytes at least, such as `openssl rand -hex 32` prints";
}

const char *tb_check_algorithm(struct tb_str text)
{
    static const char *const algorithms[] = {"HS256", "RS256", "ES256"};
    for (size_t i = 0; i < TB_COUNT(algorithms); i++)
        if (tb_str_equal(text, tb_str_of(algorithms[i])))
            return NULL;
    return "HS256, RS256 or ES256";
}

const char *tb_check_header(struct tb_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_word && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return "a name of letters, digits and hyphens";
    }
    return NULL;
}

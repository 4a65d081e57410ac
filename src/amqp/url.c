/* AMQP URLs: scheme://user:password@host:port/vhost, several with ";" between them.
 *
 * A list is Celery's: the first broker is the one to use, the others are tried in turn when it is not to be
 * had. As there, one without a scheme is a host with all else of the first, and one without a vhost has that
 * of the one before.
 *
 * Read here rather than by rabbitmq-c, which takes no percent-encoded byte above 7F (a password with an ñ)
 * and not what Celery's own setting may hold: "pyamqp://", and an empty vhost or "//" for the vhost "/". The
 * parts are cut before they are decoded, so that an encoded delimiter is none; a raw "@" or "/" in a password
 * is understood where it can't be anything else, and refused where it can: else a piece of the password would
 * be looked up as a host. A query is refused: each of its parameters is an option of its own. */
#include "url.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "taskbridge/base/str.h"

struct scheme {
    const char *name;
    int port;
    bool is_tls;
};

static const struct scheme schemes[] = {
    {"amqp", 5672, false},
    {"amqps", 5671, true},
    {"pyamqp", 5672, false},
};

/* Where the decoded parts go, and what is taken over from the brokers before. */
struct sink {
    char *at;
    const struct tb_amqp_url *first, *former; /* NULL for the first */
};

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

/* Appends part, decoded, with a NUL; NULL when an escape is none or stands for NUL. */
static const char *decode(struct sink *sink, struct tb_str part)
{
    const char *start = sink->at;
    for (size_t i = 0; i < part.len; i++) {
        char byte = part.ptr[i];
        if (byte == '%') {
            int high = i + 2 < part.len ? hex_value(part.ptr[i + 1]) : -1;
            int low = high >= 0 ? hex_value(part.ptr[i + 2]) : -1;
            if (low < 0 || (high == 0 && low == 0))
                return NULL;
            byte = (char)(high * 16 + low);
            i += 2;
        }
        *sink->at++ = byte;
    }
    *sink->at++ = '\0';
    return start;
}

static struct tb_str head(struct tb_str str, size_t len)
{
    return (struct tb_str){str.ptr, len};
}

static struct tb_str tail(struct tb_str str, size_t from)
{
    return (struct tb_str){str.ptr + from, str.len - from};
}

static const char *copy(struct sink *sink, const char *text)
{
    const char *start = sink->at;
    assert(text);
    sink->at = stpcpy(sink->at, text) + 1;
    return start;
}

static int parse_scheme(struct tb_str text, struct tb_amqp_url *url, struct tb_str *ret_rest,
                        struct tb_error *err)
{
    size_t end = tb_str_find(text, TB_STR("://"));
    for (size_t i = 0; end != SIZE_MAX && i < TB_COUNT(schemes); i++) {
        if (!tb_str_equal(head(text, end), tb_str_of(schemes[i].name)))
            continue;
        url->port = schemes[i].port;
        url->is_tls = schemes[i].is_tls;
        *ret_rest = tail(text, end + 3);
        return 0;
    }
    return tb_error_set(err, -EINVAL, "the broker's URL must begin with amqp:// or amqps://");
}

static int parse_login(struct tb_str login, struct tb_amqp_url *url, struct sink *sink, struct tb_error *err)
{
    size_t colon = tb_str_find(login, TB_STR(":"));
    url->user = decode(sink, head(login, colon == SIZE_MAX ? login.len : colon));
    url->password = decode(sink, colon == SIZE_MAX ? TB_STR("guest") : tail(login, colon + 1));
    if (!url->user || !url->password)
        return tb_error_set(
            err, -EINVAL,
            "the broker's URL has a \"%%\" in its user or password that begins no two hexadecimal "
            "digits: write \"%%\" itself as %%25");
    return 0;
}

static int parse_port(struct tb_str text, struct tb_amqp_url *url, struct tb_error *err)
{
    int64_t port;
    if (!tb_str_parse_int64(text, &port) || port < 1 || port > 65535)
        return tb_error_set(
            err, -EINVAL,
            "the broker's URL has a port that is no number from 1 to 65535; a \":\", \"/\" or \"@\" "
            "in the password must be written as %%3A, %%2F, %%40");
    url->port = (int)port;
    return 0;
}

static int parse_place(struct tb_str place, struct tb_amqp_url *url, struct sink *sink, struct tb_error *err)
{
    struct tb_str host, rest;
    if (tb_str_starts_with(place, TB_STR("["))) {
        size_t end = tb_str_find(place, TB_STR("]"));
        if (end == SIZE_MAX)
            return tb_error_set(err, -EINVAL, "the broker's URL has a \"[\" without a \"]\"");
        host = (struct tb_str){place.ptr + 1, end - 1};
        rest = tail(place, end + 1);
    } else {
        size_t colon = tb_str_find(place, TB_STR(":"));
        host = head(place, colon == SIZE_MAX ? place.len : colon);
        rest = tail(place, host.len);
    }
    url->host = decode(sink, host.len ? host : TB_STR("localhost"));
    if (!url->host)
        return tb_error_set(err, -EINVAL, "the broker's URL has a \"%%\" in its host that encodes nothing");
    if (!rest.len)
        return 0;
    if (rest.ptr[0] != ':')
        return tb_error_set(err, -EINVAL, "the broker's URL has something behind the \"]\" that is no port");
    return parse_port(tail(rest, 1), url, err);
}

static int parse_vhost(struct tb_str path, struct tb_amqp_url *url, struct sink *sink, struct tb_error *err)
{
    bool is_absent = path.len == 0 || tb_str_equal(path, TB_STR("/"));
    bool is_default = is_absent || tb_str_equal(path, TB_STR("//"));
    if (is_absent && sink->former)
        url->vhost = copy(sink, sink->former->vhost);
    else
        url->vhost = decode(sink, is_default ? TB_STR("/") : tail(path, 1));
    if (!url->vhost)
        return tb_error_set(err, -EINVAL, "the broker's URL has a \"%%\" in its vhost that encodes nothing");
    return 0;
}

/* The last "@" before the path, or, where there is none, before all: then a raw "/" belongs to the password.
 * Where there is one in both, nobody can tell which is meant. */
static int find_login_end(struct tb_str rest, size_t *ret_end, struct tb_error *err)
{
    assert(rest.ptr);
    size_t slash = tb_str_find(rest, TB_STR("/"));
    struct tb_str place = head(rest, slash == SIZE_MAX ? rest.len : slash);
    const char *in_place = memrchr(place.ptr, '@', place.len), *in_all = memrchr(rest.ptr, '@', rest.len);
    if (in_place && in_all != in_place)
        return tb_error_set(
            err, -EINVAL,
            "the broker's URL has an \"@\" before and one behind a \"/\", so that its host can't "
            "be told: in user, password and vhost write them as %%40, %%2F");
    *ret_end = in_all ? (size_t)(in_all - rest.ptr) : SIZE_MAX;
    return 0;
}

static int parse_url(struct tb_str text, struct tb_amqp_url *url, struct sink *sink, struct tb_error *err)
{
    struct tb_str rest = TB_STR("");
    size_t at = SIZE_MAX;
    int r = parse_scheme(text, url, &rest, err);
    if (r == 0)
        r = find_login_end(rest, &at, err);
    if (r == 0)
        r = parse_login(at == SIZE_MAX ? TB_STR("guest:guest") : head(rest, at), url, sink, err);
    if (r < 0)
        return r;
    if (at != SIZE_MAX)
        rest = tail(rest, at + 1);

    if (tb_str_find(rest, TB_STR("?")) != SIZE_MAX || tb_str_find(rest, TB_STR("#")) != SIZE_MAX)
        return tb_error_set(
            err, -EINVAL,
            "the broker's URL has a \"?\" or \"#\": its parameters are options of their own here "
            "(amqp.heartbeat_s, amqp.tls); within a password write %%3F, %%23");
    size_t slash = tb_str_find(rest, TB_STR("/"));
    size_t end = slash == SIZE_MAX ? rest.len : slash;
    r = parse_place(head(rest, end), url, sink, err);
    return r < 0 ? r : parse_vhost(tail(rest, end), url, sink, err);
}

/* Celery's short form of a broker: a host, with all else of the first. */
static int parse_host(struct tb_str text, struct tb_amqp_url *url, struct sink *sink, struct tb_error *err)
{
    const struct tb_amqp_url *first = sink->first;
    url->is_tls = first->is_tls;
    url->port = first->port;
    url->user = copy(sink, first->user);
    url->password = copy(sink, first->password);
    url->vhost = copy(sink, first->vhost);
    if (memchr(text.ptr, '@', text.len) || memchr(text.ptr, '/', text.len))
        return tb_error_set(err, -EINVAL,
                            "it is neither a URL nor the name of a host: begin it with amqp://; a \";\" in a "
                            "password must be written as %%3B");
    return parse_place(text, url, sink, err);
}

static size_t memory_needed(struct tb_str text, const struct tb_amqp_urls *urls)
{
    /* Decoding never lengthens; the defaults and four NULs come on top, and what is taken over. */
    size_t bytes = text.len + sizeof("guest guest localhost / ");
    for (size_t i = 0; i < urls->count; i++)
        bytes += urls->list[i].memory_bytes;
    return bytes;
}

static int add_url(struct tb_str text, struct tb_amqp_urls *urls, struct tb_error *err)
{
    if (urls->count == TB_AMQP_MAX_BROKERS)
        return tb_error_set(err, -EINVAL, "at most %d brokers are taken", TB_AMQP_MAX_BROKERS);
    struct tb_amqp_url *url = &urls->list[urls->count];
    *url = (struct tb_amqp_url){.memory_bytes = memory_needed(text, urls)};
    url->memory = calloc(1, url->memory_bytes);
    if (!url->memory)
        return tb_error_set_errno(err, -ENOMEM, "reading the broker's URL");
    struct sink sink = {.at = url->memory};
    if (urls->count > 0) {
        sink.first = &urls->list[0];
        sink.former = &urls->list[urls->count - 1];
    }
    urls->count++;
    if (text.len == 0 && sink.first)
        return tb_error_set(err, -EINVAL, "there is none between two \";\" or behind the last");
    bool is_host = sink.first && tb_str_find(text, TB_STR("://")) == SIZE_MAX;
    return is_host ? parse_host(text, url, &sink, err) : parse_url(text, url, &sink, err);
}

int tb_amqp_urls_parse(const char *text, struct tb_amqp_urls *ret_urls, struct tb_error *err)
{
    struct tb_amqp_urls urls = {0};
    struct tb_str rest = tb_str_of(text);
    struct tb_error reason = {0};
    bool is_list = memchr(rest.ptr, ';', rest.len);
    int r = 0;
    for (bool is_last = false; r == 0 && !is_last;) {
        size_t end = tb_str_find(rest, TB_STR(";"));
        is_last = end == SIZE_MAX;
        r = add_url(tb_str_trim(head(rest, is_last ? rest.len : end)), &urls, &reason);
        if (!is_last)
            rest = tail(rest, end + 1);
    }
    if (r == 0) {
        *ret_urls = urls;
        return 0;
    }
    if (is_list)
        tb_error_prefix(&reason, "broker %zu of the list in amqp.url", urls.count);
    tb_amqp_urls_deinit(&urls);
    return tb_error_set(err, r, "%s", reason.text);
}

void tb_amqp_urls_deinit(struct tb_amqp_urls *urls)
{
    for (size_t i = 0; i < urls->count; i++) {
        if (urls->list[i].memory)
            explicit_bzero(urls->list[i].memory, urls->list[i].memory_bytes);
        free(urls->list[i].memory);
    }
    *urls = (struct tb_amqp_urls){0};
}

void tb_amqp_url_push_host(const struct tb_amqp_url *url, struct tb_buf *buf)
{
    bool is_ipv6 = strchr(url->host, ':') != NULL;
    tb_buf_printf(buf, "%s%s%s:%d", is_ipv6 ? "[" : "", url->host, is_ipv6 ? "]" : "", url->port);
}

int tb_amqp_url_usual_port(const struct tb_amqp_url *url)
{
    for (size_t i = 0; i < TB_COUNT(schemes); i++)
        if (schemes[i].is_tls == url->is_tls)
            return schemes[i].port;
    return 0;
}

/* What a request shows of its sender: the header Authorization, a WebSocket's subprotocol, or what the
 * product itself is asked about.
 *
 * A scheme is compared without regard to case; a key is one word of visible ASCII of a bounded length.
 * Whether it is anybody's is decided elsewhere. What is forwarded to the product is what the configuration
 * lists, and of its cookies those that it lists: nothing else of a request leaves. */
#include "credential.h"

#include "taskbridge/base/limits.h"

#include <strings.h>

static const struct scheme {
    const char *name;
    const char *subprotocol; /* what begins one */
    enum tb_credential_kind kind;
    size_t max_bytes;
} schemes[] = {
    {"Token", "token.", TB_CREDENTIAL_TOKEN, TB_TOKEN_KEY_MAX_BYTES},
    {"Bearer", "bearer.", TB_CREDENTIAL_BEARER, TB_JWT_MAX_BYTES},
};

static struct tb_str behind(struct tb_str text, size_t offset)
{
    return (struct tb_str){text.ptr + offset, text.len - offset};
}

/* The first part of *text before separator, which *text loses. */
static struct tb_str pop_part(struct tb_str *text, char separator)
{
    const char *at = memchr(text->ptr, separator, text->len);
    size_t len = at ? (size_t)(at - text->ptr) : text->len;
    struct tb_str part = {text->ptr, len};

    *text = behind(*text, at ? len + 1 : len);
    return tb_str_trim(part);
}

static bool is_name(struct tb_str text, const char *name)
{
    return text.len == strlen(name) && strncasecmp(text.ptr, name, text.len) == 0;
}

static bool is_word(struct tb_str text, size_t max_bytes)
{
    if (!text.len || text.len > max_bytes)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
            return false;
    }
    return true;
}

/* ---- Authorization ---- */

static void read_authorization(struct tb_str value, struct tb_credential *credential)
{
    for (size_t i = 0; i < TB_COUNT(schemes); i++) {
        size_t len = strlen(schemes[i].name);
        if (value.len <= len || !is_name((struct tb_str){value.ptr, len}, schemes[i].name) ||
            (value.ptr[len] != ' ' && value.ptr[len] != '\t'))
            continue;
        struct tb_str text = tb_str_trim(behind(value, len));
        if (is_word(text, schemes[i].max_bytes)) {
            credential->kind = schemes[i].kind;
            credential->text = text;
        }
        return;
    }
}

/* ---- subprotocols ---- */

static bool is_subprotocol(struct tb_str word, const struct scheme *scheme)
{
    size_t len = strlen(scheme->subprotocol);

    return word.len > len && is_name((struct tb_str){word.ptr, len}, scheme->subprotocol) &&
           is_word(behind(word, len), scheme->max_bytes);
}

/* false where there is more than one credential. */
static bool read_subprotocols(struct tb_str value, struct tb_credential *credential)
{
    while (value.len) {
        struct tb_str word = pop_part(&value, ',');
        for (size_t i = 0; i < TB_COUNT(schemes); i++) {
            if (!is_subprotocol(word, &schemes[i]))
                continue;
            if (credential->kind)
                return false;
            credential->kind = schemes[i].kind;
            credential->text = behind(word, strlen(schemes[i].subprotocol));
        }
    }
    return true;
}

/* ---- what is forwarded ---- */

static bool is_listed(struct tb_config_list list, struct tb_str name, bool with_case)
{
    for (size_t i = 0; i < list.count; i++) {
        if (with_case ? tb_str_equal(list.items[i], name) : is_name(name, list.items[i].ptr))
            return true;
    }
    return false;
}

static bool is_forwarded(const struct tb_config *config, struct tb_str name)
{
    if (config->access.forward.headers.count)
        return is_listed(config->access.forward.headers, name, false);
    return is_name(name, "Cookie") || is_name(name, "Authorization");
}

/* "a=1; b=2" with those that are listed, all if none is. */
static bool narrow_cookies(const struct tb_config *config, struct tb_str cookies, struct tb_arena *arena,
                           struct tb_str *ret_narrowed)
{
    struct tb_config_list listed = config->access.forward.cookies;
    struct tb_buf buf;
    bool is_good = true;

    if (!listed.count) {
        *ret_narrowed = cookies;
        return true;
    }
    tb_buf_init(&buf, cookies.len + 1);
    while (cookies.len) {
        struct tb_str cookie = pop_part(&cookies, ';'), rest = cookie;
        if (!is_listed(listed, pop_part(&rest, '='), true))
            continue;
        if (buf.len)
            tb_buf_push_str(&buf, TB_STR("; "));
        tb_buf_push_str(&buf, cookie);
    }
    is_good = !buf.failed && tb_arena_copy(arena, tb_buf_str(&buf), ret_narrowed);
    tb_buf_deinit(&buf);
    return is_good;
}

static bool read_forwarded(const struct tb_head *head, const struct tb_config *config, struct tb_arena *arena,
                           struct tb_credential *credential)
{
    struct tb_field *forwarded = NULL;
    size_t count = 0;

    for (size_t i = 0; i < head->field_count; i++) {
        struct tb_field field = head->fields[i];
        if (!is_forwarded(config, field.name))
            continue;
        if (!forwarded)
            forwarded = tb_arena_calloc(arena, head->field_count - i, sizeof(*forwarded));
        if (!forwarded ||
            (is_name(field.name, "Cookie") && !narrow_cookies(config, field.value, arena, &field.value)))
            return false;
        if (field.value.len)
            forwarded[count++] = field;
    }
    credential->forwarded = forwarded;
    credential->forwarded_count = count;
    return true;
}

/* ---- all together ---- */

int tb_credential_read(const struct tb_head *head, const struct tb_config *config, bool is_websocket,
                       struct tb_arena *arena, struct tb_credential *ret_credential)
{
    struct tb_str authorization = tb_head_find(head, "Authorization");
    struct tb_credential credential = {0};

    if (!tb_str_is_null(authorization))
        read_authorization(tb_str_trim(authorization), &credential);
    for (size_t i = 0; is_websocket && i < head->field_count; i++) {
        if (is_name(head->fields[i].name, "Sec-WebSocket-Protocol") &&
            !read_subprotocols(head->fields[i].value, &credential))
            return TB_CREDENTIAL_TWICE;
    }
    if (config->access.forward.url[0] && !read_forwarded(head, config, arena, &credential))
        return TB_CREDENTIAL_FULL;
    if (!credential.kind && credential.forwarded_count)
        credential.kind = TB_CREDENTIAL_FOREIGN;
    *ret_credential = credential;
    return 0;
}

/* ---- origins ---- */

bool tb_credential_is_strangers(const struct tb_head *head, const struct tb_config *config)
{
    struct tb_str origin = tb_head_find(head, "Origin"), host = tb_head_find(head, "Host");
    size_t at = tb_str_is_null(origin) ? SIZE_MAX : tb_str_find(origin, TB_STR("://"));

    if (tb_str_is_null(origin))
        return false; /* no browser */
    if (is_listed(config->http.cors_origins, origin, true))
        return false;
    if (at == SIZE_MAX || tb_str_is_null(host))
        return true;
    struct tb_str authority = behind(origin, at + 3);
    return authority.len != host.len || strncasecmp(authority.ptr, host.ptr, host.len) != 0;
}

/* JSON, written straight into a buffer.
 *
 * The writer only knows whether a comma is due at each depth; that objects and lists are closed in order is
 * the caller's, asserted. Text from anywhere may be passed: what is not UTF-8 becomes U+FFFD, and every
 * control character is escaped, so that a terminal shows it harmlessly. Numbers do not depend on the locale.
 * Failure to grow stays in the buffer and is asked for once, at the end. */
#include "taskbridge/base/json.h"

#include "taskbridge/base/clock.h"
#include "taskbridge/base/utf8.h"
#include "utf8_scan.h"

#include <assert.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void tb_json_init(struct tb_json *json, struct tb_buf *buf)
{
    *json = (struct tb_json){.buf = buf};
}

/* The comma and the name, as far as they are due. */
static void begin_value(struct tb_json *json, const char *name)
{
    if (json->has_items[json->depth])
        tb_buf_push_byte(json->buf, ',');
    json->has_items[json->depth] = true;
    if (name) {
        tb_json_push_quoted(json->buf, tb_str_of(name));
        tb_buf_push_byte(json->buf, ':');
    }
}

static void begin_nested(struct tb_json *json, const char *name, char open)
{
    begin_value(json, name);
    tb_buf_push_byte(json->buf, open);
    json->depth++;
    assert(json->depth < TB_JSON_DEPTH_MAX);
    json->has_items[json->depth] = false;
}

static void end_nested(struct tb_json *json, char close)
{
    assert(json->depth > 0);
    json->depth--;
    tb_buf_push_byte(json->buf, close);
}

void tb_json_begin_object(struct tb_json *json, const char *name)
{
    begin_nested(json, name, '{');
}

void tb_json_end_object(struct tb_json *json)
{
    end_nested(json, '}');
}

void tb_json_begin_list(struct tb_json *json, const char *name)
{
    begin_nested(json, name, '[');
}

void tb_json_end_list(struct tb_json *json)
{
    end_nested(json, ']');
}

void tb_json_str(struct tb_json *json, const char *name, struct tb_str str)
{
    if (tb_str_is_null(str)) {
        tb_json_null(json, name);
        return;
    }
    begin_value(json, name);
    tb_json_push_quoted(json->buf, str);
}

void tb_json_int(struct tb_json *json, const char *name, int64_t value)
{
    begin_value(json, name);
    tb_buf_printf(json->buf, "%" PRId64, value);
}

void tb_json_double(struct tb_json *json, const char *name, double value)
{
    begin_value(json, name);
    tb_json_push_double(json->buf, value);
}

void tb_json_bool(struct tb_json *json, const char *name, bool value)
{
    tb_json_raw(json, name, value ? TB_STR("true") : TB_STR("false"));
}

void tb_json_null(struct tb_json *json, const char *name)
{
    tb_json_raw(json, name, TB_STR("null"));
}

void tb_json_raw(struct tb_json *json, const char *name, struct tb_str text)
{
    begin_value(json, name);
    tb_buf_push_str(json->buf, text);
}

void tb_json_stamp(struct tb_json *json, const char *name, int64_t stamp_us)
{
    if (stamp_us == TB_STAMP_NONE) {
        tb_json_null(json, name);
        return;
    }
    char text[TB_STAMP_TEXT_BYTES];
    size_t len = tb_stamp_format(stamp_us, text);
    tb_json_str(json, name, (struct tb_str){text, len});
}

void tb_json_push_double(struct tb_buf *buf, double value)
{
    if (!isfinite(value)) {
        tb_buf_push_str(buf, TB_STR("null"));
        return;
    }
    /* glibc answers with its built-in "C" locale: nothing is allocated. */
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t previous = uselocale(c_locale);
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    uselocale(previous);
    if (c_locale)
        freelocale(c_locale);
    tb_buf_push_str(buf, tb_str_of(text));
}

static void push_escape(struct tb_buf *buf, unsigned char byte)
{
    static const char letters[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\'};
    if (byte < sizeof(letters) && letters[byte]) {
        tb_buf_push_byte(buf, '\\');
        tb_buf_push_byte(buf, letters[byte]);
    } else {
        tb_buf_printf(buf, "\\u%04x", byte);
    }
}

/* The length of the prefix that stands in a JSON string as it is and is one byte a character. */
static size_t plain_prefix(const unsigned char *text, size_t len)
{
    size_t at = 0;
    while (at < len && text[at] >= 0x20 && text[at] < 0x7F && text[at] != '"' && text[at] != '\\')
        at++;
    return at;
}

/* Pushes what begins at text and is not plain; returns its length. */
static size_t push_special(struct tb_buf *buf, const unsigned char *text, size_t len)
{
    bool good;
    size_t taken = tb_utf8_scan(text, len, &good);
    if (!good)
        tb_buf_push_str(buf, TB_STR(TB_UTF8_REPLACEMENT));
    else if (taken == 1)
        push_escape(buf, text[0]);
    else if (text[0] == 0xC2 && text[1] < 0xA0) /* U+0080 to U+009F are control characters too */
        push_escape(buf, text[1]);
    else
        tb_buf_push(buf, text, taken);
    return taken;
}

void tb_json_push_quoted(struct tb_buf *buf, struct tb_str str)
{
    const unsigned char *text = (const unsigned char *)str.ptr;
    tb_buf_push_byte(buf, '"');
    for (size_t at = 0; at < str.len;) {
        size_t plain = plain_prefix(text + at, str.len - at);
        tb_buf_push(buf, text + at, plain);
        at += plain;
        if (at < str.len)
            at += push_special(buf, text + at, str.len - at);
    }
    tb_buf_push_byte(buf, '"');
}

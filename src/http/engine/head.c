/* A request's head is HTTP as RFC 9112 has it, or it is refused.
 *
 * Whatever two parties could read differently is no request here: bare LF, NUL, folded lines, white space
 * before the colon, two lengths, a length beside an encoding, two hosts, two credentials. So no proxy in
 * front and this server can ever disagree about where a request ends or whose it is. Texts are borrowed from
 * the bytes; nothing is decoded and nothing is changed. */
#include "head.h"

#include <stdint.h>
#include <strings.h>

#define LINE_END TB_STR("\r\n")

/* ---- bytes ---- */

static bool is_token_byte(char c)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr(marks, c));
}

static bool is_token(struct tb_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_token_byte(text.ptr[i]))
            return false;
    }
    return text.len > 0;
}

static bool is_visible(struct tb_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
            return false;
    }
    return text.len > 0;
}

static bool is_value(struct tb_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static struct tb_str trim_blanks(struct tb_str text)
{
    while (text.len && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = (struct tb_str){text.ptr + 1, text.len - 1};
    while (text.len && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

static bool has_name(struct tb_str name, const char *wanted)
{
    return name.len == strlen(wanted) && strncasecmp(name.ptr, wanted, name.len) == 0;
}

/* Takes what stands before the mark, and the mark, from the front of rest; false without one. */
static bool take_until(struct tb_str *rest, struct tb_str mark, struct tb_str *ret_part)
{
    size_t at = tb_str_find(*rest, mark);

    if (at == SIZE_MAX)
        return false;
    *ret_part = (struct tb_str){rest->ptr, at};
    *rest = (struct tb_str){rest->ptr + at + mark.len, rest->len - at - mark.len};
    return true;
}

static int malformed(const char **ret_wrong, const char *wrong)
{
    *ret_wrong = wrong;
    return TB_HEAD_MALFORMED;
}

/* ---- the request's line ---- */

/* "/path?query", what a proxy is sent ("http://host/path"), or OPTIONS' "*". */
static bool split_target(struct tb_head *head)
{
    struct tb_str rest = head->target, before;

    if (tb_str_equal(rest, TB_STR("*"))) {
        head->path = rest;
        return tb_str_equal(head->method, TB_STR("OPTIONS"));
    }
    if (rest.len > 7 && strncasecmp(rest.ptr, "http://", 7) == 0) {
        rest = (struct tb_str){rest.ptr + 7, rest.len - 7};
        size_t slash = tb_str_find(rest, TB_STR("/"));
        if (slash == SIZE_MAX || slash == 0)
            return false;
        rest = (struct tb_str){rest.ptr + slash, rest.len - slash};
    }
    if (!rest.len || rest.ptr[0] != '/' || tb_str_find(rest, TB_STR("#")) != SIZE_MAX)
        return false;
    head->path = rest;
    if (take_until(&rest, TB_STR("?"), &before)) {
        head->path = before;
        head->query = rest;
    }
    return true;
}

static int parse_version(struct tb_str version, struct tb_head *head, const char **ret_wrong)
{
    if (version.len != 8 || !tb_str_starts_with(version, TB_STR("HTTP/")) || version.ptr[6] != '.')
        return malformed(ret_wrong, "The first line does not end in HTTP/1.1.");
    if (version.ptr[5] != '1' || (version.ptr[7] != '0' && version.ptr[7] != '1'))
        return TB_HEAD_VERSION;
    head->is_1_0 = version.ptr[7] == '0';
    head->wants_close = head->is_1_0;
    return 0;
}

static int parse_line(struct tb_str line, struct tb_head *head, const char **ret_wrong)
{
    if (!take_until(&line, TB_STR(" "), &head->method) || !is_token(head->method))
        return malformed(ret_wrong, "The first line does not begin with a method and a space.");
    if (!take_until(&line, TB_STR(" "), &head->target) || !is_visible(head->target))
        return malformed(ret_wrong, "The address is not visible ASCII between two spaces.");
    int r = parse_version(line, head, ret_wrong);
    if (r)
        return r;
    return split_target(head) ? 0 : malformed(ret_wrong, "The address does not begin with a slash.");
}

/* ---- the fields ---- */

static int parse_field(struct tb_str line, struct tb_head *head, const char **ret_wrong)
{
    struct tb_field field;

    if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
        return malformed(ret_wrong, "A header goes on in a second line.");
    if (!take_until(&line, TB_STR(":"), &field.name) || !is_token(field.name))
        return malformed(ret_wrong, "A header is not a name, a colon and a value.");
    field.value = trim_blanks(line);
    if (!is_value(field.value))
        return malformed(ret_wrong, "A header's value has a control character in it.");
    if (head->field_count == TB_HEAD_FIELDS_MAX)
        return TB_HEAD_TOO_LONG;
    head->fields[head->field_count++] = field;
    return 0;
}

struct tb_str tb_head_find(const struct tb_head *head, const char *name)
{
    for (size_t i = 0; i < head->field_count; i++) {
        if (has_name(head->fields[i].name, name))
            return head->fields[i].value;
    }
    return TB_STR_NULL;
}

static size_t count(const struct tb_head *head, const char *name)
{
    size_t found = 0;

    for (size_t i = 0; i < head->field_count; i++)
        found += has_name(head->fields[i].name, name);
    return found;
}

static bool parse_length(struct tb_str text, size_t *ret_bytes)
{
    size_t bytes = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        if (bytes != SIZE_MAX && (__builtin_mul_overflow(bytes, (size_t)10, &bytes) ||
                                  __builtin_add_overflow(bytes, (size_t)(text.ptr[i] - '0'), &bytes)))
            bytes = SIZE_MAX;
    }
    *ret_bytes = bytes;
    return text.len > 0;
}

static int measure_body(struct tb_head *head, const char **ret_wrong)
{
    struct tb_str length = tb_head_find(head, "Content-Length");
    struct tb_str encoding = tb_head_find(head, "Transfer-Encoding");

    if (!tb_str_is_null(encoding)) {
        if (!tb_str_is_null(length) || head->is_1_0 || !has_name(encoding, "chunked"))
            return malformed(ret_wrong, "Where the body ends cannot be told from Transfer-Encoding.");
        head->content_bytes = SIZE_MAX;
        return 0;
    }
    if (!tb_str_is_null(length) && !parse_length(length, &head->content_bytes))
        return malformed(ret_wrong, "Content-Length is not a number.");
    return 0;
}

static void read_connection(struct tb_head *head)
{
    struct tb_str rest = tb_head_find(head, "Connection"), word;

    while (rest.len) {
        if (!take_until(&rest, TB_STR(","), &word)) {
            word = rest;
            rest.len = 0;
        }
        word = trim_blanks(word);
        if (has_name(word, "close"))
            head->wants_close = true;
        else if (has_name(word, "keep-alive") && head->is_1_0)
            head->wants_close = false;
    }
}

static int check_fields(struct tb_head *head, const char **ret_wrong)
{
    static const char *const once[] = {"Host", "Content-Length", "Transfer-Encoding", "Authorization"};
    static const char *const words[] = {
        "There are two Host headers.", "There are two Content-Length headers.",
        "There are two Transfer-Encoding headers.", "There are two Authorization headers."};

    for (size_t i = 0; i < TB_COUNT(once); i++) {
        if (count(head, once[i]) > 1)
            return malformed(ret_wrong, words[i]);
    }
    if (!head->is_1_0 && !tb_head_find(head, "Host").ptr)
        return malformed(ret_wrong, "There is no Host header.");
    read_connection(head);
    return measure_body(head, ret_wrong);
}

/* ---- the whole ---- */

/* A line feed ends a line only behind a carriage return, which stands nowhere else; a NUL stands nowhere. */
static bool has_stray(struct tb_str bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.ptr[i];
        bool is_last = i + 1 == bytes.len;
        if (c == '\0' || (c == '\n' && (i == 0 || bytes.ptr[i - 1] != '\r')) ||
            (c == '\r' && !is_last && bytes.ptr[i + 1] != '\n'))
            return true;
    }
    return false;
}

int tb_head_parse(struct tb_str bytes, struct tb_head *ret_head, const char **ret_wrong)
{
    struct tb_str rest = bytes, line;
    size_t end = tb_str_find(bytes, TB_STR("\r\n\r\n"));
    int r = 0;

    *ret_head = (struct tb_head){.len = 0};
    if (has_stray((struct tb_str){bytes.ptr, end == SIZE_MAX ? bytes.len : end + 4}))
        return malformed(ret_wrong, "Lines do not end in CR and LF, or there is a NUL.");
    if (tb_str_starts_with(rest, LINE_END)) /* one empty line before a request is borne: RFC 9112, 2.2 */
        rest = (struct tb_str){rest.ptr + 2, rest.len - 2};
    if (!take_until(&rest, LINE_END, &line))
        return TB_HEAD_UNFINISHED;
    r = parse_line(line, ret_head, ret_wrong);
    while (r == 0) {
        if (!take_until(&rest, LINE_END, &line))
            return TB_HEAD_UNFINISHED;
        if (!line.len)
            break;
        r = parse_field(line, ret_head, ret_wrong);
    }
    if (r)
        return r;
    ret_head->len = (size_t)(rest.ptr - bytes.ptr);
    return check_fields(ret_head, ret_wrong);
}

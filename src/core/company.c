/* A company's id in its one spelling.
 *
 * Isolation compares text, so 73, "073" and "+73" are one company, and so is a UUID in capitals. What is not
 * wholly an id of the configured format is none: a wrong one would show a task to a stranger. */
#include "taskbridge/core/company.h"

#include "uuid_text.h"

#include <errno.h>
#include <stdio.h>

#define INT64_TEXT_BYTES 24

static int copy(struct tb_arena *arena, const char *text, size_t len, struct tb_str *ret_copy)
{
    return tb_arena_copy(arena, (struct tb_str){text, len}, ret_copy) ? 0 : -ENOMEM;
}

static int parse_number(struct tb_str text, struct tb_arena *arena, struct tb_str *ret_company)
{
    char digits[INT64_TEXT_BYTES];
    int64_t value;

    if (!tb_str_parse_int64(text, &value))
        return 0;
    int len = snprintf(digits, sizeof(digits), "%lld", (long long)value);
    /* Nearly always it was written so already. */
    if (tb_str_equal(text, (struct tb_str){digits, (size_t)len})) {
        *ret_company = text;
        return 0;
    }
    return copy(arena, digits, (size_t)len, ret_company);
}

static int parse_uuid(struct tb_str text, struct tb_arena *arena, struct tb_str *ret_company)
{
    char uuid[TB_UUID_LEN];

    return tb_uuid_parse(text, uuid) ? copy(arena, uuid, sizeof(uuid), ret_company) : 0;
}

/* What stands in an address as it is, beginning with a letter or a digit. */
static bool is_slug(struct tb_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        bool is_plain =
            (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        if (!is_plain && (i == 0 || !memchr("-._~", byte, 4)))
            return false;
    }
    return text.len > 0 && text.len <= TB_COMPANY_MAX_BYTES;
}

int tb_company_parse(enum tb_company_format format, struct tb_str text, struct tb_arena *arena,
                     struct tb_str *ret_company)
{
    *ret_company = TB_STR_NULL;
    switch (format) {
    case TB_COMPANY_NUMBER:
        return parse_number(text, arena, ret_company);
    case TB_COMPANY_UUID:
        return parse_uuid(text, arena, ret_company);
    case TB_COMPANY_SLUG:
        if (is_slug(text))
            *ret_company = text;
        break;
    }
    return 0;
}

int tb_company_parse_exact(enum tb_company_format format, struct tb_str text, struct tb_arena *arena,
                           struct tb_str *ret_company)
{
    int r = tb_company_parse(format, text, arena, ret_company);

    if (!r && format == TB_COMPANY_NUMBER && !tb_str_equal(text, *ret_company))
        *ret_company = TB_STR_NULL;
    return r;
}

const char *tb_company_format_words(enum tb_company_format format)
{
    static const char *const words[] = {[TB_COMPANY_NUMBER] = "a number",
                                        [TB_COMPANY_UUID] = "a UUID",
                                        [TB_COMPANY_SLUG] = "a slug of letters, digits and - . _ ~"};
    return words[format];
}

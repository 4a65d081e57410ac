/* Parameters are decoded, checked and kept by the table of their route, so that no handler reads a query.
 *
 * Several values are given by naming a parameter again or by commas. A value that is wrong is refused in the
 * words of the table, also where names that nobody knows are borne. */
#include "parameters.h"

#include "engine/path.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/base/utf8.h"

#include <stdio.h>

#define ARENA_MAX_BYTES (4 * TB_HTTP_CONNECTION_BYTES)
#define SHOWN_BYTES     128

/* ---- what is wrong ---- */

static bool complain(struct tb_parameters *parameters, const char *complaint, struct tb_str name)
{
    struct tb_buf clean;
    struct tb_str shown;

    tb_buf_init(&clean, 4 * SHOWN_BYTES);
    tb_utf8_push_clean(&clean, (struct tb_str){name.ptr, name.len < SHOWN_BYTES ? name.len : SHOWN_BYTES});
    parameters->complaint = complaint;
    parameters->parameter = tb_arena_copy(&parameters->arena, tb_buf_str(&clean), &shown) ? shown.ptr : "";
    tb_buf_deinit(&clean);
    return false;
}

static bool complain_of_value(struct tb_parameters *parameters, const struct tb_parameter *entry)
{
    char text[512];
    int len = 0;
    struct tb_str kept;

    switch (entry->kind) {
    case TB_PARAMETER_CHOICES:
        len = snprintf(text, sizeof(text), "It is one of");
        for (size_t i = 0; entry->choices[i] && len < (int)sizeof(text) - 64; i++)
            len += snprintf(text + len, sizeof(text) - (size_t)len, "%s %s", i ? "," : "", entry->choices[i]);
        break;
    case TB_PARAMETER_TEXTS:
        len =
            snprintf(text, sizeof(text), "It has 1 to 255 characters, and at most %d values", TB_VALUES_MAX);
        break;
    case TB_PARAMETER_STAMP:
        len = snprintf(text, sizeof(text), "It is a moment such as 2024-01-01T10:00:00Z");
        break;
    case TB_PARAMETER_NUMBER:
        len = snprintf(text, sizeof(text), "It is a number from %lld to %lld", (long long)entry->min,
                       (long long)entry->max);
        break;
    case TB_PARAMETER_CURSOR:
        len = snprintf(text, sizeof(text), "It is what next_cursor was in a document");
        break;
    }
    text[len++] = '.';
    if (!tb_arena_copy(&parameters->arena, (struct tb_str){text, (size_t)len}, &kept))
        kept.ptr = "It is wrong.";
    return complain(parameters, kept.ptr, tb_str_of(entry->name));
}

/* ---- values ---- */

static bool is_choice(const struct tb_parameter *entry, struct tb_str value)
{
    for (size_t i = 0; entry->choices[i]; i++) {
        if (tb_str_equal(tb_str_of(entry->choices[i]), value))
            return true;
    }
    return false;
}

static bool add_text(struct tb_parameters *parameters, struct tb_parameter_value *value, struct tb_str text)
{
    struct tb_str *texts = tb_arena_alloc(&parameters->arena, (value->count + 1) * sizeof(*texts));

    if (!texts)
        return false;
    if (value->count)
        memcpy(texts, value->texts, value->count * sizeof(*texts));
    texts[value->count++] = text;
    value->texts = texts;
    return true;
}

static bool take_texts(struct tb_parameters *parameters, const struct tb_parameter *entry,
                       struct tb_parameter_value *value, struct tb_str list)
{
    while (list.ptr) {
        size_t comma = tb_str_find(list, TB_STR(","));
        struct tb_str item = {list.ptr, comma == SIZE_MAX ? list.len : comma};
        list = comma == SIZE_MAX ? TB_STR_NULL : (struct tb_str){list.ptr + comma + 1, list.len - comma - 1};
        bool is_good = entry->kind == TB_PARAMETER_CHOICES ? is_choice(entry, item)
                                                           : item.len > 0 && item.len <= 4 * 255;
        if (!is_good || value->count == TB_VALUES_MAX || !add_text(parameters, value, item))
            return complain_of_value(parameters, entry);
    }
    return true;
}

static bool take_cursor(struct tb_parameter_value *value, struct tb_str text)
{
    size_t dash = tb_str_find(text, TB_STR("-"));

    return dash != SIZE_MAX && tb_str_parse_int64((struct tb_str){text.ptr, dash}, &value->number) &&
           tb_str_parse_int64((struct tb_str){text.ptr + dash + 1, text.len - dash - 1}, &value->second) &&
           value->number >= TB_STAMP_MIN && value->number <= TB_STAMP_MAX && value->second >= 0;
}

static bool take_value(struct tb_parameters *parameters, const struct tb_parameter *entry,
                       struct tb_parameter_value *value, struct tb_str text)
{
    bool is_good = true;

    value->is_given = true;
    switch (entry->kind) {
    case TB_PARAMETER_CHOICES:
    case TB_PARAMETER_TEXTS:
        return take_texts(parameters, entry, value, text);
    case TB_PARAMETER_STAMP:
        is_good = tb_stamp_parse(text, &value->number) && value->number >= TB_STAMP_MIN &&
                  value->number <= TB_STAMP_MAX;
        break;
    case TB_PARAMETER_NUMBER:
        is_good = tb_str_parse_int64(text, &value->number) && value->number >= entry->min &&
                  value->number <= entry->max;
        break;
    case TB_PARAMETER_CURSOR:
        is_good = take_cursor(value, text);
        break;
    }
    return is_good || complain_of_value(parameters, entry);
}

/* ---- the query ---- */

/* Decodes "%41" and "+"; false for what is no encoding, or no clean text. */
static bool decode(struct tb_parameters *parameters, struct tb_str text, struct tb_str *ret_text)
{
    char *spaced = tb_arena_alloc(&parameters->arena, text.len + 1);
    char *buffer = tb_arena_alloc(&parameters->arena, text.len + 1);

    if (!spaced || !buffer)
        return false;
    for (size_t i = 0; i < text.len; i++)
        spaced[i] = text.ptr[i] == '+' ? ' ' : text.ptr[i];
    return tb_path_decode((struct tb_str){spaced, text.len}, buffer, text.len + 1, ret_text);
}

static bool take_pair(struct tb_parameters *parameters, const struct tb_parameter *table, bool takes_unknown,
                      struct tb_str pair)
{
    size_t equals = tb_str_find(pair, TB_STR("="));
    struct tb_str raw_name = {pair.ptr, equals == SIZE_MAX ? pair.len : equals}, name, value = TB_STR("");
    bool is_decoded = decode(parameters, raw_name, &name);

    if (!is_decoded)
        name = raw_name;
    for (size_t i = 0; table && table[i].name; i++) {
        if (!tb_str_equal(tb_str_of(table[i].name), name))
            continue;
        struct tb_str raw =
            equals == SIZE_MAX ? TB_STR("") : (struct tb_str){pair.ptr + equals + 1, pair.len - equals - 1};
        if (!decode(parameters, raw, &value) || !tb_utf8_is_clean(value))
            return complain_of_value(parameters, &table[i]);
        return take_value(parameters, &table[i], &parameters->values[i], value);
    }
    return takes_unknown || complain(parameters, "This address has no such parameter.", name);
}

bool tb_parameters_parse(struct tb_parameters *parameters, const struct tb_parameter *table,
                         bool takes_unknown, struct tb_str query)
{
    struct tb_str rest = query;

    tb_arena_init(&parameters->arena, ARENA_MAX_BYTES);
    while (rest.len) {
        size_t end = tb_str_find(rest, TB_STR("&"));
        struct tb_str pair = {rest.ptr, end == SIZE_MAX ? rest.len : end};
        size_t step = end == SIZE_MAX ? rest.len : end + 1;
        rest = (struct tb_str){rest.ptr + step, rest.len - step};
        if (pair.len && !take_pair(parameters, table, takes_unknown, pair))
            return false;
    }
    return true;
}

void tb_parameters_deinit(struct tb_parameters *parameters)
{
    tb_arena_deinit(&parameters->arena);
}

/* A YAML text as libyaml's events, with their place in the file.
 *
 * What a configuration has no use for and what would let a small file mean a large one is refused here, for
 * all: anchors, aliases, tags, several documents. Nesting needs no counter: each level is asked for by the
 * table of options, and the first value that is deeper than the table is an error.
 *
 * An error's text begins with FILE:LINE:COLUMN: and the option's path. Columns count characters, from 1. */
#include "reader.h"

#include "taskbridge/base/limits.h"
#include "value.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int tb_reader_init(struct tb_reader *reader, struct tb_str text, const char *name, struct tb_config *config,
                   struct tb_error *err)
{
    *reader = (struct tb_reader){.name = name, .text = text, .config = config, .err = err};
    if (!yaml_parser_initialize(&reader->parser))
        return tb_error_set_errno(err, -ENOMEM, "reading %s", name);
    yaml_parser_set_input_string(&reader->parser, (const unsigned char *)text.ptr, text.len);
    return 0;
}

void tb_reader_deinit(struct tb_reader *reader)
{
    if (reader->has_event)
        yaml_event_delete(&reader->event);
    yaml_parser_delete(&reader->parser);
    *reader = (struct tb_reader){0};
}

/* Whether line, from 1, is indented with a tab: the most frequent slip, and libyaml's words do not tell. */
static bool begins_with_tab(struct tb_str text, size_t line)
{
    size_t at = 0;
    for (; line > 1 && at < text.len; at++)
        line -= text.ptr[at] == '\n';
    while (at < text.len && text.ptr[at] == ' ')
        at++;
    return at < text.len && text.ptr[at] == '\t';
}

/* What libyaml could not read, and where. */
static int syntax_error(struct tb_reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    if (parser->error == YAML_MEMORY_ERROR)
        return tb_error_set_errno(reader->err, -ENOMEM, "reading %s", reader->name);

    size_t line = parser->problem_mark.line + 1, column = parser->problem_mark.column + 1;
    if (parser->error == YAML_READER_ERROR) {
        line = column = 1;
        for (size_t i = 0; i < parser->problem_offset && i < reader->text.len; i++) {
            column = reader->text.ptr[i] == '\n' ? 1 : column + 1;
            line += reader->text.ptr[i] == '\n';
        }
    }
    if (reader->err && !reader->err->code) {
        reader->err->line = (int)line;
        reader->err->column = (int)column;
    }
    const char *problem =
        begins_with_tab(reader->text, line) ? "indent with spaces, not with tabs" : parser->problem;
    return tb_error_set(reader->err, TB_CONFIG_WRONG, "%s:%zu:%zu: this is not YAML: %s", reader->name, line,
                        column, problem ? problem : "it cannot be read");
}

static int refuse_unused(struct tb_reader *reader)
{
    const yaml_event_t *event = &reader->event;
    if (event->type == YAML_ALIAS_EVENT)
        return tb_reader_wrong(reader, "aliases (*name) are not used here; write the value out");
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor)
        return tb_reader_wrong(reader, "anchors (&name) are not used here; write the value out");
    if (tag)
        return tb_reader_wrong(reader, "tags (!name) are not used here; remove it");
    return 0;
}

int tb_reader_next(struct tb_reader *reader)
{
    if (reader->has_event)
        yaml_event_delete(&reader->event);
    reader->has_event = false;
    if (!yaml_parser_parse(&reader->parser, &reader->event)) {
        reader->is_damaged = true;
        return syntax_error(reader);
    }
    reader->has_event = true;
    reader->event_count++;
    reader->depth +=
        tb_reader_at(reader, YAML_MAPPING_START_EVENT) || tb_reader_at(reader, YAML_SEQUENCE_START_EVENT);
    reader->depth -=
        tb_reader_at(reader, YAML_MAPPING_END_EVENT) || tb_reader_at(reader, YAML_SEQUENCE_END_EVENT);
    return refuse_unused(reader);
}

static size_t grow_path(struct tb_reader *reader, const char *format, ...) TB_PRINTF(2, 3);

/* A path that does not fit is cut: it names nothing that exists. Returns the length before. */
static size_t grow_path(struct tb_reader *reader, const char *format, ...)
{
    size_t before = reader->path_len, room = sizeof(reader->path) - before;
    va_list args;
    va_start(args, format);
    int added = vsnprintf(reader->path + before, room, format, args);
    va_end(args);
    reader->path_len += added < 0 ? 0 : (size_t)added < room ? (size_t)added : room - 1;
    return before;
}

size_t tb_reader_enter(struct tb_reader *reader, struct tb_str name)
{
    return grow_path(reader, "%s%s", reader->path_len > 0 ? "." : "", tb_shown(name).text);
}

size_t tb_reader_enter_index(struct tb_reader *reader, size_t index)
{
    return grow_path(reader, "[%zu]", index);
}

void tb_reader_leave(struct tb_reader *reader, size_t path_len)
{
    reader->path_len = path_len;
    reader->path[path_len] = '\0';
}

int tb_reader_place(struct tb_reader *reader, int outcome)
{
    struct tb_error *err = reader->err;
    size_t line = reader->event.start_mark.line + 1, column = reader->event.start_mark.column + 1;
    if (!err || outcome <= 0)
        return outcome;
    err->line = (int)line;
    err->column = (int)column;
    if (reader->path_len > 0)
        tb_error_prefix(err, "%s", reader->path);
    tb_error_prefix(err, "%s:%zu:%zu", reader->name, line, column);
    return outcome;
}

int tb_reader_wrong(struct tb_reader *reader, const char *format, ...)
{
    char text[TB_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    tb_reader_place(reader, tb_error_set(reader->err, TB_CONFIG_WRONG, "%s", text));
    return TB_CONFIG_WRONG;
}

/* The first error is the caller's; the texts of the others are lines of their own. */
static void note_wrong(struct tb_reader *reader)
{
    struct tb_buf *further = reader->config->state->further;
    if (reader->is_wrong)
        tb_buf_printf(further, "%s\n", reader->further.text);
    tb_error_clear(&reader->further);
    reader->is_wrong = true;
    reader->err = &reader->further;
}

int tb_reader_go_on(struct tb_reader *reader, int outcome, size_t key, size_t depth)
{
    if (outcome != TB_CONFIG_WRONG || !reader->config->state->further || reader->is_damaged)
        return outcome;
    note_wrong(reader);
    while (reader->event_count == key || reader->depth > depth) {
        int r = tb_reader_next(reader);
        if (r < 0 || reader->is_damaged)
            return r;
    }
    tb_error_clear(&reader->further);
    return 0;
}

int tb_reader_no_memory(struct tb_reader *reader)
{
    tb_error_set_errno(reader->err, -ENOMEM, "keeping the configuration");
    return -ENOMEM;
}

struct tb_str tb_reader_scalar(const struct tb_reader *reader)
{
    return (struct tb_str){(const char *)reader->event.data.scalar.value, reader->event.data.scalar.length};
}

bool tb_reader_is_null(const struct tb_reader *reader)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    if (reader->event.type != YAML_SCALAR_EVENT || reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    for (size_t i = 0; i < TB_COUNT(nulls); i++)
        if (tb_str_equal(tb_reader_scalar(reader), tb_str_of(nulls[i])))
            return true;
    return false;
}

int tb_reader_keep(struct tb_reader *reader, struct tb_str *ret_text)
{
    if (tb_arena_copy(&reader->config->state->arena, tb_reader_scalar(reader), ret_text))
        return 0;
    return tb_reader_no_memory(reader);
}

int tb_reader_key(struct tb_reader *reader, struct tb_keys *keys, struct tb_str *ret_key)
{
    if (reader->event.type != YAML_SCALAR_EVENT)
        return tb_reader_wrong(reader, "the name of an option is expected here");
    struct tb_str key = tb_reader_scalar(reader);
    for (size_t i = 0; i < keys->count; i++)
        if (tb_str_equal(keys->names[i], key)) {
            tb_reader_enter(reader, key);
            return tb_reader_wrong(reader, "this stands in line %zu already; remove one of the two",
                                   keys->lines[i]);
        }
    if (keys->count == TB_KEYS_MAX)
        return tb_reader_wrong(reader, "more than %d names in one section", TB_KEYS_MAX);
    int outcome = tb_reader_keep(reader, ret_key);
    if (outcome)
        return outcome;
    keys->names[keys->count] = *ret_key;
    keys->lines[keys->count++] = reader->event.start_mark.line + 1;
    return 0;
}

struct item {
    struct item *next;
    struct tb_str text;
};

/* The current event as the next item of a list. */
static int read_item(struct tb_reader *reader, const struct tb_option *option, struct item **ret_item)
{
    if (!tb_reader_at(reader, YAML_SCALAR_EVENT) || tb_reader_is_null(reader))
        return tb_reader_wrong(reader, "one text is expected for each item of the list");
    int outcome = tb_reader_place(reader, tb_value_check_text(option, tb_reader_scalar(reader), reader->err));
    if (outcome)
        return outcome;
    *ret_item = tb_arena_calloc(&reader->config->state->arena, 1, sizeof(**ret_item));
    if (!*ret_item)
        return tb_reader_no_memory(reader);
    return tb_reader_keep(reader, &(*ret_item)->text);
}

static int keep_list(struct tb_reader *reader, const struct item *first, size_t count,
                     struct tb_config_list *ret_list)
{
    struct tb_str *items = tb_arena_calloc(&reader->config->state->arena, count, sizeof(*items));
    if (!items)
        return tb_reader_no_memory(reader);
    size_t at = 0;
    for (const struct item *item = first; item; item = item->next)
        items[at++] = item->text;
    *ret_list = (struct tb_config_list){items, count};
    return 0;
}

int tb_reader_list(struct tb_reader *reader, const struct tb_option *option, struct tb_config_list *ret_list)
{
    if (!tb_reader_at(reader, YAML_SEQUENCE_START_EVENT))
        return tb_reader_wrong(reader, "a list is expected here, such as [one, two]");
    struct item *first = NULL, **last = &first;
    for (size_t count = 0;; count++) {
        int outcome = tb_reader_next(reader);
        if (outcome)
            return outcome;
        if (tb_reader_at(reader, YAML_SEQUENCE_END_EVENT))
            return keep_list(reader, first, count, ret_list);
        if (count == TB_CONFIG_LIST_MAX)
            return tb_reader_wrong(reader, "a list holds at most %zu items", TB_CONFIG_LIST_MAX);
        struct item *item = NULL;
        outcome = read_item(reader, option, &item);
        if (outcome)
            return outcome;
        assert(item);
        *last = item;
        last = &item->next;
    }
}

/* The file's sections and options, as the table of options has them.
 *
 * A section is known by the options below it. A name that the table lacks is an error that names the nearest
 * one: first among the names that could stand at this place, then among all options. An empty section is
 * fine (all its lines may be comments); an option without a value is not, for nobody can tell whether the
 * default or nothing was meant. */
#include "file.h"

#include "nearest.h"
#include "taskbridge/base/limits.h"
#include "value.h"

#include <stdio.h>

/* The part of path that stands directly below section: "amqp.queue.name" below "amqp" is "queue". */
static struct tb_str name_below(struct tb_str section, struct tb_str path)
{
    if (section.len > 0) {
        if (path.len <= section.len || path.ptr[section.len] != '.' || !tb_str_starts_with(path, section))
            return TB_STR_NULL;
        path = (struct tb_str){path.ptr + section.len + 1, path.len - section.len - 1};
    }
    const char *dot = memchr(path.ptr, '.', path.len);
    return dot ? (struct tb_str){path.ptr, (size_t)(dot - path.ptr)} : path;
}

/* An option elsewhere that ends in the wrong name, for a line that slid out of its section; or NULL. */
static const char *find_elsewhere(struct tb_str key)
{
    for (size_t i = 0; i < tb_schema_count; i++) {
        struct tb_str path = tb_str_of(tb_schema_options[i].path);
        if (key.len > 0 && path.len > key.len && path.ptr[path.len - key.len - 1] == '.' &&
            tb_str_ends_with(path, key))
            return path.ptr;
    }
    return NULL;
}

static int unknown_name(struct tb_reader *reader, struct tb_str section, struct tb_str key)
{
    struct tb_nearest nearest;
    tb_nearest_init(&nearest, key);
    for (size_t i = 0; i < tb_schema_count; i++) {
        struct tb_str name = name_below(section, tb_str_of(tb_schema_options[i].path));
        if (!tb_str_is_null(name))
            tb_nearest_offer(&nearest, name);
    }
    const char *elsewhere = find_elsewhere(key);
    if (elsewhere && nearest.distance > 2)
        return tb_reader_wrong(reader, "there is no such option here; did you mean %s?", elsewhere);
    if (nearest.name[0])
        return tb_reader_wrong(reader, "there is no such option; did you mean %.*s%s%s?", TB_STR_FMT(section),
                               section.len > 0 ? "." : "", nearest.name);
    return tb_reader_wrong(reader, "there is no such option, and none with a name like it");
}

/* A list in the place of one text. */
static int read_joined(struct tb_reader *reader, const struct tb_option *option)
{
    struct tb_config_list list;
    struct tb_buf text;
    const struct tb_option item = {
        .path = option->path, .type = TB_OPTION_LIST, .min = 1, .max = option->max};
    int outcome = tb_reader_list(reader, &item, &list);
    if (outcome)
        return outcome;
    tb_buf_init(&text, TB_CONFIG_MAX_BYTES);
    for (size_t i = 0; i < list.count; i++) {
        if (i > 0)
            tb_buf_push_byte(&text, option->separator);
        tb_buf_push_str(&text, list.items[i]);
    }
    outcome =
        text.failed
            ? tb_reader_no_memory(reader)
            : tb_reader_place(reader, tb_value_set(reader->config, option, tb_buf_str(&text), reader->err));
    tb_buf_deinit(&text);
    return outcome;
}

/* The value of option begins with the current event. */
static int read_option(struct tb_reader *reader, const struct tb_option *option)
{
    *tb_origin_of(reader->config, option) = TB_ORIGIN_FILE;
    if (tb_reader_is_null(reader))
        return tb_reader_wrong(reader, "there is no value; give one, or remove the line for the default");
    if (option->type == TB_OPTION_LIST)
        return tb_reader_list(reader, option, tb_field_of(reader->config, option));
    if (option->type == TB_OPTION_RULES)
        return tb_file_read_rules(reader, option, tb_field_of(reader->config, option));
    if (option->separator && tb_reader_at(reader, YAML_SEQUENCE_START_EVENT))
        return read_joined(reader, option);
    if (!tb_reader_at(reader, YAML_SCALAR_EVENT))
        return tb_reader_wrong(reader, "one value is expected here, not a list or a section");
    return tb_reader_place(reader,
                           tb_value_set(reader->config, option, tb_reader_scalar(reader), reader->err));
}

static int read_section(struct tb_reader *reader);

/* What stands under key, the last part of the reader's path. */
static int read_entry(struct tb_reader *reader, struct tb_str section, struct tb_str key)
{
    struct tb_str path = {reader->path, reader->path_len};
    bool is_one_name = !memchr(key.ptr, '.', key.len);
    const struct tb_option *option = is_one_name ? tb_schema_find(path) : NULL;
    if (!option && !(is_one_name && tb_schema_is_section(path)))
        return unknown_name(reader, section, key);

    int outcome = tb_reader_next(reader);
    if (outcome)
        return outcome;
    if (option)
        return read_option(reader, option);
    if (tb_reader_is_null(reader))
        return 0;
    if (!tb_reader_at(reader, YAML_MAPPING_START_EVENT))
        return tb_reader_wrong(reader, "this is a section: its options stand below it, indented");
    return read_section(reader);
}

/* The section that begins with the current event; its name is the reader's path. */
static int read_section(struct tb_reader *reader)
{
    struct tb_keys keys = {.count = 0};
    size_t path_len = reader->path_len, depth = reader->depth;
    for (;;) {
        int outcome = tb_reader_next(reader);
        if (outcome || tb_reader_at(reader, YAML_MAPPING_END_EVENT))
            return outcome;
        size_t number = reader->event_count;
        struct tb_str key;
        outcome = tb_reader_key(reader, &keys, &key);
        if (!outcome) {
            tb_reader_enter(reader, key);
            outcome = read_entry(reader, (struct tb_str){reader->path, path_len}, key);
        }
        if (outcome)
            outcome = tb_reader_go_on(reader, outcome, number, depth);
        if (outcome)
            return outcome;
        tb_reader_leave(reader, path_len);
    }
}

/* The document's content, which begins with the current event. */
static int read_document(struct tb_reader *reader)
{
    if (tb_reader_is_null(reader))
        return 0;
    if (!tb_reader_at(reader, YAML_MAPPING_START_EVENT))
        return tb_reader_wrong(reader, "sections such as \"amqp:\" are expected here");
    return read_section(reader);
}

int tb_file_read(struct tb_reader *reader)
{
    static const yaml_event_type_t before[] = {YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT};
    int outcome;
    for (size_t i = 0; i < TB_COUNT(before); i++) {
        outcome = tb_reader_next(reader);
        if (outcome || !tb_reader_at(reader, before[i]))
            return outcome;
    }
    outcome = tb_reader_next(reader);
    if (!outcome)
        outcome = read_document(reader);
    if (!outcome)
        outcome = tb_reader_next(reader);
    if (!outcome)
        outcome = tb_reader_next(reader);
    if (!outcome && !tb_reader_at(reader, YAML_STREAM_END_EVENT))
        outcome = tb_reader_wrong(reader, "a second document (---) begins here; the file holds one");
    if (outcome == TB_CONFIG_WRONG && reader->is_wrong)
        tb_buf_printf(reader->config->state->further, "%s\n", reader->further.text);
    return outcome == 0 && reader->is_wrong ? TB_CONFIG_WRONG : outcome;
}

/* A YAML text as events with their place, for the parts that understand them. */
#ifndef TASKBRIDGE_CONFIG_READER_H
#define TASKBRIDGE_CONFIG_READER_H

#include "state.h"

#include <yaml.h>

struct tb_reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    bool has_event;
    const char *name; /* the file's, borrowed */
    struct tb_str text;
    struct tb_config *config; /* borrowed: what is filled */
    struct tb_error *err;
    size_t event_count, depth; /* events so far; mappings and lists that are open */
    bool is_damaged;           /* no YAML from here on: nothing behind it can be read */
    bool is_wrong;             /* something was, and was noted */
    struct tb_error further;   /* what is wrong behind the first */
    char path[128];            /* of the option that is being read */
    size_t path_len;
};

/* text and name are borrowed until deinit. 0 or -ENOMEM. */
int tb_reader_init(struct tb_reader *reader, struct tb_str text, const char *name, struct tb_config *config,
                   struct tb_error *err) TB_MUST_CHECK;
void tb_reader_deinit(struct tb_reader *reader);

/* Moves to the next event. 0, TB_CONFIG_WRONG or -ENOMEM. */
int tb_reader_next(struct tb_reader *reader) TB_MUST_CHECK;

/* The option's path grows by ".name" or "[index]" and shrinks back to what enter returned. */
size_t tb_reader_enter(struct tb_reader *reader, struct tb_str name);
size_t tb_reader_enter_index(struct tb_reader *reader, size_t index);
void tb_reader_leave(struct tb_reader *reader, size_t path_len);

/* Puts file, line, column and path of the current event before the error's text. Returns outcome. */
int tb_reader_place(struct tb_reader *reader, int outcome);

/* Says what is wrong with the current event. Returns TB_CONFIG_WRONG. */
int tb_reader_wrong(struct tb_reader *reader, const char *format, ...) TB_PRINTF(2, 3);

/* Whether reading goes on behind what is wrong in the entry whose key was event number key, in a section of
 * that depth: it does where all that is wrong is asked for. The entry is skipped then, and its error noted.
 * 0, or outcome. */
int tb_reader_go_on(struct tb_reader *reader, int outcome, size_t key, size_t depth) TB_MUST_CHECK;

/* Returns -ENOMEM. */
int tb_reader_no_memory(struct tb_reader *reader);

static inline bool tb_reader_at(const struct tb_reader *reader, yaml_event_type_t type)
{
    return reader->event.type == type;
}

/* The current event's text, which is a scalar; borrowed until the next event. */
struct tb_str tb_reader_scalar(const struct tb_reader *reader);

/* Whether the current event is a value that says nothing: empty, ~ or null, without quotes. */
bool tb_reader_is_null(const struct tb_reader *reader);

/* Keeps the current event's text in the configuration. 0 or -ENOMEM. */
int tb_reader_keep(struct tb_reader *reader, struct tb_str *ret_text) TB_MUST_CHECK;

/* The keys of one mapping: no two are the same. */
#define TB_KEYS_MAX 32
struct tb_keys {
    struct tb_str names[TB_KEYS_MAX];
    size_t lines[TB_KEYS_MAX];
    size_t count;
};

/* The current event as a key, kept. 0, TB_CONFIG_WRONG (no text, or there already) or -ENOMEM. */
int tb_reader_key(struct tb_reader *reader, struct tb_keys *keys, struct tb_str *ret_key) TB_MUST_CHECK;

/* Reads the list of texts that begins with the current event; option checks them. */
int tb_reader_list(struct tb_reader *reader, const struct tb_option *option,
                   struct tb_config_list *ret_list) TB_MUST_CHECK;

#endif

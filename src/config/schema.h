/* The table of options: what may be configured, and all that the program says about it. */
#ifndef TASKBRIDGE_CONFIG_SCHEMA_H
#define TASKBRIDGE_CONFIG_SCHEMA_H

#include "taskbridge/config/config.h"

enum tb_option_type {
    TB_OPTION_STRING,
    TB_OPTION_INTEGER,
    TB_OPTION_BOOL,
    TB_OPTION_DURATION, /* of whole seconds */
    TB_OPTION_BYTES,
    TB_OPTION_ENUM,
    TB_OPTION_LIST, /* of strings */
    TB_OPTION_RULES
};

struct tb_choice {
    const char *name; /* NULL ends a list of choices */
    int64_t value;
};

/* NULL when text is right; otherwise what would be. */
typedef const char *tb_option_check(struct tb_str text);

struct tb_option {
    const char *path; /* "amqp.queue.name" */
    enum tb_option_type type;
    const char *fallback; /* the default, as the file would have it */
    int64_t min, max;     /* of numbers; of strings and a list's items: the length in bytes */
    const char *unit;     /* "s", "bytes", "rows"; "" for none */
    const struct tb_choice *choices;
    tb_option_check *check;
    bool reloadable; /* takes effect on SIGHUP */
    bool secret;     /* may hold a password: never shown as it is */
    bool is_key;     /* is a secret as a whole: nothing of it is shown */
    bool has_lines;  /* may have line breaks and tabs */
    char separator;  /* of a string that may also be written as a list: what its items are joined with */
    const char *doc;
    size_t offset; /* in struct tb_config */
};

/* In the order of the sample file: options of one section stand together. */
extern const struct tb_option tb_schema_options[];
extern const size_t tb_schema_count;

/* What a rule of "tasks:" may say: one of the texts of struct tb_rule, or something of its own kind. */
enum tb_rule_key_type { TB_RULE_STRING, TB_RULE_COMPANY, TB_RULE_REDACT };

struct tb_rule_key {
    const char *name;
    enum tb_rule_key_type type;
    const char *doc;
    size_t offset; /* in struct tb_rule, of a string */
};

extern const struct tb_rule_key tb_schema_rule_keys[];
extern const size_t tb_schema_rule_key_count;

/* Variables that begin with TASKBRIDGE_ and are no options; a name that ends in '_' stands for all that begin
 * so. */
struct tb_reserved_variable {
    const char *name, *doc;
    const char *value; /* only with a value that begins so; NULL: with any */
};

extern const struct tb_reserved_variable tb_schema_reserved[];
extern const size_t tb_schema_reserved_count;

/* Borrowed, or NULL. */
const struct tb_option *tb_schema_find(struct tb_str path);

/* Whether options stand below path. */
bool tb_schema_is_section(struct tb_str path);

/* "amqp.queue.name" becomes "TASKBRIDGE_AMQP_QUEUE_NAME". */
#define TB_VARIABLE_PREFIX    "TASKBRIDGE_"
#define TB_VARIABLE_MAX_BYTES 80
void tb_schema_variable(const struct tb_option *option, char ret_name[TB_VARIABLE_MAX_BYTES]);

#endif

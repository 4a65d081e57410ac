/* Values of options: out of text, into text, compared. */
#ifndef TASKBRIDGE_CONFIG_VALUE_H
#define TASKBRIDGE_CONFIG_VALUE_H

#include "schema.h"

/* Reads text as the option's type, checks it and stores it; for options that are one value, not a list. 0,
 * -ENOMEM, or TB_CONFIG_WRONG with "… is no …: right would be …". */
int tb_value_set(struct tb_config *config, const struct tb_option *option, struct tb_str text,
                 struct tb_error *err) TB_MUST_CHECK;

/* The same of a list, written [one, "two", three]. */
int tb_value_set_list(struct tb_config *config, const struct tb_option *option, struct tb_str text,
                      struct tb_error *err) TB_MUST_CHECK;

/* Checks one text of a string option or list. 0 or TB_CONFIG_WRONG. */
int tb_value_check_text(const struct tb_option *option, struct tb_str text,
                        struct tb_error *err) TB_MUST_CHECK;

/* Says that text is wrong and what would be right. Secrets are not repeated. Returns TB_CONFIG_WRONG. */
int tb_value_wrong(const struct tb_option *option, struct tb_str text, struct tb_error *err);

/* Pushes the value of an option that is no list, as the file would have it but without quotes. */
void tb_value_push(const struct tb_config *config, const struct tb_option *option, struct tb_buf *buf);

bool tb_value_equal(const struct tb_config *a, const struct tb_config *b, const struct tb_option *option);

/* What a person may be shown of a text that came from outside: its beginning, printable. */
#define TB_SHOWN_BYTES 64
struct tb_shown {
    char text[TB_SHOWN_BYTES];
};
struct tb_shown tb_shown(struct tb_str text);

#endif

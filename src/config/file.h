/* The configuration's file, read into a configuration. */
#ifndef TASKBRIDGE_CONFIG_FILE_H
#define TASKBRIDGE_CONFIG_FILE_H

#include "reader.h"

/* The whole text of the reader. 0, TB_CONFIG_WRONG or -ENOMEM. */
int tb_file_read(struct tb_reader *reader) TB_MUST_CHECK;

/* The list of rules that begins with the current event. */
int tb_file_read_rules(struct tb_reader *reader, const struct tb_option *option,
                       struct tb_rules *ret_rules) TB_MUST_CHECK;

#endif

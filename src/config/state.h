/* What a configuration keeps beside its values. */
#ifndef TASKBRIDGE_CONFIG_STATE_H
#define TASKBRIDGE_CONFIG_STATE_H

#include "schema.h"

enum tb_origin { TB_ORIGIN_DEFAULT, TB_ORIGIN_FILE, TB_ORIGIN_ENVIRONMENT };

struct tb_config_state {
    struct tb_arena arena;    /* all texts, lists and rules */
    struct tb_buf *further;   /* borrowed: what is wrong beside the first, a line each; NULL: not asked for */
    enum tb_origin origins[]; /* of each option, in the table's order */
};

static inline enum tb_origin *tb_origin_of(const struct tb_config *config, const struct tb_option *option)
{
    return &config->state->origins[option - tb_schema_options];
}

static inline void *tb_field_of(struct tb_config *config, const struct tb_option *option)
{
    return (char *)config + option->offset;
}

static inline const void *tb_field_in(const struct tb_config *config, const struct tb_option *option)
{
    return (const char *)config + option->offset;
}

#endif

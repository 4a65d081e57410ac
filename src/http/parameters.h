/* A query's parameters against the table of a route. Pure. */
#ifndef TASKBRIDGE_HTTP_PARAMETERS_H
#define TASKBRIDGE_HTTP_PARAMETERS_H

#include "taskbridge/base/arena.h"
#include "taskbridge/base/clock.h"
#include "taskbridge/base/str.h"

enum tb_parameter_kind {
    TB_PARAMETER_CHOICES, /* any of choices; several */
    TB_PARAMETER_TEXTS,   /* any text; several */
    TB_PARAMETER_STAMP,   /* a moment as tb_stamp_parse reads it */
    TB_PARAMETER_NUMBER,  /* from min to max */
    TB_PARAMETER_CURSOR   /* as a document's next_cursor has it */
};

/* One line of a route's table; the same texts stand in OpenAPI. */
struct tb_parameter {
    const char *name; /* NULL ends the table */
    enum tb_parameter_kind kind;
    const char *const *choices; /* NULL at the end */
    int64_t min, max;
    const char *doc;
};

#define TB_PARAMETERS_MAX 8
#define TB_VALUES_MAX     100 /* of one parameter */

struct tb_parameter_value {
    const struct tb_str *texts; /* borrowed from the arena */
    size_t count;
    int64_t number; /* of a NUMBER, a STAMP; a CURSOR's moment */
    int64_t second; /* a CURSOR's id */
    bool is_given;
};

struct tb_parameters {
    struct tb_arena arena;                               /* owned */
    struct tb_parameter_value values[TB_PARAMETERS_MAX]; /* in the order of the table */
    /* What is wrong; NULL: nothing. */
    const char *complaint, *parameter; /* parameter: its name, clean UTF-8, in the arena */
};

/* takes_unknown: what the table does not name is no matter, as the product's frontend is used to. false when
 * something is wrong: complaint and parameter say what. */
bool tb_parameters_parse(struct tb_parameters *parameters, const struct tb_parameter *table,
                         bool takes_unknown, struct tb_str query) TB_MUST_CHECK;
void tb_parameters_deinit(struct tb_parameters *parameters);

#endif

/* The operator's program: what all commands share. A command is a table entry and a function. */
#ifndef TASKBRIDGE_CLI_CLI_H
#define TASKBRIDGE_CLI_CLI_H

#include "taskbridge/amqp/options.h"
#include "taskbridge/config/arguments.h"
#include "taskbridge/pg/session.h"

struct tb_cli;

struct tb_cli_option {
    const char *name;    /* "--user"; NULL ends a list of options */
    const char *operand; /* "USER"; NULL for a flag */
    const char *help;
    bool is_required, is_repeatable;
};

struct tb_cli_command {
    const char *name;     /* "migrate", or of two words: "token create" */
    const char *operands; /* "ID NAME"; "" for none */
    int min_operands, max_operands;
    const struct tb_cli_option *options; /* NULL for none; --json comes by has_json */
    bool has_json;
    const char *summary;
    const char *help;               /* more of --help, whole lines; NULL for none */
    int (*run)(struct tb_cli *cli); /* returns an enum tb_exit, having said what failed */
};

struct tb_cli_given {
    const struct tb_cli_option *option;
    const char *value; /* NULL of a flag */
};

/* All of it borrowed from argv, but the arrays. */
struct tb_cli_args {
    const char **operands; /* owned */
    int operand_count;
    struct tb_cli_given *given; /* owned */
    int given_count;
    bool json;
};

struct tb_cli {
    const struct tb_cli_command *command;
    struct tb_cli_args args;
    struct tb_config_source source;
    struct tb_config *config;      /* owned; NULL before tb_cli_configure */
    struct tb_pg_session *session; /* owned; NULL before tb_cli_connect */
    struct tb_amqp_options amqp;   /* borrows from config; after tb_cli_configure */
    struct tb_error err;           /* of the call that failed last */
};

/* Loads the configuration unless it is. Returns as tb_config_load, with the reason in cli->err. */
int tb_cli_load(struct tb_cli *cli) TB_MUST_CHECK;

/* The same. 0, or an enum tb_exit with the reason printed. */
int tb_cli_configure(struct tb_cli *cli) TB_MUST_CHECK;

/* The same, and what it says of the broker can be used. */
int tb_cli_configure_broker(struct tb_cli *cli) TB_MUST_CHECK;

/* Loads the configuration unless it is, and connects to the database. 0, or an enum tb_exit with the reason
 * printed. */
int tb_cli_connect(struct tb_cli *cli) TB_MUST_CHECK;

/* Prints cli->err, behind the command's name and what was being done (NULL: nothing more). Returns
 * TB_EXIT_FAILED. */
int tb_cli_fail(struct tb_cli *cli, const char *doing);

/* Prints what is wrong with the arguments. Returns TB_EXIT_USAGE. */
int tb_cli_usage(struct tb_cli *cli, const char *format, ...) TB_PRINTF(2, 3);

/* Frees everything. Returns code, or TB_EXIT_FAILED where standard output could not be written. */
int tb_cli_end(struct tb_cli *cli, int code);

/* ---- arguments ---- */

/* The option's value, the last one where it is given several times; NULL when it is not given. */
const char *tb_cli_value(const struct tb_cli *cli, const char *name);

/* Whether a flag or an option is given. */
bool tb_cli_has(const struct tb_cli *cli, const char *name);

/* The option's value as a whole number within min and max; ret_value stays as it is when it is not given. 0,
 * or TB_EXIT_USAGE with the reason printed. */
int tb_cli_number(struct tb_cli *cli, const char *name, int64_t min, int64_t max,
                  int64_t *ret_value) TB_MUST_CHECK;

/* The same of a duration ("90s", "5m", "12h", "30d") in seconds. */
int tb_cli_duration(struct tb_cli *cli, const char *name, int64_t *ret_seconds) TB_MUST_CHECK;

/* An operand as an id: a whole number from 1. 0, or TB_EXIT_USAGE with the reason printed. */
int tb_cli_id(struct tb_cli *cli, int operand, int64_t *ret_id) TB_MUST_CHECK;

/* ---- output ---- */

/* Prints what buf holds and a line feed. Returns TB_EXIT_GOOD, or TB_EXIT_FAILED with the reason printed when
 * buf has failed. */
int tb_cli_print(struct tb_cli *cli, const struct tb_buf *buf);

/* Pushes str so that no terminal takes it for a command: control characters become '?'. */
void tb_cli_push_plain(struct tb_buf *buf, struct tb_str str);

#endif

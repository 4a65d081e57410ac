/* Rows of one kind as they come, for people as a table or for programs as a JSON list. */
#ifndef TASKBRIDGE_CLI_OUTPUT_H
#define TASKBRIDGE_CLI_OUTPUT_H

#include "cli.h"
#include "listing.h"
#include "taskbridge/base/json.h"

struct tb_output {
    bool is_json;
    struct tb_buf buf;
    struct tb_json json;
    struct tb_listing listing;
    size_t rows;
};

void tb_output_init(struct tb_output *output, const struct tb_cli *cli,
                    const struct tb_listing_column *columns, size_t column_count);
void tb_output_deinit(struct tb_output *output);

/* Around the cells of a row. */
void tb_output_begin_row(struct tb_output *output);
void tb_output_end_row(struct tb_output *output);

/* The next cell, in the order of the columns; name is JSON's. */
void tb_output_str(struct tb_output *output, const char *name, struct tb_str text);
void tb_output_int(struct tb_output *output, const char *name, int64_t value);
void tb_output_stamp(struct tb_output *output, const char *name, int64_t stamp_us);

/* Prints all rows; for people, empty instead where there are none. Returns an enum tb_exit. */
int tb_output_print(struct tb_output *output, struct tb_cli *cli, const char *empty);

/* One thing that was done: members of a JSON object for programs, a sentence for people. */
struct tb_answer {
    struct tb_cli *cli;
    struct tb_buf buf;
    struct tb_json json; /* an object that has begun */
};

void tb_answer_init(struct tb_answer *answer, struct tb_cli *cli);

/* Prints the object or the sentence, made plain, and frees. Returns an enum tb_exit. */
int tb_answer_print(struct tb_answer *answer, const char *format, ...) TB_PRINTF(2, 3);

#endif

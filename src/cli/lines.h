/* The lines of a file, in the file's order, shuffled, or twice each. */
#ifndef TASKBRIDGE_CLI_LINES_H
#define TASKBRIDGE_CLI_LINES_H

#include "taskbridge/base/error.h"
#include "taskbridge/base/str.h"

struct tb_lines {
    const char *text; /* the file, mapped; owned */
    size_t text_bytes;
    struct tb_str *lines; /* owned; borrowed from text; empty ones are left out */
    size_t *numbers;      /* owned; of each line in the file, from 1 */
    size_t count;
};

/* 0 or a negative errno; deinit is fine after either. */
int tb_lines_open(struct tb_lines *lines, const char *path, struct tb_error *err) TB_MUST_CHECK;
void tb_lines_deinit(struct tb_lines *lines);

/* Each line twice, one behind the other. 0 or -ENOMEM. */
int tb_lines_double(struct tb_lines *lines) TB_MUST_CHECK;

/* Another order, the same for the same seed. */
void tb_lines_shuffle(struct tb_lines *lines, uint64_t seed);

#endif

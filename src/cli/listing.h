/* A table for people: aligned columns, a line of titles. */
#ifndef TASKBRIDGE_CLI_LISTING_H
#define TASKBRIDGE_CLI_LISTING_H

#include "taskbridge/base/buf.h"

#define TB_LISTING_MAX_COLUMNS 12
/* What a line should fit in. */
#define TB_LISTING_WIDTH 100

struct tb_listing_column {
    const char *title;
    bool is_number; /* aligned at the right */
    bool shrinks;   /* cut, with "…", when the line would be too wide */
};

struct tb_listing {
    const struct tb_listing_column *columns; /* borrowed */
    size_t column_count;
    struct tb_buf text;  /* all cells, one behind the other, each with its NUL */
    struct tb_buf cells; /* of size_t: where each begins in text */
};

void tb_listing_init(struct tb_listing *listing, const struct tb_listing_column *columns,
                     size_t column_count);
void tb_listing_deinit(struct tb_listing *listing);

/* The next cells, row by row. Text is made plain; the null string and TB_STAMP_NONE give "-". */
void tb_listing_str(struct tb_listing *listing, struct tb_str text);
void tb_listing_int(struct tb_listing *listing, int64_t value);
void tb_listing_stamp(struct tb_listing *listing, int64_t stamp_us);

/* Pushes the whole, without a last line feed; ask buf->failed afterwards. */
void tb_listing_push(const struct tb_listing *listing, struct tb_buf *buf);

#endif

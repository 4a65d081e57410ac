/* A table for people: aligned columns, a line of titles, 100 characters a line where that can be.
 *
 * Widths are counted in code points, which is right for what stands in our tables. Only columns that say so
 * are cut, the widest first; ids never are, for they are copied from here into the next command. */
#include "listing.h"

#include "cli.h"
#include "taskbridge/base/clock.h"
#include "taskbridge/base/limits.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define GAP           2
#define SHRUNK_LEAST  12
#define ELLIPSIS      "…"
#define LISTING_BYTES (64 * TB_MIB)

void tb_listing_init(struct tb_listing *listing, const struct tb_listing_column *columns, size_t column_count)
{
    assert(column_count > 0 && column_count <= TB_LISTING_MAX_COLUMNS);
    *listing = (struct tb_listing){.columns = columns, .column_count = column_count};
    tb_buf_init(&listing->text, LISTING_BYTES);
    tb_buf_init(&listing->cells, LISTING_BYTES);
}

void tb_listing_deinit(struct tb_listing *listing)
{
    tb_buf_deinit(&listing->text);
    tb_buf_deinit(&listing->cells);
}

void tb_listing_str(struct tb_listing *listing, struct tb_str text)
{
    size_t start = listing->text.len;
    tb_buf_push(&listing->cells, &start, sizeof(start));
    tb_cli_push_plain(&listing->text, tb_str_is_empty(text) ? TB_STR("-") : text);
    tb_buf_push_byte(&listing->text, '\0');
}

void tb_listing_int(struct tb_listing *listing, int64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, value);
    tb_listing_str(listing, tb_str_of(text));
}

void tb_listing_stamp(struct tb_listing *listing, int64_t stamp_us)
{
    char text[TB_STAMP_TEXT_BYTES];
    if (stamp_us == TB_STAMP_NONE) {
        tb_listing_str(listing, TB_STR_NULL);
        return;
    }
    /* Whole seconds: people compare days and minutes. */
    int64_t rest = stamp_us % TB_US_PER_S;
    tb_stamp_format(stamp_us - rest, text);
    tb_listing_str(listing, tb_str_of(text));
}

/* Code points of well-formed UTF-8. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

/* row 0 is the titles. */
static const char *cell_text(const struct tb_listing *listing, size_t row, size_t column)
{
    if (row == 0)
        return listing->columns[column].title;
    size_t start;
    memcpy(&start, listing->cells.ptr + ((row - 1) * listing->column_count + column) * sizeof(start),
           sizeof(start));
    return listing->text.ptr + start;
}

static size_t row_count(const struct tb_listing *listing)
{
    assert(listing->column_count > 0);
    return 1 + listing->cells.len / sizeof(size_t) / listing->column_count;
}

static void measure(const struct tb_listing *listing, size_t *ret_widths)
{
    for (size_t column = 0; column < listing->column_count; column++)
        ret_widths[column] = 0;
    for (size_t row = 0; row < row_count(listing); row++)
        for (size_t column = 0; column < listing->column_count; column++) {
            size_t width = width_of(cell_text(listing, row, column));
            if (width > ret_widths[column])
                ret_widths[column] = width;
        }
}

static void shrink(const struct tb_listing *listing, size_t *widths)
{
    size_t total = 0;
    for (size_t column = 0; column < listing->column_count; column++)
        total += widths[column] + (column > 0 ? GAP : 0);
    for (; total > TB_LISTING_WIDTH; total--) {
        size_t widest = TB_LISTING_MAX_COLUMNS;
        for (size_t column = 0; column < listing->column_count; column++)
            if (listing->columns[column].shrinks && widths[column] > SHRUNK_LEAST &&
                (widest == TB_LISTING_MAX_COLUMNS || widths[column] > widths[widest]))
                widest = column;
        if (widest == TB_LISTING_MAX_COLUMNS)
            return;
        widths[widest]--;
    }
}

static void push_spaces(struct tb_buf *buf, size_t count)
{
    for (; count > 0; count--)
        tb_buf_push_byte(buf, ' ');
}

/* text in at most width characters. */
static void push_cut(struct tb_buf *buf, const char *text, size_t width)
{
    if (width_of(text) <= width) {
        tb_buf_push_str(buf, tb_str_of(text));
        return;
    }
    /* Behind width - 1 characters. */
    const char *end = text;
    for (size_t kept = 1; kept < width; kept++)
        for (end++; ((unsigned char)*end & 0xC0) == 0x80;)
            end++;
    tb_buf_push(buf, text, (size_t)(end - text));
    tb_buf_push_str(buf, TB_STR(ELLIPSIS));
}

static void push_row(const struct tb_listing *listing, size_t row, const size_t *widths, struct tb_buf *buf)
{
    for (size_t column = 0; column < listing->column_count; column++) {
        const char *text = cell_text(listing, row, column);
        size_t width = width_of(text), room = widths[column];
        size_t padding = width < room ? room - width : 0;
        if (column > 0)
            push_spaces(buf, GAP);
        if (listing->columns[column].is_number)
            push_spaces(buf, padding);
        push_cut(buf, text, room);
        if (!listing->columns[column].is_number && column + 1 < listing->column_count)
            push_spaces(buf, padding);
    }
}

void tb_listing_push(const struct tb_listing *listing, struct tb_buf *buf)
{
    size_t widths[TB_LISTING_MAX_COLUMNS];
    if (listing->text.failed || listing->cells.failed) {
        buf->failed = true;
        return;
    }
    measure(listing, widths);
    shrink(listing, widths);
    for (size_t row = 0; row < row_count(listing); row++) {
        if (row > 0)
            tb_buf_push_byte(buf, '\n');
        push_row(listing, row, widths, buf);
    }
}

/* Rows of one kind as they come, for people as a table or for programs as a JSON list.
 *
 * A command names each cell once; which of the two forms it goes into is decided here. */
#include "output.h"

#include "taskbridge/base/limits.h"

#include <stdarg.h>
#include <stdio.h>

#define OUTPUT_BYTES (256 * TB_MIB)
#define ANSWER_BYTES (8 * TB_MIB)

void tb_output_init(struct tb_output *output, const struct tb_cli *cli,
                    const struct tb_listing_column *columns, size_t column_count)
{
    *output = (struct tb_output){.is_json = cli->args.json};
    tb_buf_init(&output->buf, OUTPUT_BYTES);
    tb_json_init(&output->json, &output->buf);
    tb_listing_init(&output->listing, columns, column_count);
    if (output->is_json)
        tb_json_begin_list(&output->json, NULL);
}

void tb_output_deinit(struct tb_output *output)
{
    tb_listing_deinit(&output->listing);
    tb_buf_deinit(&output->buf);
}

void tb_output_begin_row(struct tb_output *output)
{
    output->rows++;
    if (output->is_json)
        tb_json_begin_object(&output->json, NULL);
}

void tb_output_end_row(struct tb_output *output)
{
    if (output->is_json)
        tb_json_end_object(&output->json);
}

void tb_output_str(struct tb_output *output, const char *name, struct tb_str text)
{
    if (output->is_json)
        tb_json_str(&output->json, name, text);
    else
        tb_listing_str(&output->listing, text);
}

void tb_output_int(struct tb_output *output, const char *name, int64_t value)
{
    if (output->is_json)
        tb_json_int(&output->json, name, value);
    else
        tb_listing_int(&output->listing, value);
}

void tb_output_stamp(struct tb_output *output, const char *name, int64_t stamp_us)
{
    if (output->is_json)
        tb_json_stamp(&output->json, name, stamp_us);
    else
        tb_listing_stamp(&output->listing, stamp_us);
}

int tb_output_print(struct tb_output *output, struct tb_cli *cli, const char *empty)
{
    if (output->is_json) {
        tb_json_end_list(&output->json);
    } else if (output->rows == 0) {
        puts(empty);
        return TB_EXIT_GOOD;
    } else {
        tb_listing_push(&output->listing, &output->buf);
    }
    return tb_cli_print(cli, &output->buf);
}

void tb_answer_init(struct tb_answer *answer, struct tb_cli *cli)
{
    answer->cli = cli;
    tb_buf_init(&answer->buf, ANSWER_BYTES);
    tb_json_init(&answer->json, &answer->buf);
    tb_json_begin_object(&answer->json, NULL);
}

int tb_answer_print(struct tb_answer *answer, const char *format, ...)
{
    struct tb_buf text;
    tb_json_end_object(&answer->json);
    tb_buf_init(&text, ANSWER_BYTES);
    if (!answer->cli->args.json) {
        va_list args;
        va_start(args, format);
        tb_buf_vprintf(&text, format, args);
        va_end(args);
        tb_buf_reset(&answer->buf);
        tb_cli_push_plain(&answer->buf, tb_buf_str(&text));
        answer->buf.failed = answer->buf.failed || text.failed;
    }
    int code = tb_cli_print(answer->cli, &answer->buf);
    tb_buf_deinit(&text);
    tb_buf_deinit(&answer->buf);
    return code;
}

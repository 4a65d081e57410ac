/* taskbridge capture FILE: what passes the exchange, one delivery a line, for `replay` and for bug reports.
 *
 * Each line is a JSON object: routing_key, content_type, content_encoding, headers, delivery_mode, body as
 * published, but for secrets (then masked is true); body_base64 instead of body where it is no clean text.
 * What has come is in the file within a fifth of a second. An existing file is not overwritten. */
#include "commands.h"

#include "base64.h"
#include "taskbridge/amqp/capture.h"
#include "taskbridge/base/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#define TURN_US (TB_US_PER_S / 5)

struct recording {
    struct tb_capture *capture; /* owned */
    FILE *file;                 /* owned, unless it is stdout */
    struct tb_buf line;
    struct tb_arena arena; /* of one line */
    int64_t count, max_count;
    int64_t end_us; /* monotonic */
};

/* SIGINT and SIGTERM wait to be asked for, so that the end is orderly. */
static void hold_signals(sigset_t *ret_signals)
{
    sigemptyset(ret_signals);
    sigaddset(ret_signals, SIGINT);
    sigaddset(ret_signals, SIGTERM);
    sigprocmask(SIG_BLOCK, ret_signals, NULL);
}

static bool is_told_to_end(const sigset_t *signals)
{
    return sigtimedwait(signals, NULL, &(struct timespec){0}) > 0;
}

static void push_line(struct tb_buf *buf, const struct tb_captured *captured,
                      const struct tb_delivery *delivery, bool is_masked)
{
    struct tb_json json;
    tb_json_init(&json, buf);
    tb_json_begin_object(&json, NULL);
    tb_json_str(&json, "routing_key", delivery->routing_key);
    tb_json_str(&json, "content_type", delivery->content_type);
    tb_json_str(&json, "content_encoding", delivery->content_encoding);
    tb_json_raw(&json, "headers", tb_str_is_null(delivery->headers) ? TB_STR("null") : delivery->headers);
    if (captured->delivery_mode > 0)
        tb_json_int(&json, "delivery_mode", captured->delivery_mode);
    else
        tb_json_null(&json, "delivery_mode");
    tb_base64_json(&json, delivery->body);
    if (is_masked)
        tb_json_bool(&json, "masked", true);
    tb_json_end_object(&json);
    tb_buf_push_byte(buf, '\n');
}

static int write_failed(struct tb_cli *cli)
{
    tb_error_set_errno(&cli->err, -errno, "writing");
    return tb_cli_fail(cli, cli->args.operands[0]);
}

static int record_one(struct tb_cli *cli, struct recording *recording, const struct tb_captured *captured)
{
    struct tb_delivery kept;
    bool is_masked;

    tb_buf_reset(&recording->line);
    tb_arena_reset(&recording->arena);
    if (tb_redact_delivery(cli->config->rules.redact, &captured->delivery, &recording->arena, &kept,
                           &is_masked))
        recording->line.failed = true;
    else
        push_line(&recording->line, captured, &kept, is_masked);
    if (recording->line.failed)
        tb_error_set_errno(&cli->err, -ENOMEM, "a delivery of %zu bytes", captured->delivery.body.len);
    if (recording->line.failed)
        return tb_cli_fail(cli, NULL);
    if (fwrite(recording->line.ptr, 1, recording->line.len, recording->file) != recording->line.len)
        return write_failed(cli);
    recording->count++;
    return TB_EXIT_GOOD;
}

static int record(struct tb_cli *cli, struct recording *recording, const sigset_t *signals)
{
    while (recording->count < recording->max_count && !is_told_to_end(signals)) {
        struct tb_captured captured;
        int64_t left_us = recording->end_us - tb_clock_monotonic_us();
        if (left_us <= 0)
            break;
        int outcome =
            tb_capture_next(recording->capture, left_us < TURN_US ? left_us : TURN_US, &captured, &cli->err);
        if (outcome < 0)
            return tb_cli_fail(cli, NULL);
        int code = TB_EXIT_GOOD;
        if (outcome == 0)
            code = record_one(cli, recording, &captured);
        else if (fflush(recording->file))
            code = write_failed(cli);
        if (code)
            return code;
    }
    return TB_EXIT_GOOD;
}

static int open_file(struct tb_cli *cli, struct recording *recording)
{
    const char *path = cli->args.operands[0];
    recording->file = strcmp(path, "-") == 0 ? stdout : fopen(path, "wxe");
    if (recording->file)
        return TB_EXIT_GOOD;
    tb_error_set_errno(&cli->err, -errno, "making the file");
    return tb_cli_fail(cli, path);
}

/* The file is there only once the broker is connected: no empty one stays behind a mistake. */
static int open_both(struct tb_cli *cli, struct recording *recording)
{
    if (tb_capture_open(&cli->amqp, &recording->capture, &cli->err))
        return tb_cli_fail(cli, NULL);
    return open_file(cli, recording);
}

static int close_file(struct tb_cli *cli, struct recording *recording)
{
    if (!recording->file || recording->file == stdout)
        return TB_EXIT_GOOD;
    return fclose(recording->file) ? write_failed(cli) : TB_EXIT_GOOD;
}

static int run(struct tb_cli *cli)
{
    struct recording recording = {.max_count = INT64_MAX, .end_us = INT64_MAX};
    sigset_t signals;
    int64_t seconds = 0;
    int code = tb_cli_number(cli, "--count", 1, INT64_MAX, &recording.max_count);
    if (!code)
        code = tb_cli_number(cli, "--seconds", 1, 100 * 366 * INT64_C(86400), &seconds);
    if (!code)
        code = tb_cli_configure_broker(cli);
    if (code)
        return code;
    hold_signals(&signals);
    tb_buf_init(&recording.line, 8 * TB_DELIVERY_MAX_BYTES);
    tb_arena_init(&recording.arena, 2 * TB_DELIVERY_MAX_BYTES);
    code = open_both(cli, &recording);
    if (!code) {
        fprintf(stderr, "capturing exchange %s; Ctrl-C ends it\n", cli->config->amqp.exchange);
        if (seconds > 0)
            recording.end_us = tb_clock_monotonic_us() + seconds * TB_US_PER_S;
        code = record(cli, &recording, &signals);
        fprintf(stderr, "%" PRId64 " deliveries\n", recording.count);
    }
    int closed = close_file(cli, &recording);
    tb_capture_close(recording.capture);
    tb_buf_deinit(&recording.line);
    tb_arena_deinit(&recording.arena);
    return code ? code : closed;
}

static const struct tb_cli_option options[] = {
    {"--count", "COUNT", "end after so many deliveries", false, false},
    {"--seconds", "SECONDS", "end after so many seconds", false, false},
    {NULL},
};

const struct tb_cli_command tb_cli_capture = {
    .name = "capture",
    .operands = "FILE",
    .min_operands = 1,
    .max_operands = 1,
    .options = options,
    .summary = "Write the deliveries of Celery's exchange into a file, until Ctrl-C",
    .help = "The bridge's own queue is not touched. FILE must not exist; - is standard output.\n",
    .run = run,
};

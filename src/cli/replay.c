/* taskbridge replay FILE: publishes what `capture` wrote, so that a bug report can be run again by anyone.
 *
 * Every line is checked before the first is published. All are published with confirmations, and must reach a
 * queue: nothing is said to be replayed that nobody took. --duplicate and --shuffle try what the fold
 * promises, that order and repetition do not matter; the seed is printed and gives the same order again. */
#include "commands.h"

#include "base64.h"
#include "lines.h"
#include "output.h"
#include "taskbridge/amqp/publisher.h"
#include "taskbridge/base/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#define CONFIRM_US (60 * TB_US_PER_S)

struct replay {
    struct tb_lines lines;
    struct tb_publisher *publisher; /* owned */
};

/* A line as a message; what it borrows from is owned here. */
struct parsed {
    struct tb_message message;
    json_t *object;
    char *headers;
    struct tb_buf body;
};

static void parsed_deinit(struct parsed *parsed)
{
    json_decref(parsed->object);
    free(parsed->headers);
    tb_buf_deinit(&parsed->body);
}

/* The member's text; the null string when it is absent or null. false when it is something else. */
static bool take_text(const json_t *object, const char *name, struct tb_str *ret_text)
{
    const json_t *value = json_object_get(object, name);
    if (value && !json_is_null(value) && !json_is_string(value))
        return false;
    *ret_text = json_is_string(value) ? (struct tb_str){json_string_value(value), json_string_length(value)}
                                      : TB_STR_NULL;
    return true;
}

/* false with what is wrong. */
static bool take_body(struct parsed *parsed, const char **ret_problem)
{
    struct tb_str base64 = TB_STR_NULL;
    *ret_problem = "body or body_base64, a string, is missing";
    if (!take_text(parsed->object, "body", &parsed->message.body) ||
        !take_text(parsed->object, "body_base64", &base64))
        return false;
    if (tb_str_is_null(base64))
        return !tb_str_is_null(parsed->message.body);
    *ret_problem = "body_base64 is no base64";
    if (!tb_base64_parse(base64, &parsed->body) || parsed->body.failed)
        return false;
    parsed->message.body = tb_buf_str(&parsed->body);
    return true;
}

static bool take_headers(struct parsed *parsed, const char **ret_problem)
{
    json_t *headers = json_object_get(parsed->object, "headers");
    *ret_problem = "headers is no object";
    if (!headers || json_is_null(headers))
        return true;
    if (!json_is_object(headers))
        return false;
    parsed->headers = json_dumps(headers, JSON_COMPACT);
    parsed->message.headers = tb_str_of(parsed->headers);
    return parsed->headers != NULL;
}

/* false with what is wrong; deinit either way. */
static bool parse_line(const struct tb_cli *cli, struct tb_str line, struct parsed *ret_parsed,
                       const char **ret_problem)
{
    json_error_t error;
    *ret_parsed = (struct parsed){.message = {.exchange = cli->config->amqp.exchange, .is_mandatory = true}};
    tb_buf_init(&ret_parsed->body, TB_DELIVERY_MAX_BYTES);
    ret_parsed->object = json_loadb(line.ptr, line.len, JSON_ALLOW_NUL, &error);
    *ret_problem = "it is no JSON object";
    if (!json_is_object(ret_parsed->object))
        return false;
    struct tb_message *message = &ret_parsed->message;
    *ret_problem = "routing_key, a string, is missing";
    if (!take_text(ret_parsed->object, "routing_key", &message->routing_key) ||
        tb_str_is_null(message->routing_key))
        return false;
    *ret_problem = "content_type and content_encoding are strings";
    if (!take_text(ret_parsed->object, "content_type", &message->content_type) ||
        !take_text(ret_parsed->object, "content_encoding", &message->content_encoding))
        return false;
    message->is_persistent = json_integer_value(json_object_get(ret_parsed->object, "delivery_mode")) == 2;
    return take_headers(ret_parsed, ret_problem) && take_body(ret_parsed, ret_problem);
}

static int line_failed(struct tb_cli *cli, size_t number, const char *problem)
{
    char place[TB_ERROR_TEXT_BYTES];
    snprintf(place, sizeof(place), "%.400s:%zu", cli->args.operands[0], number);
    if (problem)
        tb_error_set(&cli->err, TB_EXIT_FAILED, "%s", problem);
    return tb_cli_fail(cli, place);
}

static int check_lines(struct tb_cli *cli, const struct tb_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        struct parsed parsed;
        const char *problem;
        bool is_right = parse_line(cli, lines->lines[i], &parsed, &problem);
        parsed_deinit(&parsed);
        if (!is_right)
            return line_failed(cli, lines->numbers[i], problem);
    }
    return TB_EXIT_GOOD;
}

static int publish_lines(struct tb_cli *cli, struct replay *replay)
{
    for (size_t i = 0; i < replay->lines.count; i++) {
        struct parsed parsed;
        const char *problem;
        bool is_right = parse_line(cli, replay->lines.lines[i], &parsed, &problem);
        int outcome = is_right ? tb_publisher_publish(replay->publisher, &parsed.message, &cli->err) : 0;
        parsed_deinit(&parsed);
        if (outcome || !is_right)
            return line_failed(cli, replay->lines.numbers[i], is_right ? NULL : problem);
    }
    if (tb_publisher_confirm(replay->publisher, CONFIRM_US, &cli->err))
        return tb_cli_fail(cli, NULL);
    return TB_EXIT_GOOD;
}

/* In what order, and how often, the lines go. */
static int arrange(struct tb_cli *cli, struct tb_lines *lines)
{
    int64_t seed = tb_clock_now_us() & INT32_MAX; /* short enough to be typed again */
    int code = tb_cli_number(cli, "--seed", 0, INT64_MAX, &seed);
    if (!code && tb_cli_has(cli, "--duplicate") && tb_lines_double(lines)) {
        tb_error_set_errno(&cli->err, -ENOMEM, "arranging the lines");
        return tb_cli_fail(cli, NULL);
    }
    if (!code && tb_cli_has(cli, "--shuffle")) {
        tb_lines_shuffle(lines, (uint64_t)seed);
        fprintf(stderr, "shuffled with --seed %" PRId64 "\n", seed);
    }
    return code;
}

static int replay_all(struct tb_cli *cli, struct replay *replay)
{
    if (tb_lines_open(&replay->lines, cli->args.operands[0], &cli->err))
        return tb_cli_fail(cli, NULL);
    int code = check_lines(cli, &replay->lines);
    if (!code)
        code = arrange(cli, &replay->lines);
    if (code)
        return code;
    if (tb_publisher_open(&cli->amqp, &replay->publisher, &cli->err))
        return tb_cli_fail(cli, NULL);
    code = publish_lines(cli, replay);
    int64_t confirmed = tb_publisher_confirmed(replay->publisher);
    struct tb_answer answer;
    tb_answer_init(&answer, cli);
    tb_json_int(&answer.json, "confirmed", confirmed);
    int printed = tb_answer_print(&answer, "%" PRId64 " deliveries published and confirmed", confirmed);
    return code ? code : printed;
}

static int run(struct tb_cli *cli)
{
    struct replay replay = {.publisher = NULL};
    int code = tb_cli_configure_broker(cli);
    if (!code)
        code = replay_all(cli, &replay);
    tb_publisher_close(replay.publisher);
    tb_lines_deinit(&replay.lines);
    return code;
}

static const struct tb_cli_option options[] = {
    {"--shuffle", NULL, "in a random order", false, false},
    {"--duplicate", NULL, "each delivery twice", false, false},
    {"--seed", "NUMBER", "the order of --shuffle that this number stands for", false, false},
    {NULL},
};

const struct tb_cli_command tb_cli_replay = {
    .name = "replay",
    .operands = "FILE",
    .min_operands = 1,
    .max_operands = 1,
    .options = options,
    .has_json = true,
    .summary = "Publish the deliveries of a captured file to Celery's exchange",
    .help = "Everybody who listens on the exchange gets them: not meant for a broker in production.\n",
    .run = run,
};

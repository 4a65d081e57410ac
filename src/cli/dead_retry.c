/* taskbridge dead retry: publishes dead letters again, as they came.
 *
 * For when the reason is gone: a new version reads what an old one could not. Each goes to the exchange with
 * its routing key and headers, and is noted as sent again only when the broker has confirmed it and a queue
 * took it. A crash between the two sends it twice, which the fold does not mind. One that secrets were taken
 * out of is no longer what it was, and is not sent. */
#include "dead.h"

#include "commands.h"
#include "output.h"
#include "taskbridge/amqp/publisher.h"

#include <inttypes.h>
#include <stdio.h>

struct retry {
    struct tb_publisher *publisher; /* owned; NULL before the first letter */
    int64_t count, masked;          /* sent; passed over */
};

static struct tb_message message_of(const struct tb_cli *cli, const struct tb_dead_letter *letter)
{
    struct tb_message message = {
        .exchange = cli->config->amqp.exchange,
        .routing_key = letter->routing_key,
        .body = letter->body,
        .content_type = letter->content_type,
        .content_encoding = letter->content_encoding,
        .is_mandatory = true,
    };
    /* Headers that PostgreSQL can't hold as an object are kept as text, and can't be sent. */
    if (tb_str_starts_with(letter->headers, TB_STR("{")))
        message.headers = letter->headers;
    return message;
}

static int publish(struct tb_cli *cli, struct retry *retry, const struct tb_dead_letter *letter)
{
    struct tb_message message = message_of(cli, letter);
    int outcome = 0;
    if (!retry->publisher)
        outcome = tb_publisher_open(&cli->amqp, &retry->publisher, &cli->err);
    if (!outcome)
        outcome = tb_publisher_publish(retry->publisher, &message, &cli->err);
    if (!outcome)
        outcome = tb_publisher_confirm(retry->publisher, 60 * TB_US_PER_S, &cli->err);
    return outcome;
}

static int retry_one(struct tb_cli *cli, void *owner, int64_t id)
{
    struct retry *retry = owner;
    struct tb_dead_letter letter;
    bool found = false;
    char doing[48];
    snprintf(doing, sizeof(doing), "dead letter %" PRId64, id);
    if (tb_dead_show(cli->session, id, &letter, &found, &cli->err))
        return tb_cli_fail(cli, doing);
    if (!found && cli->args.operand_count == 0)
        return TB_EXIT_GOOD; /* dropped meanwhile */
    if (!found) {
        tb_error_set(&cli->err, TB_EXIT_FAILED, "there is none");
        return tb_cli_fail(cli, doing);
    }
    if (letter.is_masked && cli->args.operand_count == 0) {
        retry->masked++;
        return TB_EXIT_GOOD;
    }
    if (letter.is_masked) {
        tb_error_set(&cli->err, TB_EXIT_FAILED, "secrets were taken out of it, so it can't be sent again");
        return tb_cli_fail(cli, doing);
    }
    if (publish(cli, retry, &letter) || tb_dead_mark_retried(cli->session, id, &cli->err))
        return tb_cli_fail(cli, doing);
    retry->count++;
    return TB_EXIT_GOOD;
}

static int run(struct tb_cli *cli)
{
    struct retry retry = {.count = 0};
    int code = tb_dead_each(cli, true, retry_one, &retry);
    tb_publisher_close(retry.publisher);
    if (code == TB_EXIT_USAGE)
        return code;
    struct tb_answer answer;
    tb_answer_init(&answer, cli);
    tb_json_int(&answer.json, "sent", retry.count);
    tb_json_int(&answer.json, "masked", retry.masked);
    int printed = retry.masked ? tb_answer_print(&answer,
                                                 "%" PRId64 " sent again, %" PRId64
                                                 " not: secrets were taken out of them",
                                                 retry.count, retry.masked)
                               : tb_answer_print(&answer, "%" PRId64 " sent again", retry.count);
    return code ? code : printed;
}

const struct tb_cli_command tb_cli_dead_retry = {
    .name = "dead retry",
    .operands = "[ID]...",
    .max_operands = TB_DEAD_PAGE,
    .options = tb_dead_options,
    .has_json = true,
    .summary = "Publish dead letters again; with --reason or --all only those not sent again before",
    .run = run,
};

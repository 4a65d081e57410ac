/* Which policies the broker lays over the bridge's queue: message-ttl, max-length and expires drop events
 * that wait, and nobody who speaks AMQP can see them.
 *
 * The broker's management API tells, where amqp.management_url is given. Where it is not, the line says so
 * and has the command that tells. */
#include "doctor_checks.h"

#include "taskbridge/base/limits.h"
#include "taskbridge/hook/client.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>

#define ANSWER_US  (3 * TB_US_PER_S)
#define ANSWER_MAX (256 * TB_KIB)

/* ---- asking ---- */

struct question {
    struct tb_loop *loop;
    struct tb_arena *arena;
    struct tb_doctor_policies *policies;
    int64_t max_bytes; /* of amqp.queue.max_bytes */
};

/* Takes what of a definition drops events; "a 1, b 2". */
static void push_dropping(struct tb_buf *buf, const json_t *definition, int64_t max_bytes)
{
    static const char *const dropping[] = {"message-ttl", "expires", "max-length", "max-length-bytes",
                                           "delivery-limit"};
    for (size_t i = 0; i < TB_COUNT(dropping); i++) {
        const json_t *value = json_object_get(definition, dropping[i]);
        bool is_bytes = strcmp(dropping[i], "max-length-bytes") == 0;
        if (!json_is_integer(value) || (is_bytes && max_bytes > 0 && json_integer_value(value) >= max_bytes))
            continue;
        tb_buf_printf(buf, "%s%s %" JSON_INTEGER_FORMAT, buf->len ? ", " : "", dropping[i],
                      json_integer_value(value));
    }
}

static void read_queue(const struct question *question, const json_t *queue)
{
    struct tb_doctor_policies *policies = question->policies;
    const char *name = json_string_value(json_object_get(queue, "policy"));
    const char *operators = json_string_value(json_object_get(queue, "operator_policy"));
    struct tb_buf buf;
    tb_buf_init(&buf, TB_KIB);
    push_dropping(&buf, json_object_get(queue, "effective_policy_definition"), question->max_bytes);
    policies->dropping = tb_doctor_keep(question->arena, tb_buf_str(&buf));
    policies->name = tb_doctor_keep(question->arena, tb_str_of(name ? name : operators ? operators : ""));
    tb_buf_deinit(&buf);
}

static void on_answer(struct tb_hook_call *call, int outcome, const struct tb_hook_answer *answer,
                      const struct tb_error *err)
{
    const struct question *question = call->owner;
    struct tb_error problem = {0};
    json_t *queue = outcome || answer->status != 200
                        ? NULL
                        : json_loadb(answer->body.ptr, answer->body.len, JSON_REJECT_DUPLICATES, NULL);
    if (outcome)
        tb_error_set(&problem, -EIO, "amqp.management_url does not answer: %s", err->text);
    else if (answer->status == 401 || answer->status == 403)
        tb_error_set(&problem, -EACCES, "amqp.management_url refuses the user (%ld)", answer->status);
    else if (!json_is_object(queue))
        tb_error_set(&problem, -EPROTO, "amqp.management_url answers %ld", answer->status);
    else
        read_queue(question, queue);
    if (problem.code)
        question->policies->problem = tb_doctor_keep(question->arena, tb_str_of(problem.text));
    json_decref(queue);
    tb_loop_stop(question->loop);
}

static void push_escaped(struct tb_buf *buf, const char *text)
{
    for (; *text; text++) {
        bool is_plain = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
                        (*text >= '0' && *text <= '9') || strchr("-._~", *text);
        tb_buf_printf(buf, is_plain ? "%c" : "%%%02X", (unsigned char)*text);
    }
}

static int ask(const struct tb_config *config, const char *vhost, struct question *question,
               struct tb_error *err)
{
    struct tb_hook_client *client = NULL;
    struct tb_buf url;
    int r = tb_loop_new(&question->loop, err);
    tb_buf_init(&url, 8 * TB_KIB);
    tb_buf_push_str(&url, tb_str_of(config->amqp.management_url));
    while (url.len > 0 && url.ptr[url.len - 1] == '/')
        tb_buf_truncate(&url, url.len - 1);
    tb_buf_push_str(&url, TB_STR("/api/queues/"));
    push_escaped(&url, vhost);
    tb_buf_push_byte(&url, '/');
    push_escaped(&url, config->amqp.queue.name);
    if (r == 0)
        r = tb_hook_client_new(&(struct tb_hook_options){.loop = question->loop,
                                                         .user_agent = "taskbridge/" TASKBRIDGE_VERSION,
                                                         .ca_file = config->amqp.tls.ca_file,
                                                         .max_connections = 1,
                                                         .max_calls = 1},
                               &client, err);
    struct tb_hook_call call = {.url = url.ptr,
                                .timeout_us = ANSWER_US,
                                .body_max_bytes = ANSWER_MAX,
                                .on_done = on_answer,
                                .owner = question};
    if (r == 0)
        r = url.failed ? -ENOMEM : tb_hook_start(client, &call);
    if (r == 0)
        r = tb_loop_run(question->loop, err);
    tb_hook_client_free(client);
    tb_loop_free(question->loop);
    tb_buf_deinit(&url);
    return r;
}

void tb_doctor_ask_policies(struct tb_cli *cli, struct tb_arena *arena, struct tb_doctor_facts *facts)
{
    struct tb_doctor_policies *policies = &facts->broker.policies;
    struct question question = {
        .arena = arena, .policies = policies, .max_bytes = cli->config->amqp.queue.max_bytes};
    struct tb_error err = {0};
    if (facts->broker.problem || !cli->config->amqp.management_url[0])
        return;
    if (ask(cli->config, facts->broker.seen.vhost, &question, &err))
        policies->problem = tb_doctor_keep(arena, err.code ? tb_str_of(err.text) : TB_STR("out of memory"));
}

/* ---- judging ---- */

void tb_doctor_judge_policies(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_policies *policies = &facts->broker.policies;
    const char *vhost = facts->broker.seen.vhost;
    if (!facts->config->amqp.management_url[0] || policies->problem) {
        tb_doctor_is_unknown(line, policies->problem
                                       ? policies->problem
                                       : "amqp.management_url is not given, and AMQP does not tell");
        tb_doctor_advise(
            line,
            "Where the broker runs, this tells whether a policy drops events that wait (message-ttl, "
            "expires, max-length):\n$ rabbitmqctl list_queues -p '%s' name policy\n$ rabbitmqctl "
            "list_policies -p '%s'",
            vhost, vhost);
    } else if (policies->dropping[0]) {
        tb_doctor_say(line, TB_DOCTOR_BAD, "policy %s drops events that wait in %s: %s", policies->name,
                      facts->config->amqp.queue.name, policies->dropping);
        tb_doctor_advise(
            line,
            "Give the bridge's queues a policy of their own, which comes before it:\n$ rabbitmqctl "
            "set_policy -p '%s' --priority 999 --apply-to queues taskbridge '^taskbridge\\.' "
            "'{\"overflow\":\"drop-head\"}'",
            vhost);
    } else {
        tb_doctor_say(line, TB_DOCTOR_GOOD, policies->name[0] ? "%s drops nothing" : "none%s",
                      policies->name);
    }
}

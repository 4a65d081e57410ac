/* Who is asked of access beside our own tables: whether they answer, and whether they refuse.
 *
 * The product is asked as a stranger would: without a credential it has to say no. One that lets anybody in
 * would show every company to everybody, and nothing else would ever tell. */
#include "doctor_checks.h"

#include "taskbridge/base/limits.h"
#include "taskbridge/hook/client.h"

#include <errno.h>
#include <inttypes.h>

#define ANSWER_US  (3 * TB_US_PER_S)
#define ANSWER_MAX (256 * TB_KIB)

/* ---- asking ---- */

struct question {
    struct tb_hook_call call;
    struct tb_arena *arena;
    const char **ret_problem;
    int64_t *ret_status;
    struct tb_loop *loop;
    size_t *left;
};

static void on_answer(struct tb_hook_call *call, int outcome, const struct tb_hook_answer *answer,
                      const struct tb_error *err)
{
    struct question *question = call->owner;

    if (outcome && outcome != TB_HOOK_TOO_LONG)
        *question->ret_problem = tb_doctor_keep(question->arena, tb_str_of(err->text));
    *question->ret_status = answer->status;
    if (--*question->left == 0)
        tb_loop_stop(question->loop);
}

/* A company that is surely nobody's. */
static const char *product_url(const struct tb_config *config, struct tb_arena *arena)
{
    static const struct tb_str hole = {"{company_id}", 12};
    struct tb_str nobody = config->company_format == TB_COMPANY_UUID
                               ? TB_STR("00000000-0000-0000-0000-000000000000")
                               : TB_STR("0");
    struct tb_str rest = tb_str_of(config->access.forward.url);
    struct tb_buf buf;
    size_t at = 0;

    tb_buf_init(&buf, TB_GRANT_MAX_BYTES);
    while ((at = tb_str_find(rest, hole)) != SIZE_MAX) {
        tb_buf_push(&buf, rest.ptr, at);
        tb_buf_push_str(&buf, nobody);
        rest = (struct tb_str){rest.ptr + at + hole.len, rest.len - at - hole.len};
    }
    tb_buf_push_str(&buf, rest);
    const char *url = tb_doctor_keep(arena, tb_buf_str(&buf));
    tb_buf_deinit(&buf);
    return url;
}

static void start(struct tb_hook_client *client, struct question *question, const char *url)
{
    question->call = (struct tb_hook_call){.url = url,
                                           .timeout_us = ANSWER_US,
                                           .body_max_bytes = ANSWER_MAX,
                                           .on_done = on_answer,
                                           .owner = question};
    ++*question->left;
    if (tb_hook_start(client, &question->call) != 0) {
        --*question->left;
        *question->ret_problem = "out of memory";
    }
}

/* 0 or negative: nothing could be asked. */
static int ask_all(const struct tb_config *config, struct tb_arena *arena, struct tb_doctor_access *access,
                   struct tb_loop *loop, struct tb_error *err)
{
    struct tb_hook_client *client = NULL;
    size_t left = 0;
    struct question forward = {.arena = arena,
                               .ret_problem = &access->forward_problem,
                               .ret_status = &access->forward_status,
                               .loop = loop,
                               .left = &left};
    struct question keys = forward;
    int failed = tb_hook_client_new(&(struct tb_hook_options){.loop = loop,
                                                              .user_agent = "taskbridge/" TASKBRIDGE_VERSION,
                                                              .ca_file = config->access.ca_file,
                                                              .max_connections = 2,
                                                              .max_calls = 2},
                                    &client, err);

    keys.ret_problem = &access->keys_problem;
    keys.ret_status = &access->keys_status;
    if (!failed && config->access.forward.url[0])
        start(client, &forward, product_url(config, arena));
    if (!failed && config->access.jwt.jwks_url[0])
        start(client, &keys, config->access.jwt.jwks_url);
    if (!failed && left)
        failed = tb_loop_run(loop, err);
    tb_hook_client_free(client);
    return failed;
}

void tb_doctor_ask_access(struct tb_cli *cli, struct tb_arena *arena, struct tb_doctor_access *ret_access)
{
    const struct tb_config *config = cli->config;
    struct tb_loop *loop = NULL;
    struct tb_error err = {0};

    if (!config->access.forward.url[0] && !config->access.jwt.jwks_url[0])
        return;
    int failed = tb_loop_new(&loop, &err);
    if (!failed)
        failed = ask_all(config, arena, ret_access, loop, &err);
    if (failed)
        ret_access->forward_problem = ret_access->keys_problem = tb_doctor_keep(arena, tb_str_of(err.text));
    tb_loop_free(loop);
}

/* ---- judging ---- */

static bool is_bad_forward(const struct tb_doctor_access *access, struct tb_doctor_line *line)
{
    if (access->forward_problem) {
        tb_doctor_say(line, TB_DOCTOR_BAD, "access.forward.url does not answer: %s", access->forward_problem);
        tb_doctor_advise(line, "Until it does, the product's users get 503.");
    } else if (access->forward_status == 200) {
        tb_doctor_say(line, TB_DOCTOR_BAD,
                      "access.forward.url lets everybody in: without a credential it answers 200");
        tb_doctor_advise(line, "Give an address that answers 200 only to who may see the company.");
    } else if (access->forward_status >= 500 || access->forward_status == 429) {
        tb_doctor_say(line, TB_DOCTOR_WARNING, "access.forward.url answers with status %" PRId64,
                      access->forward_status);
        tb_doctor_advise(line, "Until that changes, the product's users get 503.");
    } else {
        return false;
    }
    return true;
}

static bool is_bad_keys(const struct tb_doctor_access *access, struct tb_doctor_line *line)
{
    if (!access->keys_problem && (access->keys_status == 200 || access->keys_status == 0))
        return false;
    if (access->keys_problem)
        tb_doctor_say(line, TB_DOCTOR_BAD, "access.jwt.jwks_url does not answer: %s", access->keys_problem);
    else
        tb_doctor_say(line, TB_DOCTOR_BAD, "access.jwt.jwks_url answers with status %" PRId64,
                      access->keys_status);
    tb_doctor_advise(line, "Without keys no token of the product's is taken.");
    return true;
}

static void say_good(const struct tb_config *config, struct tb_doctor_line *line)
{
    const struct tb_config *c = config;
    const struct {
        bool is_used;
        const char *name;
    } ways[] = {
        {c->access.sql.user[0], "the product's tables"},
        {c->access.forward.url[0], "the product's answer"},
        {c->access.jwt.secret[0] || c->access.jwt.secret_file[0] || c->access.jwt.jwks_file[0] ||
             c->access.jwt.jwks_url[0],
         "the product's tokens"},
        {c->access.watch.secret[0] || c->access.watch.secret_file[0], "watch tokens"},
    };

    tb_doctor_say(line, TB_DOCTOR_GOOD, "own tokens");
    for (size_t i = 0; i < TB_COUNT(ways); i++) {
        if (ways[i].is_used)
            tb_buf_printf(&line->found, ", %s", ways[i].name);
    }
}

void tb_doctor_judge_access(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_access *access = &facts->access;

    if (access->questions_problem) {
        tb_doctor_say(line, TB_DOCTOR_BAD, "%s", access->questions_problem);
        tb_doctor_advise(line, "Correct the question, or grant the role of taskbridge-http what it reads.");
    } else if (!is_bad_forward(access, line) && !is_bad_keys(access, line)) {
        say_good(facts->config, line);
    }
}

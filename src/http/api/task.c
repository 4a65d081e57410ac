/* One task of a company, and the flow that a task began, read when they are asked for.
 *
 * Whoever has a watch token sees of them what the token is narrowed to; the rest is not there. What ended
 * longer ago than customers see is for operators. */
#include "task.h"

#include "database.h"
#include "engine/path.h"
#include "live/edition.h"
#include "problem.h"
#include "task_status.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/base/utf8.h"
#include "taskbridge/store/flow.h"

#include <stdlib.h>

#define ID_MAX_BYTES ((size_t)4 * TB_TASK_ID_MAX_CHARS)

struct look {
    struct tb_exchange *exchange; /* NULL: gone */
    struct tb_arena arena;
    struct tb_flow_read read;
    struct tb_question question;
    char company[TB_COMPANY_KEY_BYTES];
    char id[ID_MAX_BYTES + 1];
    bool is_flow;
};

static void free_look(struct look *look)
{
    tb_arena_deinit(&look->arena);
    free(look);
}

/* ---- what may be seen ---- */

static bool is_among(struct tb_str text, const struct tb_str *texts, size_t count)
{
    bool found = count == 0;

    for (size_t i = 0; i < count && !found; i++)
        found = tb_str_equal(texts[i], text);
    return found;
}

static bool is_seen(const struct tb_grant *grant, const struct tb_flow_task *task)
{
    const struct tb_scope *scope = grant->scope;

    if (!scope)
        return true;
    return is_among(task->task.task_id, scope->tasks, scope->task_count) &&
           is_among(task->task.task_type, scope->types, scope->type_count) &&
           (tb_str_is_null(scope->flow) || tb_str_equal(scope->flow, task->root_id) ||
            tb_str_equal(scope->flow, task->task.task_id));
}

/* Of a child only its id is known. */
static bool is_child_seen(const struct tb_grant *grant, struct tb_str child)
{
    const struct tb_scope *scope = grant->scope;

    return !scope || (!scope->type_count && is_among(child, scope->tasks, scope->task_count));
}

/* ---- documents ---- */

static void push_relatives(struct tb_json *json, const struct tb_flow_task *task)
{
    tb_json_str(json, "root_id", task->root_id);
    tb_json_str(json, "parent_id", task->parent_id);
}

static void push_task(const struct look *look, const struct tb_document_words *words, int64_t now_us,
                      struct tb_json *json)
{
    tb_document_push_task(json, NULL, &look->read.tasks[0].task, words, now_us);
    push_relatives(json, &look->read.tasks[0]);
    tb_json_begin_list(json, "children");
    for (size_t i = 0; i < look->read.child_count; i++) {
        if (is_child_seen(look->exchange->grant, look->read.children[i]))
            tb_json_str(json, NULL, look->read.children[i]);
    }
    tb_json_end_list(json);
    tb_document_push_company(json, "company_id", tb_str_of(look->company));
    tb_json_stamp(json, "checked_at", now_us);
    tb_json_end_object(json);
}

static void push_flow(const struct look *look, const struct tb_document_words *words, int64_t now_us,
                      struct tb_json *json)
{
    const struct tb_grant *grant = look->exchange->grant;
    size_t active = 0, seen = 0;

    tb_json_begin_object(json, NULL);
    tb_json_str(json, "root_id", tb_str_of(look->id));
    tb_json_begin_list(json, "tasks");
    for (size_t i = 0; i < look->read.task_count; i++) {
        const struct tb_flow_task *task = &look->read.tasks[i];
        if (!is_seen(grant, task))
            continue;
        seen++;
        active += task->task.completed_at == TB_STAMP_NONE;
        tb_document_push_task(json, NULL, &task->task, words, now_us);
        push_relatives(json, task);
        tb_json_end_object(json);
    }
    tb_json_end_list(json);
    tb_json_int(json, "total_tasks", (int64_t)seen);
    tb_json_int(json, "active_count", (int64_t)active);
    tb_json_bool(json, "all_completed", active == 0);
    tb_json_bool(json, "has_more", look->read.has_more);
    tb_document_push_company(json, "company_id", tb_str_of(look->company));
    tb_json_stamp(json, "checked_at", now_us);
    tb_json_end_object(json);
}

static bool has_something(const struct look *look)
{
    for (size_t i = 0; i < look->read.task_count; i++) {
        if (is_seen(look->exchange->grant, &look->read.tasks[i]))
            return true;
    }
    return false;
}

static void answer(const struct look *look, struct tb_exchange *exchange)
{
    const struct tb_document_words words =
        tb_edition_words(tb_task_status_view(exchange), &exchange->services->config->rules);
    struct tb_reply reply = {.code = 200, .content_type = "application/json"};
    struct tb_json json;
    struct tb_buf buf;

    tb_buf_init(&buf, TB_RESPONSE_MAX_BYTES);
    tb_json_init(&json, &buf);
    if (look->is_flow)
        push_flow(look, &words, tb_clock_now_us(), &json);
    else
        push_task(look, &words, tb_clock_now_us(), &json);
    reply.body = tb_body_take(&buf);
    tb_buf_deinit(&buf);
    if (reply.body)
        tb_exchange_answer(exchange, &reply);
    else
        tb_problem_answer_database(exchange, TB_DATABASE_BROKEN);
}

static void on_answer(struct tb_question *question, int outcome)
{
    struct look *look = question->owner;
    struct tb_exchange *exchange = look->exchange;

    if (exchange) {
        exchange->on_gone = NULL;
        exchange->work = NULL;
        if (outcome || look->read.is_full)
            tb_problem_answer_database(exchange, outcome ? outcome : TB_DATABASE_BROKEN);
        else if (has_something(look))
            answer(look, exchange);
        else
            tb_problem_answer(
                exchange, &(struct tb_problem){
                              .code = 404, .detail = "There is no such task, or it is not yours to see."});
    }
    free_look(look);
}

/* ---- asking ---- */

static void prepare(struct tb_question *question)
{
    struct look *look = question->owner;

    tb_flow_read_prepare(&look->read);
}

static void on_gone(struct tb_exchange *exchange)
{
    struct look *look = exchange->work;

    look->exchange = NULL;
    tb_database_abandon(&look->question);
}

static bool take_id(struct look *look, struct tb_str segment)
{
    struct tb_str id;

    if (!tb_path_decode(segment, look->id, ID_MAX_BYTES, &id) || !tb_utf8_is_clean(id))
        return false;
    look->id[id.len] = '\0';
    return true;
}

static void look_for(struct tb_exchange *exchange, bool is_flow)
{
    struct look *look = calloc(1, sizeof(*look));

    if (!look) {
        tb_problem_answer_database(exchange, TB_DATABASE_CROWDED);
        return;
    }
    if (!take_id(look, exchange->segments[1])) {
        free(look);
        tb_problem_answer(exchange, &(struct tb_problem){.code = 400,
                                                         .detail = "A task's id has 1 to 255 characters.",
                                                         .parameter = is_flow ? "root_id" : "task_id"});
        return;
    }
    look->exchange = exchange;
    look->is_flow = is_flow;
    memcpy(look->company, exchange->company.ptr, exchange->company.len);
    tb_arena_init(&look->arena, TB_HTTP_READ_MAX_BYTES);
    look->read = (struct tb_flow_read){.company = look->company,
                                       .task_id = is_flow ? NULL : look->id,
                                       .flow = is_flow ? look->id : NULL,
                                       .visible_s = exchange->services->config->maintenance.completed_after_s,
                                       .has_history = exchange->grant->rights >= TB_RIGHTS_VIEWER,
                                       .timeout_ms = TB_DATABASE_STATEMENT_MS,
                                       .arena = &look->arena};
    look->question = (struct tb_question){.transaction = &look->read.transaction,
                                          .prepare = prepare,
                                          .on_answer = on_answer,
                                          .company = tb_str_of(look->company),
                                          .owner = look};
    int outcome = tb_database_ask(exchange->services->database, &look->question);
    if (outcome) {
        free_look(look);
        tb_problem_answer_database(exchange, outcome);
        return;
    }
    exchange->work = look;
    exchange->on_gone = on_gone;
}

void tb_task_get(struct tb_exchange *exchange)
{
    look_for(exchange, false);
}

void tb_flow_get(struct tb_exchange *exchange)
{
    look_for(exchange, true);
}

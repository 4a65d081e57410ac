/* The table of addresses, and the way from a request to its handler: the address, the method, who asks, the
 * parameters, the company; then the handler. Who asks is settled before anything is said about the address's
 * parts: without a valid credential nothing is told, not even that they are wrong. A company that is not the
 * caller's and one that is not there are the same to everything behind. */
#include "routes.h"

#include "api/health.h"
#include "api/openapi.h"
#include "api/task.h"
#include "api/task_status.h"
#include "cors.h"
#include "engine/path.h"
#include "live/stream.h"
#include "pages/page.h"
#include "problem.h"

#include <assert.h>
#include <stdio.h>

static const char *const statuses[] = {"pending", "running", "success", "failed", NULL};

static const struct tb_parameter task_filters[] = {
    [TB_FILTER_STATUS] = {"status", TB_PARAMETER_CHOICES, statuses, 0, 0, "Only tasks of these statuses."},
    [TB_FILTER_TYPE] = {"task_type", TB_PARAMETER_TEXTS, NULL, 0, 0, "Only tasks of these types."},
    [TB_FILTER_SINCE] = {"since", TB_PARAMETER_STAMP, NULL, 0, 0,
                         "Only tasks that ended, or, while active, started at or after this moment."},
    [TB_FILTER_UNTIL] = {"until", TB_PARAMETER_STAMP, NULL, 0, 0, "Only tasks before this moment."},
    [TB_FILTER_LIMIT] = {"limit", TB_PARAMETER_NUMBER, NULL, 1, TB_LIMIT_MAX,
                         "How many of those that ended are listed; 20 without it."},
    [TB_FILTER_CURSOR] = {"cursor", TB_PARAMETER_CURSOR, NULL, 0, 0,
                          "A document's next_cursor: the next of those that ended."},
    {NULL, TB_PARAMETER_TEXTS, NULL, 0, 0, NULL}};

#define STATUS "/api/v1/companies/{company_id}/task_status"

const struct tb_route tb_routes[] = {
    {"GET", STATUS, TB_NEEDS_COMPANY, false, true, task_filters, tb_task_status_get,
     "The company's tasks, as its page shows them.", "TaskStatus", "application/json"},
    {"GET", STATUS "/stream", TB_NEEDS_COMPANY, false, true, task_filters, tb_stream_get_events,
     "The same document at once and on every change, as server-sent events.", "TaskStatus",
     "text/event-stream"},
    {"GET", STATUS "/ws", TB_NEEDS_COMPANY, true, true, task_filters, tb_stream_get_websocket,
     "The same document at once and on every change, over a WebSocket.", "TaskStatus", "application/json"},
    {"GET", "/api/v1/companies/{company_id}/tasks/{task_id}", TB_NEEDS_COMPANY, false, false, NULL,
     tb_task_get, "One task, with its parent, root and children.", "Task", "application/json"},
    {"GET", "/api/v1/companies/{company_id}/flows/{root_id}", TB_NEEDS_COMPANY, false, false, NULL,
     tb_flow_get, "All tasks that one task brought about.", "Flow", "application/json"},
    {"GET", "/api/v1/openapi.json", TB_NEEDS_NOTHING, false, false, NULL, tb_openapi_get, "This description.",
     "OpenAPI", "application/json"},
    {"GET", "/onboarding/{company_id}", TB_NEEDS_NOTHING, false, true, NULL, tb_page_get_onboarding,
     "The onboarding page.", NULL, "text/html"},
    {"GET", "/healthz", TB_NEEDS_NOTHING, false, true, NULL, tb_health_get_alive, "The process lives.",
     "Health", "application/json"},
    {"GET", "/readyz", TB_NEEDS_NOTHING, false, true, NULL, tb_health_get_ready,
     "Documents could be read now.", "Health", "application/json"},
};
const size_t tb_route_count = TB_COUNT(tb_routes);

/* ---- finding ---- */

static bool has_method(const struct tb_route *route, struct tb_str method)
{
    if (tb_str_equal(method, TB_STR("HEAD")))
        method = TB_STR("GET");
    return tb_str_equal(tb_str_of(route->method), method);
}

/* The route, or NULL; *ret_is_there says whether the address has any. */
static const struct tb_route *find(struct tb_exchange *exchange, bool *ret_is_there)
{
    const struct tb_head *head = &exchange->request->head;

    *ret_is_there = false;
    for (size_t i = 0; i < tb_route_count; i++) {
        if (!tb_path_matches(tb_routes[i].pattern, head->path, exchange->segments, TB_EXCHANGE_SEGMENTS))
            continue;
        *ret_is_there = true;
        if (has_method(&tb_routes[i], head->method))
            return &tb_routes[i];
    }
    return NULL;
}

static void refuse_method(struct tb_exchange *exchange)
{
    if (!tb_cors_answer_preflight(exchange))
        tb_problem_answer(exchange,
                          &(struct tb_problem){.code = 405,
                                               .detail = "This address can only be read: GET or HEAD.",
                                               .header = {"Allow", TB_STR("GET, HEAD")}});
}

/* ---- who asks ---- */

static bool has_company(const struct tb_route *route)
{
    return strstr(route->pattern, "{company_id}") && route->needs == TB_NEEDS_COMPANY;
}

static void refuse_caller(struct tb_exchange *exchange, const struct tb_auth_answer *answer)
{
    static const unsigned codes[] = {[TB_AUTH_NO_CREDENTIAL] = 401,
                                     [TB_AUTH_MALFORMED] = 400,
                                     [TB_AUTH_LIMITED] = 429,
                                     [TB_AUTH_AWAY] = 503,
                                     [TB_AUTH_CROWDED] = 503};
    struct tb_problem problem = {.code = codes[answer->outcome], .detail = answer->detail};
    char seconds[24];

    if (answer->outcome == TB_AUTH_NO_CREDENTIAL) {
        problem.header = (struct tb_header){"WWW-Authenticate", tb_str_of(answer->challenge)};
    } else if (answer->outcome != TB_AUTH_MALFORMED) {
        snprintf(seconds, sizeof(seconds), "%lld",
                 (long long)(answer->retry_after_s > 0 ? answer->retry_after_s : 2));
        problem.header = (struct tb_header){"Retry-After", tb_str_of(seconds)};
    }
    tb_problem_answer(exchange, &problem);
}

static bool is_allowed(const struct tb_exchange *exchange)
{
    switch (exchange->route->needs) {
    case TB_NEEDS_NOTHING:
        return true;
    case TB_NEEDS_COMPANY:
        return exchange->grant->may_see;
    case TB_NEEDS_VIEWER:
        return exchange->grant->rights >= TB_RIGHTS_VIEWER;
    case TB_NEEDS_OPERATOR:
        return exchange->grant->rights >= TB_RIGHTS_OPERATOR;
    case TB_NEEDS_ADMIN:
        return exchange->grant->rights >= TB_RIGHTS_ADMIN;
    }
    return false;
}

static void proceed(struct tb_exchange *exchange)
{
    const struct tb_route *route = exchange->route;
    const struct tb_parameters *parameters = &exchange->parameters;
    bool is_good = tb_parameters_parse(&exchange->parameters, route->parameters, route->takes_unknown,
                                       exchange->request->head.query);

    if (has_company(route) && tb_str_is_null(exchange->company))
        tb_problem_answer(
            exchange, &(struct tb_problem){.code = 400,
                                           .detail = tb_company_id_words(&exchange->services->config->rules),
                                           .parameter = "company_id"});
    else if (!is_good)
        tb_problem_answer(exchange, &(struct tb_problem){.code = 400,
                                                         .detail = parameters->complaint,
                                                         .parameter = parameters->parameter});
    else if (is_allowed(exchange))
        route->handler(exchange);
    else if (route->needs == TB_NEEDS_COMPANY)
        tb_problem_answer_no_company(exchange);
    else
        tb_problem_answer_nothing_there(exchange);
}

static void take_answer(struct tb_exchange *exchange, const struct tb_auth_answer *answer)
{
    exchange->auth_ask = NULL;
    if (answer->outcome) {
        refuse_caller(exchange, answer);
        return;
    }
    exchange->grant = answer->grant;
    proceed(exchange);
}

static void on_answer(void *owner, const struct tb_auth_answer *answer)
{
    take_answer(owner, answer);
}

static void ask_who(struct tb_exchange *exchange)
{
    const struct tb_route *route = exchange->route;
    struct tb_auth_answer answer = {0};
    struct tb_auth_question question = {.head = &exchange->request->head,
                                        .client_address = tb_str_of(exchange->address),
                                        .is_websocket = route->is_websocket,
                                        .on_answer = on_answer,
                                        .owner = exchange};

    if (has_company(route) && !tb_company_id_parse(&exchange->services->config->rules, exchange->segments[0],
                                                   exchange->company_key, &exchange->company))
        exchange->company = TB_STR_NULL;
    question.company = exchange->company;
    tb_auth_ask(exchange->services->auth, &question, &answer, &exchange->auth_ask);
    if (!exchange->auth_ask)
        take_answer(exchange, &answer);
}

void tb_routes_dispatch(struct tb_exchange *exchange)
{
    bool is_there = false;

    exchange->route = find(exchange, &is_there);
    if (!is_there)
        tb_problem_answer_nothing_there(exchange);
    else if (!exchange->route)
        refuse_method(exchange);
    else if (exchange->route->needs == TB_NEEDS_NOTHING)
        proceed(exchange);
    else
        ask_who(exchange);
}

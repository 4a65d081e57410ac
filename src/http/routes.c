/* The table of addresses: a new one is a line here and a function that answers it.
 *
 * All of them are only read: GET, and HEAD, which is GET without the body. What they answer is theirs; what
 * they have in common is here. */
#include "routes.h"

#include "cors.h"
#include "health.h"
#include "page.h"
#include "path.h"
#include "problem.h"
#include "task_status.h"

static const struct route {
    const char *pattern;
    void (*get)(struct tb_request *request);
} routes[] = {
    {"/api/v1/companies/{}/task_status", tb_task_status_get},
    {"/onboarding/{}", tb_page_get_onboarding},
    {"/healthz", tb_health_get_alive},
    {"/readyz", tb_health_get_ready},
};

static const struct route *find(struct tb_str path, struct tb_str *ret_segment)
{
    for (size_t i = 0; i < TB_COUNT(routes); i++) {
        if (tb_path_matches(routes[i].pattern, path, ret_segment))
            return &routes[i];
    }
    return NULL;
}

static bool is_read(const struct tb_request *request)
{
    return strcmp(request->method, MHD_HTTP_METHOD_GET) == 0 ||
           strcmp(request->method, MHD_HTTP_METHOD_HEAD) == 0;
}

void tb_routes_dispatch(struct tb_request *request)
{
    const struct route *route = find(tb_str_of(request->path), &request->segment);

    if (!route)
        tb_problem_answer_nothing_there(request);
    else if (is_read(request))
        route->get(request);
    else if (!tb_cors_answer_preflight(request))
        tb_problem_answer(request,
                          &(struct tb_problem){.status = MHD_HTTP_METHOD_NOT_ALLOWED,
                                               .detail = "This address can only be read: GET or HEAD.",
                                               .header = {"Allow", "GET, HEAD"}});
}

/* The API's description, made of the table of routes and of the schemas in schemas.json: an address that is
 * added there is described here.
 *
 * It is made anew for each who asks, for few do. */
#include "openapi.h"

#include "database.h"
#include "pages.h"
#include "problem.h"
#include "routes.h"
#include "taskbridge/base/json.h"
#include "taskbridge/base/limits.h"

#include <stdio.h>

#define MAX_BYTES (256 * TB_KIB)

/* ---- parameters ---- */

static void push_type(struct tb_json *json, const char *type, const char *format)
{
    tb_json_str(json, "type", tb_str_of(type));
    if (format)
        tb_json_str(json, "format", tb_str_of(format));
}

static void push_value_schema(struct tb_json *json, const char *name, const struct tb_parameter *parameter)
{
    tb_json_begin_object(json, name);
    switch (parameter->kind) {
    case TB_PARAMETER_CHOICES:
        tb_json_begin_list(json, "enum");
        for (size_t i = 0; parameter->choices[i]; i++)
            tb_json_str(json, NULL, tb_str_of(parameter->choices[i]));
        tb_json_end_list(json);
        break;
    case TB_PARAMETER_STAMP:
        push_type(json, "string", "date-time");
        break;
    case TB_PARAMETER_NUMBER:
        push_type(json, "integer", NULL);
        tb_json_int(json, "minimum", parameter->min);
        tb_json_int(json, "maximum", parameter->max);
        break;
    case TB_PARAMETER_TEXTS:
    case TB_PARAMETER_CURSOR:
        push_type(json, "string", NULL);
        break;
    }
    tb_json_end_object(json);
}

static void push_query_parameter(struct tb_json *json, const struct tb_parameter *parameter)
{
    bool is_list = parameter->kind == TB_PARAMETER_CHOICES || parameter->kind == TB_PARAMETER_TEXTS;

    tb_json_begin_object(json, NULL);
    tb_json_str(json, "name", tb_str_of(parameter->name));
    tb_json_str(json, "in", TB_STR("query"));
    tb_json_str(json, "description", tb_str_of(parameter->doc));
    if (is_list) {
        tb_json_bool(json, "explode", false);
        tb_json_begin_object(json, "schema");
        push_type(json, "array", NULL);
        push_value_schema(json, "items", parameter);
        tb_json_end_object(json);
    } else {
        push_value_schema(json, "schema", parameter);
    }
    tb_json_end_object(json);
}

/* Each "{name}" of the pattern. */
static void push_path_parameters(struct tb_json *json, const char *pattern)
{
    for (const char *open = strchr(pattern, '{'); open; open = strchr(open + 1, '{')) {
        struct tb_str name = {open + 1, (size_t)(strchr(open, '}') - open) - 1};
        tb_json_begin_object(json, NULL);
        tb_json_str(json, "name", name);
        tb_json_str(json, "in", TB_STR("path"));
        tb_json_bool(json, "required", true);
        tb_json_begin_object(json, "schema");
        push_type(json, "string", NULL);
        tb_json_end_object(json);
        tb_json_end_object(json);
    }
}

static void push_parameters(struct tb_json *json, const struct tb_route *route)
{
    tb_json_begin_list(json, "parameters");
    push_path_parameters(json, route->pattern);
    for (size_t i = 0; route->parameters && route->parameters[i].name; i++)
        push_query_parameter(json, &route->parameters[i]);
    tb_json_end_list(json);
}

/* ---- answers ---- */

static void push_content(struct tb_json *json, const char *type, const char *schema)
{
    char reference[128];

    tb_json_begin_object(json, "content");
    tb_json_begin_object(json, type);
    tb_json_begin_object(json, "schema");
    if (schema && strcmp(type, "text/event-stream") != 0) {
        snprintf(reference, sizeof(reference), "#/components/schemas/%s", schema);
        tb_json_str(json, "$ref", tb_str_of(reference));
    } else {
        push_type(json, "string", NULL);
    }
    tb_json_end_object(json);
    tb_json_end_object(json);
    tb_json_end_object(json);
}

static void push_answer(struct tb_json *json, unsigned code, const char *description, const char *type,
                        const char *schema)
{
    char name[8];

    snprintf(name, sizeof(name), "%u", code);
    tb_json_begin_object(json, name);
    tb_json_str(json, "description", tb_str_of(description));
    if (type)
        push_content(json, type, schema);
    tb_json_end_object(json);
}

static void push_answers(struct tb_json *json, const struct tb_route *route)
{
    static const char problem[] = "application/problem+json";
    bool is_stream = strcmp(route->content_type, "text/event-stream") == 0;

    tb_json_begin_object(json, "responses");
    if (route->is_websocket)
        push_answer(json, 101, "The connection is a WebSocket; each message is a TaskStatus.", NULL, NULL);
    else
        push_answer(json, 200, is_stream ? "Events, whose data are a TaskStatus each." : "As asked for.",
                    route->content_type, route->schema);
    if (is_stream)
        push_answer(json, 204, "All is completed, and the client has seen it.", NULL, NULL);
    if (route->parameters && !is_stream && !route->is_websocket)
        push_answer(json, 304, "Nothing but the clock changed since the version in If-None-Match.", NULL,
                    NULL);
    push_answer(json, 400, "A parameter is wrong, and named.", problem, "Problem");
    if (route->needs != TB_NEEDS_NOTHING) {
        push_answer(json, 401, "There is no valid credential.", problem, "Problem");
        push_answer(json, 429, "Too much was tried.", problem, "Problem");
    }
    push_answer(json, 404, "There is no such thing, or it is not the caller's to see.", problem, "Problem");
    push_answer(json, 503, "The database is away: see Retry-After.", problem, "Problem");
    tb_json_end_object(json);
}

/* ---- the whole ---- */

static void push_operation(struct tb_json *json, const struct tb_route *route, size_t index)
{
    char method[8] = "", id[32];

    for (size_t i = 0; route->method[i] && i + 1 < sizeof(method); i++)
        method[i] = (char)(route->method[i] | 0x20);
    snprintf(id, sizeof(id), "operation%zu", index);
    tb_json_begin_object(json, method);
    tb_json_str(json, "operationId", tb_str_of(id));
    tb_json_str(json, "summary", tb_str_of(route->summary));
    push_parameters(json, route);
    push_answers(json, route);
    if (route->needs == TB_NEEDS_NOTHING) {
        tb_json_begin_list(json, "security");
        tb_json_end_list(json);
    }
    tb_json_end_object(json);
}

static void push_security(struct tb_json *json)
{
    tb_json_raw(json, "securitySchemes",
                TB_STR("{\"token\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"Authorization\","
                       "\"description\":\"Token KEY\"},"
                       "\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\",\"bearerFormat\":\"JWT\"}}"));
}

static void push_paths(struct tb_json *json)
{
    char path[256];

    tb_json_begin_object(json, "paths");
    for (size_t i = 0; i < tb_route_count; i++) {
        bool has_slash = strstr(tb_routes[i].pattern, "{") && !strstr(tb_routes[i].pattern, "onboarding") &&
                         !tb_routes[i].is_websocket &&
                         strcmp(tb_routes[i].content_type, "text/event-stream") != 0;
        snprintf(path, sizeof(path), "%s%s", tb_routes[i].pattern, has_slash ? "/" : "");
        tb_json_begin_object(json, path);
        push_operation(json, &tb_routes[i], i);
        tb_json_end_object(json);
    }
    tb_json_end_object(json);
}

void tb_openapi_get(struct tb_exchange *exchange)
{
    struct tb_reply reply = {.code = 200, .content_type = "application/json", .cache_control = "no-cache"};
    struct tb_json json;
    struct tb_buf buf;

    tb_buf_init(&buf, MAX_BYTES);
    tb_json_init(&json, &buf);
    tb_json_begin_object(&json, NULL);
    tb_json_str(&json, "openapi", TB_STR("3.1.0"));
    tb_json_raw(&json, "info",
                TB_STR("{\"title\":\"taskbridge\",\"version\":\"" TASKBRIDGE_VERSION "\","
                       "\"license\":{\"name\":\"MIT\",\"identifier\":\"MIT\"}}"));
    tb_json_raw(&json, "security", TB_STR("[{\"token\":[]},{\"bearer\":[]}]"));
    push_paths(&json);
    tb_json_begin_object(&json, "components");
    push_security(&json);
    tb_json_raw(&json, "schemas", (struct tb_str){(const char *)tb_page_schemas, tb_page_schemas_len});
    tb_json_end_object(&json);
    tb_json_end_object(&json);
    reply.body = tb_body_take(&buf);
    tb_buf_deinit(&buf);
    if (reply.body)
        tb_exchange_answer(exchange, &reply);
    else
        tb_problem_answer_database(exchange, TB_DATABASE_BROKEN);
}

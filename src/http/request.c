/* A request's life: made when its headers are there, dispatched when its body has been dropped, answered at
 * once or after the database has been asked, logged and freed when the answer has left or the client has.
 *
 * libmicrohttpd keeps a connection that is suspended, whatever the client does, so a request outlives every
 * question that was asked for it. An answer is made when it is known and queued by the server's handler,
 * which libmicrohttpd calls again. An answer that finds no memory closes the connection. */
#include "request.h"

#include "cors.h"
#include "taskbridge/base/clock.h"
#include "taskbridge/base/random.h"

/* ---- who is who ---- */

static bool is_sane_id(struct tb_str id)
{
    if (!id.len || id.len >= TB_REQUEST_ID_BYTES)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool is_word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_word && c != '-' && c != '_' && c != '.' && c != ':')
            return false;
    }
    return true;
}

/* The client's or the proxy's own, where it can be trusted to be one word; else a new one. */
static void set_id(struct tb_request *request)
{
    struct tb_str given = tb_request_header(request, "X-Request-ID");

    _Static_assert(TB_REQUEST_ID_BYTES >= TB_UUID_TEXT_BYTES, "a UUID has to fit");
    if (is_sane_id(given)) {
        memcpy(request->id, given.ptr, given.len);
        request->id[given.len] = '\0';
    } else if (tb_random_uuid(request->id) != 0) {
        request->id[0] = '\0';
    }
}

struct tb_str tb_request_header(const struct tb_request *request, const char *name)
{
    const char *value = NULL;
    size_t len = 0;

    if (MHD_lookup_connection_value_n(request->connection, MHD_HEADER_KIND, name, strlen(name), &value,
                                      &len) != MHD_YES)
        return TB_STR_NULL;
    return (struct tb_str){value ? value : "", len};
}

struct tb_request *tb_request_new(const struct tb_services *services, struct MHD_Connection *connection,
                                  const char *method, const char *path)
{
    struct tb_request *request = calloc(1, sizeof(*request));

    if (!request)
        return NULL;
    request->services = services;
    request->connection = connection;
    request->began_us = tb_clock_monotonic_us();
    request->method = strdup(method);
    request->path = strdup(path);
    if (!request->method || !request->path) {
        free(request->method);
        free(request->path);
        free(request);
        return NULL;
    }
    set_id(request);
    return request;
}

static void write_log(const struct tb_request *request, enum MHD_RequestTerminationCode how)
{
    double ms = (double)(tb_clock_monotonic_us() - request->began_us) / TB_US_PER_MS;
    bool is_whole = how == MHD_REQUEST_TERMINATED_COMPLETED_OK;

    tb_log(request->services->log, TB_LOG_INFO, "request", TB_F_EVENT("request"),
           TB_F_CSTR("method", request->method), TB_F_CSTR("path", request->path),
           TB_F_INT("status", request->status), TB_F_DOUBLE("ms", ms), TB_F_INT("bytes", request->body_bytes),
           TB_F_CSTR("user", request->user), TB_F_CSTR("request_id", request->id),
           TB_F_CSTR("ended", is_whole ? NULL : "broken off"));
}

void tb_request_free(struct tb_request *request, enum MHD_RequestTerminationCode how)
{
    if (!request)
        return;
    write_log(request, how);
    if (request->response)
        MHD_destroy_response(request->response);
    free(request->method);
    free(request->path);
    free(request->user);
    free(request->parameter);
    free(request);
}

/* ---- answers ---- */

void tb_request_suspend(struct tb_request *request)
{
    request->is_suspended = true;
    MHD_suspend_connection(request->connection);
}

static bool add_header(struct MHD_Response *response, const char *name, const char *value)
{
    return MHD_add_response_header(response, name, value) == MHD_YES;
}

static bool add_headers(const struct tb_request *request, const struct tb_answer *answer,
                        struct MHD_Response *response)
{
    const char *first = answer->headers[0].name;
    bool good = add_header(response, "X-Content-Type-Options", "nosniff");

    if (answer->content_type)
        good = good && add_header(response, "Content-Type", answer->content_type);
    if (request->id[0])
        good = good && add_header(response, "X-Request-ID", request->id);
    if (!first || strcmp(first, "Cache-Control") != 0)
        good = good && add_header(response, "Cache-Control", "no-store");
    if (request->services->is_draining)
        good = good && add_header(response, "Connection", "close");
    for (size_t i = 0; i < TB_ANSWER_HEADERS_MAX && answer->headers[i].name; i++)
        good = good && add_header(response, answer->headers[i].name, answer->headers[i].value);
    return good && tb_cors_add_headers(request, response);
}

static struct MHD_Response *make_response(const struct tb_request *request, const struct tb_answer *answer)
{
    /* libmicrohttpd wants a pointer to bytes that may change, and changes none. */
    union {
        const char *given;
        void *wanted;
    } body = {.given = answer->body.ptr};
    struct MHD_Response *response = MHD_create_response_from_buffer(
        answer->body.len, body.wanted, answer->is_static ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE);

    if (!response && !answer->is_static)
        free(body.wanted);
    if (response && !add_headers(request, answer, response)) {
        MHD_destroy_response(response);
        return NULL;
    }
    return response;
}

static void resume(struct tb_request *request)
{
    if (!request->is_suspended)
        return;
    request->is_suspended = false;
    MHD_resume_connection(request->connection);
    request->services->wake(request->services->waker);
}

void tb_request_answer(struct tb_request *request, const struct tb_answer *answer)
{
    request->response = make_response(request, answer);
    request->has_failed = !request->response;
    request->status = answer->status;
    request->body_bytes = strcmp(request->method, MHD_HTTP_METHOD_HEAD) == 0 ? 0 : answer->body.len;
    resume(request);
}

void tb_request_fail(struct tb_request *request, unsigned status)
{
    request->has_failed = true;
    request->status = status;
    resume(request);
}

void tb_request_answer_text(struct tb_request *request, const char *content_type, const char *text)
{
    tb_request_answer(request, &(struct tb_answer){.status = MHD_HTTP_OK,
                                                   .content_type = content_type,
                                                   .body = tb_str_of(text),
                                                   .is_static = true});
}

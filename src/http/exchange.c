/* An exchange lives from the request's head to its answer's last byte, or to its stream's end.
 *
 * Then one line of the log tells of it, whoever answered. */
#include "exchange.h"

#include "cors.h"
#include "proxies.h"
#include "taskbridge/base/clock.h"
#include "taskbridge/base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* ---- who is who ---- */

static bool is_sane_id(struct tb_str id)
{
    if (!id.len || id.len >= TB_EXCHANGE_ID_BYTES)
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
static void set_id(struct tb_exchange *exchange)
{
    struct tb_str given = tb_exchange_header(exchange, "X-Request-ID");

    _Static_assert(TB_EXCHANGE_ID_BYTES >= TB_UUID_TEXT_BYTES, "a UUID has to fit");
    if (is_sane_id(given)) {
        memcpy(exchange->id, given.ptr, given.len);
        exchange->id[given.len] = '\0';
    } else {
        tb_random_cheap_uuid(exchange->services->random, exchange->id);
    }
}

struct tb_str tb_exchange_header(const struct tb_exchange *exchange, const char *name)
{
    return tb_head_find(&exchange->request->head, name);
}

struct tb_exchange *tb_exchange_new(const struct tb_services *services, struct tb_request *request)
{
    struct tb_exchange *exchange = calloc(1, sizeof(*exchange));
    const struct tb_head *head = &request->head;

    if (!exchange)
        return NULL;
    exchange->services = services;
    exchange->request = request;
    exchange->began_us = request->began_us;
    exchange->method = strndup(head->method.ptr, head->method.len);
    exchange->path = strndup(head->path.ptr, head->path.len);
    if (!exchange->method || !exchange->path) {
        tb_exchange_free(exchange);
        return NULL;
    }
    set_id(exchange);
    tb_proxies_find_client(&services->config->http.trusted_proxies, request->address,
                           tb_exchange_header(exchange, "X-Forwarded-For"), exchange->address);
    request->context = exchange;
    return exchange;
}

void tb_exchange_free(struct tb_exchange *exchange)
{
    if (!exchange)
        return;
    if (exchange->on_gone)
        exchange->on_gone(exchange);
    if (exchange->auth_ask)
        tb_auth_cancel(exchange->auth_ask);
    if (exchange->grant)
        tb_grant_release(exchange->grant);
    tb_parameters_deinit(&exchange->parameters);
    free(exchange->method);
    free(exchange->path);
    free(exchange);
}

void tb_exchange_log(const struct tb_exchange *exchange, unsigned code, int64_t bytes, bool is_whole)
{
    double ms = (double)(tb_clock_monotonic_us() - exchange->began_us) / TB_US_PER_MS;
    const struct tb_services *services = exchange->services;

    tb_log_hold(services->log);
    if (!services->flush->armed)
        tb_loop_arm(services->loop, services->flush, 0);
    tb_log(exchange->services->log, TB_LOG_INFO, "request", TB_F_EVENT("request"),
           TB_F_CSTR("method", exchange->method), TB_F_CSTR("path", exchange->path), TB_F_INT("status", code),
           TB_F_DOUBLE("ms", ms), TB_F_INT("bytes", bytes),
           TB_F_STR("user", exchange->grant ? exchange->grant->user : TB_STR_NULL),
           TB_F_CSTR("client", exchange->address), TB_F_CSTR("request_id", exchange->id),
           TB_F_CSTR("ended", is_whole ? NULL : "broken off"));
}

/* ---- answers ---- */

static void push_fields(const struct tb_exchange *exchange, const struct tb_reply *reply,
                        struct tb_fields *fields)
{
    fields->len = 0;
    fields->failed = false;
    tb_fields_push(fields, "Content-Type", tb_str_of(reply->content_type));
    tb_fields_push(fields, "X-Content-Type-Options", TB_STR("nosniff"));
    if (exchange->id[0])
        tb_fields_push(fields, "X-Request-ID", tb_str_of(exchange->id));
    tb_fields_push(fields, "Cache-Control",
                   tb_str_of(reply->cache_control ? reply->cache_control : "no-store"));
    for (size_t i = 0; i < TB_REPLY_HEADERS_MAX && reply->headers[i].name; i++)
        tb_fields_push(fields, reply->headers[i].name, reply->headers[i].value);
    tb_cors_push_fields(exchange, fields);
}

void tb_exchange_answer(struct tb_exchange *exchange, const struct tb_reply *reply)
{
    struct tb_request *request = exchange->request;
    struct tb_fields fields;

    push_fields(exchange, reply, &fields);
    /* Without its headers an answer could be read by the wrong page, or kept: none is better. */
    tb_request_answer(request, &(struct tb_answer){.code = fields.failed ? 500 : reply->code,
                                                   .fields = {fields.text, fields.failed ? 0 : fields.len},
                                                   .body = reply->body,
                                                   .closes = reply->closes || fields.failed});
}

void tb_exchange_stream(struct tb_exchange *exchange, const struct tb_reply *reply, struct tb_stream *stream)
{
    struct tb_request *request = exchange->request;
    struct tb_fields fields;

    push_fields(exchange, reply, &fields);
    exchange->request = NULL;
    request->context = NULL;
    tb_parameters_deinit(&exchange->parameters);
    tb_request_stream(
        request,
        &(struct tb_answer){.code = reply->code, .fields = {fields.text, fields.len}, .body = reply->body},
        stream);
}

void tb_exchange_answer_text(struct tb_exchange *exchange, const char *content_type, const char *text)
{
    tb_exchange_answer(exchange, &(struct tb_reply){.code = 200,
                                                    .content_type = content_type,
                                                    .body = tb_body_static(tb_str_of(text))});
}

/* The first of the two that is named counts: browsers send them in the order of preference. */
bool tb_exchange_is_english(const struct tb_exchange *exchange)
{
    struct tb_str languages = tb_exchange_header(exchange, "Accept-Language");

    for (size_t i = 0; i + 1 < languages.len; i++) {
        bool begins = i == 0 || languages.ptr[i - 1] == ',' || languages.ptr[i - 1] == ' ';
        if (begins && strncasecmp(languages.ptr + i, "es", 2) == 0)
            return false;
        if (begins && strncasecmp(languages.ptr + i, "en", 2) == 0)
            return true;
    }
    return false;
}

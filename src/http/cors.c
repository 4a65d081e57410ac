/* Cross-origin reading, where http.cors_origins allows it.
 *
 * An origin is compared whole, as browsers send it; none is a pattern. Cookies of other origins are not
 * allowed for: a page that has a token sends it itself. To all others nothing is said, and their browsers
 * keep the answer from them. */
#include "cors.h"

static bool is_allowed(const struct tb_config_list *origins, struct tb_str origin)
{
    for (size_t i = 0; i < origins->count; i++) {
        if (tb_str_equal(origins->items[i], origin))
            return true;
    }
    return false;
}

void tb_cors_push_fields(const struct tb_exchange *exchange, struct tb_fields *fields)
{
    const struct tb_config_list *origins = &exchange->services->config->http.cors_origins;

    if (!origins->count)
        return;
    /* The same address answers different origins differently. */
    tb_fields_push(fields, "Vary", TB_STR("Origin"));
    struct tb_str origin = tb_exchange_header(exchange, "Origin");
    if (!is_allowed(origins, origin))
        return;
    tb_fields_push(fields, "Access-Control-Allow-Origin", origin);
    tb_fields_push(fields, "Access-Control-Expose-Headers", TB_STR("ETag, Retry-After, X-Request-ID"));
}

bool tb_cors_answer_preflight(struct tb_exchange *exchange)
{
    const struct tb_config_list *origins = &exchange->services->config->http.cors_origins;

    if (!tb_str_equal(exchange->request->head.method, TB_STR("OPTIONS")) ||
        tb_str_is_null(tb_exchange_header(exchange, "Access-Control-Request-Method")) ||
        !is_allowed(origins, tb_exchange_header(exchange, "Origin")))
        return false;
    tb_exchange_answer(
        exchange,
        &(struct tb_reply){.code = 204,
                           .headers = {{"Access-Control-Allow-Methods", TB_STR("GET, HEAD")},
                                       {"Access-Control-Allow-Headers",
                                        TB_STR("Authorization, If-None-Match, Last-Event-ID, X-Request-ID")},
                                       {"Access-Control-Max-Age", TB_STR("600")}}});
    return true;
}

/* Cross-origin reading, where http.cors_origins allows it.
 *
 * An origin is compared whole, as browsers send it; none is a pattern. No cookies are used, so credentials
 * need not be allowed: a page that has a token sends it itself. To all others nothing is said, and their
 * browsers keep the answer from them. */
#include "cors.h"

static bool is_allowed(const struct tb_config_list *origins, struct tb_str origin)
{
    for (size_t i = 0; i < origins->count; i++) {
        if (tb_str_equal(origins->items[i], origin))
            return true;
    }
    return false;
}

bool tb_cors_add_headers(const struct tb_request *request, struct MHD_Response *response)
{
    const struct tb_config_list *origins = request->services->cors_origins;
    struct tb_str origin = tb_request_header(request, "Origin");
    bool good = true;

    if (!origins->count)
        return true;
    /* The same address answers different origins differently. */
    good = MHD_add_response_header(response, "Vary", "Origin") == MHD_YES;
    if (!is_allowed(origins, origin))
        return good;
    /* Equal to an item of the list, which ends in a NUL as the header does. */
    good = good && MHD_add_response_header(response, "Access-Control-Allow-Origin", origin.ptr) == MHD_YES;
    return good && MHD_add_response_header(response, "Access-Control-Expose-Headers",
                                           "Retry-After, X-Request-ID") == MHD_YES;
}

bool tb_cors_answer_preflight(struct tb_request *request)
{
    if (strcmp(request->method, MHD_HTTP_METHOD_OPTIONS) != 0 ||
        tb_str_is_null(tb_request_header(request, "Access-Control-Request-Method")) ||
        !is_allowed(request->services->cors_origins, tb_request_header(request, "Origin")))
        return false;
    tb_request_answer(request, &(struct tb_answer){.status = MHD_HTTP_NO_CONTENT,
                                                   .body = TB_STR(""),
                                                   .is_static = true,
                                                   .headers = {{"Access-Control-Allow-Methods", "GET, HEAD"},
                                                               {"Access-Control-Allow-Headers",
                                                                "Authorization, X-Request-ID"},
                                                               {"Access-Control-Max-Age", "600"}}});
    return true;
}

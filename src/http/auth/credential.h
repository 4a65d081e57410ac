/* What a request shows of its sender. Pure. */
#ifndef TASKBRIDGE_HTTP_AUTH_CREDENTIAL_H
#define TASKBRIDGE_HTTP_AUTH_CREDENTIAL_H

#include "engine/head.h"
#include "taskbridge/config/config.h"

enum tb_credential_kind {
    TB_CREDENTIAL_NONE,
    TB_CREDENTIAL_TOKEN,  /* "Token <key>": an own token's, or one that the product's database knows */
    TB_CREDENTIAL_BEARER, /* "Bearer <token>" */
    TB_CREDENTIAL_FOREIGN /* nothing of ours, but what the product itself may know: its cookie, its scheme */
};

struct tb_credential {
    enum tb_credential_kind kind;
    struct tb_str text; /* of the first two: the key or token */
    /* The request's headers that access.forward.headers names, cookies narrowed to access.forward.cookies.
     * All with a value; none where nothing is forwarded. */
    const struct tb_field *forwarded;
    size_t forwarded_count;
};

enum tb_credential_outcome {
    TB_CREDENTIAL_TWICE = 1, /* more than one: nobody should have to guess which counts. (Of two headers of
                              * that name the head's parser says so.) */
    TB_CREDENTIAL_FULL       /* the arena is */
};

/* All texts are borrowed from head, or from arena. is_websocket: a credential may also come as a subprotocol,
 * "token.<key>" or "bearer.<token>"; browsers can send no header there. A query string is never looked at. 0
 * or an outcome. */
int tb_credential_read(const struct tb_head *head, const struct tb_config *config, bool is_websocket,
                       struct tb_arena *arena, struct tb_credential *ret_credential) TB_MUST_CHECK;

/* Whether a page of an origin that is neither the server's own nor allowed (http.cors_origins) opened this
 * WebSocket: browsers let any page do that, and send the cookies along. */
bool tb_credential_is_strangers(const struct tb_head *head, const struct tb_config *config);

#endif

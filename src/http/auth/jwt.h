/* A JSON Web Token, verified. Pure: what time it is, is given. */
#ifndef TASKBRIDGE_HTTP_AUTH_JWT_H
#define TASKBRIDGE_HTTP_AUTH_JWT_H

#include "keys.h"

#include <jansson.h>

/* Ours that browsers watch with, or the product's own. A token is of one kind only, by its header's typ. */
enum tb_jwt_kind { TB_JWT_PRODUCT, TB_JWT_WATCH };

struct tb_jwt_rules {
    const struct tb_jwt_keys *keys; /* borrowed, as all here */
    enum tb_jwt_kind kind;
    struct tb_str issuer; /* empty: any */
    const struct tb_str *audience;
    size_t audience_count; /* 0: a token must have none */
    int64_t leeway_us;
};

enum tb_jwt_outcome {
    TB_JWT_MALFORMED = 1, /* no three parts, no base64url, no JSON */
    TB_JWT_UNUSABLE,      /* its header asks for what is not done: another algorithm, crit, nesting, typ */
    TB_JWT_UNKNOWN_KEY,   /* no key of its kid and algorithm */
    TB_JWT_FORGED,        /* no key's signature */
    /* From here on its signature is right. */
    TB_JWT_EXPIRED,
    TB_JWT_EARLY, /* nbf or iat lie in the future */
    TB_JWT_WRONG_ISSUER,
    TB_JWT_WRONG_AUDIENCE,
    TB_JWT_WRONG_CLAIM /* of a wrong type, or one that must be there is not */
};

/* For a person; static. */
const char *tb_jwt_words(int outcome);

/* 0 with the claims, an object that the caller decrefs, and their exp (which the leeway may have passed
 * over); or an enum tb_jwt_outcome. */
int tb_jwt_verify(struct tb_str token, const struct tb_jwt_rules *rules, int64_t now_us, json_t **ret_claims,
                  int64_t *ret_expires_at_us) TB_MUST_CHECK;

/* Whether text has the shape of a token: three parts. */
bool tb_jwt_is_like(struct tb_str text);
/* What its header says, unverified: for choosing the keys. Product for what can't be read. */
enum tb_jwt_kind tb_jwt_kind_of(struct tb_str token);

#endif

/* What the claims of a verified token say of its bearer. Pure. */
#ifndef TASKBRIDGE_HTTP_AUTH_CLAIMS_H
#define TASKBRIDGE_HTTP_AUTH_CLAIMS_H

#include "auth.h"

#include <jansson.h>

/* "viewer", "operator" or "admin"; anything else, the null string too, is no more than companies. */
enum tb_rights tb_rights_parse(struct tb_str name);

struct tb_claims {
    struct tb_str user; /* may be empty */
    enum tb_rights rights;
    bool has_companies; /* the token itself says which may be seen */
    bool may_see;       /* so, the one that is asked for */
    const struct tb_scope *scope;
    int64_t issued_at_us; /* 0: it does not say */
};

enum tb_claims_outcome {
    TB_CLAIMS_WRONG = 1, /* a claim is missing, of a wrong type, or says too much */
    TB_CLAIMS_FULL       /* the arena is */
};

/* Of the product's token, by the claims that the configuration names; company may be null. */
int tb_claims_read_product(const json_t *json, const struct tb_config *config, struct tb_str company,
                           struct tb_arena *arena, struct tb_claims *ret_claims) TB_MUST_CHECK;

/* Of a watch token: a company, and optionally tasks, types, a flow. A scope that names nothing is wrong:
 * nobody should see all for having meant none. */
int tb_claims_read_watch(const json_t *json, const struct tb_config *config, struct tb_str company,
                         struct tb_arena *arena, struct tb_claims *ret_claims) TB_MUST_CHECK;

#endif

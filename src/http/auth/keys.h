/* Keys that tokens are verified with. Each is for one algorithm, whatever a token says. */
#ifndef TASKBRIDGE_HTTP_AUTH_KEYS_H
#define TASKBRIDGE_HTTP_AUTH_KEYS_H

#include "taskbridge/base/error.h"
#include "taskbridge/base/str.h"

#include <cjose/cjose.h>

enum tb_jwt_algorithm { TB_JWT_HS256, TB_JWT_RS256, TB_JWT_ES256, TB_JWT_ALGORITHM_COUNT };

/* A set of them: TB_JWT_ALGORITHMS_ALL, or 1 << algorithm. */
#define TB_JWT_ALGORITHMS_ALL ((1u << TB_JWT_ALGORITHM_COUNT) - 1)

/* As headers and keys name it; NULL-terminated, borrowed for ever. */
const char *tb_jwt_algorithm_name(enum tb_jwt_algorithm algorithm);
/* false for what is not one of ours. */
bool tb_jwt_algorithm_parse(struct tb_str name, enum tb_jwt_algorithm *ret_algorithm) TB_MUST_CHECK;

struct tb_jwt_key {
    enum tb_jwt_algorithm algorithm;
    char *kid;        /* owned; NULL: it has none, and is tried for every token of its algorithm */
    cjose_jwk_t *jwk; /* owned */
};

#define TB_JWT_KEYS_MAX 32

struct tb_jwt_keys {
    struct tb_jwt_key keys[TB_JWT_KEYS_MAX];
    size_t count;
};

/* Secrets for HS256, one a line, of 32 bytes at least; empty lines are passed over. 0, -ENOMEM, or -EINVAL
 * with words that repeat nothing of them. */
int tb_jwt_keys_of_secrets(struct tb_str lines, struct tb_jwt_keys **ret_keys,
                           struct tb_error *err) TB_MUST_CHECK;

/* A JSON Web Key Set (RFC 7517): its public keys for RS256 (RSA of 2048 to 8192 bits) and ES256 (P-256) that
 * algorithms, a set, allows. Keys for anything else are passed over; none left is -EINVAL. */
int tb_jwt_keys_of_jwks(struct tb_str json, unsigned algorithms, struct tb_jwt_keys **ret_keys,
                        struct tb_error *err) TB_MUST_CHECK;

/* NULL is fine. */
void tb_jwt_keys_free(struct tb_jwt_keys *keys);

#endif

/* Any bytes as a token, as a set of keys, and as header and payload of a token that is signed with the right
 * secret: nobody gets in without the secret, and with it only by what the token really says. */
#include "auth/claims.h"
#include "auth/jwt.h"

#include "jwt_maker.h"
#include "taskbridge/base/clock.h"
#include "taskbridge/base/limits.h"

#include <assert.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW_US (1764420000 * TB_US_PER_S)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static int verify(struct tb_str token, enum tb_jwt_kind kind, json_t **ret_claims)
{
    struct tb_jwt_keys *keys = NULL;
    int64_t expires_at_us = 0;
    int failed = tb_jwt_keys_of_secrets(TB_STR(SECRET), &keys, NULL);

    assert(!failed);
    int outcome = tb_jwt_verify(token, &(struct tb_jwt_rules){.keys = keys, .kind = kind}, NOW_US, ret_claims,
                                &expires_at_us);
    assert(outcome || expires_at_us > NOW_US);
    tb_jwt_keys_free(keys);
    return outcome;
}

static void read_claims(const json_t *json)
{
    struct tb_config *config = NULL;
    struct tb_claims claims = {0};
    struct tb_arena arena;
    int failed = tb_config_parse(TB_STR("company: { format: slug }\n"), "fuzz", NULL, &config, NULL);

    assert(!failed);
    tb_arena_init(&arena, TB_GRANT_MAX_BYTES);
    if (tb_claims_read_product(json, config, TB_STR("73"), &arena, &claims) == 0)
        assert(claims.user.len && claims.rights == TB_RIGHTS_COMPANIES);
    claims = (struct tb_claims){0};
    if (tb_claims_read_watch(json, config, TB_STR("73"), &arena, &claims) == 0)
        assert(claims.has_companies && claims.rights == TB_RIGHTS_COMPANIES);
    tb_arena_deinit(&arena);
    tb_config_free(config);
}

/* The first line is the header, the rest the payload. */
static void try_signed(const char *text)
{
    const char *line = strchr(text, '\n');
    char *header = strndup(text, line ? (size_t)(line - text) : strlen(text));
    char *token = make_token(header, line ? line + 1 : "", NULL, TB_STR(SECRET));

    for (int kind = TB_JWT_PRODUCT; token && kind <= TB_JWT_WATCH; kind++) {
        json_t *claims = NULL;
        if (verify(tb_str_of(token), (enum tb_jwt_kind)kind, &claims) == 0)
            read_claims(claims);
        json_decref(claims);
    }
    free(token);
    free(header);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct tb_str text = {(const char *)bytes, len};
    struct tb_jwt_keys *keys = NULL;
    json_t *claims = NULL;
    char *copy = strndup((const char *)bytes, len);

    int outcome = verify(text, TB_JWT_PRODUCT, &claims);
    assert(outcome > 0 && !claims);
    (void)tb_jwt_kind_of(text);
    if (tb_jwt_keys_of_jwks(text, TB_JWT_ALGORITHMS_ALL, &keys, NULL) == 0)
        assert(keys->count && keys->count <= TB_JWT_KEYS_MAX);
    tb_jwt_keys_free(keys);
    try_signed(copy);
    free(copy);
    return 0;
}

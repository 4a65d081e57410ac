/* Keys that tokens are verified with.
 *
 * The algorithm is the key's, fixed here and never taken from a token: an RSA key is for RS256, a P-256 key
 * for ES256, a secret for HS256, so no public key can ever be used as a secret. Of a public key only what is
 * public is read, and a secret in a key set is passed over: sets are published. What a set says a key is for
 * (use, key_ops, alg) must include verifying. */
#include "keys.h"

#include "taskbridge/base/base64url.h"
#include "taskbridge/base/limits.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#define SECRET_MIN_BYTES 32
#define RSA_MIN_BITS     2048
#define RSA_MAX_BITS     8192
#define KID_MAX_BYTES    256

static const char *const names[] = {
    [TB_JWT_HS256] = "HS256", [TB_JWT_RS256] = "RS256", [TB_JWT_ES256] = "ES256"};

const char *tb_jwt_algorithm_name(enum tb_jwt_algorithm algorithm)
{
    return names[algorithm];
}

bool tb_jwt_algorithm_parse(struct tb_str name, enum tb_jwt_algorithm *ret_algorithm)
{
    for (size_t i = 0; i < TB_COUNT(names); i++) {
        if (tb_str_equal(name, tb_str_of(names[i]))) {
            *ret_algorithm = (enum tb_jwt_algorithm)i;
            return true;
        }
    }
    return false;
}

void tb_jwt_keys_free(struct tb_jwt_keys *keys)
{
    if (!keys)
        return;
    for (size_t i = 0; i < keys->count; i++) {
        free(keys->keys[i].kid);
        cjose_jwk_release(keys->keys[i].jwk);
    }
    free(keys);
}

/* ---- secrets ---- */

static int add_secret(struct tb_jwt_keys *keys, struct tb_str secret, size_t line, struct tb_error *err)
{
    cjose_err error = {0};

    if (secret.len < SECRET_MIN_BYTES)
        return tb_error_set(err, -EINVAL, "the secret in line %zu has %zu bytes; %d are the least", line,
                            secret.len, SECRET_MIN_BYTES);
    if (keys->count == TB_JWT_KEYS_MAX)
        return tb_error_set(err, -EINVAL, "there are more than %d secrets", TB_JWT_KEYS_MAX);
    cjose_jwk_t *jwk = cjose_jwk_create_oct_spec((const uint8_t *)secret.ptr, secret.len, &error);
    if (!jwk)
        return tb_error_set(err, -ENOMEM, "keeping a secret: %s", error.message);
    keys->keys[keys->count++] = (struct tb_jwt_key){.algorithm = TB_JWT_HS256, .jwk = jwk};
    return 0;
}

int tb_jwt_keys_of_secrets(struct tb_str lines, struct tb_jwt_keys **ret_keys, struct tb_error *err)
{
    struct tb_jwt_keys *keys = calloc(1, sizeof(*keys));
    int failed = 0;

    if (!keys)
        return tb_error_set(err, -ENOMEM, "out of memory");
    for (size_t line = 1; !failed && lines.len; line++) {
        const char *end = memchr(lines.ptr, '\n', lines.len);
        size_t len = end ? (size_t)(end - lines.ptr) : lines.len;
        struct tb_str secret = tb_str_trim((struct tb_str){lines.ptr, len});
        size_t taken = end ? len + 1 : len;
        lines = (struct tb_str){lines.ptr + taken, lines.len - taken};
        if (secret.len)
            failed = add_secret(keys, secret, line, err);
    }
    if (!failed && keys->count == 0)
        failed = tb_error_set(err, -EINVAL, "there is no secret in it");
    if (failed)
        tb_jwt_keys_free(keys);
    else
        *ret_keys = keys;
    return failed;
}

/* ---- key sets ---- */

static bool is_text(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

static bool is_for_verifying(const json_t *json)
{
    const json_t *use = json_object_get(json, "use"), *operations = json_object_get(json, "key_ops");
    const json_t *operation = NULL;
    size_t i = 0;

    if (use && !is_text(use, "sig"))
        return false;
    if (!operations)
        return true;
    json_array_foreach(operations, i, operation)
    {
        if (is_text(operation, "verify"))
            return true;
    }
    return false;
}

static bool algorithm_of(const json_t *json, enum tb_jwt_algorithm *ret_algorithm)
{
    const json_t *kty = json_object_get(json, "kty"), *alg = json_object_get(json, "alg");

    if (is_text(kty, "RSA"))
        *ret_algorithm = TB_JWT_RS256;
    else if (is_text(kty, "EC") && is_text(json_object_get(json, "crv"), "P-256"))
        *ret_algorithm = TB_JWT_ES256;
    else
        return false;
    return !alg || is_text(alg, names[*ret_algorithm]);
}

/* cjose aborts the program over some texts that are no base64url. */
static bool is_number(const json_t *value, size_t bytes)
{
    struct tb_buf buf;

    tb_buf_init(&buf, TB_KEYS_MAX_BYTES);
    bool is_good = json_is_string(value) &&
                   tb_base64url_push_decoded(
                       &buf, (struct tb_str){json_string_value(value), json_string_length(value)}) &&
                   !buf.failed && buf.len && (!bytes || buf.len == bytes);
    tb_buf_deinit(&buf);
    return is_good;
}

/* The public members alone; NULL where one is missing or no number of its size. */
static json_t *public_part(const json_t *json, enum tb_jwt_algorithm algorithm)
{
    static const struct {
        const char *names[2];
        size_t bytes;
    } members[] = {[TB_JWT_RS256] = {{"n", "e"}, 0}, [TB_JWT_ES256] = {{"x", "y"}, 32}};
    json_t *part = algorithm == TB_JWT_RS256 ? json_pack("{s:s}", "kty", "RSA")
                                             : json_pack("{s:s, s:s}", "kty", "EC", "crv", "P-256");

    for (size_t i = 0; part && i < TB_COUNT(members[algorithm].names); i++) {
        const char *name = members[algorithm].names[i];
        json_t *value = json_object_get(json, name);
        if (!is_number(value, members[algorithm].bytes) || json_object_set(part, name, value) != 0) {
            json_decref(part);
            return NULL;
        }
    }
    return part;
}

static cjose_jwk_t *import(const json_t *json, enum tb_jwt_algorithm algorithm)
{
    json_t *part = public_part(json, algorithm);
    cjose_err error = {0};
    cjose_jwk_t *jwk = part ? cjose_jwk_import_json(part, &error) : NULL;

    json_decref(part);
    if (!jwk || algorithm != TB_JWT_RS256)
        return jwk;
    size_t bits = cjose_jwk_get_keysize(jwk, &error);
    if (bits < RSA_MIN_BITS || bits > RSA_MAX_BITS) {
        cjose_jwk_release(jwk);
        return NULL;
    }
    return jwk;
}

/* A key that is of no use here is passed over. 0 or -ENOMEM. */
static int add_key(struct tb_jwt_keys *keys, const json_t *json, unsigned algorithms)
{
    struct tb_jwt_key *key = &keys->keys[keys->count];
    const json_t *kid = json_object_get(json, "kid");

    *key = (struct tb_jwt_key){0};
    if (!json_is_object(json) || (kid && !json_is_string(kid)) || json_string_length(kid) > KID_MAX_BYTES ||
        !is_for_verifying(json) || !algorithm_of(json, &key->algorithm) ||
        !(algorithms >> key->algorithm & 1))
        return 0;
    if (kid && !(key->kid = strdup(json_string_value(kid))))
        return -ENOMEM;
    key->jwk = import(json, key->algorithm);
    if (key->jwk) {
        keys->count++;
    } else {
        free(key->kid);
        key->kid = NULL;
    }
    return 0;
}

static int add_keys(struct tb_jwt_keys *keys, const json_t *list, unsigned algorithms, struct tb_error *err)
{
    const json_t *json = NULL;
    size_t i = 0;

    json_array_foreach(list, i, json)
    {
        if (keys->count == TB_JWT_KEYS_MAX)
            return tb_error_set(err, -EINVAL, "there are more than %d keys", TB_JWT_KEYS_MAX);
        int failed = add_key(keys, json, algorithms);
        if (failed)
            return tb_error_set(err, failed, "out of memory");
    }
    if (keys->count == 0)
        return tb_error_set(
            err, -EINVAL,
            "there is no key in it that can verify: RSA of %d bits at least for RS256, or EC of "
            "P-256 for ES256",
            RSA_MIN_BITS);
    return 0;
}

int tb_jwt_keys_of_jwks(struct tb_str json, unsigned algorithms, struct tb_jwt_keys **ret_keys,
                        struct tb_error *err)
{
    struct tb_jwt_keys *keys = calloc(1, sizeof(*keys));
    json_error_t error;
    json_t *root = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, &error);
    const json_t *list = json_object_get(root, "keys");
    int failed = 0;

    if (!keys)
        failed = tb_error_set(err, -ENOMEM, "out of memory");
    else if (!root)
        failed = tb_error_set(err, -EINVAL, "it is no JSON: line %d: %s", error.line, error.text);
    else if (!json_is_array(list))
        failed = tb_error_set(err, -EINVAL, "it is no key set: {\"keys\": [...]}");
    else
        failed = add_keys(keys, list, algorithms, err);
    json_decref(root);
    if (failed)
        tb_jwt_keys_free(keys);
    else
        *ret_keys = keys;
    return failed;
}

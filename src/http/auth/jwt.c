/* A JSON Web Token, verified.
 *
 * Nothing of a token is believed before its signature is right, but for two things that only choose among
 * keys: alg and kid. Neither brings a key along or names a place to get one (jku, jwk, x5u are never looked
 * at); alg must be the key's own; kid is compared and nothing else. All three parts are read strictly (one
 * way to write them, no name twice), so no two readers can see different tokens; cjose then only has to
 * verify the signature.
 *
 * Refused before any of that: crit, because we know no extension; nesting (cty, five parts); a typ of another
 * purpose. After it: a token without exp, times and names of wrong types, an audience that is not ours. */
#include "jwt.h"

#include "taskbridge/base/base64url.h"
#include "taskbridge/base/clock.h"
#include "taskbridge/base/limits.h"

#include <cjose/cjose.h>
#include <errno.h>
#include <math.h>
#include <strings.h>

#define PARTS 3

struct parts {
    struct tb_str header, payload, signature; /* as they stand in the token */
};

const char *tb_jwt_words(int outcome)
{
    static const char *const words[] = {
        [TB_JWT_MALFORMED] = "it is no JSON Web Token",
        [TB_JWT_UNUSABLE] = "its header asks for an algorithm, type or extension that is not taken",
        [TB_JWT_UNKNOWN_KEY] = "no key of its kid and algorithm is known",
        [TB_JWT_FORGED] = "its signature is wrong",
        [TB_JWT_EXPIRED] = "it has expired",
        [TB_JWT_EARLY] = "it is not valid yet",
        [TB_JWT_WRONG_ISSUER] = "it comes from another issuer",
        [TB_JWT_WRONG_AUDIENCE] = "it is meant for another audience",
        [TB_JWT_WRONG_CLAIM] = "a claim is missing or of a wrong type",
    };
    return outcome > 0 && (size_t)outcome < TB_COUNT(words) ? words[outcome] : "it is right";
}

/* ---- the three parts ---- */

static bool split(struct tb_str token, struct parts *ret_parts)
{
    struct tb_str *const parts[PARTS] = {&ret_parts->header, &ret_parts->payload, &ret_parts->signature};

    if (token.len > TB_JWT_MAX_BYTES)
        return false;
    for (size_t i = 0; i < PARTS; i++) {
        const char *dot = token.len ? memchr(token.ptr, '.', token.len) : NULL;
        size_t len = dot ? (size_t)(dot - token.ptr) : token.len;
        if (!len || !dot != (i == PARTS - 1))
            return false;
        *parts[i] = (struct tb_str){token.ptr, len};
        if (dot)
            token = (struct tb_str){dot + 1, token.len - len - 1};
    }
    return true;
}

/* An object, or NULL. */
static json_t *read_object(struct tb_str part)
{
    json_t *json = NULL;
    struct tb_buf buf;

    tb_buf_init(&buf, TB_JWT_MAX_BYTES);
    if (tb_base64url_push_decoded(&buf, part) && !buf.failed)
        json = json_loadb(buf.ptr, buf.len, JSON_REJECT_DUPLICATES, NULL);
    tb_buf_deinit(&buf);
    if (json && !json_is_object(json)) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static size_t decoded_bytes(struct tb_str part)
{
    struct tb_buf buf;
    size_t len = 0;

    tb_buf_init(&buf, TB_JWT_MAX_BYTES);
    if (tb_base64url_push_decoded(&buf, part) && !buf.failed)
        len = buf.len;
    tb_buf_deinit(&buf);
    return len;
}

bool tb_jwt_is_like(struct tb_str text)
{
    struct parts parts;

    return split(text, &parts);
}

/* ---- the header ---- */

static struct tb_str text_of(const json_t *value)
{
    return json_is_string(value) ? (struct tb_str){json_string_value(value), json_string_length(value)}
                                 : TB_STR_NULL;
}

/* A typ may be written with "application/" before it, in any case (RFC 7515, section 4.1.9). */
static bool is_type(const json_t *header, const char *name)
{
    const char *typ = json_string_value(json_object_get(header, "typ"));
    static const char prefix[] = "application/";

    if (typ && strncasecmp(typ, prefix, sizeof(prefix) - 1) == 0)
        typ += sizeof(prefix) - 1;
    return typ && strcasecmp(typ, name) == 0;
}

static bool is_of_kind(const json_t *header, enum tb_jwt_kind kind)
{
    if (kind == TB_JWT_WATCH)
        return is_type(header, "watch+jwt");
    return !json_object_get(header, "typ") || is_type(header, "JWT") || is_type(header, "at+jwt");
}

enum tb_jwt_kind tb_jwt_kind_of(struct tb_str token)
{
    struct parts parts;
    json_t *header = split(token, &parts) ? read_object(parts.header) : NULL;
    enum tb_jwt_kind kind = header && is_of_kind(header, TB_JWT_WATCH) ? TB_JWT_WATCH : TB_JWT_PRODUCT;

    json_decref(header);
    return kind;
}

static bool is_usable(const json_t *header, enum tb_jwt_kind kind, enum tb_jwt_algorithm *ret_algorithm)
{
    const json_t *kid = json_object_get(header, "kid");

    return is_of_kind(header, kind) && !json_object_get(header, "crit") && !json_object_get(header, "cty") &&
           !json_object_get(header, "b64") && !json_object_get(header, "zip") &&
           (!kid || json_is_string(kid)) &&
           tb_jwt_algorithm_parse(text_of(json_object_get(header, "alg")), ret_algorithm);
}

/* ---- the signature ---- */

static bool has_fitting_signature(enum tb_jwt_algorithm algorithm, size_t bytes)
{
    static const size_t fixed[] = {[TB_JWT_HS256] = 32, [TB_JWT_ES256] = 64, [TB_JWT_RS256] = 0};

    return fixed[algorithm] ? bytes == fixed[algorithm] : bytes > 0;
}

static bool is_signed_by(struct tb_str token, const struct tb_jwt_key *key)
{
    cjose_err error = {0};
    cjose_jws_t *jws = cjose_jws_import(token.ptr, token.len, &error);
    bool is_right = jws && cjose_jws_verify(jws, key->jwk, &error);

    cjose_jws_release(jws);
    return is_right;
}

static int verify_signature(struct tb_str token, const json_t *header, enum tb_jwt_algorithm algorithm,
                            const struct tb_jwt_keys *keys)
{
    const char *kid = json_string_value(json_object_get(header, "kid"));
    int outcome = TB_JWT_UNKNOWN_KEY;

    for (size_t i = 0; i < keys->count; i++) {
        const struct tb_jwt_key *key = &keys->keys[i];
        if (key->algorithm != algorithm || (kid && key->kid && strcmp(kid, key->kid) != 0))
            continue;
        if (is_signed_by(token, key))
            return 0;
        outcome = TB_JWT_FORGED;
    }
    return outcome;
}

/* ---- the claims ---- */

/* 0 with *ret_us untouched where the claim is absent. */
static int read_time(const json_t *claims, const char *name, int64_t *ret_us)
{
    const json_t *value = json_object_get(claims, name);
    double seconds = 0;

    if (!value)
        return 0;
    if (!json_is_number(value))
        return TB_JWT_WRONG_CLAIM;
    seconds = json_number_value(value);
    if (!isfinite(seconds) || seconds < 0 || seconds > TB_JWT_TIME_MAX_S)
        return TB_JWT_WRONG_CLAIM;
    *ret_us = (int64_t)(seconds * TB_US_PER_S);
    return 0;
}

static int check_times(const json_t *claims, const struct tb_jwt_rules *rules, int64_t now_us,
                       int64_t *ret_expires_at_us)
{
    int64_t exp_us = -1, nbf_us = 0, iat_us = 0;

    if (read_time(claims, "exp", &exp_us) || read_time(claims, "nbf", &nbf_us) ||
        read_time(claims, "iat", &iat_us) || exp_us < 0)
        return TB_JWT_WRONG_CLAIM;
    if (now_us >= exp_us + rules->leeway_us)
        return TB_JWT_EXPIRED;
    if (nbf_us > now_us + rules->leeway_us || iat_us > now_us + rules->leeway_us)
        return TB_JWT_EARLY;
    *ret_expires_at_us = exp_us;
    return 0;
}

static int check_issuer(const json_t *claims, const struct tb_jwt_rules *rules)
{
    const json_t *iss = json_object_get(claims, "iss");

    if (iss && !json_is_string(iss))
        return TB_JWT_WRONG_CLAIM;
    return !rules->issuer.len || tb_str_equal(text_of(iss), rules->issuer) ? 0 : TB_JWT_WRONG_ISSUER;
}

static bool is_audience(const struct tb_jwt_rules *rules, const json_t *name)
{
    for (size_t i = 0; i < rules->audience_count; i++) {
        if (tb_str_equal(text_of(name), rules->audience[i]))
            return true;
    }
    return false;
}

static int check_audience(const json_t *claims, const struct tb_jwt_rules *rules)
{
    const json_t *aud = json_object_get(claims, "aud"), *name = NULL;
    bool is_found = json_is_string(aud) && is_audience(rules, aud);
    size_t i = 0;

    if (!aud)
        return rules->audience_count ? TB_JWT_WRONG_AUDIENCE : 0;
    if (!json_is_string(aud) && !json_is_array(aud))
        return TB_JWT_WRONG_CLAIM;
    json_array_foreach(aud, i, name)
    {
        if (!json_is_string(name))
            return TB_JWT_WRONG_CLAIM;
        is_found = is_found || is_audience(rules, name);
    }
    return is_found ? 0 : TB_JWT_WRONG_AUDIENCE;
}

static int check_claims(const json_t *claims, const struct tb_jwt_rules *rules, int64_t now_us,
                        int64_t *ret_expires_at_us)
{
    int outcome = check_times(claims, rules, now_us, ret_expires_at_us);

    if (!outcome)
        outcome = check_issuer(claims, rules);
    if (!outcome)
        outcome = check_audience(claims, rules);
    return outcome;
}

int tb_jwt_verify(struct tb_str token, const struct tb_jwt_rules *rules, int64_t now_us, json_t **ret_claims,
                  int64_t *ret_expires_at_us)
{
    enum tb_jwt_algorithm algorithm = TB_JWT_HS256;
    json_t *header = NULL, *claims = NULL;
    struct parts parts;
    int outcome = TB_JWT_MALFORMED;

    if (split(token, &parts) && decoded_bytes(parts.signature)) {
        header = read_object(parts.header);
        claims = read_object(parts.payload);
    }
    if (header && claims)
        outcome = is_usable(header, rules->kind, &algorithm) ? 0 : TB_JWT_UNUSABLE;
    if (!outcome && !has_fitting_signature(algorithm, decoded_bytes(parts.signature)))
        outcome = TB_JWT_FORGED;
    if (!outcome)
        outcome = verify_signature(token, header, algorithm, rules->keys);
    if (!outcome)
        outcome = check_claims(claims, rules, now_us, ret_expires_at_us);
    json_decref(header);
    if (outcome)
        json_decref(claims);
    else
        *ret_claims = claims;
    return outcome;
}

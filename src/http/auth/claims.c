/* What the claims of a verified token say of its bearer.
 *
 * Companies are compared in their canonical form, so that 73, "73" and "073" are one, as everywhere. A claim
 * of a type that it can't have is never passed over: whoever issued such a token meant something that is not
 * understood here. */
#include "claims.h"

#include "taskbridge/base/clock.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/base/utf8.h"

#include <inttypes.h>
#include <stdio.h>

static struct tb_str text_of(const json_t *value)
{
    return json_is_string(value) ? (struct tb_str){json_string_value(value), json_string_length(value)}
                                 : TB_STR_NULL;
}

/* The claim of that name, which may be a URL with dots in it; else, of "a.b", b within a. */
static const json_t *find(const json_t *json, const char *name)
{
    const json_t *value = json_object_get(json, name);
    const char *dot = strchr(name, '.');

    while (!value && dot && json_is_object(json)) {
        json = json_object_getn(json, name, (size_t)(dot - name));
        name = dot + 1;
        value = json_object_get(json, name);
        dot = strchr(name, '.');
    }
    return value;
}

static bool is_sane_text(struct tb_str text)
{
    return text.len && text.len <= TB_USER_MAX_BYTES && tb_utf8_is_clean(text) &&
           !memchr(text.ptr, '\n', text.len);
}

/* A text, or a number as text. */
static int read_name(const json_t *value, struct tb_arena *arena, struct tb_str *ret_name)
{
    char digits[24];
    struct tb_str text = text_of(value);

    if (json_is_integer(value))
        text = (struct tb_str){digits, (size_t)snprintf(digits, sizeof(digits), "%" JSON_INTEGER_FORMAT,
                                                        json_integer_value(value))};
    if (!is_sane_text(text))
        return TB_CLAIMS_WRONG;
    return tb_arena_copy(arena, text, ret_name) ? 0 : TB_CLAIMS_FULL;
}

/* ---- companies ---- */

/* Whether value is the company; *ret_is_sane is false where it can be none at all. */
static bool is_company(const json_t *value, const struct tb_config *config, struct tb_str company,
                       struct tb_arena *arena, bool *ret_is_sane)
{
    struct tb_str name = TB_STR_NULL, canonical = TB_STR_NULL;

    *ret_is_sane = read_name(value, arena, &name) == 0;
    return *ret_is_sane && tb_company_parse(config->rules.company_format, name, arena, &canonical) == 0 &&
           !tb_str_is_null(canonical) && tb_str_equal(canonical, company);
}

static int read_companies(const json_t *value, const struct tb_config *config, struct tb_str company,
                          struct tb_arena *arena, struct tb_claims *claims)
{
    const json_t *item = NULL;
    bool is_sane = true;
    size_t i = 0;

    claims->has_companies = true;
    if (!json_is_array(value)) {
        claims->may_see = is_company(value, config, company, arena, &is_sane);
        return is_sane ? 0 : TB_CLAIMS_WRONG;
    }
    json_array_foreach(value, i, item)
    {
        if (is_company(item, config, company, arena, &is_sane))
            claims->may_see = true;
        if (!is_sane)
            return TB_CLAIMS_WRONG;
    }
    return 0;
}

/* ---- rights ---- */

enum tb_rights tb_rights_parse(struct tb_str name)
{
    static const struct {
        const char *name;
        enum tb_rights rights;
    } names[] = {{"viewer", TB_RIGHTS_VIEWER}, {"operator", TB_RIGHTS_OPERATOR}, {"admin", TB_RIGHTS_ADMIN}};

    for (size_t i = 0; i < TB_COUNT(names); i++) {
        if (tb_str_equal(name, tb_str_of(names[i].name)))
            return names[i].rights;
    }
    return TB_RIGHTS_COMPANIES;
}

/* Of a list the highest; other names in it are the product's own roles. */
static enum tb_rights read_rights(const json_t *value)
{
    enum tb_rights highest = json_is_true(value) ? TB_RIGHTS_OPERATOR : tb_rights_parse(text_of(value));
    const json_t *item = NULL;
    size_t i = 0;

    json_array_foreach(value, i, item)
    {
        enum tb_rights rights = tb_rights_parse(text_of(item));
        if (rights > highest)
            highest = rights;
    }
    return highest;
}

/* A number, as whoever verified the token has seen. */
static int64_t issued_at_us(const json_t *json)
{
    return (int64_t)(json_number_value(json_object_get(json, "iat")) * TB_US_PER_S);
}

int tb_claims_read_product(const json_t *json, const struct tb_config *config, struct tb_str company,
                           struct tb_arena *arena, struct tb_claims *ret_claims)
{
    struct tb_claims claims = {.issued_at_us = issued_at_us(json)};
    const json_t *companies =
        config->access.jwt.companies_claim[0] ? find(json, config->access.jwt.companies_claim) : NULL;
    int outcome = read_name(find(json, config->access.jwt.user_claim), arena, &claims.user);

    if (!outcome && companies)
        outcome = read_companies(companies, config, company, arena, &claims);
    if (!outcome && config->access.jwt.rights_claim[0])
        claims.rights = read_rights(find(json, config->access.jwt.rights_claim));
    if (!outcome)
        *ret_claims = claims;
    return outcome;
}

/* ---- watch tokens ---- */

/* Absent is an empty list. */
static int read_texts(const json_t *value, size_t max_bytes, struct tb_arena *arena,
                      const struct tb_str **ret_texts, size_t *ret_count)
{
    size_t count = json_array_size(value);
    struct tb_str *texts = NULL;

    if (!value)
        return 0;
    if (!json_is_array(value) || count == 0 || count > TB_WATCH_NAMES_MAX)
        return TB_CLAIMS_WRONG;
    texts = tb_arena_calloc(arena, count, sizeof(*texts));
    if (!texts)
        return TB_CLAIMS_FULL;
    for (size_t i = 0; i < count; i++) {
        struct tb_str text = text_of(json_array_get(value, i));
        if (!text.len || text.len > max_bytes || !tb_utf8_is_clean(text))
            return TB_CLAIMS_WRONG;
        if (!tb_arena_copy(arena, text, &texts[i]))
            return TB_CLAIMS_FULL;
    }
    *ret_texts = texts;
    *ret_count = count;
    return 0;
}

static int read_scope(const json_t *json, struct tb_arena *arena, const struct tb_scope **ret_scope)
{
    const json_t *flow = json_object_get(json, "flow");
    struct tb_scope *scope = tb_arena_calloc(arena, 1, sizeof(*scope));
    int outcome = scope ? 0 : TB_CLAIMS_FULL;

    if (!outcome)
        outcome = read_texts(json_object_get(json, "tasks"), TB_USER_MAX_BYTES * 4, arena, &scope->tasks,
                             &scope->task_count);
    if (!outcome)
        outcome = read_texts(json_object_get(json, "types"), TB_NAME_MAX_BYTES, arena, &scope->types,
                             &scope->type_count);
    if (!outcome && flow)
        outcome = read_name(flow, arena, &scope->flow);
    if (!outcome && (scope->task_count || scope->type_count || !tb_str_is_null(scope->flow)))
        *ret_scope = scope;
    return outcome;
}

/* A watch token lives for a day at most, whoever signed it. */
static bool is_short_lived(const json_t *json)
{
    const json_t *iat = json_object_get(json, "iat"), *exp = json_object_get(json, "exp");

    return json_is_number(iat) && json_number_value(exp) - json_number_value(iat) <= TB_WATCH_MAX_S;
}

int tb_claims_read_watch(const json_t *json, const struct tb_config *config, struct tb_str company,
                         struct tb_arena *arena, struct tb_claims *ret_claims)
{
    const json_t *own = json_object_get(json, "company"), *user = json_object_get(json, "sub");
    struct tb_claims claims = {.has_companies = true, .issued_at_us = issued_at_us(json)};
    bool is_sane = true;

    claims.may_see = is_company(own, config, company, arena, &is_sane);
    if (!is_sane || !is_short_lived(json))
        return TB_CLAIMS_WRONG;
    int outcome = read_scope(json, arena, &claims.scope);
    if (!outcome && user)
        outcome = read_name(user, arena, &claims.user);
    if (!outcome)
        *ret_claims = claims;
    return outcome;
}

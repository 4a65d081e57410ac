/* One credential's way through those who may know it.
 *
 * A key ("Token …") is looked for among our own tokens, then asked of access.sql, then of access.forward. A
 * token ("Bearer …") is verified, and where it does not say what companies its user may see, the database is
 * asked. What is nothing of ours is asked of access.forward alone. The first who knows it decides; where one
 * that should know does not answer, nobody after it is asked: "away" is never "unknown". */
#include "inquiry.h"

#include "claims.h"
#include "jwt.h"
#include "taskbridge/base/limits.h"

#include <assert.h>

#define REALM            "realm=\"taskbridge\""
#define FORWARD_BODY_MAX (16 * TB_KIB) /* of which nothing is read */

static void ask_directory(struct tb_inquiry *inquiry, enum tb_access_kind kind, struct tb_str text);
static void ask_name(struct tb_inquiry *inquiry);
static void ask_product(struct tb_inquiry *inquiry);
static void read_token(struct tb_inquiry *inquiry);

/* ---- the end ---- */

static void finish(struct tb_inquiry *inquiry, int outcome)
{
    inquiry->verdict.outcome = outcome;
    inquiry->is_done = true;
    if (!inquiry->is_starting)
        inquiry->on_done(inquiry);
}

const char *tb_inquiry_challenge(const struct tb_inquirers *inquirers)
{
    return inquirers->jwt_keys || inquirers->watch_keys ? "Token " REALM ", Bearer " REALM : "Token " REALM;
}

static void refuse(struct tb_inquiry *inquiry)
{
    inquiry->verdict.challenge = tb_inquiry_challenge(inquiry->inquirers);
    inquiry->verdict.is_guess = true;
    finish(inquiry, TB_AUTH_NO_CREDENTIAL);
}

static void refuse_token(struct tb_inquiry *inquiry, int outcome)
{
    inquiry->verdict.challenge = outcome == TB_JWT_EXPIRED ? "Bearer " REALM ", error=\"invalid_token\", "
                                                             "error_description=\"the token has expired\""
                                                           : "Bearer " REALM ", error=\"invalid_token\"";
    inquiry->verdict.is_guess = outcome < TB_JWT_EXPIRED;
    tb_log(inquiry->inquirers->log, TB_LOG_DEBUG, "a token is refused", TB_F_EVENT("token_refused"),
           TB_F_CSTR("because", tb_jwt_words(outcome)));
    finish(inquiry, TB_AUTH_NO_CREDENTIAL);
}

/* ---- our tables, the product's tables ---- */

static bool has_sql(const char *sql)
{
    return sql[0] != '\0';
}

static void take_token_row(struct tb_inquiry *inquiry, const struct tb_access_read *read)
{
    struct tb_verdict *verdict = &inquiry->verdict;

    verdict->voucher = TB_VOUCHER_OURS;
    verdict->token_id = read->token_id;
    verdict->user = read->found;
    verdict->rights = tb_rights_parse(read->rights);
    verdict->may_see = read->may_see;
    if (read->expires_at_us != TB_STAMP_NONE)
        verdict->expires_at_us = read->expires_at_us;
    ask_name(inquiry);
}

static void on_own_token(struct tb_inquiry *inquiry, const struct tb_access_read *read)
{
    if (read->is_found)
        take_token_row(inquiry, read);
    else if (has_sql(inquiry->inquirers->config->access.sql.user))
        ask_directory(inquiry, TB_ACCESS_SQL_USER, inquiry->credential->text);
    else
        ask_product(inquiry);
}

static void on_sql_user(struct tb_inquiry *inquiry, const struct tb_access_read *read)
{
    struct tb_verdict *verdict = &inquiry->verdict;

    if (!read->is_found || !read->found.len || read->found.len > TB_USER_MAX_BYTES) {
        ask_product(inquiry);
        return;
    }
    verdict->voucher = TB_VOUCHER_TABLES;
    verdict->user = read->found;
    verdict->rights = tb_rights_parse(read->rights);
    if (verdict->rights == TB_RIGHTS_COMPANIES && !tb_str_is_null(inquiry->company)) {
        ask_directory(inquiry, TB_ACCESS_SQL_SEES, verdict->user);
        return;
    }
    verdict->may_see = !tb_str_is_null(inquiry->company);
    ask_name(inquiry);
}

static void on_directory(struct tb_directory_call *call, int outcome)
{
    struct tb_inquiry *inquiry = call->owner;
    const struct tb_access_read *read = &call->read;

    if (outcome) {
        finish(inquiry, TB_AUTH_AWAY);
        return;
    }
    switch (read->kind) {
    case TB_ACCESS_TOKEN:
        on_own_token(inquiry, read);
        break;
    case TB_ACCESS_SQL_USER:
        on_sql_user(inquiry, read);
        break;
    case TB_ACCESS_MEMBER:
    case TB_ACCESS_SIGNED:
    case TB_ACCESS_SQL_SEES:
        inquiry->verdict.may_see = read->may_see;
        ask_name(inquiry);
        break;
    case TB_ACCESS_SQL_NAME:
        inquiry->verdict.company_name = read->found;
        finish(inquiry, 0);
        break;
    }
}

static void ask_directory(struct tb_inquiry *inquiry, enum tb_access_kind kind, struct tb_str text)
{
    inquiry->call = (struct tb_directory_call){.read = {.kind = kind,
                                                        .text = text.ptr ? text.ptr : "",
                                                        .company = inquiry->company.ptr,
                                                        .issued_at_us = inquiry->issued_at_us,
                                                        .arena = &inquiry->arena},
                                               .on_done = on_directory,
                                               .owner = inquiry};
    if (tb_directory_ask(inquiry->inquirers->directory, &inquiry->call) != 0)
        finish(inquiry, TB_AUTH_AWAY);
}

/* The last question, for who may see the company. */
static void ask_name(struct tb_inquiry *inquiry)
{
    if (inquiry->verdict.may_see && has_sql(inquiry->inquirers->config->access.sql.company_name))
        ask_directory(inquiry, TB_ACCESS_SQL_NAME, inquiry->company);
    else
        finish(inquiry, 0);
}

/* ---- the product's answer ---- */

static void on_product(struct tb_hook_call *call, int outcome, const struct tb_hook_answer *answer,
                       const struct tb_error *err)
{
    struct tb_inquiry *inquiry = call->owner;
    bool is_redirect = !outcome && answer->status >= 300 && answer->status < 400;

    /* Whatever the body is: its length decides nothing. */
    if (outcome && outcome != TB_HOOK_TOO_LONG) {
        tb_log(inquiry->inquirers->log, TB_LOG_WARNING, "the product does not say who may see what",
               TB_F_EVENT("forward_away"), TB_F_CSTR("option", "access.forward.url"),
               TB_F_CSTR("error", err->text));
        finish(inquiry, TB_AUTH_AWAY);
        return;
    }
    inquiry->verdict.voucher = TB_VOUCHER_ANSWER;
    if (answer->status == 200) {
        inquiry->verdict.may_see = true;
        ask_name(inquiry);
    } else if (answer->status == 401 || is_redirect) { /* to its login */
        refuse(inquiry);
    } else if (answer->status == 403 || answer->status == 404) {
        finish(inquiry, 0);
    } else {
        tb_log(inquiry->inquirers->log, TB_LOG_WARNING, "the product does not say who may see what",
               TB_F_EVENT("forward_away"), TB_F_CSTR("option", "access.forward.url"),
               TB_F_INT("status", answer->status));
        finish(inquiry, TB_AUTH_AWAY);
    }
}

static void push_escaped(struct tb_buf *buf, struct tb_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c && strchr("-._~", c));
        if (is_plain)
            tb_buf_push_byte(buf, c);
        else
            tb_buf_printf(buf, "%%%02X", (unsigned char)c);
    }
}

/* The address with the company in it, in the inquiry's arena; NULL when that is full. */
static const char *product_url(struct tb_inquiry *inquiry)
{
    static const struct tb_str hole = {"{company_id}", 12};
    struct tb_str rest = tb_str_of(inquiry->inquirers->config->access.forward.url), url = TB_STR_NULL;
    struct tb_buf buf;
    size_t at = 0;

    tb_buf_init(&buf, TB_GRANT_MAX_BYTES);
    while ((at = tb_str_find(rest, hole)) != SIZE_MAX) {
        tb_buf_push(&buf, rest.ptr, at);
        push_escaped(&buf, inquiry->company);
        rest = (struct tb_str){rest.ptr + at + hole.len, rest.len - at - hole.len};
    }
    tb_buf_push_str(&buf, rest);
    if (buf.failed || !tb_arena_copy(&inquiry->arena, tb_buf_str(&buf), &url))
        url = TB_STR_NULL;
    tb_buf_deinit(&buf);
    return url.ptr;
}

static void ask_product(struct tb_inquiry *inquiry)
{
    const struct tb_credential *credential = inquiry->credential;
    struct tb_hook_header headers[TB_HEAD_FIELDS_MAX + 1] = {{"Accept", "application/json"}};

    assert(credential->forwarded_count <= TB_HEAD_FIELDS_MAX);
    /* Only with something to show, and only about a company. */
    if (!credential->forwarded_count || tb_str_is_null(inquiry->company)) {
        refuse(inquiry);
        return;
    }
    for (size_t i = 0; i < credential->forwarded_count; i++)
        headers[i + 1] =
            (struct tb_hook_header){credential->forwarded[i].name.ptr, credential->forwarded[i].value.ptr};
    inquiry->hook = (struct tb_hook_call){
        .url = product_url(inquiry),
        .headers = headers,
        .header_count = credential->forwarded_count + 1,
        .timeout_us = inquiry->inquirers->config->access.forward.timeout_ms * TB_US_PER_MS,
        .body_max_bytes = FORWARD_BODY_MAX,
        .on_done = on_product,
        .owner = inquiry};
    if (!inquiry->hook.url || tb_hook_start(inquiry->inquirers->client, &inquiry->hook) != 0)
        finish(inquiry, TB_AUTH_CROWDED);
}

/* ---- tokens that say who they are ---- */

static void on_claims(struct tb_inquiry *inquiry, enum tb_jwt_kind kind, const json_t *json)
{
    const struct tb_config *config = inquiry->inquirers->config;
    struct tb_verdict *verdict = &inquiry->verdict;
    struct tb_claims claims = {0};
    int outcome = kind == TB_JWT_WATCH
                      ? tb_claims_read_watch(json, config, inquiry->company, &inquiry->arena, &claims)
                      : tb_claims_read_product(json, config, inquiry->company, &inquiry->arena, &claims);

    if (outcome) {
        refuse_token(inquiry, TB_JWT_WRONG_CLAIM);
        return;
    }
    verdict->user = claims.user;
    verdict->rights = claims.rights;
    verdict->scope = claims.scope;
    inquiry->issued_at_us = claims.issued_at_us;
    if (tb_str_is_null(inquiry->company) || (claims.has_companies && !claims.may_see && !claims.rights)) {
        finish(inquiry, 0);
    } else if (claims.has_companies || claims.rights) {
        verdict->voucher = TB_VOUCHER_OURS;
        ask_directory(inquiry, TB_ACCESS_SIGNED, claims.user);
    } else {
        bool is_sql = has_sql(config->access.sql.sees);
        verdict->voucher = is_sql ? TB_VOUCHER_TABLES : TB_VOUCHER_OURS;
        ask_directory(inquiry, is_sql ? TB_ACCESS_SQL_SEES : TB_ACCESS_MEMBER, claims.user);
    }
}

static void on_fetched(struct tb_key_waiter *waiter)
{
    read_token(waiter->owner);
}

/* Whether newer keys are waited for. */
static bool await_keys(struct tb_inquiry *inquiry, struct tb_key_ring *ring)
{
    inquiry->waiter = (struct tb_key_waiter){.on_fetched = on_fetched, .owner = inquiry};
    return tb_key_ring_await(ring, &inquiry->waiter);
}

static struct tb_jwt_rules rules_of(const struct tb_config *config, enum tb_jwt_kind kind)
{
    static const struct tb_str watch_audience[] = {{"taskbridge", 10}};

    if (kind == TB_JWT_WATCH)
        return (struct tb_jwt_rules){.kind = kind,
                                     .audience = watch_audience,
                                     .audience_count = 1,
                                     .leeway_us = config->access.jwt.leeway_s * TB_US_PER_S};
    return (struct tb_jwt_rules){.kind = kind,
                                 .issuer = tb_str_of(config->access.jwt.issuer),
                                 .audience = config->access.jwt.audience.items,
                                 .audience_count = config->access.jwt.audience.count,
                                 .leeway_us = config->access.jwt.leeway_s * TB_US_PER_S};
}

static void read_token(struct tb_inquiry *inquiry)
{
    const struct tb_inquirers *inquirers = inquiry->inquirers;
    struct tb_str token = inquiry->credential->text;
    enum tb_jwt_kind kind = tb_jwt_kind_of(token);
    struct tb_key_ring *ring = kind == TB_JWT_WATCH ? inquirers->watch_keys : inquirers->jwt_keys;
    struct tb_jwt_rules rules = rules_of(inquirers->config, kind);
    json_t *json = NULL;

    if (!ring || (kind == TB_JWT_PRODUCT && !tb_jwt_is_like(token))) {
        ask_product(inquiry);
        return;
    }
    rules.keys = tb_key_ring_keys(ring);
    int outcome = TB_JWT_UNKNOWN_KEY;
    if (rules.keys)
        outcome = tb_jwt_verify(token, &rules, tb_clock_now_us(), &json, &inquiry->verdict.expires_at_us);
    if (outcome == TB_JWT_UNKNOWN_KEY && await_keys(inquiry, ring))
        return;
    if (!rules.keys)
        finish(inquiry, TB_AUTH_AWAY);
    else if (outcome)
        refuse_token(inquiry, outcome);
    else
        on_claims(inquiry, kind, json);
    json_decref(json);
}

/* ---- the beginning ---- */

void tb_inquiry_init(struct tb_inquiry *inquiry)
{
    *inquiry = (struct tb_inquiry){0};
    tb_arena_init_small(&inquiry->arena, TB_GRANT_MAX_BYTES);
}

void tb_inquiry_forget(struct tb_inquiry *inquiry)
{
    tb_arena_deinit(&inquiry->arena);
    tb_arena_init_small(&inquiry->arena, TB_GRANT_MAX_BYTES);
}

void tb_inquiry_cancel(struct tb_inquiry *inquiry)
{
    tb_hook_cancel(&inquiry->hook);
}

void tb_inquiry_deinit(struct tb_inquiry *inquiry)
{
    tb_arena_deinit(&inquiry->arena);
}

bool tb_inquiry_start(struct tb_inquiry *inquiry)
{
    tb_arena_reset(&inquiry->arena);
    inquiry->verdict = (struct tb_verdict){.expires_at_us = INT64_MAX};
    inquiry->is_done = false;
    inquiry->is_starting = true;
    switch (inquiry->credential->kind) {
    case TB_CREDENTIAL_TOKEN:
        ask_directory(inquiry, TB_ACCESS_TOKEN, inquiry->credential->text);
        break;
    case TB_CREDENTIAL_BEARER:
        read_token(inquiry);
        break;
    case TB_CREDENTIAL_NONE:
    case TB_CREDENTIAL_FOREIGN:
        ask_product(inquiry);
        break;
    }
    inquiry->is_starting = false;
    return inquiry->is_done;
}

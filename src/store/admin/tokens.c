/* Tokens and companies, as a person keeps them.
 *
 * A key is 32 bytes of the system's randomness in hexadecimal: too much to guess, so its plain SHA-256 is
 * enough to find it by, and nobody who reads the table learns it. It is shown once, when it is made. */
#include "taskbridge/store/tokens.h"

#include "taskbridge/base/clock.h"
#include "taskbridge/base/random.h"
#include "taskbridge/pg/params.h"
#include "tb_sql.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>

#define KEY_RANDOM_BYTES 32
#define PARAMS_MAX_BYTES (64 * 1024)

static const char *const scope_names[] = {[TB_TOKEN_COMPANIES] = "companies",
                                          [TB_TOKEN_VIEWER] = "viewer",
                                          [TB_TOKEN_OPERATOR] = "operator",
                                          [TB_TOKEN_ADMIN] = "admin"};

bool tb_token_scope_parse(struct tb_str name, enum tb_token_scope *ret_scope)
{
    for (size_t i = 0; i < TB_COUNT(scope_names); i++) {
        if (tb_str_equal(name, tb_str_of(scope_names[i]))) {
            *ret_scope = (enum tb_token_scope)i;
            return true;
        }
    }
    return false;
}

struct tb_str tb_token_scope_name(enum tb_token_scope scope)
{
    return tb_str_of(scope_names[scope]);
}

void tb_token_hash(struct tb_str key, unsigned char ret_hash[TB_TOKEN_HASH_BYTES])
{
    /* It fails only where libcrypto has no memory: then the hash is one that no token has. */
    if (!EVP_Digest(key.ptr ? key.ptr : "", key.len, ret_hash, NULL, EVP_sha256(), NULL))
        memset(ret_hash, 0, TB_TOKEN_HASH_BYTES);
}

static int make_key(char ret_key[TB_TOKEN_KEY_BYTES], struct tb_error *err)
{
    unsigned char bytes[KEY_RANDOM_BYTES];
    int r = tb_random_bytes(bytes, sizeof(bytes));

    if (r)
        return tb_error_set_errno(err, r, "no random bytes for a token");
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(ret_key + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

/* Runs a statement with parameters that were pushed, and gives them back. */
static int execute(struct tb_pg_session *session, const struct tb_query *query, struct tb_params *params,
                   const struct tb_result **ret_result, struct tb_error *err)
{
    int r = params->buf->failed ? tb_error_set(err, -E2BIG, "%s: the values are too long", query->name) : 0;

    if (r == 0) {
        tb_params_settle(params);
        r = tb_pg_session_execute(session, query, params->list, params->count, ret_result, err);
    }
    tb_buf_deinit(params->buf);
    return r;
}

/* ---- tokens ---- */

int tb_token_create(struct tb_pg_session *session, struct tb_str user, enum tb_token_scope scope,
                    int64_t expires_at, char ret_key[TB_TOKEN_KEY_BYTES], int64_t *ret_id,
                    struct tb_error *err)
{
    unsigned char hash[TB_TOKEN_HASH_BYTES];
    const struct tb_result *result = NULL;
    struct tb_params params;
    struct tb_buf buf;
    int r = make_key(ret_key, err);

    if (r)
        return r;
    tb_token_hash(tb_str_of(ret_key), hash);
    tb_buf_init(&buf, PARAMS_MAX_BYTES);
    tb_params_init(&params, &buf);
    tb_params_push_text(&params, user);
    tb_params_push_text(&params, tb_token_scope_name(scope));
    tb_params_push_text(&params, (struct tb_str){(const char *)hash, sizeof(hash)});
    tb_params_push_stamp(&params, expires_at);
    r = execute(session, &tb_query_token_create, &params, &result, err);
    if (r == 0)
        *ret_id = tb_result_int64(result, 0, 0);
    return r;
}

int tb_token_list(struct tb_pg_session *session, void (*on_token)(void *owner, const struct tb_token *token),
                  void *owner, struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = tb_pg_session_execute(session, &tb_query_token_list, NULL, 0, &result, err);

    for (size_t row = 0; r == 0 && row < tb_result_rows(result); row++) {
        const struct tb_token token = {.id = tb_result_int64(result, row, 0),
                                       .user = tb_result_str(result, row, 1),
                                       .scope = tb_result_str(result, row, 2),
                                       .created_at = tb_result_stamp(result, row, 3),
                                       .expires_at = tb_result_stamp(result, row, 4),
                                       .last_used_at = tb_result_stamp(result, row, 5),
                                       .revoked_at = tb_result_stamp(result, row, 6)};
        on_token(owner, &token);
    }
    return r;
}

int tb_token_revoke(struct tb_pg_session *session, int64_t id, bool *ret_found, struct tb_error *err)
{
    const struct tb_result *result = NULL;
    char text[24];
    int r = 0;

    snprintf(text, sizeof(text), "%" PRId64, id);
    const struct tb_param param = tb_param_text(text);
    r = tb_pg_session_execute(session, &tb_query_token_revoke, &param, 1, &result, err);
    if (r == 0)
        *ret_found = tb_result_rows(result) > 0;
    return r;
}

/* ---- companies ---- */

/* A statement with two texts. */
static int execute_pair(struct tb_pg_session *session, const struct tb_query *query, struct tb_str first,
                        struct tb_str second, size_t *ret_rows, struct tb_error *err)
{
    const struct tb_result *result = NULL;
    struct tb_params params;
    struct tb_buf buf;
    int r = 0;

    tb_buf_init(&buf, PARAMS_MAX_BYTES);
    tb_params_init(&params, &buf);
    tb_params_push_text(&params, first);
    tb_params_push_text(&params, second);
    r = execute(session, query, &params, &result, err);
    if (r == 0)
        *ret_rows = tb_result_rows(result);
    return r;
}

int tb_company_add(struct tb_pg_session *session, struct tb_str id, struct tb_str name, struct tb_error *err)
{
    size_t rows = 0;

    return execute_pair(session, &tb_query_company_add, id, name, &rows, err);
}

int tb_company_list(struct tb_pg_session *session,
                    void (*on_company)(void *owner, const struct tb_company *company), void *owner,
                    struct tb_error *err)
{
    const struct tb_result *result = NULL;
    int r = tb_pg_session_execute(session, &tb_query_company_list, NULL, 0, &result, err);

    for (size_t row = 0; r == 0 && row < tb_result_rows(result); row++) {
        const struct tb_company company = {.id = tb_result_str(result, row, 0),
                                           .name = tb_result_str(result, row, 1),
                                           .created_at = tb_result_stamp(result, row, 2),
                                           .members = tb_result_int64(result, row, 3),
                                           .tasks = tb_result_int64(result, row, 4)};
        on_company(owner, &company);
    }
    return r;
}

int tb_company_is_known(struct tb_pg_session *session, struct tb_str id, bool *ret_known,
                        struct tb_error *err)
{
    const struct tb_result *result = NULL;
    const struct tb_param param = tb_param_bytes(id);
    int r = tb_pg_session_execute(session, &tb_query_company_known, &param, 1, &result, err);

    if (r == 0)
        *ret_known = tb_result_bool(result, 0, 0);
    return r;
}

int tb_company_allow(struct tb_pg_session *session, struct tb_str user, struct tb_str id, bool *ret_changed,
                     struct tb_error *err)
{
    size_t rows = 0;
    int r = execute_pair(session, &tb_query_company_allow, user, id, &rows, err);

    if (r == 0)
        *ret_changed = rows > 0;
    return r;
}

int tb_company_deny(struct tb_pg_session *session, struct tb_str user, struct tb_str id, bool *ret_changed,
                    struct tb_error *err)
{
    size_t rows = 0;
    int r = execute_pair(session, &tb_query_company_deny, user, id, &rows, err);

    if (r == 0)
        *ret_changed = rows > 0;
    return r;
}

/* Users' tokens and companies: the standalone default of what a Django database already has. Of a token only
 * its SHA-256 is stored. */
#ifndef TASKBRIDGE_STORE_TOKENS_H
#define TASKBRIDGE_STORE_TOKENS_H

#include "taskbridge/pg/session.h"

/* 32 random bytes in hexadecimal, and the NUL. */
#define TB_TOKEN_KEY_BYTES  65
#define TB_TOKEN_HASH_BYTES 32

/* In this order: each may what those before it may. */
enum tb_token_scope { TB_TOKEN_COMPANIES, TB_TOKEN_VIEWER, TB_TOKEN_OPERATOR, TB_TOKEN_ADMIN };

/* "companies", "viewer", "operator" or "admin"; false for anything else. */
bool tb_token_scope_parse(struct tb_str name, enum tb_token_scope *ret_scope) TB_MUST_CHECK;
struct tb_str tb_token_scope_name(enum tb_token_scope scope);

/* SHA-256 of a key as a client gave it. */
void tb_token_hash(struct tb_str key, unsigned char ret_hash[TB_TOKEN_HASH_BYTES]);

struct tb_token {
    int64_t id;
    struct tb_str user, scope;
    int64_t created_at, expires_at, last_used_at, revoked_at; /* TB_STAMP_NONE where not */
};

/* All below return 0, a negative errno or an enum tb_pg_outcome. */

/* ret_key is shown once and never again. expires_at TB_STAMP_NONE: never. */
int tb_token_create(struct tb_pg_session *session, struct tb_str user, enum tb_token_scope scope,
                    int64_t expires_at, char ret_key[TB_TOKEN_KEY_BYTES], int64_t *ret_id,
                    struct tb_error *err) TB_MUST_CHECK;
/* Oldest first; borrowed during the call. */
int tb_token_list(struct tb_pg_session *session, void (*on_token)(void *owner, const struct tb_token *token),
                  void *owner, struct tb_error *err) TB_MUST_CHECK;
/* *ret_found is false when there is no such token or it was revoked before. */
int tb_token_revoke(struct tb_pg_session *session, int64_t id, bool *ret_found,
                    struct tb_error *err) TB_MUST_CHECK;

struct tb_company {
    struct tb_str id, name;
    int64_t created_at;
    int64_t members, tasks; /* how many users see it; rows it has */
};

/* Adds it, or gives it another name. */
int tb_company_add(struct tb_pg_session *session, struct tb_str id, struct tb_str name,
                   struct tb_error *err) TB_MUST_CHECK;
int tb_company_list(struct tb_pg_session *session,
                    void (*on_company)(void *owner, const struct tb_company *company), void *owner,
                    struct tb_error *err) TB_MUST_CHECK;
/* Whether it was added: a company may be seen, and have tasks, before. */
int tb_company_is_known(struct tb_pg_session *session, struct tb_str id, bool *ret_known,
                        struct tb_error *err) TB_MUST_CHECK;
/* Lets a user see a company, or no longer; *ret_changed is false when it was so already. */
int tb_company_allow(struct tb_pg_session *session, struct tb_str user, struct tb_str id, bool *ret_changed,
                     struct tb_error *err) TB_MUST_CHECK;
int tb_company_deny(struct tb_pg_session *session, struct tb_str user, struct tb_str id, bool *ret_changed,
                    struct tb_error *err) TB_MUST_CHECK;

#endif

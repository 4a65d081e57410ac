/* Watch tokens, signed.
 *
 * The product signs its own, with the same secret; this is for the operator's hand. Nothing is stored:
 * whoever has the secret can make one, and a token holds until it expires. */
#include "taskbridge/store/watch_token.h"

#include "taskbridge/base/base64url.h"
#include "taskbridge/base/clock.h"
#include "taskbridge/base/json.h"
#include "taskbridge/base/limits.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static void push_list(struct tb_json *json, const char *name, const struct tb_str *texts, size_t count)
{
    if (!count)
        return;
    tb_json_begin_list(json, name);
    for (size_t i = 0; i < count; i++)
        tb_json_str(json, NULL, texts[i]);
    tb_json_end_list(json);
}

static void push_claims(struct tb_buf *buf, const struct tb_watch_token *token)
{
    struct tb_json json;

    tb_json_init(&json, buf);
    tb_json_begin_object(&json, NULL);
    tb_json_str(&json, "aud", TB_STR("taskbridge"));
    tb_json_int(&json, "iat", token->issued_at_us / TB_US_PER_S);
    tb_json_int(&json, "exp", token->expires_at_us / TB_US_PER_S);
    tb_json_str(&json, "company", token->company);
    push_list(&json, "tasks", token->tasks, token->task_count);
    push_list(&json, "types", token->types, token->type_count);
    if (!tb_str_is_null(token->flow))
        tb_json_str(&json, "flow", token->flow);
    if (!tb_str_is_null(token->user))
        tb_json_str(&json, "sub", token->user);
    tb_json_end_object(&json);
}

static void push_signature(struct tb_buf *buf, struct tb_str signing, struct tb_str secret)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (HMAC(EVP_sha256(), secret.ptr, (int)secret.len, (const unsigned char *)signing.ptr, signing.len, mac,
             &len))
        tb_base64url_push(buf, (struct tb_str){(const char *)mac, len});
    else
        buf->failed = true;
}

int tb_watch_token_push(const struct tb_watch_token *token, struct tb_str secret, struct tb_buf *buf)
{
    struct tb_buf claims;
    size_t begin = buf->len;

    tb_buf_init(&claims, TB_JWT_MAX_BYTES);
    push_claims(&claims, token);
    tb_base64url_push(buf, TB_STR("{\"alg\":\"HS256\",\"typ\":\"watch+jwt\"}"));
    tb_buf_push_byte(buf, '.');
    tb_base64url_push(buf, tb_buf_str(&claims));
    struct tb_str signing = {buf->ptr + begin, buf->len - begin};
    struct tb_buf signature;
    tb_buf_init(&signature, EVP_MAX_MD_SIZE * 2);
    push_signature(&signature, signing, secret);
    tb_buf_push_byte(buf, '.');
    tb_buf_push_str(buf, tb_buf_str(&signature));
    buf->failed = buf->failed || claims.failed || signature.failed;
    tb_buf_deinit(&signature);
    tb_buf_deinit(&claims);
    return buf->failed ? -ENOMEM : 0;
}

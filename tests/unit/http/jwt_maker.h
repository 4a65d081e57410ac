/* Keys and tokens for tests, made with OpenSSL alone: never with what verifies them. */
#ifndef TASKBRIDGE_TESTS_JWT_MAKER_H
#define TASKBRIDGE_TESTS_JWT_MAKER_H

#include "taskbridge/base/buf.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

/* OpenSSL's own base64, with the alphabet changed. */
static inline void push_b64(struct tb_buf *buf, const void *bytes, size_t len)
{
    unsigned char *text = malloc(len * 4 / 3 + 8);
    int text_len = EVP_EncodeBlock(text, bytes, (int)len);

    for (int i = 0; i < text_len && text[i] != '='; i++)
        tb_buf_push_byte(buf, (char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]));
    free(text);
}

static inline void push_hmac(struct tb_buf *buf, struct tb_str signing, struct tb_str secret)
{
    unsigned char mac[32];
    unsigned len = sizeof(mac);

    HMAC(EVP_sha256(), secret.ptr, (int)secret.len, (const unsigned char *)signing.ptr, signing.len, mac,
         &len);
    push_b64(buf, mac, len);
}

/* DER's two integers as 64 bytes. */
static inline void push_ecdsa(struct tb_buf *buf, const unsigned char *der, size_t len)
{
    ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &der, (long)len);
    unsigned char raw[64];

    BN_bn2binpad(ECDSA_SIG_get0_r(parsed), raw, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(parsed), raw + 32, 32);
    ECDSA_SIG_free(parsed);
    push_b64(buf, raw, sizeof(raw));
}

static inline void push_signature(struct tb_buf *buf, struct tb_str signing, EVP_PKEY *pkey)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char signature[1024];
    size_t len = sizeof(signature);

    EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pkey);
    EVP_DigestSign(context, signature, &len, (const unsigned char *)signing.ptr, signing.len);
    EVP_MD_CTX_free(context);
    if (EVP_PKEY_base_id(pkey) == EVP_PKEY_EC)
        push_ecdsa(buf, signature, len);
    else
        push_b64(buf, signature, len);
}

/* pkey NULL: with the secret; that null too: without a signature. The text is the caller's to free. */
static inline char *make_token(const char *header, const char *payload, EVP_PKEY *pkey, struct tb_str secret)
{
    struct tb_buf buf, signing;
    size_t len = 0;

    tb_buf_init(&buf, 1 << 20);
    tb_buf_init(&signing, 1 << 20);
    push_b64(&signing, header, strlen(header));
    tb_buf_push_byte(&signing, '.');
    push_b64(&signing, payload, strlen(payload));
    tb_buf_push_str(&buf, tb_buf_str(&signing));
    tb_buf_push_byte(&buf, '.');
    if (pkey)
        push_signature(&buf, tb_buf_str(&signing), pkey);
    else if (!tb_str_is_null(secret))
        push_hmac(&buf, tb_buf_str(&signing), secret);
    tb_buf_deinit(&signing);
    return tb_buf_take(&buf, &len);
}

static inline void push_number(struct tb_buf *buf, const EVP_PKEY *pkey, const char *parameter,
                               const char *name, int bytes)
{
    unsigned char raw[1024];
    BIGNUM *number = NULL;

    EVP_PKEY_get_bn_param(pkey, parameter, &number);
    int len = bytes ? bytes : BN_num_bytes(number);
    BN_bn2binpad(number, raw, len);
    tb_buf_printf(buf, ",\"%s\":\"", name);
    push_b64(buf, raw, (size_t)len);
    tb_buf_push_byte(buf, '"');
    BN_free(number);
}

/* One public key as a member of a key set; more is further members, with a comma before them. */
static inline void push_jwk(struct tb_buf *buf, const EVP_PKEY *pkey, const char *more)
{
    if (EVP_PKEY_base_id(pkey) == EVP_PKEY_EC) {
        tb_buf_printf(buf, "{\"kty\":\"EC\",\"crv\":\"P-256\"%s", more);
        push_number(buf, pkey, OSSL_PKEY_PARAM_EC_PUB_X, "x", 32);
        push_number(buf, pkey, OSSL_PKEY_PARAM_EC_PUB_Y, "y", 32);
    } else {
        tb_buf_printf(buf, "{\"kty\":\"RSA\"%s", more);
        push_number(buf, pkey, OSSL_PKEY_PARAM_RSA_N, "n", 0);
        push_number(buf, pkey, OSSL_PKEY_PARAM_RSA_E, "e", 0);
    }
    tb_buf_push_byte(buf, '}');
}

#endif

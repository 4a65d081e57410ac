/* Tokens, right ones and all that goes wrong with them. RFC 7515's own examples, and tokens that OpenSSL
 * signed.
 */
#include "auth/jwt.h"

#include "jwt_maker.h"
#include "taskbridge/base/clock.h"
#include "unit/check.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#define SECRET  "0123456789abcdef0123456789abcdef"
#define OTHER   "ffffffffffffffffffffffffffffffff"
#define NOW_S   1764420000
#define PAYLOAD "{\"sub\":\"ana\",\"exp\":1764420900}"
#define HS256   "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static EVP_PKEY *rsa_key, *ec_key;

static int make_keys(void **state)
{
    /* Making one takes minutes under valgrind. */
    FILE *file = fopen(TB_FIXTURES "/keys/rsa_of_tests.pem", "r");

    (void)state;
    assert_non_null(file);
    rsa_key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    ec_key = EVP_EC_gen("P-256");
    return rsa_key && ec_key ? 0 : -1;
}

static int free_keys(void **state)
{
    (void)state;
    EVP_PKEY_free(rsa_key);
    EVP_PKEY_free(ec_key);
    return 0;
}

static struct tb_jwt_keys *keys_of_secrets(const char *lines)
{
    struct tb_jwt_keys *keys = NULL;

    assert_int_equal(tb_jwt_keys_of_secrets(tb_str_of(lines), &keys, NULL), 0);
    return keys;
}

static struct tb_jwt_keys *keys_of_jwks(const char *jwks, unsigned algorithms)
{
    struct tb_jwt_keys *keys = NULL;
    struct tb_error err = {0};

    if (tb_jwt_keys_of_jwks(tb_str_of(jwks), algorithms, &keys, &err) != 0)
        fail_msg("%s", err.text);
    return keys;
}

/* A set of the two public keys, the caller's to free. */
static char *public_set(const char *rsa_more, const char *ec_more)
{
    struct tb_buf buf;
    size_t len = 0;

    tb_buf_init(&buf, 1 << 16);
    tb_buf_push_str(&buf, TB_STR("{\"keys\":["));
    push_jwk(&buf, rsa_key, rsa_more);
    tb_buf_push_byte(&buf, ',');
    push_jwk(&buf, ec_key, ec_more);
    tb_buf_push_str(&buf, TB_STR("]}"));
    return tb_buf_take(&buf, &len);
}

static int verify_with(const char *token, const struct tb_jwt_rules *rules, int64_t now_s)
{
    json_t *claims = NULL;
    int64_t expires_at_us = 0;
    int outcome = tb_jwt_verify(tb_str_of(token), rules, now_s * TB_US_PER_S, &claims, &expires_at_us);

    assert_true(!outcome == (claims != NULL));
    json_decref(claims);
    return outcome;
}

static int verify(const char *token, const struct tb_jwt_keys *keys)
{
    return verify_with(token, &(struct tb_jwt_rules){.keys = keys}, NOW_S);
}

/* Of a token with the secret's signature. */
static int verify_hs256(const char *header, const char *payload, const struct tb_jwt_rules *rules)
{
    struct tb_jwt_keys *keys = keys_of_secrets(SECRET);
    struct tb_jwt_rules filled = rules ? *rules : (struct tb_jwt_rules){0};
    char *token = make_token(header, payload, NULL, TB_STR(SECRET));

    filled.keys = keys;
    int outcome = verify_with(token, &filled, NOW_S);
    free(token);
    tb_jwt_keys_free(keys);
    return outcome;
}

static int verify_payload(const char *payload)
{
    return verify_hs256(HS256, payload, NULL);
}

static int verify_header(const char *header)
{
    return verify_hs256(header, PAYLOAD, NULL);
}

/* ---- what is right ---- */

static void the_examples_of_the_standard_are_right(void **state)
{
    /* RFC 7515, appendices A.1 to A.3; the payload expires at 1300819380. */
    static const char hs[] =
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"
        "cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    static const char es[] =
        "eyJhbGciOiJFUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"
        "cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6"
        "NU1Q";
    static const char es_set[] =
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\","
        "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}]}";
    static const unsigned char hs_key[] = {3,   35,  53,  75,  43,  15,  165, 188, 131, 126, 6,   101, 119,
                                           123, 166, 143, 90,  179, 40,  230, 240, 84,  201, 40,  169, 15,
                                           132, 178, 210, 80,  46,  191, 211, 251, 90,  146, 210, 6,   71,
                                           239, 150, 138, 180, 195, 119, 98,  61,  34,  61,  46,  33,  114,
                                           5,   46,  79,  8,   192, 205, 154, 245, 103, 208, 128, 163};
    struct tb_jwt_keys *keys = NULL;

    (void)state;
    assert_int_equal(
        tb_jwt_keys_of_secrets((struct tb_str){(const char *)hs_key, sizeof(hs_key)}, &keys, NULL), 0);
    assert_int_equal(
        verify_with(hs, &(struct tb_jwt_rules){.keys = keys, .issuer = TB_STR("joe")}, 1300819379), 0);
    assert_int_equal(verify_with(hs, &(struct tb_jwt_rules){.keys = keys}, 1300819380), TB_JWT_EXPIRED);
    tb_jwt_keys_free(keys);
    keys = keys_of_jwks(es_set, TB_JWT_ALGORITHMS_ALL);
    assert_int_equal(verify_with(es, &(struct tb_jwt_rules){.keys = keys}, 1300819379), 0);
    tb_jwt_keys_free(keys);
}

static void each_algorithm_is_verified_by_its_own_key(void **state)
{
    char *set = public_set(",\"kid\":\"r\",\"use\":\"sig\",\"alg\":\"RS256\"",
                           ",\"kid\":\"e\",\"key_ops\":[\"verify\"]");
    struct tb_jwt_keys *keys = keys_of_jwks(set, TB_JWT_ALGORITHMS_ALL);
    static const struct {
        const char *header;
        EVP_PKEY **key;
        int outcome;
    } cases[] = {
        {"{\"alg\":\"RS256\",\"kid\":\"r\"}", &rsa_key, 0},
        {"{\"alg\":\"ES256\",\"kid\":\"e\"}", &ec_key, 0},
        {"{\"alg\":\"RS256\"}", &rsa_key, 0},
        {"{\"alg\":\"RS256\",\"kid\":\"e\"}", &rsa_key, TB_JWT_UNKNOWN_KEY},
        {"{\"alg\":\"ES256\",\"kid\":\"r\"}", &ec_key, TB_JWT_UNKNOWN_KEY},
        {"{\"alg\":\"RS256\",\"kid\":\"r\"}", &ec_key, TB_JWT_FORGED},
        {"{\"alg\":\"ES256\",\"kid\":\"e\"}", &rsa_key, TB_JWT_FORGED},
        {"{\"alg\":\"PS256\",\"kid\":\"r\"}", &rsa_key, TB_JWT_UNUSABLE},
        {"{\"alg\":\"RS512\",\"kid\":\"r\"}", &rsa_key, TB_JWT_UNUSABLE},
        {"{\"alg\":\"ES384\",\"kid\":\"e\"}", &ec_key, TB_JWT_UNUSABLE},
    };

    (void)state;
    assert_int_equal(keys->count, 2);
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        char *token = make_token(cases[i].header, PAYLOAD, *cases[i].key, TB_STR_NULL);
        if (verify(token, keys) != cases[i].outcome)
            fail_msg("%s: %d", cases[i].header, verify(token, keys));
        free(token);
    }
    tb_jwt_keys_free(keys);
    free(set);
}

static void any_of_several_secrets_is_right(void **state)
{
    struct tb_jwt_keys *keys = keys_of_secrets("\n  " OTHER "  \r\n\n" SECRET "\n");
    char *token = make_token(HS256, PAYLOAD, NULL, TB_STR(SECRET));

    (void)state;
    assert_int_equal(keys->count, 2);
    assert_int_equal(verify(token, keys), 0);
    free(token);
    tb_jwt_keys_free(keys);
}

/* ---- forging ---- */

static void without_the_right_signature_nothing_is_believed(void **state)
{
    struct tb_jwt_keys *keys = keys_of_secrets(SECRET);
    char *right = make_token(HS256, PAYLOAD, NULL, TB_STR(SECRET));
    char *other = make_token(HS256, PAYLOAD, NULL, TB_STR(OTHER));
    char *admin = make_token(HS256, "{\"sub\":\"root\",\"exp\":1764420900}", NULL, TB_STR(SECRET));
    char mixed[512];

    (void)state;
    assert_int_equal(verify(right, keys), 0);
    assert_int_equal(verify(other, keys), TB_JWT_FORGED);
    /* Another's payload before a right signature. */
    snprintf(mixed, sizeof(mixed), "%.*s%s", (int)(strrchr(admin, '.') - admin), admin, strrchr(right, '.'));
    assert_int_equal(verify(mixed, keys), TB_JWT_FORGED);
    /* Each single bit of the signature. */
    size_t begin = (size_t)(strrchr(right, '.') - right) + 1;
    for (size_t i = begin; right[i]; i++) {
        char saved = right[i];
        right[i] = saved == 'A' ? 'B' : 'A';
        assert_int_not_equal(verify(right, keys), 0);
        right[i] = saved;
    }
    free(right);
    free(other);
    free(admin);
    tb_jwt_keys_free(keys);
}

static void none_is_no_algorithm(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",    "{\"alg\":\"None\"}",   "{\"alg\":\"NONE\"}", "{\"alg\":\"nOnE\"}",
        "{\"alg\":\"\"}",        "{\"alg\":null}",       "{\"alg\":0}",        "{}",
        "{\"alg\":[\"HS256\"]}", "{\"alg\":\"HS256 \"}", "{\"alg\":\"hs256\"}"};
    struct tb_jwt_keys *keys = keys_of_secrets(SECRET);

    (void)state;
    for (size_t i = 0; i < TB_COUNT(headers); i++) {
        char *unsigned_token = make_token(headers[i], PAYLOAD, NULL, TB_STR_NULL);
        assert_int_equal(verify(unsigned_token, keys), TB_JWT_MALFORMED);
        assert_int_equal(verify_header(headers[i]), TB_JWT_UNUSABLE);
        free(unsigned_token);
    }
    tb_jwt_keys_free(keys);
}

/* The classic: the public key, which all know, used as HMAC's secret. */
static void a_public_key_is_no_secret(void **state)
{
    char *set = public_set("", "");
    struct tb_jwt_keys *keys = keys_of_jwks(set, TB_JWT_ALGORITHMS_ALL);
    BIO *pem = BIO_new(BIO_s_mem());
    char *text = NULL, *token = NULL;

    (void)state;
    PEM_write_bio_PUBKEY(pem, rsa_key);
    size_t len = (size_t)BIO_get_mem_data(pem, &text);
    token = make_token(HS256, PAYLOAD, NULL, (struct tb_str){text, len});
    assert_int_equal(verify(token, keys), TB_JWT_UNKNOWN_KEY);
    free(token);
    token = make_token(HS256, PAYLOAD, NULL, tb_str_of(set));
    assert_int_equal(verify(token, keys), TB_JWT_UNKNOWN_KEY);
    free(token);
    BIO_free(pem);
    tb_jwt_keys_free(keys);
    /* And a secret verifies nothing but HS256. */
    keys = keys_of_secrets(SECRET);
    token = make_token("{\"alg\":\"RS256\"}", PAYLOAD, rsa_key, TB_STR_NULL);
    assert_int_equal(verify(token, keys), TB_JWT_UNKNOWN_KEY);
    free(token);
    tb_jwt_keys_free(keys);
    free(set);
}

static void a_token_brings_no_key_along(void **state)
{
    char *set = public_set("", ""), *header = NULL, *token = NULL;
    struct tb_jwt_keys *keys = keys_of_jwks(set, TB_JWT_ALGORITHMS_ALL);
    EVP_PKEY *own = EVP_EC_gen("P-256");
    struct tb_buf jwk;

    (void)state;
    tb_buf_init(&jwk, 1 << 16);
    push_jwk(&jwk, own, ",\"kid\":\"mine\"");
    assert_true(asprintf(&header,
                         "{\"alg\":\"ES256\",\"jwk\":%s,\"jku\":\"http://127.0.0.1/jwks\","
                         "\"x5u\":\"http://127.0.0.1/cert\"}",
                         jwk.ptr) > 0);
    token = make_token(header, PAYLOAD, own, TB_STR_NULL);
    assert_int_equal(verify(token, keys), TB_JWT_FORGED);
    free(token);
    free(header);
    tb_buf_deinit(&jwk);
    EVP_PKEY_free(own);
    tb_jwt_keys_free(keys);
    free(set);
}

static void kid_is_compared_and_nothing_else(void **state)
{
    static const char *const kids[] = {"/dev/null",
                                       "../../../../etc/passwd",
                                       "x' UNION SELECT 'secret",
                                       "|id",
                                       "$(id)",
                                       "\\u0000r",
                                       "R",
                                       "r ",
                                       ""};
    char *set = public_set(",\"kid\":\"r\"", ",\"kid\":\"e\"");
    struct tb_jwt_keys *keys = keys_of_jwks(set, TB_JWT_ALGORITHMS_ALL);
    char header[256];

    (void)state;
    for (size_t i = 0; i < TB_COUNT(kids); i++) {
        snprintf(header, sizeof(header), "{\"alg\":\"RS256\",\"kid\":\"%s\"}", kids[i]);
        char *token = make_token(header, PAYLOAD, rsa_key, TB_STR_NULL);
        assert_int_equal(verify(token, keys),
                         strstr(kids[i], "u0000") ? TB_JWT_MALFORMED : TB_JWT_UNKNOWN_KEY);
        free(token);
    }
    assert_int_equal(verify_header("{\"alg\":\"HS256\",\"kid\":7}"), TB_JWT_UNUSABLE);
    assert_int_equal(verify_header("{\"alg\":\"HS256\",\"kid\":[\"r\"]}"), TB_JWT_UNUSABLE);
    /* A secret has no kid: it doesn't matter there, not even as a path to an empty file. */
    assert_int_equal(verify_header("{\"alg\":\"HS256\",\"kid\":\"/dev/null\"}"), 0);
    tb_jwt_keys_free(keys);
    free(set);
}

static void keys_of_the_same_kid_are_each_tried(void **state)
{
    char *set = public_set(",\"kid\":\"same\"", ",\"kid\":\"same\"");
    struct tb_jwt_keys *keys = keys_of_jwks(set, TB_JWT_ALGORITHMS_ALL);
    char *rs = make_token("{\"alg\":\"RS256\",\"kid\":\"same\"}", PAYLOAD, rsa_key, TB_STR_NULL);
    char *es = make_token("{\"alg\":\"ES256\",\"kid\":\"same\"}", PAYLOAD, ec_key, TB_STR_NULL);

    (void)state;
    assert_int_equal(verify(rs, keys), 0);
    assert_int_equal(verify(es, keys), 0);
    free(rs);
    free(es);
    tb_jwt_keys_free(keys);
    free(set);
}

static void degenerate_signatures_of_curves_are_refused(void **state)
{
    static const char zeros[] =
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    char *set = public_set("", ""), *token = make_token("{\"alg\":\"ES256\"}", PAYLOAD, ec_key, TB_STR_NULL);
    struct tb_jwt_keys *keys = keys_of_jwks(set, TB_JWT_ALGORITHMS_ALL);
    char psychic[1024], der[1024];

    (void)state;
    snprintf(psychic, sizeof(psychic), "%.*s.%s", (int)(strrchr(token, '.') - token), token, zeros);
    assert_int_equal(verify(psychic, keys), TB_JWT_FORGED);
    snprintf(der, sizeof(der), "%.*s.MEUCIQ", (int)(strrchr(token, '.') - token), token);
    assert_int_equal(verify(der, keys), TB_JWT_FORGED);
    free(token);
    tb_jwt_keys_free(keys);
    free(set);
}

/* ---- the header ---- */

static void extensions_and_nesting_are_refused(void **state)
{
    static const char *const headers[] = {"{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}",
                                          "{\"alg\":\"HS256\",\"crit\":[]}",
                                          "{\"alg\":\"HS256\",\"b64\":false,\"crit\":[\"b64\"]}",
                                          "{\"alg\":\"HS256\",\"b64\":false}",
                                          "{\"alg\":\"HS256\",\"cty\":\"JWT\"}",
                                          "{\"alg\":\"HS256\",\"cty\":\"jwt\"}",
                                          "{\"alg\":\"HS256\",\"zip\":\"DEF\"}",
                                          "{\"alg\":\"dir\",\"enc\":\"A128GCM\"}"};

    (void)state;
    for (size_t i = 0; i < TB_COUNT(headers); i++)
        assert_int_equal(verify_header(headers[i]), TB_JWT_UNUSABLE);
}

static void a_token_of_another_purpose_is_refused(void **state)
{
    static const struct {
        const char *typ;
        int product, watch;
    } cases[] = {
        {"JWT", 0, TB_JWT_UNUSABLE},
        {"jwt", 0, TB_JWT_UNUSABLE},
        {"at+jwt", 0, TB_JWT_UNUSABLE},
        {"application/at+jwt", 0, TB_JWT_UNUSABLE},
        {"watch+jwt", TB_JWT_UNUSABLE, 0},
        {"application/watch+jwt", TB_JWT_UNUSABLE, 0},
        {"logout+jwt", TB_JWT_UNUSABLE, TB_JWT_UNUSABLE},
        {"dpop+jwt", TB_JWT_UNUSABLE, TB_JWT_UNUSABLE},
        {"JOSE", TB_JWT_UNUSABLE, TB_JWT_UNUSABLE},
        {"", TB_JWT_UNUSABLE, TB_JWT_UNUSABLE},
    };
    char header[128];

    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        snprintf(header, sizeof(header), "{\"alg\":\"HS256\",\"typ\":\"%s\"}", cases[i].typ);
        assert_int_equal(verify_hs256(header, PAYLOAD, NULL), cases[i].product);
        assert_int_equal(verify_hs256(header, PAYLOAD, &(struct tb_jwt_rules){.kind = TB_JWT_WATCH}),
                         cases[i].watch);
    }
    assert_int_equal(verify_header("{\"alg\":\"HS256\",\"typ\":1}"), TB_JWT_UNUSABLE);
    assert_int_equal(verify_header("{\"alg\":\"HS256\"}"), 0);
}

/* ---- the shape ---- */

static void other_shapes_are_no_tokens(void **state)
{
    struct tb_jwt_keys *keys = keys_of_secrets(SECRET);
    char *right = make_token(HS256, PAYLOAD, NULL, TB_STR(SECRET)), text[1024];
    static const struct {
        const char *before, *after;
    } around[] = {{"", "."},  {".", ""}, {"", ".abcd"}, {"", ".abcd.abcd"}, {" ", ""},   {"", " "},
                  {"", "\n"}, {"", "="}, {"", "=="},    {"", "\t"},         {"\"", "\""}};
    static const char *const texts[] = {"",
                                        ".",
                                        "..",
                                        "...",
                                        "a.b.c",
                                        "e30.e30.",
                                        "e30..e30",
                                        "W10.W10.AAAA",
                                        "bnVsbA.bnVsbA.AAAA",
                                        "eyJ9.eyJ9.AAAA"};

    (void)state;
    for (size_t i = 0; i < TB_COUNT(around); i++) {
        snprintf(text, sizeof(text), "%s%s%s", around[i].before, right, around[i].after);
        if (verify(text, keys) == 0)
            fail_msg("\"%s\" was taken", text);
    }
    for (size_t i = 0; i < TB_COUNT(texts); i++)
        assert_int_equal(verify(texts[i], keys), TB_JWT_MALFORMED);
    /* Two base64 texts for the same bytes: the last character's unused bits. */
    size_t len = strlen(right);
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t value = (size_t)(strchr(alphabet, right[len - 1]) - alphabet);
    right[len - 1] = alphabet[value ^ 1];
    assert_int_equal(verify(right, keys), TB_JWT_MALFORMED);
    right[len - 1] = alphabet[value];
    assert_int_equal(verify(right, keys), 0);
    free(right);
    tb_jwt_keys_free(keys);
}

static void a_token_that_is_too_long_is_not_read(void **state)
{
    char *payload = malloc(20000);
    struct tb_str name = {payload, 20000};
    (void)state;

    memset(payload, 'a', 20000);
    memcpy(payload, "{\"exp\":1764420900,\"a\":\"", 23);
    memcpy(payload + 19997, "\"}", 3);
    assert_int_equal(verify_payload(payload), TB_JWT_MALFORMED);
    memcpy(payload + 4997, "\"}", 3);
    assert_int_equal(verify_payload(payload), 0);
    (void)name;
    free(payload);
}

static void no_name_stands_twice(void **state)
{
    (void)state;
    assert_int_equal(verify_header("{\"alg\":\"none\",\"alg\":\"HS256\"}"), TB_JWT_MALFORMED);
    assert_int_equal(verify_header("{\"alg\":\"HS256\",\"kid\":\"a\",\"kid\":\"b\"}"), TB_JWT_MALFORMED);
    assert_int_equal(verify_payload("{\"exp\":1,\"exp\":1764420900}"), TB_JWT_MALFORMED);
    assert_int_equal(verify_payload("{\"exp\":1764420900,\"sub\":\"a\",\"sub\":\"b\"}"), TB_JWT_MALFORMED);
    assert_int_equal(verify_payload("{\"exp\":1764420900,\"s\\u0075b\":\"a\",\"sub\":\"b\"}"),
                     TB_JWT_MALFORMED);
    assert_int_equal(verify_payload("{\"exp\":1764420900,\"a\":{\"b\":1,\"b\":2}}"), TB_JWT_MALFORMED);
}

/* ---- the claims ---- */

static void times_are_numbers_and_hold(void **state)
{
    static const struct {
        const char *payload;
        int outcome;
    } cases[] = {
        {"{\"exp\":1764420001}", 0},
        {"{\"exp\":1764420000.5}", 0},
        {"{\"exp\":1764420000}", TB_JWT_EXPIRED},
        {"{\"exp\":1764419999.9}", TB_JWT_EXPIRED},
        {"{\"exp\":0}", TB_JWT_EXPIRED},
        {"{\"exp\":253402300799}", 0},
        {"{\"exp\":253402300800}", TB_JWT_WRONG_CLAIM},
        {"{\"exp\":1e308}", TB_JWT_WRONG_CLAIM},
        {"{\"exp\":-1}", TB_JWT_WRONG_CLAIM},
        {"{\"exp\":9223372036854775807}", TB_JWT_WRONG_CLAIM},
        {"{\"exp\":\"1764420900\"}", TB_JWT_WRONG_CLAIM},
        {"{\"exp\":true}", TB_JWT_WRONG_CLAIM},
        {"{\"exp\":null}", TB_JWT_WRONG_CLAIM},
        {"{\"exp\":[1764420900]}", TB_JWT_WRONG_CLAIM},
        {"{\"sub\":\"ana\"}", TB_JWT_WRONG_CLAIM},
        {"{\"exp\":1764420900,\"nbf\":1764420000}", 0},
        {"{\"exp\":1764420900,\"nbf\":1764420001}", TB_JWT_EARLY},
        {"{\"exp\":1764420900,\"nbf\":\"0\"}", TB_JWT_WRONG_CLAIM},
        {"{\"exp\":1764420900,\"iat\":1764420000}", 0},
        {"{\"exp\":1764420900,\"iat\":1764420001}", TB_JWT_EARLY},
        {"{\"exp\":1764420900,\"iat\":\"now\"}", TB_JWT_WRONG_CLAIM},
    };

    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        if (verify_payload(cases[i].payload) != cases[i].outcome)
            fail_msg("%s: %d", cases[i].payload, verify_payload(cases[i].payload));
    }
}

static void clocks_may_differ_by_the_leeway(void **state)
{
    const struct tb_jwt_rules rules = {.leeway_us = 30 * TB_US_PER_S};

    (void)state;
    assert_int_equal(verify_hs256(HS256, "{\"exp\":1764419971}", &rules), 0);
    assert_int_equal(verify_hs256(HS256, "{\"exp\":1764419970}", &rules), TB_JWT_EXPIRED);
    assert_int_equal(
        verify_hs256(HS256, "{\"exp\":1764420900,\"nbf\":1764420030,\"iat\":1764420030}", &rules), 0);
    assert_int_equal(verify_hs256(HS256, "{\"exp\":1764420900,\"nbf\":1764420031}", &rules), TB_JWT_EARLY);
}

static void issuer_and_audience_are_ours(void **state)
{
    static const struct tb_str audience[] = {TB_STR("taskbridge"), TB_STR("app")};
    const struct tb_jwt_rules with = {
        .issuer = TB_STR("https://a/"), .audience = audience, .audience_count = 2};
    static const struct {
        const char *payload;
        int with, without;
    } cases[] = {
        {"{\"exp\":1764420900}", TB_JWT_WRONG_ISSUER, 0},
        {"{\"exp\":1764420900,\"iss\":\"https://a/\"}", TB_JWT_WRONG_AUDIENCE, 0},
        {"{\"exp\":1764420900,\"iss\":\"https://a/\",\"aud\":\"app\"}", 0, TB_JWT_WRONG_AUDIENCE},
        {"{\"exp\":1764420900,\"iss\":\"https://a/\",\"aud\":[\"x\",\"taskbridge\"]}", 0,
         TB_JWT_WRONG_AUDIENCE},
        {"{\"exp\":1764420900,\"iss\":\"https://a/\",\"aud\":[\"x\"]}", TB_JWT_WRONG_AUDIENCE,
         TB_JWT_WRONG_AUDIENCE},
        {"{\"exp\":1764420900,\"iss\":\"https://a/\",\"aud\":[]}", TB_JWT_WRONG_AUDIENCE,
         TB_JWT_WRONG_AUDIENCE},
        {"{\"exp\":1764420900,\"iss\":\"https://a/\",\"aud\":[\"app\",1]}", TB_JWT_WRONG_CLAIM,
         TB_JWT_WRONG_CLAIM},
        {"{\"exp\":1764420900,\"iss\":\"https://a/\",\"aud\":{\"app\":1}}", TB_JWT_WRONG_CLAIM,
         TB_JWT_WRONG_CLAIM},
        {"{\"exp\":1764420900,\"iss\":\"https://a/\",\"aud\":\"APP\"}", TB_JWT_WRONG_AUDIENCE,
         TB_JWT_WRONG_AUDIENCE},
        {"{\"exp\":1764420900,\"iss\":\"https://a\",\"aud\":\"app\"}", TB_JWT_WRONG_ISSUER,
         TB_JWT_WRONG_AUDIENCE},
        {"{\"exp\":1764420900,\"iss\":[\"https://a/\"],\"aud\":\"app\"}", TB_JWT_WRONG_CLAIM,
         TB_JWT_WRONG_CLAIM},
    };

    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        assert_int_equal(verify_hs256(HS256, cases[i].payload, &with), cases[i].with);
        assert_int_equal(verify_hs256(HS256, cases[i].payload, NULL), cases[i].without);
    }
}

/* ---- keys ---- */

static void keys_that_are_for_something_else_are_passed_over(void **state)
{
    static const struct {
        const char *rsa, *ec;
        unsigned algorithms;
        size_t count;
    } cases[] = {
        {",\"use\":\"enc\"", "", TB_JWT_ALGORITHMS_ALL, 1},
        {",\"alg\":\"RSA-OAEP\"", "", TB_JWT_ALGORITHMS_ALL, 1},
        {",\"alg\":\"HS256\"", "", TB_JWT_ALGORITHMS_ALL, 1},
        {",\"key_ops\":[\"encrypt\"]", "", TB_JWT_ALGORITHMS_ALL, 1},
        {",\"kid\":1", "", TB_JWT_ALGORITHMS_ALL, 1},
        {"", "", 1u << TB_JWT_RS256, 1},
        {"", "", 1u << TB_JWT_ES256, 1},
        {"", ",\"alg\":\"ES256\",\"use\":\"sig\"", TB_JWT_ALGORITHMS_ALL, 2},
    };

    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        char *set = public_set(cases[i].rsa, cases[i].ec);
        struct tb_jwt_keys *keys = keys_of_jwks(set, cases[i].algorithms);
        assert_int_equal(keys->count, cases[i].count);
        tb_jwt_keys_free(keys);
        free(set);
    }
}

static void sets_without_a_usable_key_are_refused(void **state)
{
    static const char *const sets[] = {
        "", "{}", "[]", "{\"keys\":{}}", "{\"keys\":[]}", "{\"keys\":[1,null,\"a\"]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\",\"alg\":\"HS256\"}"
        "]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}]}",
        /* What makes cjose abort. */
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ=D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"A=AB\",\"e\":\"AQAB\"}]}",
        /* A point that is not on the curve. */
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI6a0\"}]}",
        "{\"keys\":[],\"keys\":[]}"};
    struct tb_jwt_keys *keys = NULL;

    (void)state;
    for (size_t i = 0; i < TB_COUNT(sets); i++) {
        struct tb_error err = {0};
        if (tb_jwt_keys_of_jwks(tb_str_of(sets[i]), TB_JWT_ALGORITHMS_ALL, &keys, &err) != -EINVAL)
            fail_msg("%s was taken", sets[i]);
        assert_true(err.text[0]);
    }
}

static void weak_secrets_are_refused_and_not_repeated(void **state)
{
    struct tb_jwt_keys *keys = NULL;
    struct tb_error err = {0}, empty = {0};

    (void)state;
    assert_int_equal(tb_jwt_keys_of_secrets(TB_STR(SECRET "\nhunter2\n"), &keys, &err), -EINVAL);
    assert_string_equal(err.text, "the secret in line 2 has 7 bytes; 32 are the least");
    assert_int_equal(tb_jwt_keys_of_secrets(TB_STR("\n \n"), &keys, &empty), -EINVAL);
    assert_string_equal(empty.text, "there is no secret in it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_standard_are_right),
        cmocka_unit_test(each_algorithm_is_verified_by_its_own_key),
        cmocka_unit_test(any_of_several_secrets_is_right),
        cmocka_unit_test(without_the_right_signature_nothing_is_believed),
        cmocka_unit_test(none_is_no_algorithm),
        cmocka_unit_test(a_public_key_is_no_secret),
        cmocka_unit_test(a_token_brings_no_key_along),
        cmocka_unit_test(kid_is_compared_and_nothing_else),
        cmocka_unit_test(keys_of_the_same_kid_are_each_tried),
        cmocka_unit_test(degenerate_signatures_of_curves_are_refused),
        cmocka_unit_test(extensions_and_nesting_are_refused),
        cmocka_unit_test(a_token_of_another_purpose_is_refused),
        cmocka_unit_test(other_shapes_are_no_tokens),
        cmocka_unit_test(a_token_that_is_too_long_is_not_read),
        cmocka_unit_test(no_name_stands_twice),
        cmocka_unit_test(times_are_numbers_and_hold),
        cmocka_unit_test(clocks_may_differ_by_the_leeway),
        cmocka_unit_test(issuer_and_audience_are_ours),
        cmocka_unit_test(keys_that_are_for_something_else_are_passed_over),
        cmocka_unit_test(sets_without_a_usable_key_are_refused),
        cmocka_unit_test(weak_secrets_are_refused_and_not_repeated),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}

/* What is known of a token without a database: its hash, its scopes. */
#include "taskbridge/store/tokens.h"
#include "unit/check.h"

/* FIPS 180-2, appendix B.1: SHA-256 of "abc". */
static const unsigned char abc[TB_TOKEN_HASH_BYTES] = {
    0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
    0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};

static void test_a_hash_is_sha256(void **state)
{
    unsigned char hash[TB_TOKEN_HASH_BYTES];

    (void)state;
    tb_token_hash(TB_STR("abc"), hash);
    assert_memory_equal(hash, abc, sizeof(abc));
    tb_token_hash((struct tb_str){"abcd", 3}, hash);
    assert_memory_equal(hash, abc, sizeof(abc));
}

static void test_scopes_have_names(void **state)
{
    enum tb_token_scope scope = TB_TOKEN_COMPANIES;

    (void)state;
    assert_str(tb_token_scope_name(TB_TOKEN_COMPANIES), "companies");
    assert_str(tb_token_scope_name(TB_TOKEN_OPERATOR), "operator");
    assert_true(tb_token_scope_parse(TB_STR("operator"), &scope));
    assert_int_equal(scope, TB_TOKEN_OPERATOR);
    assert_false(tb_token_scope_parse(TB_STR("Operator"), &scope));
    assert_false(tb_token_scope_parse(TB_STR(""), &scope));
    assert_false(tb_token_scope_parse(TB_STR_NULL, &scope));
    assert_int_equal(scope, TB_TOKEN_OPERATOR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_hash_is_sha256),
        cmocka_unit_test(test_scopes_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

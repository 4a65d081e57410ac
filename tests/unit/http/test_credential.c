/* The header Authorization. */
#include "credential.h"

#include "unit/check.h"

static void token_is_the_one_word_behind_the_scheme(void **state)
{
    static const char *const right[] = {"Token abc",   "token abc",   "TOKEN abc",
                                        "Token   abc", " Token abc ", "Token\tabc"};
    (void)state;

    for (size_t i = 0; i < TB_COUNT(right); i++) {
        if (!tb_str_equal(tb_credential_token(tb_str_of(right[i])), TB_STR("abc")))
            fail_msg("no token in \"%s\"", right[i]);
    }
    assert_str(tb_credential_token(TB_STR("Token !~")), "!~");
}

static void anything_else_is_no_token(void **state)
{
    static const char *const wrong[] = {
        "",          "Token",      "Token ",     "Tokenabc",       "Bearer abc", "abc",
        "Token a b", "Token a\tb", "Token: abc", "Token \xc3\xa9", "Token a\x7f"};
    (void)state;

    assert_true(tb_str_is_null(tb_credential_token(TB_STR_NULL)));
    assert_true(tb_str_is_null(tb_credential_token(TB_STR("Token a\0b"))));
    for (size_t i = 0; i < TB_COUNT(wrong); i++) {
        if (!tb_str_is_null(tb_credential_token(tb_str_of(wrong[i]))))
            fail_msg("a token in \"%s\"", wrong[i]);
    }
}

static void a_key_has_256_bytes_at_most(void **state)
{
    char header[6 + 257];
    (void)state;

    memset(header, 'a', sizeof(header));
    memcpy(header, "Token ", 6);
    assert_int_equal(tb_credential_token((struct tb_str){header, 6 + 256}).len, 256);
    assert_true(tb_str_is_null(tb_credential_token((struct tb_str){header, 6 + 257})));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token_is_the_one_word_behind_the_scheme),
        cmocka_unit_test(anything_else_is_no_token),
        cmocka_unit_test(a_key_has_256_bytes_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which segments of an address name a company, and which one. */
#include "company_id.h"

#include "unit/check.h"

#define UUID "550e8400-e29b-41d4-a716-446655440000"

static const char *parsed(enum tb_company_format format, const char *segment)
{
    static char key[TB_COMPANY_KEY_BYTES + 1];
    const struct tb_rules rules = {.company_format = format};
    struct tb_str company;

    if (!tb_company_id_parse(&rules, tb_str_of(segment), key, &company))
        return "refused";
    assert_ptr_equal(company.ptr, key);
    key[company.len] = '\0';
    return key;
}

static void numbers_have_one_form(void **state)
{
    static const enum tb_company_format formats[] = {TB_COMPANY_NUMBER};
    (void)state;

    for (size_t i = 0; i < TB_COUNT(formats); i++) {
        assert_string_equal(parsed(formats[i], "73"), "73");
        assert_string_equal(parsed(formats[i], "%37%33"), "73");
        assert_string_equal(parsed(formats[i], "0073"), "73");
        assert_string_equal(parsed(formats[i], "-5"), "-5");
        assert_string_equal(parsed(formats[i], "9223372036854775807"), "9223372036854775807");
        assert_string_equal(parsed(formats[i], "9223372036854775808"), "refused");
        assert_string_equal(parsed(formats[i], ""), "refused");
        assert_string_equal(parsed(formats[i], "7x"), "refused");
        assert_string_equal(parsed(formats[i], "73%00"), "refused");
        assert_string_equal(parsed(formats[i], "73%20"), "refused");
        assert_string_equal(parsed(formats[i], "%zz"), "refused");
    }
}

static void uuids_are_taken_where_the_format_has_them(void **state)
{
    (void)state;
    assert_string_equal(parsed(TB_COMPANY_UUID, UUID), UUID);
    assert_string_equal(parsed(TB_COMPANY_SLUG, UUID), UUID);
    assert_string_equal(parsed(TB_COMPANY_SLUG, "Acme-Norte_2"), "Acme-Norte_2");
    assert_string_equal(parsed(TB_COMPANY_SLUG, "acme%20norte"), "refused");
    assert_string_equal(parsed(TB_COMPANY_UUID, "550E8400-E29B-41D4-A716-446655440000"), UUID);
    assert_string_equal(parsed(TB_COMPANY_NUMBER, UUID), "refused");
    assert_string_equal(parsed(TB_COMPANY_UUID, "73"), "refused");
}

static void long_segments_are_refused(void **state)
{
    char digits[200];
    (void)state;

    memset(digits, '0', sizeof(digits));
    digits[sizeof(digits) - 1] = '\0';
    assert_string_equal(parsed(TB_COMPANY_NUMBER, digits), "refused");
}

static void each_format_says_what_would_be_right(void **state)
{
    (void)state;
    assert_string_equal(tb_company_id_words(&(struct tb_rules){.company_format = TB_COMPANY_NUMBER}),
                        "The company's id is a number.");
    assert_string_equal(tb_company_id_words(&(struct tb_rules){.company_format = TB_COMPANY_UUID}),
                        "The company's id is a UUID.");
    assert_string_equal(tb_company_id_words(&(struct tb_rules){.company_format = TB_COMPANY_SLUG}),
                        "The company's id is a slug of letters, digits and - . _ ~.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_one_form),
        cmocka_unit_test(uuids_are_taken_where_the_format_has_them),
        cmocka_unit_test(long_segments_are_refused),
        cmocka_unit_test(each_format_says_what_would_be_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

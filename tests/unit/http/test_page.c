/* The policy of a page, made of what stands in it. */
#include "pages/page.h"

#include "unit/check.h"

/* Hashes by another program: printf %s "let a = 1;" | openssl dgst -sha256 -binary | base64 */
static void policy_names_the_hashes_of_script_and_style(void **state)
{
    struct tb_page page = {.body = TB_STR("<style>p{}</style><p><script>let a = 1;</script>")};
    (void)state;

    tb_page_set_policy(&page);
    assert_string_equal(
        page.policy, "default-src 'none'; script-src 'sha256-xY6QKfH9PRsQnLz56nj6MBwiK5oHg+im1Jkpdp1x/Ck='; "
                     "style-src 'sha256-gG2yISYereRMiG2lMXrbiUgi0Ubw9p7QCeWcroOvy9Y='; connect-src 'self'; "
                     "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
}

/* The hash of nothing allows nothing. */
static void page_without_a_script_allows_none(void **state)
{
    struct tb_page page = {.body = TB_STR("<p><script>never closed")};
    (void)state;

    tb_page_set_policy(&page);
    assert_non_null(strstr(page.policy, "script-src 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"));
}

static void embedded_page_is_whole(void **state)
{
    struct tb_page page;
    (void)state;

    tb_page_init(&page);
    assert_true(tb_str_starts_with(page.body, TB_STR("<!doctype html>\n")));
    assert_true(tb_str_ends_with(page.body, TB_STR("</html>\n")));
    assert_int_equal(strlen(page.tag), 46);
    assert_int_equal(page.tag[0], '"');
    assert_int_equal(page.tag[45], '"');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy_names_the_hashes_of_script_and_style),
        cmocka_unit_test(page_without_a_script_allows_none),
        cmocka_unit_test(embedded_page_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

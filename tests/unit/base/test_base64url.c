/* base64url: RFC 4648's own vectors without padding, and all that is not the one way to write something. */
#include "taskbridge/base/base64url.h"

#include "unit/check.h"

static void bytes_are_written_as_the_standard_has_it(void **state)
{
    static const struct {
        struct tb_str bytes, text;
    } cases[] = {
        {TB_STR(""), TB_STR("")},
        {TB_STR("f"), TB_STR("Zg")},
        {TB_STR("fo"), TB_STR("Zm8")},
        {TB_STR("foo"), TB_STR("Zm9v")},
        {TB_STR("foob"), TB_STR("Zm9vYg")},
        {TB_STR("fooba"), TB_STR("Zm9vYmE")},
        {TB_STR("foobar"), TB_STR("Zm9vYmFy")},
        {TB_STR("\xff\xfe\xfd\x00"), TB_STR("__79AA")},
        {TB_STR("\xfb\xef\xbe"), TB_STR("----")},
    };
    struct tb_buf buf;

    (void)state;
    tb_buf_init(&buf, 100);
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        tb_buf_reset(&buf);
        tb_base64url_push(&buf, cases[i].bytes);
        assert_true(tb_str_equal(tb_buf_str(&buf), cases[i].text));
        tb_buf_reset(&buf);
        assert_true(tb_base64url_push_decoded(&buf, cases[i].text));
        assert_true(tb_str_equal(tb_buf_str(&buf), cases[i].bytes));
    }
    tb_buf_deinit(&buf);
}

static void any_other_way_to_write_them_is_refused(void **state)
{
    static const struct tb_str texts[] = {
        TB_STR("Z"),    TB_STR("Zh"),       TB_STR("Zm9"),      TB_STR("Zg=="),   TB_STR("Zm8="),
        TB_STR("Zm 8"), TB_STR("Zm9v\n"),   TB_STR(" Zm9v"),    TB_STR("Zm9v+/"), TB_STR("Zm9vA"),
        TB_STR("\0\0"), TB_STR("Zm9v\0\0"), TB_STR("Z\xc3\xa9")};
    struct tb_buf buf;

    (void)state;
    tb_buf_init(&buf, 100);
    tb_buf_push_byte(&buf, 'x');
    for (size_t i = 0; i < TB_COUNT(texts); i++) {
        assert_false(tb_base64url_push_decoded(&buf, texts[i]));
        assert_str(tb_buf_str(&buf), "x");
    }
    tb_buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_written_as_the_standard_has_it),
        cmocka_unit_test(any_other_way_to_write_them_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

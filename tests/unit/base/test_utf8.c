/* UTF-8: which bytes are clean, and what the others become. Expected replacements are the examples of the
 * Unicode Standard, chapter 3, section "U+FFFD Substitution of Maximal Subparts". */
#include "taskbridge/base/utf8.h"

#include "unit/check.h"

#define R TB_UTF8_REPLACEMENT

static const struct tb_str clean_cases[] = {
    {"", 0},
    {"plain", 5},
    {"\x01\x7F\t\n", 4},
    {"\xC2\x80", 2},         /* U+0080 */
    {"\xDF\xBF", 2},         /* U+07FF */
    {"\xE0\xA0\x80", 3},     /* U+0800 */
    {"\xED\x9F\xBF", 3},     /* U+D7FF */
    {"\xEE\x80\x80", 3},     /* U+E000 */
    {"\xEF\xBF\xBF", 3},     /* U+FFFF */
    {"\xF0\x90\x80\x80", 4}, /* U+10000 */
    {"\xF4\x8F\xBF\xBF", 4}, /* U+10FFFF */
    {"Sincronizaci\xC3\xB3n", 15},
};

static const struct {
    struct tb_str dirty;
    const char *cleaned;
} dirty_cases[] = {
    {{"\0", 1}, R},
    {{"a\0b", 3}, "a" R "b"},
    {{"\x80", 1}, R},
    {{"\xFF\xFE", 2}, R R},
    {{"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", 9}, R R R R R R R R "A"},
    {{"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", 9}, R R R R R R R R "A"},
    {{"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", 9}, R R R R R "A" R R "B"},
    {{"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", 9}, R R R R "A"},
    {{"a\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64", 13}, "a" R R R "b" R "c" R R "d"},
    {{"\xF5\x80\x80\x80", 4}, R R R R},
    {{"caf\xC3", 4}, "caf" R},
    {{"ma\xC3\xB1"
      "ana \xF0\x9F\x98",
      11},
     "ma\xC3\xB1"
     "ana " R},
};

static void clean_text_is_recognized_and_pushed_unchanged(void **state)
{
    (void)state;
    for (size_t i = 0; i < TB_COUNT(clean_cases); i++) {
        struct tb_buf buf;
        tb_buf_init(&buf, 1000);
        assert_true(tb_utf8_is_clean(clean_cases[i]));
        tb_utf8_push_clean(&buf, clean_cases[i]);
        check_str(tb_buf_str(&buf), clean_cases[i], __FILE__, __LINE__);
        tb_buf_deinit(&buf);
    }
    assert_true(tb_utf8_is_clean(TB_STR_NULL));
}

static void each_maximal_subpart_becomes_one_replacement(void **state)
{
    (void)state;
    for (size_t i = 0; i < TB_COUNT(dirty_cases); i++) {
        struct tb_buf buf;
        tb_buf_init(&buf, 1000);
        assert_false(tb_utf8_is_clean(dirty_cases[i].dirty));
        tb_utf8_push_clean(&buf, dirty_cases[i].dirty);
        check_str(tb_buf_str(&buf), tb_str_of(dirty_cases[i].cleaned), __FILE__, __LINE__);
        tb_buf_deinit(&buf);
    }
}

static void a_bad_byte_is_found_at_every_place(void **state)
{
    static const char bad[] = {'\0', '\x80', '\xC3', '\xFF'};
    char text[67];
    (void)state;
    for (size_t len = 1; len <= sizeof(text); len++) {
        memset(text, 'a', len);
        assert_true(tb_utf8_is_clean((struct tb_str){text, len}));
        for (size_t at = 0; at < len; at++) {
            for (size_t b = 0; b < sizeof(bad); b++) {
                text[at] = bad[b];
                assert_false(tb_utf8_is_clean((struct tb_str){text, len}));
            }
            text[at] = 'a';
        }
    }
}

static void every_two_bytes_agree_with_the_definition(void **state)
{
    (void)state;
    for (int first = 0; first < 256; first++) {
        for (int second = 0; second < 256; second++) {
            char text[2] = {(char)first, (char)second};
            bool ascii = first >= 1 && first <= 127 && second >= 1 && second <= 127;
            bool pair = first >= 0xC2 && first <= 0xDF && second >= 0x80 && second <= 0xBF;
            assert_int_equal(tb_utf8_is_clean((struct tb_str){text, 2}), ascii || pair);
        }
    }
}

static void every_code_point_of_three_and_four_bytes_is_judged_right(void **state)
{
    (void)state;
    for (unsigned point = 0; point < 0x200000; point++) {
        char four[4] = {(char)(0xF0 | point >> 18), (char)(0x80 | (point >> 12 & 0x3F)),
                        (char)(0x80 | (point >> 6 & 0x3F)), (char)(0x80 | (point & 0x3F))};
        assert_int_equal(tb_utf8_is_clean((struct tb_str){four, 4}), point >= 0x10000 && point <= 0x10FFFF);
        if (point > 0xFFFF)
            continue;
        char three[3] = {(char)(0xE0 | point >> 12), four[2], four[3]};
        bool surrogate = point >= 0xD800 && point <= 0xDFFF;
        assert_int_equal(tb_utf8_is_clean((struct tb_str){three, 3}), point >= 0x800 && !surrogate);
    }
}

static void cut_keeps_whole_characters(void **state)
{
    static const struct {
        const char *text;
        size_t max, kept;
    } cases[] = {
        {"abc", 5, 3},
        {"abc", 3, 3},
        {"abc", 2, 2},
        {"abc", 0, 0},
        {"a\xC3\xB1", 2, 1},
        {"a\xC3\xB1", 3, 3},
        {"\xE2\x82\xAC", 2, 0},
        {"\xE2\x82\xAC"
         "b",
         3, 3},
        {"\xF0\x9F\x98\x80", 3, 0},
    };
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++)
        assert_int_equal(tb_utf8_cut(tb_str_of(cases[i].text), cases[i].max), cases[i].kept);
    assert_int_equal(tb_utf8_cut(TB_STR_NULL, 4), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_text_is_recognized_and_pushed_unchanged),
        cmocka_unit_test(each_maximal_subpart_becomes_one_replacement),
        cmocka_unit_test(a_bad_byte_is_found_at_every_place),
        cmocka_unit_test(every_two_bytes_agree_with_the_definition),
        cmocka_unit_test(every_code_point_of_three_and_four_bytes_is_judged_right),
        cmocka_unit_test(cut_keeps_whole_characters),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}

/* Errors: the first writer wins, prefixes keep the cause, and no character is cut. */
#include "taskbridge/base/error.h"

#include "unit/check.h"

#include <errno.h>

static void set_returns_the_code_with_and_without_a_place(void **state)
{
    struct tb_error err = {0};
    (void)state;
    assert_int_equal(tb_error_set(NULL, -5, "x"), -5);
    assert_int_equal(tb_error_set_errno(NULL, -ENOENT, "x"), -ENOENT);
    tb_error_prefix(NULL, "x");
    tb_error_clear(NULL);
    assert_int_equal(tb_error_set(&err, 3, "line %d of %s", 7, "rules"), 3);
    assert_int_equal(err.code, 3);
    assert_string_equal(err.text, "line 7 of rules");
}

static void the_first_writer_wins_until_cleared(void **state)
{
    struct tb_error err = {0};
    (void)state;
    tb_error_set(&err, -1, "first");
    assert_int_equal(tb_error_set(&err, -2, "second"), -2);
    assert_int_equal(tb_error_set_errno(&err, -EIO, "third"), -EIO);
    assert_int_equal(err.code, -1);
    assert_string_equal(err.text, "first");
    tb_error_clear(&err);
    assert_int_equal(err.code, 0);
    tb_error_set(&err, -2, "second");
    assert_string_equal(err.text, "second");
}

static void errno_is_told_in_words(void **state)
{
    struct tb_error err = {0};
    (void)state;
    tb_error_set_errno(&err, -ENOENT, "reading %s", "rules.yaml");
    assert_int_equal(err.code, -ENOENT);
    assert_string_equal(err.text, "reading rules.yaml: No such file or directory");
    tb_error_clear(&err);
    tb_error_set_errno(&err, -99999, "odd");
    assert_string_equal(err.text, "odd: unknown error");
}

static void prefix_goes_before_a_text_that_is_there(void **state)
{
    struct tb_error err = {0};
    (void)state;
    tb_error_prefix(&err, "context");
    assert_string_equal(err.text, "");
    tb_error_set(&err, -1, "cause");
    tb_error_prefix(&err, "step %d", 2);
    tb_error_prefix(&err, "job");
    assert_string_equal(err.text, "job: step 2: cause");
    assert_int_equal(err.code, -1);
}

static void text_is_cut_at_a_whole_character(void **state)
{
    static const char *const characters[] = {"\xC3\xB1", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    (void)state;
    for (size_t c = 0; c < TB_COUNT(characters); c++) {
        size_t size = strlen(characters[c]);
        /* Each shift of the cut within a character. */
        for (size_t shift = 0; shift < size; shift++) {
            char text[700] = "aaa";
            size_t len = shift;
            while (len + size < sizeof(text)) {
                memcpy(text + len, characters[c], size);
                len += size;
            }
            text[len] = '\0';
            struct tb_error err = {0};
            tb_error_set(&err, -1, "%s", text);
            size_t kept = strlen(err.text);
            assert_int_equal((kept - shift) % size, 0);
            assert_uint_in_range(kept, TB_ERROR_TEXT_BYTES - size, TB_ERROR_TEXT_BYTES - 1);
            assert_memory_equal(err.text, text, kept);
        }
    }
}

static void text_that_fits_exactly_is_not_cut(void **state)
{
    char text[TB_ERROR_TEXT_BYTES];
    struct tb_error err = {0};
    (void)state;
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    memcpy(text + sizeof(text) - 3, "\xC3\xB1", 2);
    tb_error_set(&err, -1, "%s", text);
    assert_string_equal(err.text, text);
}

static void bytes_that_are_no_utf8_are_cut_too(void **state)
{
    char text[700];
    struct tb_error err = {0};
    (void)state;
    memset(text, 0x80, sizeof(text));
    text[sizeof(text) - 1] = '\0';
    tb_error_set(&err, -1, "%s", text);
    assert_uint_in_range(strlen(err.text), TB_ERROR_TEXT_BYTES - 4, TB_ERROR_TEXT_BYTES - 1);
}

static void a_long_prefix_leaves_room_for_the_cause(void **state)
{
    char context[2000];
    struct tb_error err = {0};
    (void)state;
    memset(context, 'c', sizeof(context));
    context[sizeof(context) - 1] = '\0';
    tb_error_set(&err, -1, "connection refused");
    tb_error_prefix(&err, "%s", context);
    assert_non_null(strstr(err.text, "ccc: connection refused"));
}

static void a_long_cause_is_cut_behind_the_prefix(void **state)
{
    char cause[TB_ERROR_TEXT_BYTES];
    struct tb_error err = {0};
    (void)state;
    memset(cause, 'x', sizeof(cause));
    cause[sizeof(cause) - 1] = '\0';
    tb_error_set(&err, -1, "%s", cause);
    tb_error_prefix(&err, "context");
    assert_int_equal(strlen(err.text), TB_ERROR_TEXT_BYTES - 1);
    assert_memory_equal(err.text, "context: xxx", 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_returns_the_code_with_and_without_a_place),
        cmocka_unit_test(the_first_writer_wins_until_cleared),
        cmocka_unit_test(errno_is_told_in_words),
        cmocka_unit_test(prefix_goes_before_a_text_that_is_there),
        cmocka_unit_test(text_is_cut_at_a_whole_character),
        cmocka_unit_test(text_that_fits_exactly_is_not_cut),
        cmocka_unit_test(bytes_that_are_no_utf8_are_cut_too),
        cmocka_unit_test(a_long_prefix_leaves_room_for_the_cause),
        cmocka_unit_test(a_long_cause_is_cut_behind_the_prefix),
    };
    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}

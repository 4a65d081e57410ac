/* Tables for people: alignment, the width of a line, and text that must not reach a terminal as it is. */
#include "listing.h"

#include "cli.h"
#include "unit/check.h"

static void columns_are_aligned_by_characters(void **state)
{
    static const struct tb_listing_column columns[] = {
        {"ID", true, false}, {"NAME", false, true}, {"AT", false, false}};
    struct tb_listing listing;
    struct tb_buf buf;
    (void)state;
    tb_buf_init(&buf, 10000);
    tb_listing_init(&listing, columns, TB_COUNT(columns));
    tb_listing_int(&listing, 7);
    tb_listing_str(&listing, TB_STR("Ñandú"));
    tb_listing_stamp(&listing, INT64_C(1704103200123456));
    tb_listing_int(&listing, 1234);
    tb_listing_str(&listing, TB_STR_NULL);
    tb_listing_stamp(&listing, TB_STAMP_NONE);
    tb_listing_push(&listing, &buf);
    assert_str(tb_buf_str(&buf), "  ID  NAME   AT\n"
                                 "   7  Ñandú  2024-01-01T10:00:00Z\n"
                                 "1234  -      -");
    tb_listing_deinit(&listing);
    tb_buf_deinit(&buf);
}

static void only_columns_that_may_are_cut_to_fit_the_line(void **state)
{
    static const struct tb_listing_column columns[] = {{"KEY", false, false}, {"REASON", false, true}};
    char key[61], reason[81];
    struct tb_listing listing;
    struct tb_buf buf;
    (void)state;
    memset(key, 'k', 60);
    memset(reason, 'r', 80);
    key[60] = reason[80] = '\0';
    tb_buf_init(&buf, 10000);
    tb_listing_init(&listing, columns, TB_COUNT(columns));
    tb_listing_str(&listing, tb_str_of(key));
    tb_listing_str(&listing, tb_str_of(reason));
    tb_listing_push(&listing, &buf);
    const char *line = strchr(buf.ptr, '\n') + 1;
    /* 60 of the key, the gap, 37 of the reason and one for "…", which has three bytes. */
    assert_int_equal(strlen(line), 60 + 2 + 37 + 3);
    assert_memory_equal(line, key, 60);
    assert_string_equal(line + strlen(line) - 4, "r…");
    tb_listing_deinit(&listing);
    tb_buf_deinit(&buf);
}

static void a_cut_keeps_whole_characters(void **state)
{
    static const struct tb_listing_column columns[] = {{"KEY", false, false}, {"N", false, true}};
    char key[87];
    struct tb_listing listing;
    struct tb_buf buf;
    (void)state;
    memset(key, 'k', 86);
    key[86] = '\0';
    tb_buf_init(&buf, 10000);
    tb_listing_init(&listing, columns, TB_COUNT(columns));
    tb_listing_str(&listing, tb_str_of(key));
    tb_listing_str(&listing, TB_STR("ñññññññññññññññ"));
    tb_listing_push(&listing, &buf);
    assert_string_equal(strchr(buf.ptr, '\n') + 1 + 86, "  ñññññññññññ…");
    tb_listing_deinit(&listing);
    tb_buf_deinit(&buf);
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
    struct tb_buf buf;
    (void)state;
    tb_buf_init(&buf, 1000);
    tb_cli_push_plain(&buf, TB_STR("a\x1b[31mb\tc\nd\x7f\xC2\x9Bq\xC3\xB1\xFF"));
    assert_str(tb_buf_str(&buf), "a?[31mb?c?d???q\xC3\xB1\xEF\xBF\xBD");
    tb_buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_aligned_by_characters),
        cmocka_unit_test(only_columns_that_may_are_cut_to_fit_the_line),
        cmocka_unit_test(a_cut_keeps_whole_characters),
        cmocka_unit_test(control_characters_do_not_reach_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

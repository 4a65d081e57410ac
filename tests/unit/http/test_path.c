/* Paths against patterns, and percent-encoding. */
#include "engine/path.h"

#include "unit/check.h"

static void paths_match_segment_by_segment(void **state)
{
    static const struct {
        const char *pattern, *path;
        bool matches;
        const char *segment; /* NULL: none */
    } cases[] = {
        {"/healthz", "/healthz", true, NULL},    {"/healthz", "/healthz/", true, NULL},
        {"/healthz", "/healthz//", false, NULL}, {"/healthz", "/health", false, NULL},
        {"/healthz", "/healthzz", false, NULL},  {"/healthz", "/healthz/x", false, NULL},
        {"/healthz", "//healthz", false, NULL},  {"/healthz", "healthz", false, NULL},
        {"/healthz", "/HEALTHZ", false, NULL},   {"/healthz", "", false, NULL},
        {"/healthz", "/", false, NULL},          {"/a/{id}", "/a/73", true, "73"},
        {"/a/{id}", "/a/73/", true, "73"},       {"/a/{id}", "/a/%2F%00", true, "%2F%00"},
        {"/a/{id}", "/a/{id}", true, "{id}"},    {"/a/{id}", "/a/", false, NULL},
        {"/a/{id}", "/a//", false, NULL},        {"/a/{id}", "/a", false, NULL},
        {"/a/{id}/b", "/a/73/b", true, "73"},    {"/a/{id}/b", "/a/73/b/", true, "73"},
        {"/a/{id}/b", "/a//b", false, NULL},     {"/a/{id}/b", "/a/73/c", false, NULL},
        {"/a/{id}/b", "/a/73", false, NULL},     {"/a/{id}/b", "/a/7/3/b", false, NULL},
        {"/a/{id}/b", "/a/../a/b", false, NULL},
    };
    (void)state;

    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        struct tb_str segment = TB_STR("untouched");
        bool matches = tb_path_matches(cases[i].pattern, tb_str_of(cases[i].path), &segment, 1);
        if (matches != cases[i].matches)
            fail_msg("%s against %s: %d", cases[i].path, cases[i].pattern, matches);
        if (matches && cases[i].segment)
            assert_true(tb_str_equal(segment, tb_str_of(cases[i].segment)));
        else if (matches)
            assert_str(segment, "untouched");
    }
}

static void each_open_segment_is_taken_as_it_was_sent(void **state)
{
    struct tb_str segments[2] = {TB_STR_NULL, TB_STR_NULL};
    (void)state;

    assert_true(tb_path_matches("/a/{id}/b/{name}", TB_STR("/a/7%33/b/x"), segments, 2));
    assert_str(segments[0], "7%33");
    assert_str(segments[1], "x");
    assert_false(tb_path_matches("/a/{id}/b/{name}", TB_STR("/a/73/b/x"), segments, 1));
}

static void the_null_string_is_no_path(void **state)
{
    struct tb_str segment;
    (void)state;
    assert_false(tb_path_matches("/a", TB_STR_NULL, &segment, 1));
}

static void escapes_become_any_bytes(void **state)
{
    char buffer[8];
    struct tb_str text;
    (void)state;

    assert_true(tb_path_decode(TB_STR("7%33"), buffer, sizeof(buffer), &text));
    assert_str(text, "73");
    assert_true(tb_path_decode(TB_STR("%2f%2F%00%fF"), buffer, sizeof(buffer), &text));
    assert_str(text, "//\0\xff");
    assert_true(tb_path_decode(TB_STR("a+b"), buffer, sizeof(buffer), &text));
    assert_str(text, "a+b");
    assert_true(tb_path_decode(TB_STR(""), buffer, sizeof(buffer), &text));
    assert_str(text, "");
}

static void half_an_escape_is_refused(void **state)
{
    static const char *const wrong[] = {"%", "%4", "a%", "%zz", "%4z", "%z4", "%%41", "%-1", "% 1"};
    char buffer[8];
    struct tb_str text;
    (void)state;

    for (size_t i = 0; i < TB_COUNT(wrong); i++) {
        if (tb_path_decode(tb_str_of(wrong[i]), buffer, sizeof(buffer), &text))
            fail_msg("%s was decoded", wrong[i]);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    char buffer[4];
    struct tb_str text;
    (void)state;

    assert_true(tb_path_decode(TB_STR("abc%64"), buffer, sizeof(buffer), &text));
    assert_str(text, "abcd");
    assert_false(tb_path_decode(TB_STR("abcde"), buffer, sizeof(buffer), &text));
    assert_false(tb_path_decode(TB_STR("abcd%65"), buffer, sizeof(buffer), &text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_match_segment_by_segment),
        cmocka_unit_test(each_open_segment_is_taken_as_it_was_sent),
        cmocka_unit_test(the_null_string_is_no_path),
        cmocka_unit_test(escapes_become_any_bytes),
        cmocka_unit_test(half_an_escape_is_refused),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

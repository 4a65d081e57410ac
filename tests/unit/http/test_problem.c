/* Problem documents, byte for byte. */
#include "problem.h"

#include "unit/check.h"

static void assert_pushed(const struct tb_problem *problem, struct tb_str path, const char *expected)
{
    struct tb_buf buf;

    tb_buf_init(&buf, 4096);
    tb_problem_push(problem, path, TB_STR("id-1"), &buf);
    assert_false(buf.failed);
    assert_string_equal(buf.ptr, expected);
    tb_buf_deinit(&buf);
}

static void problem_has_the_fields_of_the_standard(void **state)
{
    (void)state;
    assert_pushed(&(struct tb_problem){.code = 404, .detail = "Nothing."}, TB_STR("/a"),
                  "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,\"detail\":\"Nothing.\","
                  "\"instance\":\"/a\",\"request_id\":\"id-1\"}");
}

static void problem_names_the_parameter_that_is_wrong(void **state)
{
    (void)state;
    assert_pushed(&(struct tb_problem){.code = 400, .detail = "No.", .parameter = "li\"mit"}, TB_STR("/a"),
                  "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,\"detail\":\"No.\","
                  "\"parameter\":\"li\\\"mit\",\"instance\":\"/a\",\"request_id\":\"id-1\"}");
}

static void path_is_made_fit_for_json(void **state)
{
    (void)state;
    assert_pushed(&(struct tb_problem){.code = 404, .detail = "Nothing."}, TB_STR("/\xff\""),
                  "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,\"detail\":\"Nothing.\","
                  "\"instance\":\"/\xef\xbf\xbd\\\"\",\"request_id\":\"id-1\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(problem_has_the_fields_of_the_standard),
        cmocka_unit_test(problem_names_the_parameter_that_is_wrong),
        cmocka_unit_test(path_is_made_fit_for_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

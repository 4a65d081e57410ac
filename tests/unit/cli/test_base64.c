/* base64 by the vectors of RFC 4648, and bodies as members of JSON. */
#include "base64.h"

#include "unit/check.h"

static const struct {
    const char *bytes, *text;
} vectors[] = {{"", ""},
               {"f", "Zg=="},
               {"fo", "Zm8="},
               {"foo", "Zm9v"},
               {"foob", "Zm9vYg=="},
               {"fooba", "Zm9vYmE="},
               {"foobar", "Zm9vYmFy"}};

static void the_vectors_of_the_rfc_hold_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < TB_COUNT(vectors); i++) {
        struct tb_buf buf;
        tb_buf_init(&buf, 100);
        tb_base64_push(&buf, tb_str_of(vectors[i].bytes));
        check_str(tb_buf_str(&buf), tb_str_of(vectors[i].text), __FILE__, __LINE__);
        tb_buf_reset(&buf);
        assert_true(tb_base64_parse(tb_str_of(vectors[i].text), &buf));
        check_str(tb_buf_str(&buf), tb_str_of(vectors[i].bytes), __FILE__, __LINE__);
        tb_buf_deinit(&buf);
    }
}

static void what_is_no_base64_is_refused(void **state)
{
    static const char *const wrong[] = {"Z", "Zg", "Zg=", "Zg==Zg==", "Zm9v!A==", "Z===", "Zm 9"};
    (void)state;
    for (size_t i = 0; i < TB_COUNT(wrong); i++) {
        struct tb_buf buf;
        tb_buf_init(&buf, 100);
        assert_false(tb_base64_parse(tb_str_of(wrong[i]), &buf));
        tb_buf_deinit(&buf);
    }
}

static void push_body(struct tb_str body, struct tb_buf *buf)
{
    struct tb_json json;
    tb_buf_init(buf, 1000);
    tb_json_init(&json, buf);
    tb_json_begin_object(&json, NULL);
    tb_base64_json(&json, body);
    tb_json_end_object(&json);
}

static void a_body_is_text_where_it_can_be(void **state)
{
    struct tb_buf buf;
    (void)state;
    push_body(TB_STR("{\"a\":\"ñ\"}"), &buf);
    assert_str(tb_buf_str(&buf), "{\"body\":\"{\\\"a\\\":\\\"ñ\\\"}\"}");
    tb_buf_deinit(&buf);
    push_body(TB_STR("\xFF\xFE"), &buf);
    assert_str(tb_buf_str(&buf), "{\"body_base64\":\"//4=\"}");
    tb_buf_deinit(&buf);
    push_body(TB_STR("a\0b"), &buf);
    assert_str(tb_buf_str(&buf), "{\"body_base64\":\"YQBi\"}");
    tb_buf_deinit(&buf);
    push_body(TB_STR_NULL, &buf);
    assert_str(tb_buf_str(&buf), "{\"body\":\"\"}");
    tb_buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_rfc_hold_both_ways),
        cmocka_unit_test(what_is_no_base64_is_refused),
        cmocka_unit_test(a_body_is_text_where_it_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

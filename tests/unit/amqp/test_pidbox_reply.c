/* Workers' answers, as Celery 5.6 gives them. */
#include "pidbox_reply.h"

#include "unit/check.h"

static struct tb_delivery json_delivery(const char *body)
{
    return (struct tb_delivery){.body = tb_str_of(body), .content_type = TB_STR("application/json")};
}

static void query_task_names_what_the_worker_has(void **state)
{
    struct tb_delivery delivery = json_delivery("{\"w1@host\": {\"id-1\": [\"active\", {\"id\": \"id-1\", "
                                                "\"name\": \"demo.nap\", \"args\": [30], \"kwargs\": "
                                                "{}, \"type\": \"demo.nap\", \"hostname\": \"w1@host\", "
                                                "\"time_start\": 1795557910.46, \"acknowledged\": true, "
                                                "\"delivery_info\": {\"exchange\": \"\", \"routing_key\": "
                                                "\"celery\", \"priority\": 0, \"redelivered\": "
                                                "null}, \"worker_pid\": 1234}], \"with spaces \\u00f1\": "
                                                "[\"reserved\", {}], \"id-3\": [\"ready\", {}]}}");
    struct tb_pidbox_reply reply;
    (void)state;
    assert_int_equal(tb_pidbox_reply_parse(&delivery, TB_PIDBOX_QUERY_TASK, &reply, NULL), 0);
    assert_str(reply.worker, "w1@host");
    assert_int_equal(reply.task_count, 3);
    assert_str(reply.tasks[0].id, "id-1");
    assert_str(reply.tasks[0].state, "active");
    assert_str(reply.tasks[1].id, "with spaces \xC3\xB1");
    assert_str(reply.tasks[1].state, "reserved");
    assert_str(reply.tasks[2].id, "id-3");
    assert_str(reply.tasks[2].state, "ready");
    tb_pidbox_reply_deinit(&reply);
    tb_pidbox_reply_deinit(&reply);
}

static void a_worker_that_has_nothing_says_so(void **state)
{
    struct tb_delivery delivery = json_delivery("{\"w1@host\": {}}");
    struct tb_pidbox_reply reply;
    (void)state;
    assert_int_equal(tb_pidbox_reply_parse(&delivery, TB_PIDBOX_QUERY_TASK, &reply, NULL), 0);
    assert_str(reply.worker, "w1@host");
    assert_int_equal(reply.task_count, 0);
    tb_pidbox_reply_deinit(&reply);

    delivery = json_delivery("{\"w1@host\": []}");
    assert_int_equal(tb_pidbox_reply_parse(&delivery, TB_PIDBOX_ACTIVE, &reply, NULL), 0);
    assert_int_equal(reply.task_count, 0);
    tb_pidbox_reply_deinit(&reply);
}

static void active_lists_what_runs(void **state)
{
    struct tb_delivery delivery = json_delivery(
        "{\"w1@host\": [{\"id\": \"a\", \"name\": \"n\", \"args\": \"(1,)\"}, {\"id\": \"b\"}]}");
    struct tb_pidbox_reply reply;
    (void)state;
    assert_int_equal(tb_pidbox_reply_parse(&delivery, TB_PIDBOX_ACTIVE, &reply, NULL), 0);
    assert_int_equal(reply.task_count, 2);
    assert_str(reply.tasks[0].id, "a");
    assert_str(reply.tasks[0].state, "active");
    assert_str(reply.tasks[1].id, "b");
    tb_pidbox_reply_deinit(&reply);
}

static void arguments_that_are_no_json_do_no_harm(void **state)
{
    static const char *const arguments[] = {
        "NaN",
        "-Infinity",
        "Infinity",
        "123456789012345678901234567890",
        "-1.5e999",
        "\"\\ud800\"",
        "\"\\udc00x\"",
        "\"\\ud800\\ud800\"",
        "\"\\ud83d\\ude00\"",
        "\"\\u0000\"",
        "\"\\\\ud800\"",
        "\"NaN -Infinity 1e999\"",
        "{\"\\u0000\": 1}",
    };
    (void)state;
    for (size_t i = 0; i < TB_COUNT(arguments); i++) {
        char body[300];
        snprintf(body, sizeof(body), "{\"w\": {\"id-7\": [\"active\", {\"args\": [%s, true, null]}]}}",
                 arguments[i]);
        struct tb_delivery delivery = json_delivery(body);
        struct tb_pidbox_reply reply;
        print_message("%s\n", body);
        assert_int_equal(tb_pidbox_reply_parse(&delivery, TB_PIDBOX_QUERY_TASK, &reply, NULL), 0);
        assert_int_equal(reply.task_count, 1);
        assert_str(reply.tasks[0].id, "id-7");
        tb_pidbox_reply_deinit(&reply);
    }
}

static void pairs_of_surrogates_in_an_id_stay_whole(void **state)
{
    struct tb_delivery delivery = json_delivery("{\"w\": {\"\\ud83d\\ude00 42\": [\"active\", {}]}}");
    struct tb_pidbox_reply reply;
    (void)state;
    assert_int_equal(tb_pidbox_reply_parse(&delivery, TB_PIDBOX_QUERY_TASK, &reply, NULL), 0);
    assert_str(reply.tasks[0].id, "\xF0\x9F\x98\x80 42");
    tb_pidbox_reply_deinit(&reply);
}

static void what_cannot_be_read_is_told_apart_from_an_answer(void **state)
{
    static const struct {
        const char *body;
        enum tb_pidbox_method method;
    } cases[] = {
        {"", TB_PIDBOX_QUERY_TASK},
        {"{", TB_PIDBOX_QUERY_TASK},
        {"\"\\", TB_PIDBOX_QUERY_TASK},
        {"\"\\u12", TB_PIDBOX_QUERY_TASK},
        {"[]", TB_PIDBOX_QUERY_TASK},
        {"{}", TB_PIDBOX_QUERY_TASK},
        {"{\"w1\": {}, \"w2\": {}}", TB_PIDBOX_QUERY_TASK},
        {"{\"w1\": []}", TB_PIDBOX_QUERY_TASK},
        {"{\"w1\": null}", TB_PIDBOX_QUERY_TASK},
        {"{\"w1\": {\"id\": \"active\"}}", TB_PIDBOX_QUERY_TASK},
        {"{\"w1\": {\"id\": []}}", TB_PIDBOX_QUERY_TASK},
        {"{\"w1\": {\"error\": \"KeyError('query_task')\"}}", TB_PIDBOX_QUERY_TASK},
        {"{\"w1\": {}}", TB_PIDBOX_ACTIVE},
        {"{\"w1\": {\"error\": \"boom\"}}", TB_PIDBOX_ACTIVE},
        {"{\"w1\": [{\"name\": \"no id\"}]}", TB_PIDBOX_ACTIVE},
        {"{\"w1\": [{\"id\": \"no name\"}]}", TB_PIDBOX_QUEUES},
        {"{\"w1\": [5]}", TB_PIDBOX_ACTIVE},
    };
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        struct tb_delivery delivery = json_delivery(cases[i].body);
        struct tb_pidbox_reply reply;
        struct tb_error err = {0};
        print_message("%s\n", cases[i].body);
        assert_int_equal(tb_pidbox_reply_parse(&delivery, cases[i].method, &reply, &err),
                         TB_PIDBOX_REPLY_UNREADABLE);
        assert_true(err.text[0]);
    }
}

static void a_task_may_be_called_error(void **state)
{
    struct tb_delivery delivery = json_delivery("{\"w1\": {\"error\": [\"active\", {}]}}");
    struct tb_pidbox_reply reply;
    (void)state;
    assert_int_equal(tb_pidbox_reply_parse(&delivery, TB_PIDBOX_QUERY_TASK, &reply, NULL), 0);
    assert_str(reply.tasks[0].id, "error");
    tb_pidbox_reply_deinit(&reply);
}

static void other_serializers_are_named_and_not_read(void **state)
{
    struct tb_delivery delivery = {.body = TB_STR("w1@host: {}\n"),
                                   .content_type = TB_STR("application/x-yaml")};
    struct tb_pidbox_reply reply;
    struct tb_error err = {0};
    (void)state;
    assert_int_equal(tb_pidbox_reply_parse(&delivery, TB_PIDBOX_QUERY_TASK, &reply, &err),
                     TB_PIDBOX_REPLY_UNREADABLE);
    assert_non_null(strstr(err.text, "application/x-yaml"));
    delivery.content_type = TB_STR("application/json");
    delivery.compression = TB_STR("application/x-gzip");
    assert_int_equal(tb_pidbox_reply_parse(&delivery, TB_PIDBOX_QUERY_TASK, &reply, NULL),
                     TB_PIDBOX_REPLY_UNREADABLE);
}

static void the_ticket_tells_the_question(void **state)
{
    static const struct {
        const char *headers;
        bool is_ours;
        size_t question;
    } cases[] = {
        {"{\"ticket\":\"round.0\",\"clock\":5}", true, 0},
        {"{\"clock\":5,\"ticket\":\"round.123\"}", true, 123},
        {"{\"ticket\":\"round.\"}", false, 0},
        {"{\"ticket\":\"round\"}", false, 0},
        {"{\"ticket\":\"round.1x\"}", false, 0},
        {"{\"ticket\":\"round.-1\"}", false, 0},
        {"{\"ticket\":\"round2.1\"}", false, 0},
        {"{\"ticket\":\"other.1\"}", false, 0},
        {"{\"ticket\":1}", false, 0},
        {"{}", false, 0},
        {"", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        struct tb_delivery delivery = {.headers = tb_str_of(cases[i].headers)};
        size_t question = 999;
        print_message("%s\n", cases[i].headers);
        assert_int_equal(tb_pidbox_reply_find_question(&delivery, "round", &question), cases[i].is_ours);
        assert_int_equal(question, cases[i].is_ours ? cases[i].question : 999);
    }
    size_t question;
    assert_false(tb_pidbox_reply_find_question(&(struct tb_delivery){0}, "round", &question));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(query_task_names_what_the_worker_has),
        cmocka_unit_test(a_worker_that_has_nothing_says_so),
        cmocka_unit_test(active_lists_what_runs),
        cmocka_unit_test(arguments_that_are_no_json_do_no_harm),
        cmocka_unit_test(pairs_of_surrogates_in_an_id_stay_whole),
        cmocka_unit_test(what_cannot_be_read_is_told_apart_from_an_answer),
        cmocka_unit_test(a_task_may_be_called_error),
        cmocka_unit_test(other_serializers_are_named_and_not_read),
        cmocka_unit_test(the_ticket_tells_the_question),
    };
    return cmocka_run_group_tests_name("pidbox_reply", tests, NULL, NULL);
}

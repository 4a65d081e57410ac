/* AMQP URLs: what is understood, and that a refusal never shows what was refused. */
#include "url.h"

#include "taskbridge/amqp/options.h"
#include "unit/check.h"

#include <errno.h>

struct good {
    const char *text, *host, *user, *password, *vhost;
    int port;
    bool is_tls;
};

static const struct good good[] = {
    {"amqp://", "localhost", "guest", "guest", "/", 5672, false},
    {"amqp://broker", "broker", "guest", "guest", "/", 5672, false},
    {"amqps://broker", "broker", "guest", "guest", "/", 5671, true},
    {"amqp://u:p@h:1234/v", "h", "u", "p", "v", 1234, false},
    {"amqp://u:p@h/%2F", "h", "u", "p", "/", 5672, false},
    {"amqp://u:p@h/%2Fa%2fb", "h", "u", "p", "/a/b", 5672, false},
    {"amqp://u@h", "h", "u", "guest", "/", 5672, false},
    {"amqp://:p@h", "h", "", "p", "/", 5672, false},
    /* As Celery's own setting writes it. */
    {"pyamqp://guest@localhost//", "localhost", "guest", "guest", "/", 5672, false},
    {"amqp://h/", "h", "guest", "guest", "/", 5672, false},
    /* Encoded bytes of any value, delimiters among them. */
    {"amqp://us%40er:%C3%B1%3A%2F%3F%23%25@h", "h", "us@er", "\xC3\xB1:/?#%", "/", 5672, false},
    /* Raw ones, where only one reading is left. */
    {"amqp://u:p@ss@h", "h", "u", "p@ss", "/", 5672, false},
    {"amqp://u:p/ss@h/v", "h", "u", "p/ss", "v", 5672, false},
    {"amqp://u:p:q@h", "h", "u", "p:q", "/", 5672, false},
    {"amqp://u:p@[::1]", "::1", "u", "p", "/", 5672, false},
    {"amqps://u:p@[fe80::1]:5000/v", "fe80::1", "u", "p", "v", 5000, true},
    {"amqp://u:p@h:65535", "h", "u", "p", "/", 65535, false},
};

static void assert_url(const struct tb_amqp_url *url, const struct good *expected)
{
    assert_string_equal(url->host, expected->host);
    assert_string_equal(url->user, expected->user);
    assert_string_equal(url->password, expected->password);
    assert_string_equal(url->vhost, expected->vhost);
    assert_int_equal(url->port, expected->port);
    assert_int_equal(url->is_tls, expected->is_tls);
}

static void good_urls_come_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < TB_COUNT(good); i++) {
        struct tb_amqp_urls urls;
        struct tb_error err = {0};
        print_message("%s\n", good[i].text);
        assert_int_equal(tb_amqp_urls_parse(good[i].text, &urls, &err), 0);
        assert_int_equal(urls.count, 1);
        assert_url(&urls.list[0], &good[i]);
        tb_amqp_urls_deinit(&urls);
        tb_amqp_urls_deinit(&urls);
        assert_null(urls.list[0].password);
    }
}

static const char *const bad[] = {
    "",
    "SECRET",
    "http://u:SECRET@h",
    "amqp:/u:SECRET@h",
    "AMQP://u:SECRET@h",
    "amqp://u:SECRET%@h",
    "amqp://u:SECRET%4@h",
    "amqp://u:SECRET%zz@h",
    "amqp://u:SECRET%00@h",
    "amqp://u:SECRET@h:",
    "amqp://u:SECRET@h:0",
    "amqp://u:SECRET@h:65536",
    "amqp://u:SECRET@h:1x",
    "amqp://u:SECRET@[::1",
    "amqp://u:SECRET@[::1]x",
    "amqp://u:SECRET@h/v?heartbeat=5",
    "amqp://u:SECRET@h/v#x",
    "amqp://u:SECRET@h/%f",
    "amqp://u:SECRET@h%g0/",
    /* Whose host is "ss"? */
    "amqp://u:SECRET@ss/word@h/v",
    /* Lists. */
    "amqp://u:SECRET@h1//;",
    ";amqp://u:SECRET@h1//",
    "amqp://u:SECRET@h1//;;amqp://u:SECRET@h2//",
    "amqp://u:A@h1//;redis://u:SECRET@h2//",
    "amqp://u:A@h1//;u:SECRET@h2//",
    "amqp://u:SEC;RET@h1//",
    "amqp://u:SECRET;@h1//",
    "amqp://u:SECRET@h1//;h2/v",
    "amqp://u:SECRET@h1//;h2:x",
    "amqp://h;h;h;h;h;h;h;h;h;h;h;h;h;h;h;h;h",
};

/* As Celery's own setting has them. */
static void a_list_of_brokers_comes_apart(void **state)
{
    static const struct good expected[] = {
        {"", "h1", "u", "A", "v", 5672, false}, {"", "h2", "w", "B;", "/", 5671, true},
        {"", "h3", "u", "A", "v", 1234, false}, {"", "h4", "u", "A", "v", 5672, false},
        {"", "h5", "x", "C", "v", 5672, false},
    };
    struct tb_amqp_urls urls;
    (void)state;
    assert_int_equal(
        tb_amqp_urls_parse("amqp://u:A@h1/v;amqps://w:B%3B@h2// ; h3:1234;h4;amqp://x:C@h5", &urls, NULL), 0);
    assert_int_equal(urls.count, TB_COUNT(expected));
    for (size_t i = 0; i < TB_COUNT(expected); i++)
        assert_url(&urls.list[i], &expected[i]);
    tb_amqp_urls_deinit(&urls);
}

static void a_wrong_broker_of_a_list_is_told_by_its_number(void **state)
{
    struct tb_amqp_urls urls;
    struct tb_error err = {0};
    (void)state;
    assert_int_equal(tb_amqp_urls_parse("amqp://u:A@h1//;amqp://u:B@h2:x//;h3", &urls, &err), -EINVAL);
    assert_non_null(strstr(err.text, "broker 2 of the list in amqp.url: the broker's URL has a port"));
}

static void the_source_is_the_first_broker_without_its_login(void **state)
{
    static const char *const cases[][2] = {
        {"amqp://u:SECRET@h/v", "h/v"},
        {"amqp://u:SECRET@h/v;amqp://u:SECRET@h2/v", "h/v"},
        {"amqp://u:SECRET@h:5672//", "h/"},
        {"amqps://u:SECRET@h:5671", "h/"},
        {"amqps://u:SECRET@h:5672/%2Fa", "h:5672/a"},
        {"amqp://u:SECRET@[::1]/v", "[::1]/v"},
    };
    struct tb_amqp_options options;
    struct tb_buf buf;
    (void)state;
    tb_amqp_options_init(&options);
    tb_buf_init(&buf, 1000);
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        options.url = cases[i][0];
        tb_buf_reset(&buf);
        tb_amqp_options_push_source(&options, &buf);
        assert_string_equal(buf.ptr, cases[i][1]);
    }
    options.source = "north";
    tb_buf_reset(&buf);
    tb_amqp_options_push_source(&options, &buf);
    assert_string_equal(buf.ptr, "north");
    tb_buf_deinit(&buf);
}

static void bad_urls_are_refused_without_being_shown(void **state)
{
    (void)state;
    for (size_t i = 0; i < TB_COUNT(bad); i++) {
        struct tb_amqp_urls urls;
        struct tb_error err = {0};
        print_message("%s\n", bad[i]);
        assert_int_equal(tb_amqp_urls_parse(bad[i], &urls, &err), -EINVAL);
        assert_int_equal(err.code, -EINVAL);
        assert_null(strstr(err.text, "SECRET"));
    }
}

static void the_place_is_named_without_the_password(void **state)
{
    static const char *const cases[][2] = {
        {"amqp://u:SECRET@h/v", "h:5672/v as u"},
        {"amqp://u:SECRET@h", "h:5672/ as u"},
        {"amqps://u:SECRET@[::1]:99/%2Fa", "[::1]:99/a as u"},
        {"amqp://u:SECRET@h:x", "an unusable URL"},
        {"amqp://u:SECRET@h1/v;amqp://w:SECRET@h2//", "h1:5672/v as u; h2:5672/ as w"},
    };
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        struct tb_amqp_options options;
        struct tb_buf buf;
        tb_buf_init(&buf, 1000);
        tb_amqp_options_init(&options);
        options.url = cases[i][0];
        tb_amqp_options_push_place(&options, &buf);
        assert_string_equal(buf.ptr, cases[i][1]);
        tb_buf_deinit(&buf);
    }
}

static void the_defaults_are_usable(void **state)
{
    struct tb_amqp_options options;
    (void)state;
    tb_amqp_options_init(&options);
    assert_int_equal(tb_amqp_options_check(&options, NULL), 0);
    assert_true(options.tls.verify);
    assert_int_equal(options.queue_max_bytes, INT64_C(2147483648));
}

static void options_out_of_range_are_refused(void **state)
{
    struct tb_amqp_options base;
    (void)state;
    tb_amqp_options_init(&base);
    struct tb_amqp_options wrong[11];
    for (size_t i = 0; i < TB_COUNT(wrong); i++)
        wrong[i] = base;
    wrong[0].url = "amqp://h:x";
    wrong[1].prefetch = 0;
    wrong[2].prefetch = 65536;
    wrong[3].heartbeat_s = -1;
    wrong[4].connect_timeout_us = 0;
    wrong[5].queue_max_bytes = -1;
    wrong[6].queue = "";
    wrong[7].exchange = NULL;
    wrong[8].url = "amqps://h", wrong[8].tls.cert_file = "c.pem";
    wrong[9].url = "amqps://h", wrong[9].tls.key_file = "k.pem";
    /* Certificates that nothing would use: surely the URL is wrong. */
    wrong[10].tls.ca_file = "ca.pem";
    for (size_t i = 0; i < TB_COUNT(wrong); i++)
        assert_int_equal(tb_amqp_options_check(&wrong[i], NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_urls_come_apart),
        cmocka_unit_test(bad_urls_are_refused_without_being_shown),
        cmocka_unit_test(a_list_of_brokers_comes_apart),
        cmocka_unit_test(a_wrong_broker_of_a_list_is_told_by_its_number),
        cmocka_unit_test(the_source_is_the_first_broker_without_its_login),
        cmocka_unit_test(the_place_is_named_without_the_password),
        cmocka_unit_test(the_defaults_are_usable),
        cmocka_unit_test(options_out_of_range_are_refused),
    };
    return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}

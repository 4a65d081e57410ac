/* What is shown of a configuration: all of it, loadable again, and never a password. */
#include "taskbridge/config/config.h"

#include "unit/check.h"

static void assert_masked(const char *url, const char *expected)
{
    struct tb_buf buf;
    tb_buf_init(&buf, 1000);
    tb_config_push_masked(tb_str_of(url), &buf);
    check_str(tb_buf_str(&buf), tb_str_of(expected), __FILE__, __LINE__);
    tb_buf_deinit(&buf);
}

static void passwords_of_urls_are_masked(void **state)
{
    (void)state;
    assert_masked("amqp://user:secret@host:5672/%2F", "amqp://user:***@host:5672/%2F");
    assert_masked("amqps://user@host/vhost", "amqps://user@host/vhost");
    assert_masked("amqp://host:5672", "amqp://host:5672");
    assert_masked("amqp://user:@host", "amqp://user:***@host");
    assert_masked("amqp://", "amqp://");
    assert_masked("postgresql://u:a@b:c@host/db", "postgresql://u:***@host/db");
    assert_masked("postgresql://u:a/b?c@host/db?sslmode=require",
                  "postgresql://u:***@host/db?sslmode=require");
    assert_masked("postgresql://host/db?user=u&password=secret&sslmode=require",
                  "postgresql://host/db?user=u&password=***&sslmode=require");
    assert_masked("postgresql://host/db?sslpassword=secret", "postgresql://host/db?sslpassword=***");
    assert_masked("postgresql://host/db?pass%77ord=secret", "postgresql://host/db?pass%77ord=***");
    assert_masked("postgresql:///taskbridge?host=/run/postgresql",
                  "postgresql:///taskbridge?host=/run/postgresql");
}

static void passwords_of_connection_strings_are_masked(void **state)
{
    (void)state;
    assert_masked("host=db password=secret user=u", "host=db password=*** user=u");
    assert_masked("password='se cret' user=u", "password=*** user=u");
    assert_masked("password = 'it\\'s' user = u", "password =*** user =u");
    assert_masked("password=a\\ b user=u", "password=*** user=u");
    assert_masked("user=u password='open", "user=u password=***");
    assert_masked("host=db password=se://cret", "host=db password=***");
    assert_masked("host=db sslpassword=x application_name='a b'",
                  "host=db sslpassword=*** application_name='a b'");
    assert_masked("password=", "password=***");
    assert_masked("", "");
}

static const char full[] = "amqp:\n"
                           "  url: \"amqp://u:hunter2@h/v\"\n"
                           "  queue: { max_bytes: 1536MiB }\n"
                           "database: { url: \"host=h password=hunter2\" }\n"
                           "daemon: { instance: 'a \"quoted\" name' }\n"
                           "http: { cors_origins: [\"https://a.example\", \"https://b.example\"] }\n"
                           "tasks:\n"
                           "  - { match: '*', company: { kwarg: c }, redact: [p, q] }\n"
                           "  - { match: x, type: t, display_name: 'ñ: d', company: { arg: 1 } }\n";

static struct tb_config *parsed(struct tb_str text, const char *const *environment)
{
    struct tb_error err = {0};
    struct tb_config *config = NULL;
    int outcome = tb_config_parse(text, "t.yaml", (char *const *)environment, &config, &err);
    if (outcome)
        print_error("%s\n", err.text);
    assert_int_equal(outcome, 0);
    return config;
}

static void the_printed_yaml_tells_where_values_came_from(void **state)
{
    static const char *const environment[] = {"TASKBRIDGE_AMQP_PREFETCH=9", NULL};
    struct tb_config *config = parsed(tb_str_of(full), environment);
    struct tb_buf buf;
    (void)state;
    tb_buf_init(&buf, 10000);
    tb_config_push_yaml(config, &buf);
    assert_non_null(strstr(buf.ptr, "amqp:\n"
                                    "  url: \"amqp://u:***@h/v\" # from the file\n"
                                    "  heartbeat_s: 30\n"
                                    "  connect_timeout_s: 5\n"
                                    "  exchange: \"celeryev\"\n"
                                    "  prefetch: 9 # from the environment\n"
                                    "  queue:\n"
                                    "    name: \"taskbridge.events\"\n"
                                    "    max_bytes: 1536MiB # from the file\n"
                                    "  tls:\n"
                                    "    ca_file: \"\"\n"));
    assert_non_null(strstr(buf.ptr, "database:\n  url: \"host=h password=***\" # from the file\n"));
    assert_non_null(strstr(buf.ptr, "  instance: \"a \\\"quoted\\\" name\" # from the file\n"));
    assert_non_null(
        strstr(buf.ptr, "tasks: # from the file\n"
                        "  - { match: \"*\", company: { kwarg: \"c\" }, redact: [\"p\", \"q\"] }\n"
                        "  - { match: \"x\", type: \"t\", display_name: \"ñ: d\", company: { arg: 1 } }\n"));
    assert_null(strstr(buf.ptr, "hunter2"));
    tb_buf_deinit(&buf);
    tb_config_free(config);
}

static void the_printed_yaml_loads_to_the_same(void **state)
{
    struct tb_config *config = parsed(tb_str_of(full), NULL);
    struct tb_buf printed, changed, again;
    (void)state;
    tb_buf_init(&printed, 10000);
    tb_buf_init(&again, 10000);
    tb_buf_init(&changed, 10000);
    tb_config_push_yaml(config, &printed);
    struct tb_config *copy = parsed(tb_buf_str(&printed), NULL);
    tb_config_push_restart_needed(config, copy, &changed);
    assert_str(tb_buf_str(&changed), "amqp.url, database.url"); /* their passwords are gone */
    tb_config_push_json(config, &changed);
    tb_config_push_json(copy, &again);
    assert_string_equal(again.ptr, changed.ptr + strlen("amqp.url, database.url"));
    tb_buf_deinit(&printed);
    tb_buf_deinit(&again);
    tb_buf_deinit(&changed);
    tb_config_free(config);
    tb_config_free(copy);
}

static void nothing_of_a_secret_is_printed(void **state)
{
    struct tb_config *config =
        parsed(TB_STR("access: { watch: { secret: hunter2-hunter2-hunter2-hunter2-hunter2 } }\n"), NULL);
    struct tb_buf buf;
    (void)state;
    tb_buf_init(&buf, 20000);
    tb_config_push_json(config, &buf);
    tb_config_push_yaml(config, &buf);
    assert_non_null(strstr(buf.ptr, "\"access.watch.secret\":\"***\""));
    assert_non_null(strstr(buf.ptr, "  watch:\n    secret: \"***\" # from the file\n"));
    assert_non_null(strstr(buf.ptr, "\"access.jwt.secret\":\"\""));
    assert_null(strstr(buf.ptr, "hunter2"));
    tb_buf_deinit(&buf);
    tb_config_free(config);
}

static void the_json_has_numbers_as_numbers(void **state)
{
    struct tb_config *config = parsed(tb_str_of(full), NULL);
    struct tb_buf buf;
    (void)state;
    tb_buf_init(&buf, 10000);
    tb_config_push_json(config, &buf);
    assert_non_null(strstr(buf.ptr, "{\"amqp.url\":\"amqp://u:***@h/v\",\"amqp.heartbeat_s\":30,"));
    assert_non_null(strstr(buf.ptr, "\"amqp.queue.max_bytes\":1610612736,"));
    assert_non_null(strstr(buf.ptr, "\"maintenance.enabled\":true,"));
    assert_non_null(strstr(buf.ptr, "\"http.cors_origins\":[\"https://a.example\",\"https://b.example\"],"));
    assert_non_null(strstr(buf.ptr, "\"company\":{\"kwarg\":\"c\"},\"redact\":[\"p\",\"q\"]}"));
    assert_null(strstr(buf.ptr, "hunter2"));
    tb_buf_deinit(&buf);
    tb_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passwords_of_urls_are_masked),
        cmocka_unit_test(passwords_of_connection_strings_are_masked),
        cmocka_unit_test(the_printed_yaml_tells_where_values_came_from),
        cmocka_unit_test(the_printed_yaml_loads_to_the_same),
        cmocka_unit_test(nothing_of_a_secret_is_printed),
        cmocka_unit_test(the_json_has_numbers_as_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

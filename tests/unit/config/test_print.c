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
    assert_masked("postgresql://u:a%40b@[::1]:5432,h2:1,h3/db?sslmode=require&connect_timeout=3",
                  "postgresql://u:***@[::1]:5432,h2:1,h3/db?sslmode=require&connect_timeout=3");
    assert_masked("postgresql://host/db?user=u&password=secret&sslmode=require",
                  "postgresql://host/db?user=u&password=***&sslmode=require");
    assert_masked("postgresql://host/db?sslpassword=secret", "postgresql://host/db?sslpassword=***");
    assert_masked("postgresql://host/db?pass%77ord=secret", "postgresql://host/db?***");
    assert_masked("postgresql:///taskbridge?host=/run/postgresql",
                  "postgresql:///taskbridge?host=/run/postgresql");
    assert_masked("amqp://u:A@h1//;amqps://u:B@h2:5671/v", "amqp://u:***@h1//;amqps://u:***@h2:5671/v");
}

/* Each has a secret where somebody forgot to escape, to quote or to write a sign. */
static void of_odd_texts_no_secret_is_shown(void **state)
{
    static const char *const odd[] = {
        "postgresql://u:p@S3cret@host/db",
        "postgresql://u:S3cret/x@host",
        "postgresql://u:x/S3cret@host/db",
        "postgresql://u:x?S3cret@host/db",
        "postgresql://u:x#S3cret@host/db",
        "postgresql://u:[S3cret@host/db",
        "postgresql://u:x]S3cret@host/db",
        "postgresql://u:x S3cret@host/db",
        "postgresql://u:x:S3cret@host/db",
        "postgresql://u:S3cret",
        "postgresql://u:S3cret/db",
        "postgresql://u:x,S3cret/db",
        "postgresql://u:p@h1,u:S3cret@h2/db",
        "postgresql://u%3AS3cret@host/db",
        "postgresql://u:%S3cret@host/db",
        "postgresql://u:x;S3cret@host/db",
        "postgresql://host/db?password=a&S3cret",
        "postgresql://host/db?password=a&S3cret=b",
        "postgresql://host/db?password=a&b=S3cret&user=u",
        "postgresql://host/db?password=a#S3cret",
        "postgresql://host/db?pass=S3cret",
        "postgresql://host/db?sslpassword=S3cret",
        "postgresql://host/db?options=-c%20x.y=S3cret",
        "postgresql://host/db?application_name=u:S3cret@h",
        "postgresql:/u:S3cret@host/db",
        "postgresql:u:S3cret@host/db",
        "u:S3cret@host/db",
        "S3cret",
        "password=S3cret",
        "password=a S3cret host=h",
        "password='a'S3cret host=h",
        "password='a S3cret",
        "password=a\\ S3cret user=u",
        "pass word=S3cret",
        "passwort=S3cret",
        "PASSWORD=S3cret",
        "host=u:S3cret@h",
        "dbname=postgresql://u:S3cret@h/db",
        "dbname=u:S3cret/h",
        "user=u;password=S3cret",
        "amqp://u:A@h1//;amqp://u:S3cretB@h2//",
        "amqp://u:A@h1//;u:S3cretB@h2//",
        "amqp://u:A;S3cret@h2//",
    };
    struct tb_buf buf;

    (void)state;
    tb_buf_init(&buf, 1000);
    for (size_t i = 0; i < TB_COUNT(odd); i++) {
        tb_buf_reset(&buf);
        tb_config_push_masked(tb_str_of(odd[i]), &buf);
        if (tb_str_find(tb_buf_str(&buf), TB_STR("S3cret")) != SIZE_MAX)
            fail_msg("%s is shown as %s", odd[i], buf.ptr);
    }
    tb_buf_deinit(&buf);
}

static void passwords_of_connection_strings_are_masked(void **state)
{
    (void)state;
    assert_masked("host=db password=secret user=u", "host=db password=*** user=u");
    assert_masked("password='se cret' user=u", "password=*** user=u");
    assert_masked("password = 'it\\'s' user = u", "password=*** user=u");
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
                                    "  control_exchange: \"celery\"\n"
                                    "  source: \"\"\n"
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
        cmocka_unit_test(of_odd_texts_no_secret_is_shown),
        cmocka_unit_test(the_printed_yaml_tells_where_values_came_from),
        cmocka_unit_test(the_printed_yaml_loads_to_the_same),
        cmocka_unit_test(nothing_of_a_secret_is_printed),
        cmocka_unit_test(the_json_has_numbers_as_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The configuration as its users see it: what a file and the environment may say, and what is said of a wrong
 * one. */
#include "taskbridge/config/config.h"

#include "taskbridge/base/limits.h"
#include "taskbridge/base/log.h"
#include "unit/check.h"

#include <stdlib.h>

static struct tb_config *parsed(const char *text, const char *const *environment)
{
    struct tb_error err = {0};
    struct tb_config *config = NULL;
    int outcome = tb_config_parse(tb_str_of(text), "t.yaml", (char *const *)environment, &config, &err);
    if (outcome)
        print_error("%s\n", err.text);
    assert_int_equal(outcome, 0);
    return config;
}

static void assert_refused(const char *text, const char *const *environment, const char *message)
{
    struct tb_error err = {0};
    struct tb_config *config = NULL;
    assert_int_equal(tb_config_parse(tb_str_of(text), "t.yaml", (char *const *)environment, &config, &err),
                     TB_CONFIG_WRONG);
    assert_null(config);
    assert_string_equal(err.text, message);
}

static void brokers_may_be_written_as_a_list(void **state)
{
    struct tb_config *config =
        parsed("amqp:\n  url:\n    - amqp://u:A@h1//\n    - amqp://u:B@h2//\n    - h3\n", NULL);
    (void)state;
    assert_string_equal(config->amqp.url, "amqp://u:A@h1//;amqp://u:B@h2//;h3");
    tb_config_free(config);
}

static void an_empty_file_gives_the_defaults(void **state)
{
    struct tb_config *config = parsed("", NULL);
    (void)state;
    assert_string_equal(config->amqp.url, "amqp://guest:guest@127.0.0.1:5672/%2F");
    assert_int_equal(config->amqp.heartbeat_s, 30);
    assert_int_equal(config->amqp.connect_timeout_s, 5);
    assert_string_equal(config->amqp.exchange, "celeryev");
    assert_int_equal(config->amqp.prefetch, 4000);
    assert_string_equal(config->amqp.queue.name, "taskbridge.events");
    assert_int_equal(config->amqp.queue.max_bytes, INT64_C(2147483648));
    assert_string_equal(config->amqp.tls.ca_file, "");
    assert_true(config->amqp.tls.verify);
    assert_string_equal(config->database.url, "postgresql:///taskbridge");
    assert_int_equal(config->database.response_timeout_s, 60);
    assert_true(config->daemon.instance[0] != '\0');
    assert_int_equal(config->daemon.shutdown_timeout_s, 25);
    assert_int_equal(config->log.level, TB_LOG_INFO);
    assert_int_equal(config->log.format, TB_LOG_TEXT);
    assert_true(config->maintenance.enabled);
    assert_int_equal(config->maintenance.completed_after_s, 3600);
    assert_int_equal(config->maintenance.orphaned_after_s, 2592000);
    assert_int_equal(config->maintenance.statuses_every_s, 30);
    assert_int_equal(config->maintenance.silent_after_s, 60);
    assert_int_equal(config->maintenance.delete_batch_rows, 1000);
    assert_string_equal(config->http.listen, "127.0.0.1:8765");
    assert_int_equal(config->http.cors_origins.count, 0);
    assert_int_equal(config->rules.count, 0);
    assert_int_equal(config->rules.company_format, TB_COMPANY_NUMBER);
    tb_config_free(config);
}

static void every_type_is_read_with_its_units(void **state)
{
    struct tb_config *config = parsed("amqp:\n"
                                      "  heartbeat_s: 1m\n"
                                      "  prefetch: 10\n"
                                      "  queue: { name: \"taskbridge.test\", max_bytes: 3MiB }\n"
                                      "  tls: { verify: no }\n"
                                      "maintenance:\n"
                                      "  completed_after_s: 2d\n"
                                      "  silent_after_s: 90s\n"
                                      "  ask_apart_s: '45'\n"
                                      "log: { level: debug, format: json }\n"
                                      "http:\n"
                                      "  listen: '[::1]:0'\n"
                                      "  cors_origins:\n"
                                      "    - https://a.example\n"
                                      "    - http://localhost:3000\n"
                                      "company: { format: uuid }\n",
                                      NULL);
    (void)state;
    assert_int_equal(config->amqp.heartbeat_s, 60);
    assert_int_equal(config->amqp.prefetch, 10);
    assert_string_equal(config->amqp.queue.name, "taskbridge.test");
    assert_int_equal(config->amqp.queue.max_bytes, 3145728);
    assert_false(config->amqp.tls.verify);
    assert_int_equal(config->maintenance.completed_after_s, 172800);
    assert_int_equal(config->maintenance.silent_after_s, 90);
    assert_int_equal(config->maintenance.ask_apart_s, 45);
    assert_int_equal(config->log.level, TB_LOG_DEBUG);
    assert_int_equal(config->log.format, TB_LOG_JSON);
    assert_string_equal(config->http.listen, "[::1]:0");
    assert_int_equal(config->http.cors_origins.count, 2);
    assert_str(config->http.cors_origins.items[0], "https://a.example");
    assert_str(config->http.cors_origins.items[1], "http://localhost:3000");
    assert_int_equal(config->rules.company_format, TB_COMPANY_UUID);
    tb_config_free(config);
}

static void rules_are_read_in_their_order(void **state)
{
    struct tb_config *config = parsed("tasks:\n"
                                      "  - match: \"*sync_sii_documents_task\"\n"
                                      "    type: sync\n"
                                      "    display_name: Sincronización\n"
                                      "    company: { kwarg: company_id }\n"
                                      "    redact: [1, pin, 63]\n"
                                      "  - match: a.b\n"
                                      "    company: { arg: 2 }\n"
                                      "  - { match: c, company: inherit }\n"
                                      "  - { match: d, company: none }\n"
                                      "  - { match: e, company: { arg: 0, kwarg: c } }\n"
                                      "  - match: f\n",
                                      NULL);
    const struct tb_rule *rules = config->rules.rules;
    (void)state;
    assert_int_equal(config->rules.count, 6);
    assert_str(rules[0].match, "*sync_sii_documents_task");
    assert_str(rules[0].type, "sync");
    assert_str(rules[0].display_name, "Sincronización");
    assert_int_equal(rules[0].company_source, TB_COMPANY_ARGUMENTS);
    assert_str(rules[0].company_kwarg, "company_id");
    assert_false(rules[0].has_company_arg);
    assert_int_equal(rules[0].redact_count, 1);
    assert_str(rules[0].redact[0], "pin");
    assert_true(rules[0].redact_positions == (UINT64_C(1) << 63 | 2));
    assert_true(tb_str_is_null(rules[1].type));
    assert_int_equal(rules[1].company_source, TB_COMPANY_ARGUMENTS);
    assert_true(tb_str_is_null(rules[1].company_kwarg) && rules[1].has_company_arg);
    assert_int_equal(rules[1].company_arg, 2);
    assert_int_equal(rules[2].company_source, TB_COMPANY_INHERIT);
    assert_int_equal(rules[3].company_source, TB_COMPANY_NONE);
    assert_true(rules[4].has_company_arg && rules[4].company_arg == 0);
    assert_str(rules[4].company_kwarg, "c");
    assert_int_equal(rules[5].company_source, TB_COMPANY_NOWHERE);
    assert_int_equal(rules[5].redact_count, 0);
    tb_config_free(config);
}

/* Whether the value of a key is hidden in what the configuration's tasks are given. */
static bool hides(const struct tb_config *config, const char *kwargs)
{
    struct tb_str found;
    struct tb_arena arena;
    bool is_hidden;

    tb_arena_init(&arena, 100000);
    assert_int_equal(tb_redact_repr(config->rules.redact, tb_str_of(kwargs), 0, &arena, &found), 0);
    is_hidden = tb_str_find(found, TB_STR("***")) != SIZE_MAX;
    tb_arena_deinit(&arena);
    return is_hidden;
}

static void the_list_of_secrets_is_the_options_and_the_rules_together(void **state)
{
    struct tb_config *usual = parsed("", NULL);
    struct tb_config *own = parsed("redact: [pin]\ntasks:\n  - { match: a, redact: [otp, 2] }\n", NULL);
    (void)state;
    assert_true(hides(usual, "{'password': 1}") && hides(usual, "{'sii_password': 1}"));
    assert_true(hides(usual, "{'Authorization': 1}") && hides(usual, "{'contraseña': 1}"));
    assert_false(hides(usual, "{'pin': 1}") || hides(usual, "{'tokens': 1}"));
    assert_true(hides(own, "{'pin': 1}") && hides(own, "{'otp': 1}"));
    assert_false(hides(own, "{'password': 1}"));
    assert_true(own->rules.redact->positions == 4);
    tb_config_free(usual);
    tb_config_free(own);
}

struct refusal {
    const char *text, *message;
};

static void a_wrong_file_is_refused_with_place_and_remedy(void **state)
{
    static const struct refusal cases[] = {
        {"amqp:\n  heartbeats: 3\n",
         "t.yaml:2:3: amqp.heartbeats: there is no such option; did you mean amqp.heartbeat_s?"},
        {"ampq:\n  url: x\n", "t.yaml:1:1: ampq: there is no such option; did you mean amqp?"},
        {"log:\n  level: info\nheartbeat_s: 3\n",
         "t.yaml:3:1: heartbeat_s: there is no such option here; did you mean amqp.heartbeat_s?"},
        {"amqp.url: amqp://x\n", "t.yaml:1:1: amqp.url: there is no such option; did you mean amqp?"},
        {"zzzzzzzzz: 1\n", "t.yaml:1:1: zzzzzzzzz: there is no such option, and none with a name like it"},
        {"amqp:\n  heartbeat_s: soon\n", "t.yaml:2:16: amqp.heartbeat_s: \"soon\" is wrong; right would be a "
                                         "duration such as 90s, 5m or 1h, from 1s to 10m"},
        {"amqp:\n  heartbeat_s: 601\n", "t.yaml:2:16: amqp.heartbeat_s: \"601\" is wrong; right would be a "
                                        "duration such as 90s, 5m or 1h, from 1s to 10m"},
        {"amqp: { prefetch: 0 }\n",
         "t.yaml:1:19: amqp.prefetch: \"0\" is wrong; right would be a whole number, from 1 to 65535"},
        {"amqp: { prefetch: 10m }\n",
         "t.yaml:1:19: amqp.prefetch: \"10m\" is wrong; right would be a whole number, from 1 to 65535"},
        {"amqp: { queue: { max_bytes: 1.5GiB } }\n",
         "t.yaml:1:29: amqp.queue.max_bytes: \"1.5GiB\" is wrong; "
         "right would be a size such as 512MiB or 2GiB, from "
         "1MiB to 1TiB"},
        {"amqp: { queue: { max_bytes: 99999999999TiB } }\n",
         "t.yaml:1:29: amqp.queue.max_bytes: \"99999999999TiB\" is wrong; right would be a size such as "
         "512MiB "
         "or 2GiB, from 1MiB to 1TiB"},
        {"log:\n  level: loud\n",
         "t.yaml:2:10: log.level: \"loud\" is wrong; right would be debug, info, warning or error"},
        {"maintenance:\n  enabled: 1\n",
         "t.yaml:2:12: maintenance.enabled: \"1\" is wrong; right would be true or false"},
        {"http:\n  listen: 8765\n",
         "t.yaml:2:11: http.listen: \"8765\" is wrong; right would be an address and a "
         "port such as 127.0.0.1:8765, or [::1]:8765"},
        {"http:\n  cors_origins: [\"https://a.example/\"]\n",
         "t.yaml:2:18: http.cors_origins: \"https://a.example/\" is wrong; right would be an origin without "
         "a "
         "path, such as https://app.example.com or http://localhost:3000"},
        {"http:\n  cors_origins: https://a.example\n",
         "t.yaml:2:17: http.cors_origins: a list is expected here, such as [one, two]"},
        {"amqp:\n  url:\n",
         "t.yaml:2:7: amqp.url: there is no value; give one, or remove the line for the default"},
        {"amqp:\n  exchange: [a]\n",
         "t.yaml:2:13: amqp.exchange: one value is expected here, not a list or a section"},
        {"amqp: 3\n", "t.yaml:1:7: amqp: this is a section: its options stand below it, indented"},
        {"- amqp\n", "t.yaml:1:1: sections such as \"amqp:\" are expected here"},
        {"daemon: { instance: \"a\\nb\" }\n",
         "t.yaml:1:21: daemon.instance: \"a?b\" is wrong; right would be a "
         "text without control characters"},
    };
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++)
        assert_refused(cases[i].text, NULL, cases[i].message);
}

static void yaml_beyond_plain_values_is_refused(void **state)
{
    static const struct refusal cases[] = {
        {"log:\n\tlevel: info\n", "t.yaml:2:1: this is not YAML: indent with spaces, not with tabs"},
        {"log:\n  level: \xff\n", "t.yaml:2:10: this is not YAML: invalid leading UTF-8 octet"},
        {"amqp:\n  heartbeat_s: 3\n  heartbeat_s: 4\n",
         "t.yaml:3:3: amqp.heartbeat_s: this stands in line 2 already; remove one of the two"},
        {"amqp:\n  prefetch: 3\nlog:\n  level: info\namqp:\n  heartbeat_s: 4\n",
         "t.yaml:5:1: amqp: this stands in line 1 already; remove one of the two"},
        {"amqp: &a\n  heartbeat_s: 3\n",
         "t.yaml:1:7: amqp: anchors (&name) are not used here; write the value out"},
        {"log:\n  level: *x\n",
         "t.yaml:2:10: log.level: aliases (*name) are not used here; write the value out"},
        {"log:\n  level: !!str info\n", "t.yaml:2:10: log.level: tags (!name) are not used here; remove it"},
        {"---\nlog:\n---\n", "t.yaml:3:1: a second document (---) begins here; the file holds one"},
        {"? [a, b]\n: c\n", "t.yaml:1:3: the name of an option is expected here"},
    };
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++)
        assert_refused(cases[i].text, NULL, cases[i].message);
}

static void a_wrong_rule_is_refused(void **state)
{
    static const struct refusal cases[] = {
        {"tasks:\n  - match: a\n    compny: inherit\n",
         "t.yaml:3:5: tasks[0].compny: a rule has nothing of this name; did you mean company?"},
        {"tasks:\n  - match: a\n  - type: b\n",
         "t.yaml:3:5: tasks[1]: the rule lacks match, the name of the tasks that it is for"},
        {"tasks:\n  - match: a\n    company: { kwarg: x, kwarg: y }\n",
         "t.yaml:3:26: tasks[0].company: one of these is expected here: { kwarg: NAME }, { arg: INDEX }, "
         "both, inherit or none"},
        {"tasks:\n  - match: a\n    company: company_id\n",
         "t.yaml:3:14: tasks[0].company: one of these is expected here: { kwarg: NAME }, { arg: INDEX }, "
         "both, inherit or none"},
        {"tasks:\n  - match: a\n    company: { arg: -1 }\n",
         "t.yaml:3:21: tasks[0].company: \"-1\" is wrong; right would be a whole number, from 0 to 100"},
        {"tasks:\n  - match: \"\"\n",
         "t.yaml:2:12: tasks[0].match: \"\" is wrong; right would be a text of 1 to 512 bytes"},
        {"tasks:\n  - match: a\n    match: b\n",
         "t.yaml:3:5: tasks[0].match: this stands in line 2 already; remove one of the two"},
        {"tasks: { match: a }\n",
         "t.yaml:1:8: tasks: a list of rules is expected here, each line beginning with \"- match:\""},
        {"tasks: [a]\n",
         "t.yaml:1:9: tasks[0]: a rule is expected here, such as { match: \"*.sync\", type: sync }"},
    };
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++)
        assert_refused(cases[i].text, NULL, cases[i].message);
}

static void the_place_is_also_given_as_numbers(void **state)
{
    struct tb_error err = {0};
    struct tb_config *config = NULL;
    (void)state;
    assert_int_equal(tb_config_parse(TB_STR("log:\n  # ñ\n  level: \"ñ\"\n"), "t.yaml", NULL, &config, &err),
                     TB_CONFIG_WRONG);
    assert_int_equal(err.line, 3);
    assert_int_equal(err.column, 10);
    assert_int_equal(tb_config_parse(TB_STR("log: {"), "t.yaml", NULL, &config, NULL), TB_CONFIG_WRONG);
}

static void a_refused_url_is_not_repeated(void **state)
{
    (void)state;
    assert_refused("amqp:\n  url: http://user:hunter2@host\n", NULL,
                   "t.yaml:2:8: amqp.url: the value is wrong; right would be a URL such as "
                   "amqp://user:password@host:5672/vhost, or one of amqps://");
}

static void the_environment_wins_over_the_file(void **state)
{
    static const char *const environment[] = {"PATH=/bin",
                                              "TASKBRIDGE_AMQP_URL=pyamqp://env",
                                              "TASKBRIDGE_HTTP_LISTEN=0.0.0.0:80",
                                              "TASKBRIDGE_MAINTENANCE_SILENT_AFTER_S=2m",
                                              "TASKBRIDGE_AMQP_QUEUE_MAX_BYTES=1GiB",
                                              "TASKBRIDGE_LOG_FORMAT=json",
                                              "TASKBRIDGE_DATABASE_URL=host=db dbname=x",
                                              "TASKBRIDGE_STACK_DIR=x",
                                              "TASKBRIDGE_TEST_ANYTHING=x",
                                              "TASKBRIDGE_PROGRAMS=x",
                                              "TASKBRIDGE_SERVICE_HOST=10.0.0.1",
                                              "TASKBRIDGE_PORT=tcp://10.0.0.1:8765",
                                              NULL};
    struct tb_config *config = parsed("amqp: { url: \"amqp://file\", prefetch: 7 }\n", environment);
    (void)state;
    assert_string_equal(config->amqp.url, "pyamqp://env");
    assert_int_equal(config->amqp.prefetch, 7);
    assert_string_equal(config->http.listen, "0.0.0.0:80");
    assert_int_equal(config->maintenance.silent_after_s, 120);
    assert_int_equal(config->amqp.queue.max_bytes, 1073741824);
    assert_int_equal(config->log.format, TB_LOG_JSON);
    assert_string_equal(config->database.url, "host=db dbname=x");
    tb_config_free(config);
}

static void a_wrong_variable_is_refused(void **state)
{
    static const char *const misspelled[] = {"TASKBRIDGE_HTTP_LISTNE=x", NULL};
    static const char *const strange[] = {"TASKBRIDGE_PROGRAMSX=x", NULL};
    static const char *const port[] = {"TASKBRIDGE_HTTP_PORT=8765", NULL};
    static const char *const alien[] = {"TASKBRIDGE_ZZZZZZZZ=x", NULL};
    static const char *const wrong[] = {"TASKBRIDGE_LOG_LEVEL=loud", NULL};
    static const char *const list[] = {"TASKBRIDGE_HTTP_CORS_ORIGINS=https://a.example", NULL};
    static const char *const empty[] = {"TASKBRIDGE_AMQP_PREFETCH=", NULL};
    (void)state;
    assert_refused("", misspelled,
                   "environment: TASKBRIDGE_HTTP_LISTNE: there is no such option; did you mean "
                   "TASKBRIDGE_HTTP_LISTEN?");
    assert_refused("", strange,
                   "environment: TASKBRIDGE_PROGRAMSX: there is no such option; did you mean "
                   "TASKBRIDGE_PROGRAMS?");
    assert_refused(
        "", port,
        "environment: TASKBRIDGE_HTTP_PORT: there is no such option, and none with a name like it; unset it");
    assert_refused(
        "", alien,
        "environment: TASKBRIDGE_ZZZZZZZZ: there is no such option, and none with a name like it; unset it");
    assert_refused("", wrong,
                   "environment: TASKBRIDGE_LOG_LEVEL: log.level: \"loud\" is wrong; right would be "
                   "debug, info, warning or error");
    assert_refused("", list,
                   "environment: TASKBRIDGE_HTTP_CORS_ORIGINS: http.cors_origins is a list, which only "
                   "the file can hold");
    assert_refused("", empty,
                   "environment: TASKBRIDGE_AMQP_PREFETCH: amqp.prefetch: \"\" is wrong; right would "
                   "be a whole number, from 1 to 65535");
}

static void options_that_need_each_other_are_checked_together(void **state)
{
    static const char *const environment[] = {"TASKBRIDGE_AMQP_TLS_KEY_FILE=key.pem", NULL};
    (void)state;
    assert_refused("amqp: { tls: { cert_file: cert.pem } }\n", NULL,
                   "amqp.tls.cert_file and amqp.tls.key_file belong together: give both, or neither");
    tb_config_free(parsed("amqp: { tls: { cert_file: cert.pem } }\n", environment));
}

static void access_that_can_have_no_effect_is_refused(void **state)
{
#define KEY "0123456789abcdef0123456789abcdef"
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"access: { sql: { user: SELECT 1 } }\n",
         "access.sql.user needs access.sql.sees, which says what companies the user may see"},
        {"access: { sql: { sees: SELECT 1 } }\n",
         "access.sql.sees needs access.sql.user, or a key below access.jwt, which say who the user is"},
        {"access: { forward: { cookies: [sessionid] } }\n",
         "access.forward.headers and access.forward.cookies need access.forward.url"},
        {"access: { jwt: { secret: " KEY ", secret_file: a } }\n",
         "access.jwt.secret and access.jwt.secret_file exclude each other: give one"},
        {"access: { jwt: { jwks_file: a, jwks_url: 'https://a/b' } }\n",
         "access.jwt.jwks_file and access.jwt.jwks_url exclude each other: give one"},
        {"access: { jwt: { jwks_file: a, secret: " KEY " } }\n",
         "access.jwt has a secret and public keys; tokens are signed with the one or the other: give one"},
        {"access: { jwt: { issuer: a } }\n",
         "access.jwt needs a key: secret, secret_file, jwks_file or jwks_url"},
        {"access: { jwt: { algorithms: [HS256] } }\n",
         "access.jwt needs a key: secret, secret_file, jwks_file or jwks_url"},
        {"access: { jwt: { secret: " KEY ", algorithms: [RS256] } }\n",
         "access.jwt.algorithms leaves out HS256, the only one that a secret is for"},
        {"access: { jwt: { jwks_file: a, algorithms: [HS256] } }\n",
         "access.jwt.algorithms leaves out RS256 and ES256, which public keys are for"},
        {"access: { watch: { secret: " KEY ", secret_file: a } }\n",
         "access.watch.secret and access.watch.secret_file exclude each other: give one"},
        {"access: { ca_file: a }\n", "access.ca_file needs access.forward.url or access.jwt.jwks_url"},
        {"access: { jwt: { secret: short } }\n",
         "t.yaml:1:26: access.jwt.secret: the value is wrong; right would be 32 bytes at least, such as "
         "`openssl rand -hex 32` prints"},
        {"access: { jwt: { algorithms: [none] } }\n",
         "t.yaml:1:31: access.jwt.algorithms: \"none\" is wrong; right would be HS256, RS256 or ES256"},
        {"access: { forward: { url: 'https://a/b/' } }\n",
         "t.yaml:1:27: access.forward.url: the value is wrong; right would be a URL such as "
         "https://app.example.com/api/companies/{company_id}/"},
        {"access: { jwt: { jwks_url: 'file:///etc/passwd' } }\n",
         "t.yaml:1:28: access.jwt.jwks_url: the value is wrong; right would be a URL of https:// or http://"},
        {"access: { forward: { headers: ['Coo kie'] } }\n",
         "t.yaml:1:32: access.forward.headers: \"Coo kie\" is wrong; right would be a name of letters, "
         "digits "
         "and hyphens"},
    };

    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++)
        assert_refused(cases[i].text, NULL, cases[i].message);
}

static void questions_in_sql_may_have_lines_and_other_texts_not(void **state)
{
    struct tb_config *config =
        parsed("access:\n  sql:\n    company_name: |\n      SELECT name\n      FROM a\n", NULL);

    (void)state;
    assert_string_equal(config->access.sql.company_name, "SELECT name\nFROM a\n");
    tb_config_free(config);
    assert_refused("access: { jwt: { issuer: \"a\\nb\" } }\n", NULL,
                   "t.yaml:1:26: access.jwt.issuer: \"a?b\" is wrong; right would be a text without control "
                   "characters");
}

static void the_default_path_may_be_absent_a_given_one_not(void **state)
{
    struct tb_config_source source = {.path = TB_FIXTURES "/no-such-file.yaml"};
    struct tb_config *config = NULL;
    struct tb_error err = {0};
    (void)state;
    assert_int_equal(tb_config_load(&source, &config, &err), 0);
    assert_int_equal(config->amqp.prefetch, 4000);
    tb_config_free(config);
    source.must_exist = true;
    assert_int_equal(tb_config_load(&source, &config, &err), TB_CONFIG_WRONG);
    assert_string_equal(err.text,
                        TB_FIXTURES "/no-such-file.yaml: the file cannot be read: No such file or directory");
    tb_error_clear(&err);
    source.path = TB_FIXTURES;
    assert_int_equal(tb_config_load(&source, &config, &err), TB_CONFIG_WRONG);
    assert_string_equal(err.text, TB_FIXTURES ": the file cannot be read: Is a directory");
}

static void a_file_larger_than_the_ceiling_is_refused(void **state)
{
    size_t len = TB_CONFIG_MAX_BYTES + 1;
    char *text = malloc(len);
    struct tb_config *config = NULL;
    struct tb_error err = {0};
    (void)state;
    assert_non_null(text);
    memset(text, '\n', len);
    assert_int_equal(tb_config_parse((struct tb_str){text, len - 1}, "t.yaml", NULL, &config, &err), 0);
    tb_config_free(config);
    config = NULL;
    assert_int_equal(tb_config_parse((struct tb_str){text, len}, "t.yaml", NULL, &config, &err),
                     TB_CONFIG_WRONG);
    assert_string_equal(err.text, "t.yaml: the file is larger than 1048576 bytes");
    free(text);
}

static void more_rules_than_the_ceiling_are_refused(void **state)
{
    struct tb_buf text;
    (void)state;
    tb_buf_init(&text, TB_MIB);
    tb_buf_printf(&text, "tasks:\n");
    for (int i = 0; i < 1000; i++)
        tb_buf_printf(&text, "- match: t%d\n", i);
    struct tb_config *config = parsed(text.ptr, NULL);
    assert_int_equal(config->rules.count, 1000);
    assert_str(config->rules.rules[999].match, "t999");
    tb_config_free(config);
    tb_buf_printf(&text, "- match: last\n");
    assert_refused(text.ptr, NULL, "t.yaml:1002:3: tasks[1000]: at most 1000 rules are possible");
    tb_buf_deinit(&text);
}

static void a_reload_tells_what_needs_a_restart(void **state)
{
    struct tb_config *before = parsed("log: { level: info }\ntasks: [{ match: a }]\n", NULL);
    struct tb_config *after =
        parsed("log: { level: debug }\namqp: { url: \"amqp://x\" }\ntasks: [{ match: b }]\n"
               "http: { cors_origins: [\"https://x\"] }\ncompany: { format: slug }\n",
               NULL);
    struct tb_buf buf;
    (void)state;
    tb_buf_init(&buf, 1000);
    tb_config_push_restart_needed(before, after, &buf);
    assert_str(tb_buf_str(&buf), "amqp.url, http.cors_origins");
    tb_buf_reset(&buf);
    tb_config_push_restart_needed(after, after, &buf);
    assert_str(tb_buf_str(&buf), "");
    tb_buf_deinit(&buf);
    tb_config_free(before);
    tb_config_free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_gives_the_defaults),
        cmocka_unit_test(brokers_may_be_written_as_a_list),
        cmocka_unit_test(every_type_is_read_with_its_units),
        cmocka_unit_test(rules_are_read_in_their_order),
        cmocka_unit_test(the_list_of_secrets_is_the_options_and_the_rules_together),
        cmocka_unit_test(a_wrong_file_is_refused_with_place_and_remedy),
        cmocka_unit_test(yaml_beyond_plain_values_is_refused),
        cmocka_unit_test(a_wrong_rule_is_refused),
        cmocka_unit_test(the_place_is_also_given_as_numbers),
        cmocka_unit_test(a_refused_url_is_not_repeated),
        cmocka_unit_test(the_environment_wins_over_the_file),
        cmocka_unit_test(a_wrong_variable_is_refused),
        cmocka_unit_test(options_that_need_each_other_are_checked_together),
        cmocka_unit_test(access_that_can_have_no_effect_is_refused),
        cmocka_unit_test(questions_in_sql_may_have_lines_and_other_texts_not),
        cmocka_unit_test(the_default_path_may_be_absent_a_given_one_not),
        cmocka_unit_test(a_file_larger_than_the_ceiling_is_refused),
        cmocka_unit_test(more_rules_than_the_ceiling_are_refused),
        cmocka_unit_test(a_reload_tells_what_needs_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

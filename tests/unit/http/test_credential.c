/* What a request shows of its sender, out of real heads of requests. */
#include "auth/credential.h"

#include "taskbridge/base/limits.h"
#include "unit/check.h"

#include <stdio.h>

#define FORWARD "access: { forward: { url: 'https://a.example/{company_id}/'"

struct reading {
    struct tb_config *config;
    struct tb_arena arena;
    struct tb_head head;
    struct tb_credential credential;
    int outcome;
};

static void read_head(struct reading *reading, const char *headers)
{
    static char bytes[20000];
    const char *wrong = NULL;

    snprintf(bytes, sizeof(bytes), "GET / HTTP/1.1\r\nHost: bridge.example:8765\r\n%s\r\n", headers);
    if (tb_head_parse(tb_str_of(bytes), &reading->head, &wrong) != 0)
        fail_msg("%s: %s", headers, wrong);
}

static void read_credential(struct reading *reading, const char *yaml, const char *headers, bool is_websocket)
{
    struct tb_error err = {0};

    *reading = (struct reading){0};
    if (tb_config_parse(tb_str_of(yaml), "t.yaml", NULL, &reading->config, &err) != 0)
        fail_msg("%s", err.text);
    tb_arena_init(&reading->arena, TB_GRANT_MAX_BYTES);
    read_head(reading, headers);
    reading->outcome = tb_credential_read(&reading->head, reading->config, is_websocket, &reading->arena,
                                          &reading->credential);
}

static void forget(struct reading *reading)
{
    tb_arena_deinit(&reading->arena);
    tb_config_free(reading->config);
}

struct expected {
    const char *headers;
    enum tb_credential_kind kind;
    const char *text;
};

static void check_all(const struct expected *cases, size_t count, bool is_websocket)
{
    struct reading reading;

    for (size_t i = 0; i < count; i++) {
        read_credential(&reading, "", cases[i].headers, is_websocket);
        assert_int_equal(reading.outcome, 0);
        if (reading.credential.kind != cases[i].kind ||
            (cases[i].text && !tb_str_equal(reading.credential.text, tb_str_of(cases[i].text))))
            fail_msg("%s: %d", cases[i].headers, reading.credential.kind);
        forget(&reading);
    }
}

static void the_header_says_what_it_is(void **state)
{
    static const struct expected cases[] = {
        {"", TB_CREDENTIAL_NONE, NULL},
        {"Authorization: Token abc\r\n", TB_CREDENTIAL_TOKEN, "abc"},
        {"Authorization: token abc\r\n", TB_CREDENTIAL_TOKEN, "abc"},
        {"authorization:   TOKEN \t abc  \r\n", TB_CREDENTIAL_TOKEN, "abc"},
        {"Authorization: Bearer a.b.c\r\n", TB_CREDENTIAL_BEARER, "a.b.c"},
        {"Authorization: Token\r\n", TB_CREDENTIAL_NONE, NULL},
        {"Authorization: Tokenabc\r\n", TB_CREDENTIAL_NONE, NULL},
        {"Authorization: Token two words\r\n", TB_CREDENTIAL_NONE, NULL},
        {"Authorization: Token caf\xc3\xa9\r\n", TB_CREDENTIAL_NONE, NULL},
        {"Authorization: Basic YTpi\r\n", TB_CREDENTIAL_NONE, NULL},
        {"Authorization: abc\r\n", TB_CREDENTIAL_NONE, NULL},
        {"Authorization:\r\n", TB_CREDENTIAL_NONE, NULL},
        {"Cookie: sessionid=a\r\n", TB_CREDENTIAL_NONE, NULL},
        {"X-Authorization: Token abc\r\n", TB_CREDENTIAL_NONE, NULL},
        {"Sec-WebSocket-Protocol: token.abc\r\n", TB_CREDENTIAL_NONE, NULL},
    };

    (void)state;
    check_all(cases, TB_COUNT(cases), false);
}

static void long_keys_are_none(void **state)
{
    char headers[600];
    struct reading reading;

    (void)state;
    for (int len = 256; len <= 257; len++) {
        snprintf(headers, sizeof(headers), "Authorization: Token %0*d\r\n", len, 0);
        read_credential(&reading, "", headers, false);
        assert_int_equal(reading.credential.kind, len == 256 ? TB_CREDENTIAL_TOKEN : TB_CREDENTIAL_NONE);
        forget(&reading);
    }
}

static void a_websocket_may_bring_it_as_a_subprotocol(void **state)
{
    static const struct expected cases[] = {
        {"Sec-WebSocket-Protocol: taskbridge, token.abc\r\n", TB_CREDENTIAL_TOKEN, "abc"},
        {"Sec-WebSocket-Protocol: bearer.a.b.c,taskbridge\r\n", TB_CREDENTIAL_BEARER, "a.b.c"},
        {"Sec-WebSocket-Protocol: taskbridge\r\nSec-WebSocket-Protocol: token.abc\r\n", TB_CREDENTIAL_TOKEN,
         "abc"},
        {"Authorization: Token abc\r\nSec-WebSocket-Protocol: taskbridge\r\n", TB_CREDENTIAL_TOKEN, "abc"},
        {"Sec-WebSocket-Protocol: taskbridge\r\n", TB_CREDENTIAL_NONE, NULL},
        {"Sec-WebSocket-Protocol: token.\r\n", TB_CREDENTIAL_NONE, NULL},
        {"Sec-WebSocket-Protocol: tokenabc, chat\r\n", TB_CREDENTIAL_NONE, NULL},
        {"Sec-WebSocket-Protocol: ,,\r\n", TB_CREDENTIAL_NONE, NULL},
    };

    (void)state;
    check_all(cases, TB_COUNT(cases), true);
}

static void more_than_one_is_refused(void **state)
{
    static const char *const headers[] = {
        "Authorization: Token a\r\nSec-WebSocket-Protocol: token.a\r\n",
        "Sec-WebSocket-Protocol: token.a, bearer.a.b.c\r\n",
        "Sec-WebSocket-Protocol: token.a\r\nSec-WebSocket-Protocol: token.a\r\n",
    };
    struct reading reading;

    (void)state;
    for (size_t i = 0; i < TB_COUNT(headers); i++) {
        read_credential(&reading, "", headers[i], true);
        assert_int_equal(reading.outcome, TB_CREDENTIAL_TWICE);
        forget(&reading);
    }
}

static void what_is_forwarded_is_what_is_listed(void **state)
{
    static const struct {
        const char *yaml, *headers, *forwarded; /* one after the other, with | between */
    } cases[] = {
        {"", "Cookie: a=1\r\n", ""},
        {FORWARD " } }\n", "Cookie: a=1; b=2\r\nX-Tenant: t\r\n", "Cookie=a=1; b=2|"},
        {FORWARD " } }\n", "Authorization: Session x\r\nCookie: a=1\r\n",
         "Authorization=Session x|Cookie=a=1|"},
        {FORWARD ", cookies: [b] } }\n", "Cookie: a=1; b=2; B=3; bb=4\r\n", "Cookie=b=2|"},
        {FORWARD ", cookies: [a, c] } }\n", "Cookie: a=1;b=2;  c = 3\r\n", "Cookie=a=1; c = 3|"},
        {FORWARD ", cookies: [z] } }\n", "Cookie: a=1; b=2\r\n", ""},
        {FORWARD ", headers: [X-Tenant] } }\n", "Cookie: a=1\r\nx-tenant: t\r\nAuthorization: Session x\r\n",
         "x-tenant=t|"},
        {FORWARD ", headers: [Cookie], cookies: [a] } }\n", "Cookie: a=1\r\nCookie: a=2; b=3\r\n",
         "Cookie=a=1|Cookie=a=2|"},
    };
    struct reading reading;
    struct tb_buf buf;

    (void)state;
    tb_buf_init(&buf, 4096);
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        read_credential(&reading, cases[i].yaml, cases[i].headers, false);
        assert_int_equal(reading.outcome, 0);
        tb_buf_reset(&buf);
        for (size_t j = 0; j < reading.credential.forwarded_count; j++)
            tb_buf_printf(&buf, "%.*s=%.*s|", TB_STR_FMT(reading.credential.forwarded[j].name),
                          TB_STR_FMT(reading.credential.forwarded[j].value));
        assert_true(tb_str_equal(tb_buf_str(&buf), tb_str_of(cases[i].forwarded)));
        assert_int_equal(reading.credential.kind,
                         cases[i].forwarded[0] ? TB_CREDENTIAL_FOREIGN : TB_CREDENTIAL_NONE);
        forget(&reading);
    }
    tb_buf_deinit(&buf);
}

static void ours_stays_ours_beside_a_cookie(void **state)
{
    struct reading reading;

    (void)state;
    read_credential(&reading, FORWARD " } }\n", "Authorization: Token abc\r\nCookie: a=1\r\n", false);
    assert_int_equal(reading.credential.kind, TB_CREDENTIAL_TOKEN);
    assert_int_equal(reading.credential.forwarded_count, 2);
    forget(&reading);
}

static void strange_pages_are_told_by_their_origin(void **state)
{
    static const struct {
        const char *headers;
        bool is_strange;
    } cases[] = {
        {"", false},
        {"Origin: https://app.example\r\n", false},
        {"Origin: http://bridge.example:8765\r\n", false},
        {"Origin: http://BRIDGE.example:8765\r\n", false},
        {"Origin: https://evil.example\r\n", true},
        {"Origin: http://bridge.example\r\n", true},
        {"Origin: http://bridge.example:8765.evil.example\r\n", true},
        {"Origin: https://app.example.evil.example\r\n", true},
        {"Origin: null\r\n", true},
        {"Origin:\r\n", true},
    };
    struct reading reading;

    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        read_credential(&reading, "http: { cors_origins: ['https://app.example'] }\n", cases[i].headers,
                        true);
        if (tb_credential_is_strangers(&reading.head, reading.config) != cases[i].is_strange)
            fail_msg("%s", cases[i].headers);
        forget(&reading);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_says_what_it_is),
        cmocka_unit_test(long_keys_are_none),
        cmocka_unit_test(a_websocket_may_bring_it_as_a_subprotocol),
        cmocka_unit_test(more_than_one_is_refused),
        cmocka_unit_test(what_is_forwarded_is_what_is_listed),
        cmocka_unit_test(ours_stays_ours_beside_a_cookie),
        cmocka_unit_test(strange_pages_are_told_by_their_origin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

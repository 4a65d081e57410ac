/* Requests' heads: what is one, and what could be read in two ways. */
#include "engine/head.h"

#include "unit/check.h"

#include <stdio.h>

static int parse(const char *text, size_t len, struct tb_head *ret_head)
{
    const char *wrong = "";

    return tb_head_parse((struct tb_str){text, len}, ret_head, &wrong);
}

static void a_head_is_taken_apart_and_nothing_is_decoded(void **state)
{
    static const char text[] =
        "GET /a/%2F?b=%31&c HTTP/1.1\r\nHost: x\r\nX-A:  two words \t\r\nX-B:\r\n\r\nrest";
    struct tb_head head;
    (void)state;

    assert_int_equal(parse(text, sizeof(text) - 1, &head), 0);
    assert_str(head.method, "GET");
    assert_str(head.path, "/a/%2F");
    assert_str(head.query, "b=%31&c");
    assert_str(tb_head_find(&head, "x-a"), "two words");
    assert_str(tb_head_find(&head, "X-B"), "");
    assert_true(tb_str_is_null(tb_head_find(&head, "X-C")));
    assert_int_equal(head.len, sizeof(text) - 1 - strlen("rest"));
    assert_int_equal(head.content_bytes, 0);
    assert_false(head.wants_close);
}

static void every_prefix_of_a_head_is_unfinished(void **state)
{
    static const char text[] = "\r\nGET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n";
    struct tb_head head;
    (void)state;

    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        if (parse(text, len, &head) != TB_HEAD_UNFINISHED)
            fail_msg("%zu bytes are not unfinished", len);
    }
    assert_int_equal(parse(text, sizeof(text) - 1, &head), 0);
    assert_int_equal(head.content_bytes, 5);
}

#define LINE "GET / HTTP/1.1\r\nHost: x\r\n"

static void what_two_could_read_differently_is_malformed(void **state)
{
    static const struct {
        const char *text;
        size_t len;
    } cases[] = {
#define CASE(text) {text, sizeof(text) - 1}
        CASE("\r\n\r\n"),
        CASE("GET\r\n\r\n"),
        CASE("GET /\r\n\r\n"),
        CASE("GET  / HTTP/1.1\r\n\r\n"),
        CASE("GET / HTTP/1.1 \r\nHost: x\r\n\r\n"),
        CASE("GET / http/1.1\r\nHost: x\r\n\r\n"),
        CASE(" GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        CASE("G@T / HTTP/1.1\r\nHost: x\r\n\r\n"),
        CASE("GET a HTTP/1.1\r\nHost: x\r\n\r\n"),
        CASE("GET /#a HTTP/1.1\r\nHost: x\r\n\r\n"),
        CASE("GET /\xc3\xb1 HTTP/1.1\r\nHost: x\r\n\r\n"),
        CASE("GET /\tx HTTP/1.1\r\nHost: x\r\n\r\n"),
        CASE("GET * HTTP/1.1\r\nHost: x\r\n\r\n"),
        CASE("GET http:// HTTP/1.1\r\nHost: x\r\n\r\n"),
        CASE("GET / HTTP/1.1\r\n\r\n"),
        CASE("GET / HTTP/1.1\nHost: x\n\n"),
        CASE("GET / HTTP/1.1\r\nHost: x\n\r\n"),
        CASE("GET / HTTP/1.1\r\nHost: x\r\r\n\r\n"),
        CASE("GET / HTTP/1.1\rHost: x\r\n\r\n"),
        CASE("GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n"),
        CASE(LINE "A: b\0c\r\n\r\n"),
        CASE(LINE "A: b\x01\r\n\r\n"),
        CASE(LINE "A: b\x7f\r\n\r\n"),
        CASE(LINE " folded\r\n\r\n"),
        CASE(LINE "A: b\r\n\tfolded\r\n\r\n"),
        CASE(LINE "Content-Length : 5\r\n\r\n"),
        CASE(LINE "Content-Length\t: 5\r\n\r\n"),
        CASE(LINE ": b\r\n\r\n"),
        CASE(LINE "no colon\r\n\r\n"),
        CASE(LINE "Host: y\r\n\r\n"),
        CASE(LINE "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
        CASE(LINE "Content-Length: 5\r\ncontent-length: 5\r\n\r\n"),
        CASE(LINE "Content-Length: 5, 5\r\n\r\n"),
        CASE(LINE "Content-Length: +5\r\n\r\n"),
        CASE(LINE "Content-Length: -5\r\n\r\n"),
        CASE(LINE "Content-Length: 0x5\r\n\r\n"),
        CASE(LINE "Content-Length:\r\n\r\n"),
        CASE(LINE "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
        CASE(LINE "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
        CASE(LINE "Transfer-Encoding: identity, chunked\r\n\r\n"),
        CASE(LINE "Transfer-Encoding: xchunked\r\n\r\n"),
        CASE("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        CASE(LINE "Authorization: Token a\r\nAuthorization: Token b\r\n\r\n"),
        CASE(LINE "Authorization: Token a\r\nauthorization: Token a\r\n\r\n"),
#undef CASE
    };
    struct tb_head head;
    (void)state;

    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        int r = parse(cases[i].text, cases[i].len, &head);
        if (r != TB_HEAD_MALFORMED)
            fail_msg("%d, not malformed: %s", r, cases[i].text);
    }
}

static void other_versions_are_told_apart(void **state)
{
    struct tb_head head;
    (void)state;

    assert_int_equal(parse("GET / HTTP/9.9\r\n\r\n", 18, &head), TB_HEAD_VERSION);
    assert_int_equal(parse("GET / HTTP/2.0\r\n\r\n", 18, &head), TB_HEAD_VERSION);
    assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n", 18, &head), 0);
    assert_true(head.is_1_0 && head.wants_close);
}

static void a_connection_is_kept_as_the_version_and_the_client_say(void **state)
{
    static const struct {
        const char *text;
        bool closes;
    } cases[] = {
        {LINE "\r\n", false},
        {LINE "Connection: close\r\n\r\n", true},
        {LINE "Connection: keep-alive, Close\r\n\r\n", true},
        {LINE "Connection: closed\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: upgrade\r\n\r\n", true},
    };
    struct tb_head head;
    (void)state;

    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        assert_int_equal(parse(cases[i].text, strlen(cases[i].text), &head), 0);
        if (head.wants_close != cases[i].closes)
            fail_msg("%s", cases[i].text);
    }
}

static void a_body_that_nobody_can_count_is_endless(void **state)
{
    static const char chunked[] = LINE "Transfer-Encoding: Chunked\r\n\r\n";
    static const char large[] = LINE "Content-Length: 99999999999999999999999\r\n\r\n";
    struct tb_head head;
    (void)state;

    assert_int_equal(parse(chunked, sizeof(chunked) - 1, &head), 0);
    assert_true(head.content_bytes == SIZE_MAX);
    assert_int_equal(parse(large, sizeof(large) - 1, &head), 0);
    assert_true(head.content_bytes == SIZE_MAX);
}

static void more_fields_than_there_is_room_for_are_too_long(void **state)
{
    char text[4096];
    size_t len = 0;
    struct tb_head head;
    (void)state;

    len += (size_t)snprintf(text, sizeof(text), LINE);
    for (int i = 0; i < TB_HEAD_FIELDS_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "A: b\r\n");
    len += (size_t)snprintf(text + len, sizeof(text) - len, "\r\n");
    assert_int_equal(parse(text, len, &head), TB_HEAD_TOO_LONG);
}

static void an_address_as_proxies_are_sent_it_is_its_path(void **state)
{
    static const char text[] = "GET http://example.com:80/a?b HTTP/1.1\r\nHost: example.com\r\n\r\n";
    struct tb_head head;
    (void)state;

    assert_int_equal(parse(text, sizeof(text) - 1, &head), 0);
    assert_str(head.path, "/a");
    assert_str(head.query, "b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_taken_apart_and_nothing_is_decoded),
        cmocka_unit_test(every_prefix_of_a_head_is_unfinished),
        cmocka_unit_test(what_two_could_read_differently_is_malformed),
        cmocka_unit_test(other_versions_are_told_apart),
        cmocka_unit_test(a_connection_is_kept_as_the_version_and_the_client_say),
        cmocka_unit_test(a_body_that_nobody_can_count_is_endless),
        cmocka_unit_test(more_fields_than_there_is_room_for_are_too_long),
        cmocka_unit_test(an_address_as_proxies_are_sent_it_is_its_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

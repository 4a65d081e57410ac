/* Calls against a real server in a child process, in a real loop; a look-up that hangs is brought about by
 * this program's own getaddrinfo, which libcurl finds before the C library's. */
#include "taskbridge/hook/client.h"

#include "unit/check.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_BYTES 100000

static unsigned server_port;
static pid_t server_pid;

/* ---- names ---- */

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;

    if (node && strcmp(node, "hang.test") == 0)
        sleep(30);
    if (node && strcmp(node, "rebound.test") == 0)
        node = "127.0.0.1";
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node, service, hints, ret);
}

/* ---- the server: a thread a connection, scripted by the path ---- */

static void say(int fd, const char *text)
{
    ssize_t wrote = write(fd, text, strlen(text));
    (void)wrote;
}

static void answer_path(int fd, const char *request)
{
    char echo[4096];

    if (strstr(request, " /long ")) {
        say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        for (int i = 0; i < LONG_BYTES / 10; i++)
            say(fd, "0123456789");
    } else if (strstr(request, " /declared ")) {
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        pause();
    } else if (strstr(request, " /silent ")) {
        pause();
    } else if (strstr(request, " /trickle ")) {
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        for (int i = 0; i < 1000; i++) {
            say(fd, "x");
            usleep(20000);
        }
    } else if (strstr(request, " /cut ")) {
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc");
    } else if (strstr(request, " /redirect ")) {
        say(fd, "HTTP/1.1 302 Found\r\nLocation: /echo\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    } else if (strstr(request, " /file ")) {
        say(fd, "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n"
                "Connection: close\r\n\r\n");
    } else {
        int len =
            snprintf(echo, sizeof(echo),
                     "HTTP/1.1 %s\r\nRetry-After: 7\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                     strstr(request, " /forbidden ") ? "403 Forbidden" : "200 OK", strlen(request), request);
        if (len > 0)
            say(fd, echo);
    }
}

static void *serve_connection(void *argument)
{
    int fd = (int)(intptr_t)argument;
    char request[2048] = "";
    size_t len = 0;
    const char *head_end = NULL, *length = NULL;

    while (len + 1 < sizeof(request)) {
        ssize_t got = read(fd, request + len, sizeof(request) - 1 - len);
        if (got <= 0)
            break;
        len += (size_t)got;
        request[len] = '\0';
        head_end = strstr(request, "\r\n\r\n");
        length = strstr(request, "Content-Length: ");
        if (head_end && (!length || strlen(head_end + 4) >= strtoul(length + 16, NULL, 10)))
            break;
    }
    if (head_end)
        answer_path(fd, request);
    close(fd);
    return NULL;
}

static void serve(int listening)
{
    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        int fd = accept(listening, NULL, NULL);
        pthread_t thread;
        if (fd >= 0 && pthread_create(&thread, NULL, serve_connection, (void *)(intptr_t)fd) == 0)
            pthread_detach(thread);
    }
}

static int start_server(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int listening = socket(AF_INET, SOCK_STREAM, 0);

    (void)state;
    assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listening, 64), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &len), 0);
    server_port = ntohs(address.sin_port);
    server_pid = fork();
    if (server_pid == 0)
        serve(listening);
    close(listening);
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    kill(server_pid, SIGKILL);
    waitpid(server_pid, NULL, 0);
    return 0;
}

/* ---- the client under test ---- */

struct fixture {
    struct tb_loop *loop;
    struct tb_hook_client *client;
    int wanted, done;
};

struct test_call {
    struct tb_hook_call call;
    struct fixture *fixture;
    char url[256], body[8192], retry_after[16], error[TB_ERROR_TEXT_BYTES];
    int outcome;
    long status;
    int done;
};

static struct fixture *open_fixture(const struct tb_hook_options *options)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct tb_hook_options filled = *options;
    struct tb_error err = {0};

    assert_non_null(fixture);
    assert_int_equal(tb_loop_new(&fixture->loop, NULL), 0);
    filled.loop = fixture->loop;
    filled.user_agent = "taskbridge-test";
    filled.max_connections = filled.max_connections ? filled.max_connections : 8;
    filled.max_calls = filled.max_calls ? filled.max_calls : 8;
    assert_int_equal(tb_hook_client_new(&filled, &fixture->client, &err), 0);
    return fixture;
}

static void close_fixture(struct fixture *fixture)
{
    tb_hook_client_free(fixture->client);
    tb_loop_free(fixture->loop);
    free(fixture);
}

static void on_done(struct tb_hook_call *call, int outcome, const struct tb_hook_answer *answer,
                    const struct tb_error *err)
{
    struct test_call *test = call->owner;

    test->outcome = outcome;
    test->status = answer->status;
    test->done++;
    snprintf(test->body, sizeof(test->body), "%.*s", TB_STR_FMT(answer->body));
    snprintf(test->retry_after, sizeof(test->retry_after), "%.*s",
             TB_STR_FMT(tb_hook_answer_header(answer, "retry-after")));
    snprintf(test->error, sizeof(test->error), "%s", err ? err->text : "");
    if (++test->fixture->done == test->fixture->wanted)
        tb_loop_stop(test->fixture->loop);
}

static int start(struct fixture *fixture, struct test_call *test, const char *host, const char *path)
{
    test->fixture = fixture;
    snprintf(test->url, sizeof(test->url), "http://%s:%u%s", host, server_port, path);
    test->call.url = test->url;
    test->call.on_done = on_done;
    test->call.owner = test;
    if (!test->call.timeout_us)
        test->call.timeout_us = 20 * TB_US_PER_S;
    if (!test->call.body_max_bytes)
        test->call.body_max_bytes = 4096;
    return tb_hook_start(fixture->client, &test->call);
}

static void wait_for(struct fixture *fixture, int count)
{
    fixture->wanted = count;
    if (fixture->done < count)
        assert_int_equal(tb_loop_run(fixture->loop, NULL), 0);
}

static void call_alone(struct test_call *test, const char *host, const char *path)
{
    struct fixture *fixture = open_fixture(&(struct tb_hook_options){0});

    assert_int_equal(start(fixture, test, host, path), 0);
    wait_for(fixture, 1);
    assert_int_equal(test->done, 1);
    assert_false(tb_hook_is_under_way(&test->call));
    close_fixture(fixture);
}

static void an_answer_comes_with_status_body_and_headers(void **state)
{
    struct test_call test = {0};

    (void)state;
    call_alone(&test, "127.0.0.1", "/forbidden");
    assert_int_equal(test.outcome, 0);
    assert_int_equal(test.status, 403);
    assert_string_equal(test.retry_after, "7");
    assert_non_null(strstr(test.body, "GET /forbidden HTTP/1.1\r\n"));
    assert_non_null(strstr(test.body, "\r\nUser-Agent: taskbridge-test\r\n"));
}

static void what_is_posted_arrives(void **state)
{
    const struct tb_hook_header headers[] = {
        {"Content-Type", "application/json"}, {"webhook-id", "msg_1"}, {"X-Empty", ""}};
    struct test_call test = {.call = {.method = "POST",
                                      .headers = headers,
                                      .header_count = TB_COUNT(headers),
                                      .body = TB_STR("{\"a\":1}")}};

    (void)state;
    call_alone(&test, "127.0.0.1", "/echo");
    assert_int_equal(test.status, 200);
    assert_non_null(strstr(test.body, "POST /echo HTTP/1.1\r\n"));
    assert_non_null(strstr(test.body, "\r\nwebhook-id: msg_1\r\n"));
    assert_non_null(strstr(test.body, "\r\nX-Empty:\r\n"));
    assert_non_null(strstr(test.body, "\r\nContent-Type: application/json\r\n"));
    assert_null(strstr(test.body, "Expect:"));
    assert_non_null(strstr(test.body, "\r\n\r\n{\"a\":1}"));
}

static void a_header_never_brings_another(void **state)
{
    static const struct tb_hook_header bad[] = {
        {"A", "b\r\nC: d"}, {"A\r\nB", "c"}, {"A", "b\nc"}, {"", "a"}, {"A", "\r"}};
    struct fixture *fixture = open_fixture(&(struct tb_hook_options){0});

    (void)state;
    for (size_t i = 0; i < TB_COUNT(bad); i++) {
        struct test_call test = {.call = {.headers = &bad[i], .header_count = 1}};
        assert_int_equal(start(fixture, &test, "127.0.0.1", "/echo"), -EINVAL);
        assert_false(tb_hook_is_under_way(&test.call));
    }
    close_fixture(fixture);
}

static void long_answers_are_given_up(void **state)
{
    static const char *const paths[] = {"/long", "/declared"};

    (void)state;
    for (size_t i = 0; i < TB_COUNT(paths); i++) {
        struct test_call test = {0};
        call_alone(&test, "127.0.0.1", paths[i]);
        assert_int_equal(test.outcome, TB_HOOK_TOO_LONG);
        assert_int_equal(test.status, 200);
    }
    struct test_call test = {.call = {.body_max_bytes = LONG_BYTES}};
    call_alone(&test, "127.0.0.1", "/long");
    assert_int_equal(test.outcome, 0);
}

static void time_is_up_for_the_silent_and_the_slow(void **state)
{
    static const char *const paths[] = {"/silent", "/trickle"};

    (void)state;
    for (size_t i = 0; i < TB_COUNT(paths); i++) {
        struct test_call test = {.call = {.timeout_us = 200 * TB_US_PER_MS}};
        call_alone(&test, "127.0.0.1", paths[i]);
        assert_int_equal(test.outcome, TB_HOOK_TIMEOUT);
    }
}

static void what_breaks_off_is_no_answer(void **state)
{
    struct test_call test = {0}, refused = {0};
    unsigned port = server_port;

    (void)state;
    call_alone(&test, "127.0.0.1", "/cut");
    assert_int_equal(test.outcome, TB_HOOK_UNREACHABLE);
    server_port = 1;
    call_alone(&refused, "127.0.0.1", "/echo");
    server_port = port;
    assert_int_equal(refused.outcome, TB_HOOK_UNREACHABLE);
    assert_non_null(strstr(refused.error, "127.0.0.1"));
}

static void a_redirect_is_an_answer_unless_it_is_allowed(void **state)
{
    struct test_call test = {0}, allowed = {.call = {.redirects_max = 2}},
                     file = {.call = {.redirects_max = 2}};

    (void)state;
    call_alone(&test, "127.0.0.1", "/redirect");
    assert_int_equal(test.status, 302);
    call_alone(&allowed, "127.0.0.1", "/redirect");
    assert_int_equal(allowed.status, 200);
    assert_non_null(strstr(allowed.body, "GET /echo "));
    call_alone(&file, "127.0.0.1", "/file");
    assert_int_equal(file.outcome, TB_HOOK_UNUSABLE);
}

static void only_http_is_spoken(void **state)
{
    static const char *const urls[] = {
        "file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/", "dict://127.0.0.1/", "",
        "http://[::1/"};

    (void)state;
    for (size_t i = 0; i < TB_COUNT(urls); i++) {
        struct fixture *fixture = open_fixture(&(struct tb_hook_options){0});
        struct test_call test = {
            .fixture = fixture,
            .call = {.url = urls[i], .timeout_us = TB_US_PER_S, .on_done = on_done, .owner = &test}};
        assert_int_equal(tb_hook_start(fixture->client, &test.call), 0);
        assert_int_equal(test.done, 0);
        wait_for(fixture, 1);
        assert_int_equal(test.outcome, TB_HOOK_UNUSABLE);
        close_fixture(fixture);
    }
}

static void where_a_name_leads_is_what_counts(void **state)
{
    static const char *const hosts[] = {"rebound.test", "127.0.0.1", "127.1", "2130706433", "localhost"};

    (void)state;
    for (size_t i = 0; i < TB_COUNT(hosts); i++) {
        struct fixture *fixture = open_fixture(&(struct tb_hook_options){.may_connect = tb_hook_is_public});
        struct test_call test = {0};
        assert_int_equal(start(fixture, &test, hosts[i], "/echo"), 0);
        wait_for(fixture, 1);
        assert_int_equal(test.outcome, TB_HOOK_FORBIDDEN);
        close_fixture(fixture);
    }
    struct test_call test = {0};
    call_alone(&test, "rebound.test", "/echo");
    assert_int_equal(test.status, 200);
}

static void a_look_up_that_hangs_holds_nothing_up(void **state)
{
    struct fixture *fixture = open_fixture(&(struct tb_hook_options){0});
    struct test_call slow = {.call = {.timeout_us = 300 * TB_US_PER_MS}}, cancelled = {0}, quick = {0};
    int64_t began_us = tb_clock_monotonic_us();

    (void)state;
    assert_int_equal(start(fixture, &slow, "hang.test", "/echo"), 0);
    assert_int_equal(start(fixture, &cancelled, "hang.test", "/echo"), 0);
    assert_int_equal(start(fixture, &quick, "127.0.0.1", "/echo"), 0);
    wait_for(fixture, 1);
    assert_int_equal(quick.status, 200);
    tb_hook_cancel(&cancelled.call);
    wait_for(fixture, 2);
    assert_int_equal(slow.outcome, TB_HOOK_TIMEOUT);
    assert_int_equal(cancelled.done, 0);
    close_fixture(fixture);
    assert_true(tb_clock_monotonic_us() - began_us < 20 * TB_US_PER_S);
}

static void calls_beyond_the_connections_wait_and_beyond_the_ceiling_are_refused(void **state)
{
    struct fixture *fixture = open_fixture(&(struct tb_hook_options){.max_connections = 1, .max_calls = 3});
    struct test_call tests[4] = {0};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(start(fixture, &tests[i], "127.0.0.1", "/echo"), 0);
    assert_int_equal(start(fixture, &tests[3], "127.0.0.1", "/echo"), -EAGAIN);
    wait_for(fixture, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(tests[i].status, 200);
    assert_int_equal(start(fixture, &tests[3], "127.0.0.1", "/echo"), 0);
    wait_for(fixture, 4);
    assert_int_equal(tests[3].status, 200);
    close_fixture(fixture);
}

static void on_done_again(struct tb_hook_call *call, int outcome, const struct tb_hook_answer *answer,
                          const struct tb_error *err)
{
    struct test_call *test = call->owner;

    on_done(call, outcome, answer, err);
    if (test->done < 5)
        assert_int_equal(tb_hook_start(test->fixture->client, call), 0);
}

static void a_call_may_be_started_again_from_its_end(void **state)
{
    struct fixture *fixture = open_fixture(&(struct tb_hook_options){.max_calls = 2});
    struct test_call test = {0};

    (void)state;
    assert_int_equal(start(fixture, &test, "127.0.0.1", "/echo"), 0);
    test.call.on_done = on_done_again;
    wait_for(fixture, 5);
    assert_int_equal(test.status, 200);
    close_fixture(fixture);
}

static void a_client_that_is_closed_forgets_its_calls(void **state)
{
    struct fixture *fixture = open_fixture(&(struct tb_hook_options){0});
    struct test_call tests[3] = {0}, quick = {0};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(start(fixture, &tests[i], "127.0.0.1", "/silent"), 0);
    assert_int_equal(start(fixture, &quick, "127.0.0.1", "/echo"), 0);
    wait_for(fixture, 1);
    close_fixture(fixture);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(tests[i].done, 0);
}

static void an_authority_that_is_not_there_is_told_at_once(void **state)
{
    struct tb_hook_client *client = NULL;
    struct tb_error err = {0};

    (void)state;
    assert_int_equal(
        tb_hook_client_new(&(struct tb_hook_options){.user_agent = "a", .ca_file = "/nowhere.pem"}, &client,
                           &err),
        -EINVAL);
    assert_non_null(strstr(err.text, "/nowhere.pem"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_with_status_body_and_headers),
        cmocka_unit_test(what_is_posted_arrives),
        cmocka_unit_test(a_header_never_brings_another),
        cmocka_unit_test(long_answers_are_given_up),
        cmocka_unit_test(time_is_up_for_the_silent_and_the_slow),
        cmocka_unit_test(what_breaks_off_is_no_answer),
        cmocka_unit_test(a_redirect_is_an_answer_unless_it_is_allowed),
        cmocka_unit_test(only_http_is_spoken),
        cmocka_unit_test(where_a_name_leads_is_what_counts),
        cmocka_unit_test(a_look_up_that_hangs_holds_nothing_up),
        cmocka_unit_test(calls_beyond_the_connections_wait_and_beyond_the_ceiling_are_refused),
        cmocka_unit_test(a_call_may_be_started_again_from_its_end),
        cmocka_unit_test(a_client_that_is_closed_forgets_its_calls),
        cmocka_unit_test(an_authority_that_is_not_there_is_told_at_once),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}

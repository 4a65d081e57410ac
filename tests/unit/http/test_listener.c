/* Listening, on real sockets of this machine. */
#include "engine/listener.h"

#include "unit/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void port_0_becomes_a_free_one(void **state)
{
    char text[TB_LISTENER_TEXT_BYTES];
    struct tb_error err = {0};
    int fd = -1;
    int listens = 0;
    socklen_t len = sizeof(listens);
    (void)state;

    assert_int_equal(tb_listener_open("127.0.0.1:0", &fd, text, &err), 0);
    assert_int_equal(strncmp(text, "127.0.0.1:", 10), 0);
    assert_uint_in_range(strtol(text + 10, NULL, 10), 1, 65535);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len), 0);
    assert_int_equal(listens, 1);
    close(fd);
}

static void names_are_looked_up(void **state)
{
    char text[TB_LISTENER_TEXT_BYTES];
    int fd = -1;
    (void)state;

    assert_int_equal(tb_listener_open("localhost:0", &fd, text, NULL), 0);
    close(fd);
}

static void port_that_is_taken_is_named(void **state)
{
    char text[TB_LISTENER_TEXT_BYTES], again[TB_LISTENER_TEXT_BYTES], expected[256];
    struct tb_error err = {0};
    int fd = -1, other = -1;
    (void)state;

    assert_int_equal(tb_listener_open("127.0.0.1:0", &fd, text, &err), 0);
    assert_int_equal(tb_listener_open(text, &other, again, &err), -EADDRINUSE);
    snprintf(expected, sizeof(expected), "http.listen: listening on %s: Address already in use", text);
    assert_string_equal(err.text, expected);
    assert_int_equal(other, -1);
    close(fd);
}

static void address_that_is_none_is_named(void **state)
{
    char text[TB_LISTENER_TEXT_BYTES];
    struct tb_error err = {0};
    int fd = -1;
    (void)state;

    assert_int_equal(tb_listener_open("nowhere.invalid:80", &fd, text, &err), -ENXIO);
    assert_int_equal(strncmp(err.text, "http.listen: nowhere.invalid:80 is no address: ", 47), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(port_0_becomes_a_free_one),
        cmocka_unit_test(names_are_looked_up),
        cmocka_unit_test(port_that_is_taken_is_named),
        cmocka_unit_test(address_that_is_none_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

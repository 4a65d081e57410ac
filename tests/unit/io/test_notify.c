/* Notifications, received on a socket that stands for systemd's. */
#include "taskbridge/io/notify.h"

#include "unit/check.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int systemd_open(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[64];
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    /* '@' is how NOTIFY_SOCKET writes the NUL of an abstract address: no file is left behind. */
    int len = snprintf(name, sizeof(name), "@taskbridge-test-notify-%d", (int)getpid());
    memcpy(address.sun_path + 1, name + 1, (size_t)len - 1);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void systemd_close(int fd)
{
    unsetenv("NOTIFY_SOCKET");
    close(fd);
}

static const char *received(int fd)
{
    static char text[512];
    ssize_t len = recv(fd, text, sizeof(text) - 1, 0);
    text[len > 0 ? len : 0] = '\0';
    return text;
}

static void each_call_is_one_message(void **state)
{
    int fd = systemd_open();
    (void)state;
    tb_notify_ready();
    assert_string_equal(received(fd), "READY=1");
    tb_notify_stopping();
    assert_string_equal(received(fd), "STOPPING=1");
    tb_notify_watchdog();
    assert_string_equal(received(fd), "WATCHDOG=1");
    tb_notify_reloading();
    assert_memory_equal(received(fd), "RELOADING=1\nMONOTONIC_USEC=", 27);
    tb_notify_status("42 events a second");
    assert_string_equal(received(fd), "STATUS=42 events a second");
    systemd_close(fd);
}

static void status_is_one_line(void **state)
{
    int fd = systemd_open();
    (void)state;
    tb_notify_status("first\nREADY=1");
    assert_string_equal(received(fd), "STATUS=first");
    systemd_close(fd);
}

static void without_systemd_nothing_happens(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    tb_notify_ready();
    tb_notify_reloading();
    tb_notify_stopping();
    tb_notify_status("x");
    tb_notify_watchdog();
}

static void watchdog_period_is_half_of_systemds(void **state)
{
    char pid[32];
    (void)state;
    unsetenv("WATCHDOG_USEC");
    assert_int_equal(tb_notify_watchdog_us(), 0);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    setenv("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal(tb_notify_watchdog_us(), 15000000);
    setenv("WATCHDOG_PID", "1", 1); /* meant for another process */
    assert_int_equal(tb_notify_watchdog_us(), 0);
    unsetenv("WATCHDOG_PID");
    setenv("WATCHDOG_USEC", "nonsense", 1);
    assert_int_equal(tb_notify_watchdog_us(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_is_one_message),
        cmocka_unit_test(status_is_one_line),
        cmocka_unit_test(without_systemd_nothing_happens),
        cmocka_unit_test(watchdog_period_is_half_of_systemds),
    };
    return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}

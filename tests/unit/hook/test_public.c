/* Which addresses anybody in the internet may reach. */
#include "taskbridge/hook/client.h"

#include "unit/check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

static bool is_public(const char *text)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;

    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
        v4->sin_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
        v6->sin6_family = AF_INET6;
    else
        fail_msg("%s is no address", text);
    return tb_hook_is_public((const struct sockaddr *)&storage);
}

static void addresses_of_the_internet_are_public(void **state)
{
    static const char *const addresses[] = {
        "1.1.1.1",     "8.8.8.8",         "100.63.255.255", "100.128.0.0",      "126.255.255.255",
        "128.0.0.1",   "169.253.255.255", "172.15.255.255", "172.32.0.0",       "192.0.1.1",
        "192.167.1.1", "198.17.255.255",  "198.20.0.0",     "223.255.255.255",  "2001:4860:4860::8888",
        "2a00::1",     "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
        "2001:200::1"};

    (void)state;
    for (size_t i = 0; i < TB_COUNT(addresses); i++) {
        if (!is_public(addresses[i]))
            fail_msg("%s should be public", addresses[i]);
    }
}

static void all_others_are_not(void **state)
{
    static const char *const addresses[] = {"0.0.0.0",
                                            "0.1.2.3",
                                            "10.0.0.1",
                                            "10.255.255.255",
                                            "100.64.0.0",
                                            "100.127.255.255",
                                            "127.0.0.1",
                                            "127.255.255.254",
                                            "169.254.169.254",
                                            "172.16.0.1",
                                            "172.31.255.255",
                                            "192.0.0.1",
                                            "192.0.2.1",
                                            "192.88.99.1",
                                            "192.168.0.1",
                                            "198.18.0.1",
                                            "198.19.255.255",
                                            "198.51.100.1",
                                            "203.0.113.1",
                                            "224.0.0.1",
                                            "240.0.0.1",
                                            "255.255.255.255",
                                            "::",
                                            "::1",
                                            "::127.0.0.1",
                                            "::ffff:127.0.0.1",
                                            "::ffff:10.0.0.1",
                                            "::ffff:169.254.169.254",
                                            "64:ff9b::10.0.0.1",
                                            "64:ff9b:1::1",
                                            "100::1",
                                            "2001::1",
                                            "2001:2::1",
                                            "2001:db8::1",
                                            "2002:7f00:1::1",
                                            "2002:a9fe:a9fe::1",
                                            "3fff::1",
                                            "4000::1",
                                            "5f00::1",
                                            "fc00::1",
                                            "fd12:3456::1",
                                            "fe80::1",
                                            "fec0::1",
                                            "ff02::1"};

    (void)state;
    for (size_t i = 0; i < TB_COUNT(addresses); i++) {
        if (is_public(addresses[i]))
            fail_msg("%s should not be public", addresses[i]);
    }
}

static void other_families_are_not(void **state)
{
    const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/docker.sock"};

    (void)state;
    assert_false(tb_hook_is_public((const struct sockaddr *)&address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_the_internet_are_public),
        cmocka_unit_test(all_others_are_not),
        cmocka_unit_test(other_families_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

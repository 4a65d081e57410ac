/* Whose address counts behind proxies. */
#include "proxies.h"

#include "unit/check.h"

static void the_last_hop_that_is_no_trusted_proxy_is_the_client(void **state)
{
    static const struct tb_str items[] = {TB_STR("10.0.0.0/8"), TB_STR("fd00::1"), TB_STR("192.0.2.7")};
    static const struct tb_config_list proxies = {items, TB_COUNT(items)};
    static const struct {
        const char *peer, *forwarded, *client;
    } cases[] = {
        {"198.51.100.1", NULL, "198.51.100.1"},
        {"198.51.100.1", "203.0.113.9", "198.51.100.1"},
        {"127.0.0.1", NULL, "127.0.0.1"},
        {"127.0.0.1", "203.0.113.9", "203.0.113.9"},
        {"10.1.2.3", "203.0.113.9", "203.0.113.9"},
        {"11.1.2.3", "203.0.113.9", "11.1.2.3"},
        {"10.1.2.3", "1.1.1.1, 203.0.113.9", "203.0.113.9"},
        {"10.1.2.3", "1.1.1.1, 203.0.113.9 , 192.0.2.7", "203.0.113.9"},
        {"10.1.2.3", "unknown, 10.2.2.2", "10.2.2.2"},
        {"10.1.2.3", "evil", "10.1.2.3"},
        {"10.1.2.3", "", "10.1.2.3"},
        {"fd00::1", "2001:db8::5", "2001:db8::5"},
        {"fd00::2", "2001:db8::5", "fd00::2"},
        {"::1", "2001:db8::5", "2001:db8::5"},
    };
    char client[64];
    (void)state;

    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        tb_proxies_find_client(&proxies, cases[i].peer, tb_str_of(cases[i].forwarded), client);
        assert_string_equal(client, cases[i].client);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_hop_that_is_no_trusted_proxy_is_the_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Connections by address. */
#include "engine/quota.h"

#include "unit/check.h"

static void each_address_has_its_share_and_gets_it_back(void **state)
{
    struct tb_quota *quota = tb_quota_new(2);
    (void)state;

    assert_non_null(quota);
    assert_true(tb_quota_take(quota, "192.0.2.1"));
    assert_true(tb_quota_take(quota, "192.0.2.1"));
    assert_false(tb_quota_take(quota, "192.0.2.1"));
    assert_true(tb_quota_take(quota, "2001:db8::1"));
    tb_quota_give(quota, "192.0.2.1");
    assert_true(tb_quota_take(quota, "192.0.2.1"));
    assert_false(tb_quota_take(quota, "192.0.2.1"));
    tb_quota_free(quota);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_address_has_its_share_and_gets_it_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

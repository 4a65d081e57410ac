/* Random numbers: the published sequence of splitmix64, and the shape of a UUID. */
#include "taskbridge/base/random.h"

#include "unit/check.h"

#include <ctype.h>

static void the_sequence_is_splitmix64(void **state)
{
    /* The reference implementation's first outputs for the seed 1234567. */
    static const uint64_t expected[] = {
        UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),  UINT64_C(9817491932198370423),
        UINT64_C(4593380528125082431), UINT64_C(16408922859458223821),
    };
    uint64_t seed = 1234567;
    (void)state;
    for (size_t i = 0; i < TB_COUNT(expected); i++)
        assert_true(tb_random_next(&seed) == expected[i]);
}

static void bytes_fill_the_whole_place_and_no_more(void **state)
{
    unsigned char bytes[4098] = {0};
    unsigned differs = 0;
    (void)state;
    assert_int_equal(tb_random_bytes(bytes + 1, 4096), 0);
    assert_int_equal(bytes[0], 0);
    assert_int_equal(bytes[4097], 0);
    for (size_t i = 4096 - 64; i <= 4096; i++)
        differs += bytes[i] != 0;
    assert_true(differs > 32);
    assert_int_equal(tb_random_bytes(bytes, 0), 0);
}

static void uuid_is_of_version_4(void **state)
{
    char first[TB_UUID_TEXT_BYTES], second[TB_UUID_TEXT_BYTES];
    (void)state;
    assert_int_equal(tb_random_uuid(first), 0);
    assert_int_equal(tb_random_uuid(second), 0);
    assert_string_not_equal(first, second);
    assert_int_equal(strlen(first), 36);
    for (size_t i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23)
            assert_int_equal(first[i], '-');
        else
            assert_true(isxdigit((unsigned char)first[i]) && !isupper((unsigned char)first[i]));
    }
    assert_int_equal(first[14], '4');
    assert_non_null(strchr("89ab", first[19]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sequence_is_splitmix64),
        cmocka_unit_test(bytes_fill_the_whole_place_and_no_more),
        cmocka_unit_test(uuid_is_of_version_4),
    };
    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}

/* What the configuration says about a task, and which values are companies. */
#include "taskbridge/base/limits.h"
#include "taskbridge/core/rules.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct tb_arena arena;

static int set_up(void **state)
{
    (void)state;
    tb_arena_init(&arena, TB_MIB);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tb_arena_deinit(&arena);
    return 0;
}

static void assert_str(struct tb_str str, const char *expected)
{
    if (!tb_str_equal(str, tb_str_of(expected)))
        fail_msg("\"%.*s\"%s is not \"%s\"", TB_STR_FMT(str), str.ptr ? "" : " (null)",
                 expected ? expected : "(null)");
}

static void the_first_rule_that_matches_is_taken(void **state)
{
    (void)state;
    const struct tb_rule list[] = {
        {.match = TB_STR("sii.sync"), .type = TB_STR("exact")},
        {.match = TB_STR("sii.*"), .type = TB_STR("sii")},
        {.match = TB_STR("*sync"), .type = TB_STR("sync")},
    };
    const struct tb_rules rules = {.rules = list, .count = TB_COUNT(list)};

    assert_ptr_equal(tb_rules_find(&rules, TB_STR("sii.sync")), &list[0]);
    assert_ptr_equal(tb_rules_find(&rules, TB_STR("sii.x.sync")), &list[1]);
    assert_ptr_equal(tb_rules_find(&rules, TB_STR("other.sync")), &list[2]);
    assert_null(tb_rules_find(&rules, TB_STR("other")));
    assert_null(tb_rules_find(&rules, TB_STR("")));
    assert_null(tb_rules_find(&(struct tb_rules){0}, TB_STR("sii.sync")));
}

enum place { KWARG = 1, ARG = 2, BOTH = 3 };

static struct tb_str company(enum tb_company_format format, enum place place, const char *args,
                             const char *kwargs)
{
    const struct tb_rule rule = {.match = TB_STR("*"),
                                 .company_source = TB_COMPANY_ARGUMENTS,
                                 .company_kwarg = place & KWARG ? TB_STR("company_id") : TB_STR_NULL,
                                 .has_company_arg = place & ARG,
                                 .company_arg = 1};
    const struct tb_rules rules = {.rules = &rule, .count = 1, .company_format = format};
    struct tb_str found = TB_STR("not written");

    assert_int_equal(tb_rules_company(&rules, &rule, tb_str_of(args), tb_str_of(kwargs), &arena, &found), 0);
    return found;
}

static void the_company_comes_from_where_the_rule_says(void **state)
{
    (void)state;
    const char *args = "(1, 2)", *kwargs = "{'company_id': 73}";

    assert_str(company(TB_COMPANY_NUMBER, KWARG, args, kwargs), "73");
    assert_str(company(TB_COMPANY_NUMBER, ARG, args, kwargs), "2");
    assert_str(company(TB_COMPANY_NUMBER, BOTH, args, kwargs), "73");
    assert_str(company(TB_COMPANY_NUMBER, BOTH, args, "{}"), "2");
    assert_str(company(TB_COMPANY_NUMBER, BOTH, args, "{'company_id': None}"), NULL);
    assert_str(company(TB_COMPANY_NUMBER, KWARG, args, NULL), NULL);
    assert_str(company(TB_COMPANY_NUMBER, ARG, NULL, kwargs), NULL);
    assert_str(company(TB_COMPANY_NUMBER, ARG, "(1,)", kwargs), NULL);
    assert_str(company(TB_COMPANY_NUMBER, KWARG, args, "{'company_id': 7"), NULL);
    assert_str(company(TB_COMPANY_NUMBER, KWARG, args, "{'a': 'x...', ...}"), NULL);
    /* what a publisher sent as JSON instead of a repr */
    assert_str(company(TB_COMPANY_NUMBER, KWARG, "[]", "{\"company_id\": 73, \"a\": null}"), "73");
}

#define UUID_TEXT "0a1b2c3d-1234-5678-1234-567812345678"

static void each_format_takes_its_values_and_no_others(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        const char *number, *uuid, *slug;
    } cases[] = {
        {"73", "73", NULL, "73"},
        {"-5", "-5", NULL, NULL},
        {"0", "0", NULL, "0"},
        {"9223372036854775807", "9223372036854775807", NULL, "9223372036854775807"},
        {"9223372036854775808", NULL, NULL, "9223372036854775808"},
        {"12345678901234567890", NULL, NULL, "12345678901234567890"},
        {"'73'", "73", NULL, "73"},
        {"'007'", NULL, NULL, "007"},
        {"'+7'", NULL, NULL, NULL},
        {"'-007'", NULL, NULL, NULL},
        {"'-0'", NULL, NULL, NULL},
        {"' 73'", NULL, NULL, NULL},
        {"'73x'", NULL, NULL, "73x"},
        {"''", NULL, NULL, NULL},
        {"'9223372036854775808'", NULL, NULL, "9223372036854775808"},
        {"'acme'", NULL, NULL, "acme"},
        {"'" UUID_TEXT "'", NULL, UUID_TEXT, UUID_TEXT},
        {"'0A1B2C3D-1234-5678-1234-567812345678'", NULL, UUID_TEXT, "0A1B2C3D-1234-5678-1234-567812345678"},
        {"'0a1b2c3d123456781234567812345678'", NULL, UUID_TEXT, "0a1b2c3d123456781234567812345678"},
        {"'0a1b2c3d1-234-5678-1234-567812345678'", NULL, NULL, "0a1b2c3d1-234-5678-1234-567812345678"},
        {"'0a1b2c3d01234-5678-1234-567812345678'", NULL, NULL, "0a1b2c3d01234-5678-1234-567812345678"},
        {"UUID('" UUID_TEXT "')", NULL, UUID_TEXT, UUID_TEXT},
        {"UUID('0A1B2C3D-1234-5678-1234-567812345678')", NULL, UUID_TEXT,
         "0a1b2c3d-1234-5678-1234-567812345678"},
        {"True", NULL, NULL, NULL},
        {"None", NULL, NULL, NULL},
        {"73.0", NULL, NULL, NULL},
        {"b'73'", NULL, NULL, NULL},
        {"Decimal('73')", NULL, NULL, NULL},
        {"[73]", NULL, NULL, NULL},
        {"<Company: 73>", NULL, NULL, NULL},
        {"'73...'", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        char kwargs[128];
        snprintf(kwargs, sizeof(kwargs), "{'company_id': %s, 'b': 1}", cases[i].value);
        assert_str(company(TB_COMPANY_NUMBER, KWARG, "()", kwargs), cases[i].number);
        assert_str(company(TB_COMPANY_UUID, KWARG, "()", kwargs), cases[i].uuid);
        assert_str(company(TB_COMPANY_SLUG, KWARG, "()", kwargs), cases[i].slug);
    }
}

static struct tb_str event_company(enum tb_company_format format, const char *value)
{
    struct tb_str found = TB_STR("not written");

    assert_int_equal(tb_company_parse(format, tb_str_of(value), &arena, &found), 0);
    return found;
}

static void a_company_has_one_spelling(void **state)
{
    (void)state;
    char longest[TB_COMPANY_MAX_BYTES + 2] = {0};

    memset(longest, 'a', TB_COMPANY_MAX_BYTES);
    assert_str(event_company(TB_COMPANY_SLUG, longest), longest);
    longest[TB_COMPANY_MAX_BYTES] = 'a';
    assert_str(event_company(TB_COMPANY_SLUG, longest), NULL);
    assert_str(event_company(TB_COMPANY_NUMBER, "73"), "73");
    assert_str(event_company(TB_COMPANY_NUMBER, "0073"), "73");
    assert_str(event_company(TB_COMPANY_NUMBER, "9223372036854775808"), NULL);
    assert_str(event_company(TB_COMPANY_UUID, "73"), NULL);
    assert_str(event_company(TB_COMPANY_UUID, "0A1B2C3D123456781234567812345678"), UUID_TEXT);
    assert_str(event_company(TB_COMPANY_SLUG, "Acme_Norte-2.x~"), "Acme_Norte-2.x~");
    assert_str(event_company(TB_COMPANY_SLUG, "acme norte"), NULL);
    assert_str(event_company(TB_COMPANY_SLUG, "ñandú"), NULL);
    assert_str(event_company(TB_COMPANY_SLUG, "a/b"), NULL);
    assert_str(event_company(TB_COMPANY_SLUG, ""), NULL);
}

static void full_memory_is_told_apart_from_no_company(void **state)
{
    (void)state;
    struct tb_arena none;
    struct tb_str found;

    tb_arena_init(&none, 0);
    assert_int_equal(tb_company_parse(TB_COMPANY_NUMBER, TB_STR("007"), &none, &found), -ENOMEM);
    assert_int_equal(tb_company_parse(TB_COMPANY_UUID, TB_STR(UUID_TEXT), &none, &found), -ENOMEM);
    tb_arena_deinit(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_rule_that_matches_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_company_comes_from_where_the_rule_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_format_takes_its_values_and_no_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_company_has_one_spelling, set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_memory_is_told_apart_from_no_company, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

static void the_type_is_the_rules_or_the_names_last_part(void **state)
{
    (void)state;
    const struct tb_rule typed = {.match = TB_STR("*"), .type = TB_STR("kind")};
    const struct tb_rule untyped = {.match = TB_STR("*")};

    assert_str(tb_rules_task_type(&typed, TB_STR("a.b.c")), "kind");
    assert_str(tb_rules_task_type(&untyped, TB_STR("a.b.c")), "c");
    assert_str(tb_rules_task_type(NULL, TB_STR("a.b.c")), "c");
    assert_str(tb_rules_task_type(NULL, TB_STR("plain")), "plain");
    assert_str(tb_rules_task_type(NULL, TB_STR("odd.")), "odd.");
    assert_str(tb_rules_task_type(NULL, TB_STR("")), "");
}

static struct tb_str company(enum tb_company_format format, enum tb_company_source source, const char *args,
                             const char *kwargs)
{
    const struct tb_rule rule = {.match = TB_STR("*"),
                                 .company_source = source,
                                 .company_kwarg = TB_STR("company_id"),
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

    assert_str(company(TB_COMPANY_INTEGER, TB_COMPANY_KWARG, args, kwargs), "73");
    assert_str(company(TB_COMPANY_INTEGER, TB_COMPANY_ARG, args, kwargs), "2");
    assert_str(company(TB_COMPANY_INTEGER, TB_COMPANY_NOWHERE, args, kwargs), NULL);
    assert_str(company(TB_COMPANY_INTEGER, TB_COMPANY_INHERIT, args, kwargs), NULL);
    assert_str(company(TB_COMPANY_INTEGER, TB_COMPANY_KWARG, args, NULL), NULL);
    assert_str(company(TB_COMPANY_INTEGER, TB_COMPANY_ARG, NULL, kwargs), NULL);
    assert_str(company(TB_COMPANY_INTEGER, TB_COMPANY_ARG, "(1,)", kwargs), NULL);
    assert_str(company(TB_COMPANY_INTEGER, TB_COMPANY_KWARG, args, "{'company_id': 7"), NULL);
    assert_str(company(TB_COMPANY_INTEGER, TB_COMPANY_KWARG, args, "{'a': 'x...', ...}"), NULL);
    /* what a publisher sent as JSON instead of a repr */
    assert_str(company(TB_COMPANY_INTEGER, TB_COMPANY_KWARG, "[]", "{\"company_id\": 73, \"a\": null}"),
               "73");
}

#define UUID_TEXT "0a1b2c3d-1234-5678-1234-567812345678"

static void each_format_takes_its_values_and_no_others(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        const char *integer, *integer_or_string, *uuid, *any;
    } cases[] = {
        {"73", "73", "73", NULL, "73"},
        {"-5", "-5", "-5", NULL, "-5"},
        {"0", "0", "0", NULL, "0"},
        {"9223372036854775807", "9223372036854775807", "9223372036854775807", NULL, "9223372036854775807"},
        {"9223372036854775808", NULL, NULL, NULL, NULL},
        {"12345678901234567890", NULL, NULL, NULL, NULL},
        {"'73'", NULL, "73", NULL, "73"},
        {"'007'", NULL, "7", NULL, "7"},
        {"'+7'", NULL, "7", NULL, "7"},
        {"'-007'", NULL, "-7", NULL, "-7"},
        {"'-0'", NULL, "0", NULL, "0"},
        {"' 73'", NULL, NULL, NULL, NULL},
        {"'73x'", NULL, NULL, NULL, NULL},
        {"''", NULL, NULL, NULL, NULL},
        {"'9223372036854775808'", NULL, NULL, NULL, NULL},
        {"'acme'", NULL, NULL, NULL, NULL},
        {"'" UUID_TEXT "'", NULL, NULL, UUID_TEXT, UUID_TEXT},
        {"'0A1B2C3D-1234-5678-1234-567812345678'", NULL, NULL, UUID_TEXT, UUID_TEXT},
        {"'0a1b2c3d123456781234567812345678'", NULL, NULL, UUID_TEXT, UUID_TEXT},
        {"'0a1b2c3d1-234-5678-1234-567812345678'", NULL, NULL, NULL, NULL},
        {"'0a1b2c3d01234-5678-1234-567812345678'", NULL, NULL, NULL, NULL},
        {"UUID('" UUID_TEXT "')", NULL, NULL, UUID_TEXT, UUID_TEXT},
        {"UUID('0A1B2C3D-1234-5678-1234-567812345678')", NULL, NULL, UUID_TEXT, UUID_TEXT},
        {"True", NULL, NULL, NULL, NULL},
        {"None", NULL, NULL, NULL, NULL},
        {"73.0", NULL, NULL, NULL, NULL},
        {"b'73'", NULL, NULL, NULL, NULL},
        {"Decimal('73')", NULL, NULL, NULL, NULL},
        {"[73]", NULL, NULL, NULL, NULL},
        {"<Company: 73>", NULL, NULL, NULL, NULL},
        {"'73...'", NULL, NULL, NULL, NULL},
    };
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        char kwargs[128];
        snprintf(kwargs, sizeof(kwargs), "{'company_id': %s, 'b': 1}", cases[i].value);
        assert_str(company(TB_COMPANY_INTEGER, TB_COMPANY_KWARG, "()", kwargs), cases[i].integer);
        assert_str(company(TB_COMPANY_INTEGER_OR_STRING, TB_COMPANY_KWARG, "()", kwargs),
                   cases[i].integer_or_string);
        assert_str(company(TB_COMPANY_UUID, TB_COMPANY_KWARG, "()", kwargs), cases[i].uuid);
        assert_str(company(TB_COMPANY_ANY, TB_COMPANY_KWARG, "()", kwargs), cases[i].any);
    }
}

static struct tb_str event_company(enum tb_company_format format, const char *value, bool is_string)
{
    const struct tb_rules rules = {.company_format = format};
    struct tb_str found = TB_STR("not written");

    assert_int_equal(tb_rules_event_company(&rules, tb_str_of(value), is_string, &arena, &found), 0);
    return found;
}

static void an_events_own_company_follows_the_same_format(void **state)
{
    (void)state;
    assert_str(event_company(TB_COMPANY_INTEGER, "73", false), "73");
    assert_str(event_company(TB_COMPANY_INTEGER, "73", true), NULL);
    assert_str(event_company(TB_COMPANY_INTEGER_OR_STRING, "0073", true), "73");
    assert_str(event_company(TB_COMPANY_INTEGER, "9223372036854775808", false), NULL);
    assert_str(event_company(TB_COMPANY_UUID, "73", false), NULL);
    assert_str(event_company(TB_COMPANY_UUID, "0A1B2C3D123456781234567812345678", true), UUID_TEXT);
    assert_str(event_company(TB_COMPANY_ANY, "73", true), "73");
    assert_str(event_company(TB_COMPANY_ANY, "acme", true), NULL);
    assert_str(event_company(TB_COMPANY_ANY, "", true), NULL);
}

static void full_memory_is_told_apart_from_no_company(void **state)
{
    (void)state;
    const struct tb_rules rules = {.company_format = TB_COMPANY_ANY};
    struct tb_arena none;
    struct tb_str found;

    tb_arena_init(&none, 0);
    assert_int_equal(tb_rules_event_company(&rules, TB_STR("007"), true, &none, &found), -ENOMEM);
    assert_int_equal(tb_rules_event_company(&rules, TB_STR(UUID_TEXT), true, &none, &found), -ENOMEM);
    tb_arena_deinit(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_rule_that_matches_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_type_is_the_rules_or_the_names_last_part, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_company_comes_from_where_the_rule_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_format_takes_its_values_and_no_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_events_own_company_follows_the_same_format, set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_memory_is_told_apart_from_no_company, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What claims say, of the product's tokens and of watch tokens. */
#include "auth/claims.h"

#include "taskbridge/base/limits.h"
#include "unit/check.h"

#include <stdio.h>

struct fixture {
    struct tb_config *config;
    struct tb_arena arena;
    struct tb_claims claims;
    json_t *json;
};

static void open_fixture(struct fixture *fixture, const char *yaml)
{
    struct tb_error err = {0};

    *fixture = (struct fixture){0};
    if (tb_config_parse(tb_str_of(yaml), "t.yaml", NULL, &fixture->config, &err) != 0)
        fail_msg("%s", err.text);
    tb_arena_init(&fixture->arena, TB_GRANT_MAX_BYTES);
}

static void close_fixture(struct fixture *fixture)
{
    json_decref(fixture->json);
    tb_arena_deinit(&fixture->arena);
    tb_config_free(fixture->config);
}

typedef int reader(const json_t *json, const struct tb_config *config, struct tb_str company,
                   struct tb_arena *arena, struct tb_claims *ret_claims);

static int read_with(struct fixture *fixture, reader *read, const char *json, const char *company)
{
    json_decref(fixture->json);
    fixture->json = json_loads(json, 0, NULL);
    if (!fixture->json)
        fail_msg("%s is no JSON", json);
    fixture->claims = (struct tb_claims){0};
    return read(fixture->json, fixture->config, tb_str_of(company), &fixture->arena, &fixture->claims);
}

/* ---- the product's ---- */

static void users_are_texts_or_numbers(void **state)
{
    static const struct {
        const char *json, *user; /* NULL: wrong */
    } cases[] = {
        {"{\"sub\":\"ana\"}", "ana"},
        {"{\"sub\":17}", "17"},
        {"{\"sub\":-3}", "-3"},
        {"{\"sub\":\"ana@example.com\"}", "ana@example.com"},
        {"{}", NULL},
        {"{\"sub\":\"\"}", NULL},
        {"{\"sub\":null}", NULL},
        {"{\"sub\":1.5}", NULL},
        {"{\"sub\":true}", NULL},
        {"{\"sub\":[\"ana\"]}", NULL},
        {"{\"sub\":\"a\\nb\"}", NULL},
        {"{\"user\":\"ana\"}", NULL},
    };
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, "");
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        int outcome = read_with(&fixture, tb_claims_read_product, cases[i].json, NULL);
        assert_int_equal(outcome, cases[i].user ? 0 : TB_CLAIMS_WRONG);
        if (cases[i].user)
            assert_true(tb_str_equal(fixture.claims.user, tb_str_of(cases[i].user)));
        assert_false(fixture.claims.has_companies);
        assert_int_equal(fixture.claims.rights, TB_RIGHTS_COMPANIES);
    }
    close_fixture(&fixture);
}

static void companies_are_compared_in_one_form(void **state)
{
    static const struct {
        const char *companies, *company;
        int outcome;
        bool may_see;
    } cases[] = {
        {"[73]", "73", 0, true},
        {"[\"73\"]", "73", 0, true},
        {"[\"073\"]", "73", 0, true},
        {"73", "73", 0, true},
        {"\"73\"", "73", 0, true},
        {"[1,2,73]", "73", 0, true},
        {"[]", "73", 0, false},
        {"[7]", "73", 0, false},
        {"[733]", "73", 0, false},
        {"[\"seventy\"]", "73", 0, false},
        {"[73]", NULL, 0, false},
        {"[[73]]", "73", TB_CLAIMS_WRONG, false},
        {"[73,null]", "73", TB_CLAIMS_WRONG, false},
        {"{\"73\":true}", "73", TB_CLAIMS_WRONG, false},
        {"true", "73", TB_CLAIMS_WRONG, false},
        {"null", "73", TB_CLAIMS_WRONG, false},
        {"\"*\"", "73", 0, false},
    };
    struct fixture fixture;
    char json[256];

    (void)state;
    open_fixture(&fixture, "");
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        snprintf(json, sizeof(json), "{\"sub\":\"ana\",\"companies\":%s}", cases[i].companies);
        int outcome = read_with(&fixture, tb_claims_read_product, json, cases[i].company);
        if (outcome != cases[i].outcome || fixture.claims.may_see != cases[i].may_see)
            fail_msg("%s: %d, %d", json, outcome, fixture.claims.may_see);
        assert_int_equal(fixture.claims.has_companies, outcome == 0);
    }
    close_fixture(&fixture);
}

static void claims_are_found_where_the_configuration_says(void **state)
{
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture,
                 "access: { jwt: { secret: 0123456789abcdef0123456789abcdef, user_claim: 'https://a.b/user',"
                 " companies_claim: app.tenants, rights_claim: realm.roles } }\n");
    assert_int_equal(read_with(&fixture, tb_claims_read_product,
                               "{\"sub\":\"x\",\"https://a.b/user\":\"ana\",\"app\":{\"tenants\":[73]},"
                               "\"realm\":{\"roles\":[\"staff\",\"viewer\",\"operator\"]}}",
                               "73"),
                     0);
    assert_str(fixture.claims.user, "ana");
    assert_true(fixture.claims.may_see);
    assert_int_equal(fixture.claims.rights, TB_RIGHTS_OPERATOR);
    /* What only looks like it. */
    assert_int_equal(read_with(&fixture, tb_claims_read_product,
                               "{\"https://a.b/user\":\"ana\",\"app\":[1],\"realm\":\"operator\"}", "73"),
                     0);
    assert_false(fixture.claims.has_companies);
    assert_int_equal(fixture.claims.rights, TB_RIGHTS_COMPANIES);
    close_fixture(&fixture);
}

static void rights_are_said_in_our_words(void **state)
{
    static const struct {
        const char *value;
        enum tb_rights rights;
    } cases[] = {
        {"\"viewer\"", TB_RIGHTS_VIEWER},       {"\"admin\"", TB_RIGHTS_ADMIN},
        {"\"Admin\"", TB_RIGHTS_COMPANIES},     {"true", TB_RIGHTS_OPERATOR},
        {"false", TB_RIGHTS_COMPANIES},         {"1", TB_RIGHTS_COMPANIES},
        {"\"true\"", TB_RIGHTS_COMPANIES},      {"[true]", TB_RIGHTS_COMPANIES},
        {"{\"admin\":1}", TB_RIGHTS_COMPANIES}, {"[\"admin\"]", TB_RIGHTS_ADMIN},
        {"\"operator\"", TB_RIGHTS_OPERATOR},
    };
    struct fixture fixture;
    char json[256];

    (void)state;
    open_fixture(&fixture,
                 "access: { jwt: { secret: 0123456789abcdef0123456789abcdef, rights_claim: r } }\n");
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        snprintf(json, sizeof(json), "{\"sub\":\"ana\",\"r\":%s}", cases[i].value);
        assert_int_equal(read_with(&fixture, tb_claims_read_product, json, NULL), 0);
        if (fixture.claims.rights != cases[i].rights)
            fail_msg("%s: %d", json, fixture.claims.rights);
    }
    close_fixture(&fixture);
}

/* ---- watch tokens ---- */

#define TIMES "\"iat\":1000,\"exp\":1900"

static void a_watch_token_sees_one_company(void **state)
{
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, "");
    assert_int_equal(
        read_with(&fixture, tb_claims_read_watch, "{" TIMES ",\"company\":\"73\",\"sub\":\"ana\"}", "73"), 0);
    assert_true(fixture.claims.has_companies && fixture.claims.may_see);
    assert_null(fixture.claims.scope);
    assert_int_equal(fixture.claims.rights, TB_RIGHTS_COMPANIES);
    assert_str(fixture.claims.user, "ana");
    assert_int_equal(read_with(&fixture, tb_claims_read_watch, "{" TIMES ",\"company\":73}", "74"), 0);
    assert_false(fixture.claims.may_see);
    assert_int_equal(read_with(&fixture, tb_claims_read_watch, "{" TIMES ",\"company\":73}", NULL), 0);
    assert_false(fixture.claims.may_see);
    close_fixture(&fixture);
}

static void its_scope_is_what_it_names(void **state)
{
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, "");
    assert_int_equal(read_with(&fixture, tb_claims_read_watch,
                               "{" TIMES
                               ",\"company\":73,\"tasks\":[\"a\",\"b\"],\"types\":[\"t\"],\"flow\":\"root\"}",
                               "73"),
                     0);
    const struct tb_scope *scope = fixture.claims.scope;
    assert_int_equal(scope->task_count, 2);
    assert_str(scope->tasks[1], "b");
    assert_int_equal(scope->type_count, 1);
    assert_str(scope->types[0], "t");
    assert_str(scope->flow, "root");
    close_fixture(&fixture);
}

static void a_watch_token_that_is_not_clear_is_none(void **state)
{
    static const char *const tokens[] = {
        "{" TIMES "}",
        "{" TIMES ",\"company\":null}",
        "{" TIMES ",\"company\":[73]}",
        "{" TIMES ",\"company\":\"\"}",
        "{" TIMES ",\"companies\":[73]}",
        "{" TIMES ",\"company\":73,\"tasks\":[]}",
        "{" TIMES ",\"company\":73,\"tasks\":\"a\"}",
        "{" TIMES ",\"company\":73,\"tasks\":null}",
        "{" TIMES ",\"company\":73,\"tasks\":[1]}",
        "{" TIMES ",\"company\":73,\"tasks\":[\"\"]}",
        "{" TIMES ",\"company\":73,\"types\":{}}",
        "{" TIMES ",\"company\":73,\"flow\":[\"a\"]}",
        "{" TIMES ",\"company\":73,\"flow\":\"\"}",
        "{" TIMES ",\"company\":73,\"flow\":null}",
        "{" TIMES ",\"company\":73,\"sub\":{}}",
        "{\"exp\":1900,\"company\":73}",
        "{\"iat\":\"1000\",\"exp\":1900,\"company\":73}",
        "{\"iat\":1000,\"exp\":87401,\"company\":73}",
    };
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, "");
    for (size_t i = 0; i < TB_COUNT(tokens); i++) {
        if (read_with(&fixture, tb_claims_read_watch, tokens[i], "73") != TB_CLAIMS_WRONG)
            fail_msg("%s was taken", tokens[i]);
    }
    assert_int_equal(
        read_with(&fixture, tb_claims_read_watch, "{\"iat\":1000,\"exp\":87400,\"company\":73}", "73"), 0);
    close_fixture(&fixture);
}

static void long_lists_are_refused(void **state)
{
    struct fixture fixture;
    struct tb_buf buf;

    (void)state;
    open_fixture(&fixture, "");
    tb_buf_init(&buf, 100000);
    for (int count = 100; count <= 101; count++) {
        tb_buf_reset(&buf);
        tb_buf_push_str(&buf, TB_STR("{" TIMES ",\"company\":73,\"tasks\":["));
        for (int i = 0; i < count; i++)
            tb_buf_printf(&buf, "%s\"%d\"", i ? "," : "", i);
        tb_buf_push_str(&buf, TB_STR("]}"));
        assert_int_equal(read_with(&fixture, tb_claims_read_watch, buf.ptr, "73"),
                         count == 100 ? 0 : TB_CLAIMS_WRONG);
    }
    tb_buf_deinit(&buf);
    close_fixture(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_are_texts_or_numbers),
        cmocka_unit_test(companies_are_compared_in_one_form),
        cmocka_unit_test(claims_are_found_where_the_configuration_says),
        cmocka_unit_test(rights_are_said_in_our_words),
        cmocka_unit_test(a_watch_token_sees_one_company),
        cmocka_unit_test(its_scope_is_what_it_names),
        cmocka_unit_test(a_watch_token_that_is_not_clear_is_none),
        cmocka_unit_test(long_lists_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Values out of Python reprs. What is cut is unknown; an exhaustive test cuts many reprs at every byte. */
#include "taskbridge/base/limits.h"
#include "taskbridge/core/pyrepr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct tb_arena arena;

static int set_up(void **state)
{
    (void)state;
    tb_arena_init(&arena, 64 * TB_MIB);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tb_arena_deinit(&arena);
    return 0;
}

/* What a search gives, in one line: "integer 73", "string abc", "absent". Borrowed from the arena. */
static const char *describe(int outcome, const struct tb_pyrepr_value *value)
{
    static const char *const kinds[] = {"integer", "string", "uuid", "none", "other"};
    if (outcome == TB_PYREPR_ABSENT)
        return "absent";
    assert_int_equal(outcome, 0);
    size_t room = value->text.len + 16;
    char *line = tb_arena_alloc(&arena, room);
    assert_non_null(line);
    snprintf(line, room, "%s %.*s", kinds[value->kind], TB_STR_FMT(value->text));
    return line;
}

static const char *find_key_in(struct tb_str repr, const char *key)
{
    struct tb_pyrepr_value value = {0};
    int outcome = tb_pyrepr_find_key(repr, tb_str_of(key), &arena, &value);
    return describe(outcome, &value);
}

static const char *find_key(const char *repr, const char *key)
{
    return find_key_in(tb_str_of(repr), key);
}

static const char *find_index_in(struct tb_str repr, size_t index)
{
    struct tb_pyrepr_value value = {0};
    int outcome = tb_pyrepr_find_index(repr, index, &arena, &value);
    return describe(outcome, &value);
}

static const char *find_index(const char *repr, size_t index)
{
    return find_index_in(tb_str_of(repr), index);
}

struct found {
    const char *repr, *expected;
};

static void assert_found(const struct found *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *found = find_key(cases[i].repr, "k");
        if (strcmp(found, cases[i].expected) != 0)
            fail_msg("k of %s is \"%s\", not \"%s\"", cases[i].repr, found, cases[i].expected);
    }
}

static void a_key_gives_its_value_of_each_kind(void **state)
{
    (void)state;
    static const struct found cases[] = {
        {"{'k': 73}", "integer 73"},
        {"{'k': 0}", "integer 0"},
        {"{'k': -5, 'b': 1}", "integer -5"},
        {"{'k': 123456789012345678901234567890}", "integer 123456789012345678901234567890"},
        {"{'k': 'abc'}", "string abc"},
        {"{'k': \"it's\"}", "string it's"},
        {"{\"k\": ''}", "string "},
        {"{'k': u'abc'}", "string abc"},
        {"{'k': UUID('12345678-1234-5678-1234-567812345678')}", "uuid 12345678-1234-5678-1234-567812345678"},
        {"{'k': UUID('ABCDEF00-1234-5678-1234-567812345678')}", "uuid abcdef00-1234-5678-1234-567812345678"},
        {"{'k': None}", "none None"},
        {"{'k': True}", "other True"},
        {"{'k': 1.5}", "other 1.5"},
        {"{'k': 1e+20}", "other 1e+20"},
        {"{'k': nan}", "other nan"},
        {"{'k': -inf}", "other -inf"},
        {"{'k': (1+2j)}", "other (1+2j)"},
        {"{'k': 007}", "other 007"},
        {"{'k': 1_000}", "other 1_000"},
        {"{'k': +7}", "other +7"},
        {"{'k': b'73'}", "other b'73'"},
        {"{'k': bytearray(b'73')}", "other bytearray(b'73')"},
        {"{'k': Decimal('73')}", "other Decimal('73')"},
        {"{'k': datetime.date(2024, 1, 1)}", "other datetime.date(2024, 1, 1)"},
        {"{'k': <Color.RED: 1>}", "other <Color.RED: 1>"},
        {"{'k': <Foo object at 0x7f>}", "other <Foo object at 0x7f>"},
        {"{'k': <function <lambda> at 0x7f>}", "other <function <lambda> at 0x7f>"},
        {"{'k': [1, {'k': 2}]}", "other [1, {'k': 2}]"},
        {"{'k': frozenset({1, 2})}", "other frozenset({1, 2})"},
        {"{'k': OrderedDict([('k', 5)])}", "other OrderedDict([('k', 5)])"},
        {"{'k': Point(x=1, y=2)}", "other Point(x=1, y=2)"},
        {"{'k': UUID('no')}", "other UUID('no')"},
        {"{'k': UUID('12345678-1234-5678-1234-567812345678', 'x')}",
         "other UUID('12345678-1234-5678-1234-567812345678', 'x')"},
        {" { 'k' : 73 , } ", "integer 73"},
        {"{'k':73}", "integer 73"},
        {"{\n 'a': 1,\n 'k': 73\n}", "integer 73"},
    };
    assert_found(cases, TB_COUNT(cases));
}

static void escapes_and_prefixes_are_resolved(void **state)
{
    (void)state;
    static const struct found cases[] = {
        {"{'k': 'a\\'b'}", "string a'b"},
        {"{'k': 'a\\\"b'}", "string a\"b"},
        {"{'k': 'a\\\\b'}", "string a\\b"},
        {"{'k': 'a\\nb\\tc\\rd'}", "string a\nb\tc\rd"},
        {"{'k': '\\a\\b\\f\\v'}", "string \a\b\f\v"},
        {"{'k': '\\x41\\xf1'}", "string A\xC3\xB1"},
        {"{'k': '\\u00f1\\u2603'}", "string \xC3\xB1\xE2\x98\x83"},
        {"{'k': '\\U0001f600'}", "string \xF0\x9F\x98\x80"},
        {"{'k': '\\101\\7x\\12'}", "string A\ax\n"},
        {"{'k': 'a\\qb'}", "string a\\qb"},
        {"{'k': r'a\\nb'}", "string a\\nb"},
        {"{'k': R'a\\'b'}", "string a\\'b"},
        {"{'k': rb'a'}", "other rb'a'"},
        {"{'k': Br'a'}", "other Br'a'"},
        {"{'k': 'a\nb'}", "string a\nb"},
        {"{'\\x6b': 1}", "integer 1"},
        {"{u'k': 1}", "integer 1"},
        {"{b'k': 1}", "absent"},
        /* not to be told */
        {"{'k': 'a\\\nb'}", "absent"},
        {"{'\\\nk': 5}", "absent"},
        {"{'k': '\\N{SNOWMAN}'}", "absent"},
        {"{'k': '\\ud800'}", "absent"},
        {"{'k': '\\x00'}", "absent"},
        {"{'k': '\\x4'}", "absent"},
        {"{'k': '\\u12'}", "absent"},
        {"{'k': '\\U00110000'}", "absent"},
        {"{'k': '\xFF'}", "absent"},
        {"{'k': x'a'}", "absent"},
        {"{'k': bu'a'}", "absent"},
    };
    assert_found(cases, TB_COUNT(cases));
}

static void keys_elsewhere_are_not_taken(void **state)
{
    (void)state;
    static const struct found cases[] = {
        {"{}", "absent"},
        {"", "absent"},
        {"None", "absent"},
        {"73", "absent"},
        {"('k', 73)", "absent"},
        {"[{'k': 73}]", "absent"},
        {"{'k', 73}", "absent"},
        {"{'a': {'k': 9}}", "absent"},
        {"{'a': {'k': 9}, 'k': 73}", "integer 73"},
        {"{'a': [{'k': 9}], 'b': ({'k': 8},), 'k': 73}", "integer 73"},
        {"{'a': \"{'k': 9}\", 'k': 73}", "integer 73"},
        {"{'a': \"', 'k': 9, 'b': '\", 'k': 73}", "integer 73"},
        {"{('k', 1): 5}", "absent"},
        {"{'k' 'k': 5}", "absent"},
        {"{1: 'k', 'k': 2}", "integer 2"},
        {"{<Color.RED: 1>: 1, 'k': 2}", "integer 2"},
        {"{'a': datetime.datetime(2024, 1, 1, 0, 0, tzinfo=<UTC>), 'k': 2}", "integer 2"},
        {"{'a': defaultdict(<class 'list'>, {'k': [1]}), 'k': 2}", "integer 2"},
        {"{'a': <Company: Acme, Inc. (1)>, 'k': 2}", "integer 2"},
        {"{'a': <Color.RED: 'red'>, 'k': 2}", "integer 2"},
        {"{'a': array([[1, 2],\n       [3, 4]]), 'k': 2}", "integer 2"},
        {"{'kk': 1, 'K': 2, ' k': 3}", "absent"},
    };
    assert_found(cases, TB_COUNT(cases));
}

static void a_doubled_key_gives_the_last_and_only_of_a_whole_dict(void **state)
{
    (void)state;
    static const struct found cases[] = {
        {"{'k': 1, 'k': 2}", "integer 2"},
        {"{\"k\": 1, \"k\": 2, \"b\": 3}", "integer 2"},
        {"{'k': 1, 'k': 2", "absent"},
        {"{'k': 1, 'k': 2,", "absent"},
        {"{'k': 1, 'k': ", "absent"},
        {"{'k': 1, 'k': 2, ...}", "absent"},
        {"{'k': 1, 'a': 'x...', 'k': 2}", "absent"},
        {"{'k': 1, 'a': <Company: x>, 'k': 9, 'y': <z>}", "absent"},
    };
    assert_found(cases, TB_COUNT(cases));
}

static void what_is_cut_is_unknown(void **state)
{
    (void)state;
    static const struct found cases[] = {
        {"{'k': 7", "absent"},
        {"{'k': 73", "absent"},
        {"{'k': 73,", "integer 73"},
        {"{'k': 73, 'b': 'xxx", "integer 73"},
        {"{'k': 73, ...}", "integer 73"},
        {"{'k': 73, 'b': 'xxx...'}", "integer 73"},
        {"{'k': 73, 'b': 'xxx\xE2\x80\xA6", "integer 73"},
        {"{'k': 7...", "absent"},
        {"{'k': 7...}", "absent"},
        {"{'k': 7..., ...}", "absent"},
        {"{'k': 7\xE2\x80\xA6}", "absent"},
        {"{'k': 'abc...'}", "absent"},
        {"{'k': 'abc\xE2\x80\xA6'}", "absent"},
        {"{'k': 'abc'...", "absent"},
        {"{'k': 'ab...yz', 'b': 1}", "absent"},
        {"{'k': ...}", "absent"},
        {"{'k': , ...}", "absent"},
        {"{'k', ...}", "absent"},
        {"{'k...': 73}", "absent"},
        {"{...}", "absent"},
        {"...", "absent"},
        {"{'k': {...}}", "absent"},
        {"{'k': [1, 2, ...]}", "absent"},
        {"{'k': 'abc", "absent"},
        {"{'k': UUID('12345678-1234-5678-1234-5678...'), ...}", "absent"},
        {"{'a': 'xxx", "absent"},
        /* behind an ellipsis only where all closes properly */
        {"{'a': [1, 2, ...], 'k': 73}", "integer 73"},
        {"{'a': {...}, 'k': 73, 'b': 'cut he", "integer 73"},
        {"{'a': ({...},), 'b': (...,), 'k': 73, 'b': 'cut he", "integer 73"},
        {"{'a': [1, 2, ...], 'k': 73, 'b': 'cut he", "absent"},
        {"{'a': 'wait...', 'k': 73}", "integer 73"},
        {"{'a': 'xx...yy', 'k': 9}, 'k': 73}", "absent"},
        {"{'a': {'b': 'xx...yy', 'k': 9}}, 'k': 73}", "absent"},
        {"{'a': 1, ..., 'k': 73}", "integer 73"},
        {"{'a': 1, ..., 'k': 73", "absent"},
    };
    assert_found(cases, TB_COUNT(cases));
}

static void damage_hides_what_follows_and_nothing_before(void **state)
{
    (void)state;
    static const struct found cases[] = {
        {"{'a': Joe's thing, 'k': 73}", "absent"},
        {"{'k': 73, 'a': Joe's thing, 'b': 2}", "integer 73"},
        {"{'a': <Company: Joe's>, 'k': 73, 'b': <Company: Ann's>}", "absent"},
        {"{'a': [1), 'k': 73}", "absent"},
        {"{'a': a < b, 'k': 73}", "absent"},
        {"{'a': x -> y, 'k': 73}", "absent"},
        {"{'a' 1, 'k': 73}", "absent"},
        {"{, 'k': 73}", "absent"},
        {"{'a': 1,, 'k': 73}", "absent"},
        {"{'a': 1: 2, 'k': 73}", "absent"},
        {"{'k': 1: 2}", "absent"},
        {"{'a': `x`, 'k': 73}", "absent"},
        {"{'a': \\'x', 'k': 73}", "absent"},
        /* Celery escapes quotes and not backslashes: this is {'a': 'C:\\', 'k': 73} in its own writing */
        {"{'a': 'C:\\', 'k': 73}", "absent"},
        {"{'k': 73} and more", "integer 73"},
    };
    assert_found(cases, TB_COUNT(cases));
}

static void an_index_gives_its_value(void **state)
{
    (void)state;
    static const struct {
        const char *repr;
        size_t index;
        const char *expected;
    } cases[] = {
        {"(73,)", 0, "integer 73"},
        {"(73)", 0, "integer 73"},
        {"[73, 'x']", 1, "string x"},
        {"(1, 'two', [3])", 2, "other [3]"},
        {"(datetime.date(2024, 1, 1), 73)", 1, "integer 73"},
        {"({'a': 1, 'b': 2}, 73)", 1, "integer 73"},
        {"(<Company: Acme, Inc.>, 73)", 1, "integer 73"},
        {"(None, True)", 0, "none None"},
        {"()", 0, "absent"},
        {"(73,)", 1, "absent"},
        {"{73, 74}", 0, "absent"},
        {"73", 0, "absent"},
        {"", 0, "absent"},
        {"(73", 0, "absent"},
        {"(73,", 0, "integer 73"},
        {"(73, ...)", 0, "integer 73"},
        {"(73, ...)", 1, "absent"},
        {"(1, ..., 73)", 2, "absent"},
        {"(73..., ...)", 0, "absent"},
        {"('a...', 73)", 0, "absent"},
        /* maybe ('ax', 1, 'yb', 73), cut in the middle */
        {"('a...b', 73)", 1, "absent"},
        {"({...}, 73)", 1, "integer 73"},
        {"(1, 73]", 1, "absent"},
        {"(1: 2, 73)", 1, "absent"},
        {"(,73)", 1, "absent"},
    };
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        const char *found = find_index(cases[i].repr, cases[i].index);
        if (strcmp(found, cases[i].expected) != 0)
            fail_msg("%zu of %s is \"%s\", not \"%s\"", cases[i].index, cases[i].repr, found,
                     cases[i].expected);
    }
}

/* ---- every prefix ---- */

struct dict {
    const char *repr;
    const char *k; /* what "k" is, "absent" when it is not in it */
    size_t known;  /* bytes of the repr from which on it must be known; 0: not before the end */
};

static const struct dict dicts[] = {
    {"{'k': 73}", "integer 73", 0},
    {"{'k': 73, 'b': 734}", "integer 73", 9},
    {"{'a': 7, 'k': 73, 'kk': 9}", "integer 73", 17},
    {"{'k': -73, 'a': [1, 2, {'k': 9}]}", "integer -73", 10},
    {"{'a': [1, 2, {'k': 9, 'x': {'k': 8}}], 'k': 12345678901234567890}", "integer 12345678901234567890", 0},
    {"{'a': {'k': {'k': 9}}, 'b': ({'k': 8}, ['k', 7]), 'k': 73, 'c': (1,)}", "integer 73", 0},
    {"{'a': \"it's {'k': 9}, 'k': 8\", 'k': 73, 'z': 1}", "integer 73", 0},
    {"{'a': 'x\\', \\'k\\': 9, \\'', 'k': 73, 'z': 1}", "integer 73", 0},
    {"{'a': b\"\\x00'k': 9\", 'k': 'abc', 'z': 1}", "string abc", 0},
    {"{'k': 'a\\'b\\\\c\\nd\\te\\x41\\u00f1\\U0001f600', 'z': 1}",
     "string a'b\\c\nd\teA\xC3\xB1\xF0\x9F\x98\x80", 0},
    {"{'k': \"it's\", 'z': \"'k': 9\"}", "string it's", 0},
    {"{'k': 'a\xC3\xB1o \xE2\x98\x83', 'z': '\xC3\xB1'}", "string a\xC3\xB1o \xE2\x98\x83", 0},
    {"{'k': '', 'z': ''}", "string ", 0},
    {"{'k': Decimal('73.50'), 'z': Decimal('9')}", "other Decimal('73.50')", 0},
    {"{'k': UUID('12345678-1234-5678-1234-567812345678'), 'z': 1}",
     "uuid 12345678-1234-5678-1234-567812345678", 0},
    {"{'u': UUID('12345678-1234-5678-1234-567812345678'), 'k': 73, 'z': 1}", "integer 73", 0},
    {"{'d': datetime.date(2024, 1, 31), 'k': 73, 'z': 1}", "integer 73", 0},
    {"{'d': datetime.datetime(2024, 1, 1, 0, 0, tzinfo=datetime.timezone.utc), 'k': 7, 'z': 1}", "integer 7",
     0},
    {"{'e': <Color.RED: 1>, 'k': 73, 'z': <Color.RED: 'k'>}", "integer 73", 0},
    {"{'k': <Color.RED: 1>, 'z': 2}", "other <Color.RED: 1>", 0},
    {"{'o': <Foo object at 0x7f12>, 'k': 73, 'z': <Bar object at 0x7f13>}", "integer 73", 0},
    {"{'l': <function <lambda> at 0x7f12>, 'k': 73, 'z': 1}", "integer 73", 0},
    {"{'s': {1, 2}, 't': frozenset({'k', 3}), 'e': set(), 'k': 73, 'z': 1}", "integer 73", 0},
    {"{'o': OrderedDict([('k', 9), ('x', {'k': 8})]), 'k': 73, 'z': 1}", "integer 73", 0},
    {"{'p': Point(x=1, k='k'), 'k': 73, 'z': 1}", "integer 73", 0},
    {"{'k': None, 'z': 1}", "none None", 0},
    {"{'k': True, 'z': 1}", "other True", 0},
    {"{'k': 1.25e-07, 'z': 1}", "other 1.25e-07", 0},
    {"{'k': (1+2j), 'z': 1}", "other (1+2j)", 0},
    {"{1: 2, None: 3, (1, 'k'): 4, 'k': 73, 2.5: 5}", "integer 73", 0},
    {"{'a': {'b': {'c': {...}}}, 'k': 73, 'z': 1}", "integer 73", 0},
    {"{'a': 'x', 'b': {'k': 9}}", "absent", 0},
    {"{'a': \"'k': 9\", 'b': ['k', 9]}", "absent", 0},
    {"{\"k\": 73, \"b\": [null, true, {\"k\": 9}]}", "integer 73", 9},
};

static void assert_right_or_absent(struct tb_str text, const struct dict *dict)
{
    const char *found = find_key_in(text, "k");
    if (strcmp(found, "absent") != 0 && strcmp(found, dict->k) != 0)
        fail_msg("k of %.*s is \"%s\", not \"%s\"", TB_STR_FMT(text), found, dict->k);
    tb_arena_reset(&arena);
}

/* Memory of exactly the text's size, so that a read behind its end is seen. */
static char *exact_copy(const char *text, size_t len)
{
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    return copy;
}

static void whole_reprs_give_their_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < TB_COUNT(dicts); i++)
        assert_string_equal(find_key(dicts[i].repr, "k"), dicts[i].k);
}

static void a_value_is_known_as_soon_as_what_follows_it_is_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < TB_COUNT(dicts); i++) {
        size_t len = strlen(dicts[i].repr);
        for (size_t cut = dicts[i].known ? dicts[i].known : len; cut <= len; cut++)
            assert_string_equal(find_key_in((struct tb_str){dicts[i].repr, cut}, "k"), dicts[i].k);
    }
}

static void no_prefix_gives_a_wrong_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < TB_COUNT(dicts); i++) {
        for (size_t cut = 0; cut <= strlen(dicts[i].repr); cut++) {
            char *copy = exact_copy(dicts[i].repr, cut);
            assert_right_or_absent((struct tb_str){copy, cut}, &dicts[i]);
            free(copy);
        }
    }
}

static void no_prefix_with_a_mark_of_the_cut_gives_a_wrong_value(void **state)
{
    (void)state;
    static const char *const marks[] = {"...",   "\xE2\x80\xA6", ", ...}",   "...}",           "...'}",
                                        "...'",  "...', ...}",   "...\"}",   "..., ...}",      "...]}",
                                        "...)}", "...}}",        ", ...]}}", "\xE2\x80\xA6'}", "...>}"};
    for (size_t i = 0; i < TB_COUNT(dicts); i++) {
        for (size_t cut = 0; cut <= strlen(dicts[i].repr); cut++) {
            for (size_t mark = 0; mark < TB_COUNT(marks); mark++) {
                /* Celery puts this form behind whole items only. */
                if (marks[mark][0] == ',' && !strchr(",)]}", dicts[i].repr[cut]))
                    continue;
                char text[512];
                int len = snprintf(text, sizeof(text), "%.*s%s", (int)cut, dicts[i].repr, marks[mark]);
                assert_right_or_absent((struct tb_str){text, (size_t)len}, &dicts[i]);
            }
        }
    }
}

/* As if the middle had been left out: the value is right, or unknown. */
static void no_middle_cut_out_gives_a_wrong_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < TB_COUNT(dicts); i++) {
        const char *repr = dicts[i].repr;
        size_t len = strlen(repr);
        for (size_t from = 0; from <= len; from++) {
            for (size_t to = from + 1; to <= len; to++) {
                char text[512];
                int text_len = snprintf(text, sizeof(text), "%.*s...%s", (int)from, repr, repr + to);
                assert_right_or_absent((struct tb_str){text, (size_t)text_len}, &dicts[i]);
            }
        }
    }
}

static void no_prefix_of_a_tuple_gives_a_wrong_value(void **state)
{
    (void)state;
    static const struct {
        const char *repr, *third;
    } tuples[] = {
        {"(1, 'a, b', 73, 'x')", "integer 73"},
        {"[[1, 2], (3, 4), {'a': 5, 'b': 6}, 7]", "other {'a': 5, 'b': 6}"},
        {"('it\\'s', \"(1, 2, 3)\", 'k', 'z')", "string k"},
        {"(<Foo object at 0x7f>, datetime.date(2024, 1, 2), Decimal('5'), 9)", "other Decimal('5')"},
        {"(UUID('12345678-1234-5678-1234-567812345678'), b'\\x00,', -12, None)", "integer -12"},
    };
    for (size_t i = 0; i < TB_COUNT(tuples); i++) {
        assert_string_equal(find_index(tuples[i].repr, 2), tuples[i].third);
        for (size_t cut = 0; cut <= strlen(tuples[i].repr); cut++) {
            char *copy = exact_copy(tuples[i].repr, cut);
            const char *found = find_index_in((struct tb_str){copy, cut}, 2);
            if (strcmp(found, "absent") != 0)
                assert_string_equal(found, tuples[i].third);
            free(copy);
        }
    }
}

static void any_depth_costs_no_stack(void **state)
{
    (void)state;
    size_t len = 4 * TB_MIB;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, '[', len);
    memcpy(text, "{'a': ", 6);
    assert_string_equal(find_key_in((struct tb_str){text, len}, "k"), "absent");
    memcpy(text, "{'k': 1, 'a': ", 14);
    assert_string_equal(find_key_in((struct tb_str){text, len}, "k"), "integer 1");
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_gives_its_value_of_each_kind),
        TEST(escapes_and_prefixes_are_resolved),
        TEST(keys_elsewhere_are_not_taken),
        TEST(a_doubled_key_gives_the_last_and_only_of_a_whole_dict),
        TEST(what_is_cut_is_unknown),
        TEST(damage_hides_what_follows_and_nothing_before),
        TEST(an_index_gives_its_value),
        TEST(whole_reprs_give_their_value),
        TEST(a_value_is_known_as_soon_as_what_follows_it_is_there),
        TEST(no_prefix_gives_a_wrong_value),
        TEST(no_prefix_with_a_mark_of_the_cut_gives_a_wrong_value),
        TEST(no_middle_cut_out_gives_a_wrong_value),
        TEST(no_prefix_of_a_tuple_gives_a_wrong_value),
        TEST(any_depth_costs_no_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

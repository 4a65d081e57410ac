/* The lines of a captured file, in whatever order they are wanted. */
#include "lines.h"

#include "unit/check.h"

#include <stdlib.h>
#include <unistd.h>

/* The lines of a file with this text. */
static void opened(const char *text, struct tb_lines *ret_lines)
{
    char path[] = "test-lines-XXXXXX";
    struct tb_error err = {0};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    assert_int_equal(tb_lines_open(ret_lines, path, &err), 0);
    unlink(path);
}

static void empty_lines_are_left_out_and_numbers_stay_the_files(void **state)
{
    struct tb_lines lines;
    (void)state;
    opened("a\n\n  b \r\n\nc", &lines);
    assert_int_equal(lines.count, 3);
    assert_str(lines.lines[0], "a");
    assert_str(lines.lines[1], "b");
    assert_str(lines.lines[2], "c");
    assert_int_equal(lines.numbers[1], 3);
    assert_int_equal(lines.numbers[2], 5);
    tb_lines_deinit(&lines);
}

static void an_empty_file_has_none(void **state)
{
    struct tb_lines lines;
    (void)state;
    opened("", &lines);
    assert_int_equal(lines.count, 0);
    assert_int_equal(tb_lines_double(&lines), 0);
    tb_lines_shuffle(&lines, 1);
    assert_int_equal(lines.count, 0);
    tb_lines_deinit(&lines);
}

static void doubled_lines_stand_side_by_side(void **state)
{
    struct tb_lines lines;
    (void)state;
    opened("a\nb\n", &lines);
    assert_int_equal(tb_lines_double(&lines), 0);
    assert_int_equal(lines.count, 4);
    assert_str(lines.lines[0], "a");
    assert_str(lines.lines[1], "a");
    assert_str(lines.lines[2], "b");
    assert_str(lines.lines[3], "b");
    assert_int_equal(lines.numbers[3], 2);
    tb_lines_deinit(&lines);
}

static void a_shuffle_keeps_every_line_and_its_seed_its_order(void **state)
{
    struct tb_lines one, other;
    bool seen[8] = {false}, moved = false;
    (void)state;
    opened("0\n1\n2\n3\n4\n5\n6\n7\n", &one);
    opened("0\n1\n2\n3\n4\n5\n6\n7\n", &other);
    tb_lines_shuffle(&one, 42);
    tb_lines_shuffle(&other, 42);
    for (size_t i = 0; i < 8; i++) {
        size_t value = (size_t)(one.lines[i].ptr[0] - '0');
        assert_false(seen[value]);
        seen[value] = true;
        moved = moved || value != i;
        assert_int_equal(one.numbers[i], value + 1);
        assert_true(tb_str_equal(one.lines[i], other.lines[i]));
    }
    assert_true(moved);
    tb_lines_deinit(&one);
    tb_lines_deinit(&other);
}

static void what_is_no_file_is_refused(void **state)
{
    struct tb_lines lines;
    struct tb_error err = {0};
    (void)state;
    assert_true(tb_lines_open(&lines, "no-such-file", &err) < 0);
    assert_string_equal(err.text, "reading no-such-file: No such file or directory");
    tb_error_clear(&err);
    assert_true(tb_lines_open(&lines, ".", &err) < 0);
    assert_string_equal(err.text, "reading .: Is a directory");
    tb_lines_deinit(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_lines_are_left_out_and_numbers_stay_the_files),
        cmocka_unit_test(an_empty_file_has_none),
        cmocka_unit_test(doubled_lines_stand_side_by_side),
        cmocka_unit_test(a_shuffle_keeps_every_line_and_its_seed_its_order),
        cmocka_unit_test(what_is_no_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

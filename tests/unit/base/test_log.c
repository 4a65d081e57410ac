/* The log on files, pipes and sockets. An alarm ends the program when a call waits: that is the promise under
 * test. */
#include "taskbridge/base/log.h"

#include "taskbridge/base/limits.h"
#include "taskbridge/base/utf8.h"
#include "unit/check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MAX_S 20

/* What was logged to a memory file, or is in a pipe; NUL-terminated. */
struct output {
    char text[1 << 20];
    size_t len;
};

static struct output output;

static void read_all(int fd)
{
    fcntl(fd, F_SETFL, O_NONBLOCK);
    output.len = 0;
    for (;;) {
        ssize_t got = read(fd, output.text + output.len, sizeof(output.text) - 1 - output.len);
        if (got <= 0)
            break;
        output.len += (size_t)got;
    }
    output.text[output.len] = '\0';
}

static int memory_file(void)
{
    int fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void read_memory_file(int fd)
{
    lseek(fd, 0, SEEK_SET);
    read_all(fd);
    close(fd);
}

/* Checks the time at the start of text and returns what is behind it. */
static const char *after_time(const char *text)
{
    static const char shape[] = "0000-00-00T00:00:00.000Z";
    for (size_t i = 0; i < strlen(shape); i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (shape[i] == '0' ? !digit : text[i] != shape[i])
            fail_msg("\"%.30s\" does not start with a time", text);
    }
    return text + strlen(shape);
}

static void text_lines_hold_message_and_fields(void **state)
{
    int fd = memory_file();
    struct tb_log log;
    (void)state;
    tb_log_init(&log, fd, TB_LOG_INFO, TB_LOG_TEXT);
    tb_log(&log, TB_LOG_INFO, "message", TB_F_CSTR("key", "value"), TB_F_CSTR("key2", "quoted value"),
           TB_F_INT("rows", -12), TB_F_DOUBLE("seconds", 0.25), TB_F_CSTR("absent", NULL),
           TB_F_CSTR("empty", ""), TB_F_CSTR("pair", "a=b"), TB_F_CSTR("quote", "say \"x\\\""),
           TB_F_CSTR("lines", "a\nb"));
    read_memory_file(fd);
    assert_string_equal(after_time(output.text),
                        " info  message key=value key2=\"quoted value\" rows=-12 seconds=0.25 pair=\"a=b\" "
                        "quote=\"say \\\"x\\\\\\\"\" lines=\"a\\nb\"\n");
}

static void json_lines_hold_message_and_fields(void **state)
{
    int fd = memory_file();
    struct tb_log log;
    (void)state;
    tb_log_init(&log, fd, TB_LOG_DEBUG, TB_LOG_JSON);
    tb_log(&log, TB_LOG_ERROR, "no \"way\"", TB_F_CSTR("key", "a\nb"), TB_F_INT("rows", 3),
           TB_F_DOUBLE("s", 0.25), TB_F_CSTR("absent", NULL));
    read_memory_file(fd);
    assert_memory_equal(output.text, "{\"time\":\"", 9);
    assert_string_equal(after_time(output.text + 9), "\",\"level\":\"error\",\"message\":\"no \\\"way\\\"\","
                                                     "\"key\":\"a\\nb\",\"rows\":3,\"s\":0.25}\n");
}

static void control_characters_and_bad_bytes_never_reach_the_reader(void **state)
{
    int fd = memory_file();
    struct tb_log log;
    (void)state;
    tb_log_init(&log, fd, TB_LOG_DEBUG, TB_LOG_TEXT);
    tb_log(&log, TB_LOG_INFO, "x\x1B[2J", TB_F_CSTR("a", "\x7F"), TB_F_CSTR("b", "\xC2\x9B"),
           TB_F_STR("c", TB_STR("\0")), TB_F_CSTR("d", "\xFF"), TB_F_CSTR("e", "a\xC3\xB1o"));
    read_memory_file(fd);
    assert_string_equal(after_time(output.text),
                        " info  \"x\\u001b[2J\" a=\"\\u007f\" b=\"\\u009b\" c=\"\xEF\xBF\xBD\" "
                        "d=\"\xEF\xBF\xBD\" e=a\xC3\xB1o\n");
}

static void lines_below_the_level_and_without_a_log_are_not_written(void **state)
{
    int fd = memory_file();
    struct tb_log log;
    (void)state;
    tb_log_init(&log, fd, TB_LOG_WARNING, TB_LOG_TEXT);
    tb_log(NULL, TB_LOG_ERROR, "nowhere");
    tb_log(&log, TB_LOG_DEBUG, "debug");
    tb_log(&log, TB_LOG_INFO, "info");
    tb_log(&log, TB_LOG_WARNING, "warned");
    tb_log(&log, TB_LOG_ERROR, "failed");
    read_memory_file(fd);
    const char *rest = after_time(output.text);
    assert_memory_equal(rest, " warning warned\n", 16);
    assert_string_equal(after_time(rest + 16), " error failed\n");
    assert_int_equal(log.dropped, 0);
}

static void check_long_line(enum tb_log_format format, const char *text)
{
    int fd = memory_file();
    struct tb_log log;
    tb_log_init(&log, fd, TB_LOG_INFO, format);
    tb_log(&log, TB_LOG_INFO, "long", TB_F_CSTR("text", text), TB_F_INT("after", 7));
    read_memory_file(fd);
    struct tb_str line = {output.text, output.len};
    assert_uint_in_range(line.len, TB_LOG_LINE_MAX_BYTES / 2, TB_LOG_LINE_MAX_BYTES);
    assert_true(tb_utf8_is_clean(line));
    assert_true(tb_str_find(line, TB_STR(TB_UTF8_REPLACEMENT)) == SIZE_MAX);
    if (format == TB_LOG_TEXT)
        assert_true(tb_str_ends_with(line, TB_STR("\xC3\xB1\xE2\x80\xA6 after=7 cut=true\n")));
    else
        assert_true(tb_str_ends_with(line, TB_STR("\xC3\xB1\xE2\x80\xA6\",\"after\":7,\"cut\":true}\n")));
    assert_int_equal(log.dropped, 0);
}

static void a_line_too_long_is_cut_visibly_and_stays_whole_text(void **state)
{
    /* Characters of two bytes, behind one byte or none, so that a cut falls into one in one of the two. */
    char text[1 + 2 * TB_LOG_LINE_MAX_BYTES + 1] = "x";
    (void)state;
    for (size_t i = 1; i + 1 < sizeof(text); i++)
        text[i] = i % 2 ? '\xC3' : '\xB1';
    for (enum tb_log_format format = TB_LOG_TEXT; format <= TB_LOG_JSON; format++) {
        check_long_line(format, text);
        check_long_line(format, text + 1);
    }
}

static void too_many_fields_are_left_out_visibly(void **state)
{
    struct tb_log_field fields[2000];
    (void)state;
    for (size_t i = 0; i + 1 < TB_COUNT(fields); i++)
        fields[i] = TB_F_INT("number", 1000000);
    fields[TB_COUNT(fields) - 1] = (struct tb_log_field){.kind = TB_LOG_FIELD_END};
    int fd = memory_file();
    struct tb_log log;
    tb_log_init(&log, fd, TB_LOG_INFO, TB_LOG_JSON);
    tb_log_write(&log, TB_LOG_INFO, "many", fields);
    read_memory_file(fd);
    struct tb_str line = {output.text, output.len};
    assert_uint_in_range(line.len, TB_LOG_LINE_MAX_BYTES / 2, TB_LOG_LINE_MAX_BYTES);
    assert_true(tb_str_ends_with(line, TB_STR("\"number\":1000000,\"cut\":true}\n")));
}

/* A file description of its own would be needed to fill without waiting and then wait again: so the flag goes
 * back. */
static void fill(int fd)
{
    static const char bytes[4096];
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    for (size_t size = sizeof(bytes); size; size /= 2)
        while (write(fd, bytes, size) > 0)
            ;
    assert_int_equal(errno, EAGAIN);
    fcntl(fd, F_SETFL, flags);
}

static void check_full_and_emptied(int reader, int writer)
{
    struct tb_log log;
    tb_log_init(&log, writer, TB_LOG_INFO, TB_LOG_TEXT);
    fill(writer);
    alarm(WAIT_MAX_S);
    for (int i = 0; i < 1000; i++)
        tb_log(&log, TB_LOG_INFO, "nobody reads this");
    alarm(0);
    assert_int_equal(log.dropped, 1000);

    read_all(reader);
    tb_log(&log, TB_LOG_INFO, "read again");
    tb_log(&log, TB_LOG_INFO, "and again");
    read_all(reader);
    const char *rest = after_time(output.text);
    const char *second = strchr(rest, '\n') + 1;
    assert_memory_equal(rest, " info  read again dropped_lines=1000\n", second - rest);
    assert_string_equal(after_time(second), " info  and again\n");
    close(reader);
    close(writer);
}

static void a_full_pipe_never_waits_and_drops_are_told_afterwards(void **state)
{
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    check_full_and_emptied(ends[0], ends[1]);
}

static void a_full_socket_never_waits_and_drops_are_told_afterwards(void **state)
{
    int ends[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    check_full_and_emptied(ends[0], ends[1]);
}

static void a_pipe_that_fills_up_under_way_never_waits(void **state)
{
    char text[6000];
    int ends[2];
    struct tb_log log;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    memset(text, 'x', sizeof(text));
    tb_log_init(&log, ends[1], TB_LOG_INFO, TB_LOG_JSON);
    alarm(WAIT_MAX_S);
    /* Lines of every length, longer than PIPE_BUF too: whatever room is left, none may be waited for. */
    for (size_t i = 0; i < 400; i++)
        tb_log(&log, TB_LOG_INFO, "long", TB_F_STR("text", ((struct tb_str){text, i * 2713 % sizeof(text)})));
    alarm(0);
    assert_uint_in_range(log.dropped, 1, 399);
    read_all(ends[0]);
    for (const char *line = output.text, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        assert_non_null(end);
        assert_uint_in_range(end + 1 - line, 1, PIPE_BUF);
        assert_memory_equal(line, "{\"time\":", 8);
        assert_int_equal(end[-1], '}');
    }
    close(ends[0]);
    close(ends[1]);
}

static void a_reader_that_went_away_costs_lines_only(void **state)
{
    int ends[2];
    struct tb_log log;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    tb_log_init(&log, ends[1], TB_LOG_INFO, TB_LOG_TEXT);
    errno = EDOM;
    tb_log(&log, TB_LOG_INFO, "to nobody");
    assert_int_equal(errno, EDOM);
    assert_int_equal(log.dropped, 1);
    close(ends[1]);
    tb_log(&log, TB_LOG_INFO, "to nothing");
    assert_int_equal(log.dropped, 2);
}

static void a_line_after_a_torn_one_starts_on_its_own(void **state)
{
    int fd = memory_file();
    struct tb_log log;
    (void)state;
    tb_log_init(&log, fd, TB_LOG_INFO, TB_LOG_TEXT);
    log.torn = true;
    log.dropped = 1;
    tb_log(&log, TB_LOG_INFO, "whole");
    tb_log(&log, TB_LOG_INFO, "next");
    read_memory_file(fd);
    assert_int_equal(output.text[0], '\n');
    const char *rest = after_time(output.text + 1);
    assert_memory_equal(rest, " info  whole dropped_lines=1\n", 29);
    assert_string_equal(after_time(rest + 29), " info  next\n");
}

static void lines_that_are_held_are_written_together_and_none_is_lost(void **state)
{
    int fd = memory_file();
    struct tb_log log;
    size_t lines = 0;
    (void)state;

    tb_log_init(&log, fd, TB_LOG_INFO, TB_LOG_TEXT);
    tb_log_hold(&log);
    tb_log(&log, TB_LOG_INFO, "one");
    assert_int_equal(lseek(fd, 0, SEEK_END), 0);
    tb_log_flush(&log);
    assert_true(lseek(fd, 0, SEEK_END) > 0);
    tb_log_hold(&log);
    for (int i = 0; i < 1000; i++)
        tb_log(&log, TB_LOG_INFO, "many", TB_F_INT("number", i));
    tb_log_deinit(&log);
    tb_log(&log, TB_LOG_INFO, "last");
    read_memory_file(fd);
    for (const char *at = output.text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, 1002);
    assert_non_null(strstr(output.text, "number=999"));
}

static void held_lines_never_wait_for_a_full_pipe(void **state)
{
    struct tb_log log;
    int ends[2];
    (void)state;

    assert_int_equal(pipe(ends), 0);
    tb_log_init(&log, ends[1], TB_LOG_INFO, TB_LOG_TEXT);
    alarm(WAIT_MAX_S);
    for (int i = 0; i < 5000; i++) {
        tb_log_hold(&log);
        tb_log(&log, TB_LOG_INFO, "many", TB_F_INT("number", i));
    }
    tb_log_flush(&log);
    assert_true(log.dropped > 0);
    read_all(ends[0]);
    tb_log(&log, TB_LOG_INFO, "after");
    read_all(ends[0]);
    assert_non_null(strstr(output.text, "dropped_lines="));
    alarm(0);
    tb_log_deinit(&log);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_lines_hold_message_and_fields),
        cmocka_unit_test(json_lines_hold_message_and_fields),
        cmocka_unit_test(control_characters_and_bad_bytes_never_reach_the_reader),
        cmocka_unit_test(lines_below_the_level_and_without_a_log_are_not_written),
        cmocka_unit_test(a_line_too_long_is_cut_visibly_and_stays_whole_text),
        cmocka_unit_test(too_many_fields_are_left_out_visibly),
        cmocka_unit_test(a_full_pipe_never_waits_and_drops_are_told_afterwards),
        cmocka_unit_test(a_full_socket_never_waits_and_drops_are_told_afterwards),
        cmocka_unit_test(a_pipe_that_fills_up_under_way_never_waits),
        cmocka_unit_test(a_reader_that_went_away_costs_lines_only),
        cmocka_unit_test(a_line_after_a_torn_one_starts_on_its_own),
        cmocka_unit_test(lines_that_are_held_are_written_together_and_none_is_lost),
        cmocka_unit_test(held_lines_never_wait_for_a_full_pipe),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}

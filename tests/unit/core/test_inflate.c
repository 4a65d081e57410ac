/* Compressed bodies: the two formats, their damage, and what they may grow to. */
#include "inflate.h"

#include "taskbridge/base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include <bzlib.h>
#include <errno.h>
#include <zlib.h>

#define ROOM (1 << 20)

static struct tb_arena arena;
static struct tb_error err;
static char room[ROOM];

static int set_up(void **state)
{
    (void)state;
    tb_arena_init(&arena, 64 * TB_MIB);
    tb_error_clear(&err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tb_arena_deinit(&arena);
    return 0;
}

/* window_bits as zlib has them: 15 is zlib's format, 31 gzip's. */
static struct tb_str deflate_of(struct tb_str text, int window_bits)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (unsigned char *)(uintptr_t)text.ptr;
    stream.avail_in = (unsigned)text.len;
    stream.next_out = (unsigned char *)room;
    stream.avail_out = ROOM;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t len = ROOM - stream.avail_out;
    deflateEnd(&stream);
    return (struct tb_str){room, len};
}

static struct tb_str bzip2_of(struct tb_str text)
{
    unsigned len = ROOM;
    assert_int_equal(
        BZ2_bzBuffToBuffCompress(room, &len, (char *)(uintptr_t)text.ptr, (unsigned)text.len, 9, 0, 0),
        BZ_OK);
    return (struct tb_str){room, len};
}

static int inflate_to(const char *header, struct tb_str body, size_t max_bytes, struct tb_str *ret_content)
{
    tb_error_clear(&err);
    return tb_inflate(tb_str_of(header), body, max_bytes, &arena, ret_content, &err);
}

static void assert_inflates(const char *header, struct tb_str body, struct tb_str expected)
{
    struct tb_str content;
    if (inflate_to(header, body, TB_MIB, &content))
        fail_msg("%s: %s", header, err.text);
    assert_true(tb_str_equal(content, expected));
}

static void assert_unusable(const char *header, struct tb_str body, const char *reason)
{
    struct tb_str content;
    assert_int_equal(inflate_to(header, body, 1000, &content), TB_INFLATE_UNUSABLE);
    assert_string_equal(err.text, reason);
}

static void both_formats_are_read_under_all_their_names(void **state)
{
    (void)state;
    static const char *const gzip_names[] = {"application/x-gzip", "application/gzip", "gzip", "zlib",
                                             "GZIP"};
    static const char *const bzip2_names[] = {"application/x-bz2", "application/bzip2", "bzip2", "bzip"};
    struct tb_str text = TB_STR("[{\"type\": \"task-x\"}]");

    for (size_t i = 0; i < TB_COUNT(gzip_names); i++) {
        assert_inflates(gzip_names[i], deflate_of(text, 15), text);
        assert_inflates(gzip_names[i], deflate_of(text, 31), text);
    }
    for (size_t i = 0; i < TB_COUNT(bzip2_names); i++)
        assert_inflates(bzip2_names[i], bzip2_of(text), text);
    assert_inflates("gzip", deflate_of(TB_STR(""), 15), TB_STR(""));
}

static void long_content_comes_whole(void **state)
{
    (void)state;
    static char text[300000];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i * i % 23);
    struct tb_str str = {text, sizeof(text)};

    assert_inflates("gzip", deflate_of(str, 15), str);
    assert_inflates("bzip2", bzip2_of(str), str);
}

static void content_that_is_json_already_is_left_alone(void **state)
{
    (void)state;
    assert_inflates("gzip", TB_STR("{\"a\": 1}"), TB_STR("{\"a\": 1}"));
    assert_inflates("bzip2", TB_STR(" [1]"), TB_STR(" [1]"));
}

static void damage_is_told(void **state)
{
    (void)state;
    struct tb_str text = TB_STR("[1, 2, 3]");
    struct tb_str body = deflate_of(text, 15);

    assert_unusable("gzip", (struct tb_str){body.ptr, body.len - 1},
                    "the body's gzip data is damaged or cut");
    assert_unusable("gzip", (struct tb_str){body.ptr, 1}, "the body's gzip data is damaged or cut");
    assert_unusable("gzip", TB_STR(""), "the body's gzip data is damaged or cut");
    assert_unusable("gzip", (struct tb_str){body.ptr, body.len + 2},
                    "2 bytes follow the end of the body's gzip data");
    room[body.len / 2] ^= 0x55;
    assert_int_equal(inflate_to("gzip", body, 1000, &text), TB_INFLATE_UNUSABLE);
    assert_unusable("gzip", TB_STR("no such thing"), "the body's gzip data is damaged");

    body = bzip2_of(TB_STR("[1, 2, 3]"));
    assert_unusable("bzip2", (struct tb_str){body.ptr, body.len - 1},
                    "the body's bzip2 data is damaged or cut");
    assert_unusable("bzip2", TB_STR(""), "the body's bzip2 data is damaged or cut");
    assert_unusable("bzip2", (struct tb_str){body.ptr, body.len + 3},
                    "3 bytes follow the end of the body's bzip2 data");
    assert_unusable("bzip2", TB_STR("no such thing"), "the body's bzip2 data is damaged");
}

static void content_past_the_ceiling_is_refused(void **state)
{
    (void)state;
    static const char spaces[100000] = {' '};
    struct tb_str content;

    assert_unusable("gzip", deflate_of((struct tb_str){spaces, 1001}, 15),
                    "the body is more than 1000 bytes, decompressed");
    assert_int_equal(inflate_to("gzip", deflate_of((struct tb_str){spaces, 1000}, 15), 1000, &content), 0);
    assert_unusable("gzip", deflate_of((struct tb_str){spaces, sizeof(spaces)}, 15),
                    "the body is more than 1000 bytes, decompressed");
    assert_unusable("bzip2", bzip2_of((struct tb_str){spaces, sizeof(spaces)}),
                    "the body is more than 1000 bytes, decompressed");
}

static void other_compressions_are_named(void **state)
{
    (void)state;
    assert_unusable(
        "application/x-lzma", TB_STR("x"),
        "the body's compression application/x-lzma is not known here; set it to gzip or bzip2, or to none");
}

static void full_memory_is_told(void **state)
{
    (void)state;
    struct tb_arena none;
    struct tb_str content, body = deflate_of(TB_STR("[1]"), 15);

    tb_arena_init(&none, 0);
    assert_int_equal(tb_inflate(TB_STR("gzip"), body, 1000, &none, &content, &err), -ENOMEM);
    tb_arena_deinit(&none);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_formats_are_read_under_all_their_names),
        TEST(long_content_comes_whole),
        TEST(content_that_is_json_already_is_left_alone),
        TEST(damage_is_told),
        TEST(content_past_the_ceiling_is_refused),
        TEST(other_compressions_are_named),
        TEST(full_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Frames, made by hand, into deliveries. */
#include "assembly.h"

#include "taskbridge/base/limits.h"
#include "unit/check.h"

#include <errno.h>
#include <stdlib.h>

static amqp_bytes_t bytes(const char *text)
{
    return amqp_cstring_bytes(text);
}

static int push_deliver(struct tb_assembly *assembly, uint64_t tag, const char *key, bool redelivered)
{
    amqp_basic_deliver_t deliver = {
        .delivery_tag = tag, .redelivered = redelivered, .routing_key = bytes(key)};
    amqp_frame_t frame = {.frame_type = AMQP_FRAME_METHOD,
                          .channel = 1,
                          .payload.method = {.id = AMQP_BASIC_DELIVER_METHOD, .decoded = &deliver}};
    return tb_assembly_push(assembly, &frame, NULL);
}

static int push_header(struct tb_assembly *assembly, uint64_t body_size, amqp_basic_properties_t *properties)
{
    amqp_basic_properties_t none = {0};
    amqp_frame_t frame = {.frame_type = AMQP_FRAME_HEADER,
                          .channel = 1,
                          .payload.properties = {.class_id = AMQP_BASIC_CLASS,
                                                 .body_size = body_size,
                                                 .decoded = properties ? properties : &none}};
    return tb_assembly_push(assembly, &frame, NULL);
}

static int push_body(struct tb_assembly *assembly, const char *text, size_t len)
{
    amqp_frame_t frame = {.frame_type = AMQP_FRAME_BODY,
                          .channel = 1,
                          .payload.body_fragment = {.len = len, .bytes = (void *)(uintptr_t)text}};
    return tb_assembly_push(assembly, &frame, NULL);
}

static int setup(void **state)
{
    struct tb_assembly *assembly = malloc(sizeof(*assembly));
    tb_assembly_init(assembly);
    *state = assembly;
    return 0;
}

static int teardown(void **state)
{
    tb_assembly_deinit(*state);
    tb_assembly_deinit(*state);
    free(*state);
    return 0;
}

static void a_plain_delivery_takes_three_frames(void **state)
{
    struct tb_assembly *assembly = *state;
    amqp_table_entry_t headers[] = {
        {.key = bytes("hostname"), .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = bytes("w1@host")}},
        {.key = bytes("compression"),
         .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = bytes("application/x-bz2")}},
    };
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG | AMQP_BASIC_HEADERS_FLAG,
        .content_type = bytes("application/json"),
        .content_encoding = bytes("utf-8"),
        .headers = {.num_entries = 2, .entries = headers},
    };
    assert_int_equal(push_deliver(assembly, 42, "task.multi", true), 0);
    assert_int_equal(push_header(assembly, 2, &properties), 0);
    assert_int_equal(push_body(assembly, "[]", 2), TB_ASSEMBLY_DONE);

    const struct tb_delivery *delivery = &assembly->delivery;
    assert_int_equal(delivery->tag, 42);
    assert_true(delivery->redelivered);
    assert_str(delivery->routing_key, "task.multi");
    assert_str(delivery->content_type, "application/json");
    assert_str(delivery->content_encoding, "utf-8");
    assert_str(delivery->compression, "application/x-bz2");
    assert_str(delivery->headers, "{\"hostname\":\"w1@host\",\"compression\":\"application/x-bz2\"}");
    assert_str(delivery->body, "[]");
}

static void what_is_absent_is_null_also_after_one_that_had_it(void **state)
{
    struct tb_assembly *assembly = *state;
    a_plain_delivery_takes_three_frames(state);
    /* Fields that are set but not flagged are not there. */
    amqp_basic_properties_t properties = {.content_type = bytes("application/json")};
    assert_int_equal(push_deliver(assembly, 43, "", false), 0);
    assert_int_equal(push_header(assembly, 0, &properties), TB_ASSEMBLY_DONE);
    const struct tb_delivery *delivery = &assembly->delivery;
    assert_int_equal(delivery->tag, 43);
    assert_false(delivery->redelivered);
    assert_str(delivery->routing_key, "");
    assert_str(delivery->body, "");
    assert_null(delivery->content_type.ptr);
    assert_null(delivery->content_encoding.ptr);
    assert_null(delivery->compression.ptr);
    assert_null(delivery->headers.ptr);
}

static void a_body_in_pieces_is_joined(void **state)
{
    struct tb_assembly *assembly = *state;
    for (int round = 0; round < 2; round++) {
        assert_int_equal(push_deliver(assembly, 1, "k", false), 0);
        assert_int_equal(push_header(assembly, 6, NULL), 0);
        assert_int_equal(push_body(assembly, "ab", 2), 0);
        assert_int_equal(push_body(assembly, "", 0), 0);
        assert_int_equal(push_body(assembly, "cde", 3), 0);
        assert_int_equal(push_body(assembly, "f", 1), TB_ASSEMBLY_DONE);
        assert_str(assembly->delivery.body, "abcdef");
    }
}

static void text_becomes_clean_utf8_and_the_body_stays_as_it_came(void **state)
{
    struct tb_assembly *assembly = *state;
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_CONTENT_TYPE_FLAG,
                                          .content_type = bytes("\xFF\xC3\xB1")};
    assert_int_equal(push_deliver(assembly, 1, "a\xC3(", false), 0);
    assert_int_equal(push_header(assembly, 2, &properties), 0);
    assert_int_equal(push_body(assembly, "\xFF\x00", 2), TB_ASSEMBLY_DONE);
    assert_str(assembly->delivery.routing_key, "a\xEF\xBF\xBD(");
    assert_str(assembly->delivery.content_type, "\xEF\xBF\xBD\xC3\xB1");
    assert_str(assembly->delivery.body, "\xFF\x00");
}

static void frames_out_of_order_are_refused(void **state)
{
    struct tb_assembly *assembly = *state;
    assert_int_equal(push_body(assembly, "x", 1), -EPROTO);
    assert_int_equal(push_header(assembly, 1, NULL), -EPROTO);
    assert_int_equal(push_deliver(assembly, 1, "k", false), 0);
    assert_int_equal(push_body(assembly, "x", 1), -EPROTO);
    assert_int_equal(push_header(assembly, 1, NULL), 0);
    assert_int_equal(push_header(assembly, 1, NULL), -EPROTO);
    assert_int_equal(push_body(assembly, "xy", 2), -EPROTO);
}

static void another_connection_begins_anew(void **state)
{
    struct tb_assembly *assembly = *state;
    assert_int_equal(push_deliver(assembly, 1, "k", false), 0);
    assert_int_equal(push_header(assembly, 6, NULL), 0);
    assert_int_equal(push_body(assembly, "ab", 2), 0);
    tb_assembly_reset(assembly);
    assert_int_equal(push_deliver(assembly, 2, "k", false), 0);
    assert_int_equal(push_header(assembly, 2, NULL), 0);
    assert_int_equal(push_body(assembly, "c", 1), 0);
    assert_int_equal(push_body(assembly, "d", 1), TB_ASSEMBLY_DONE);
    assert_str(assembly->delivery.body, "cd");
}

static void of_a_body_beyond_the_ceiling_the_first_bytes_are_kept(void **state)
{
    enum { PIECE = 16 << 20, PIECES = 9 };
    struct tb_assembly *assembly = *state;
    char *piece = calloc(1, PIECE);
    memset(piece, 'a', PIECE);
    assert_int_equal(push_deliver(assembly, 1, "k", false), 0);
    assert_int_equal(push_header(assembly, (uint64_t)PIECE * PIECES, NULL), 0);
    for (int i = 1; i < PIECES; i++)
        assert_int_equal(push_body(assembly, piece, PIECE), 0);
    assert_int_equal(push_body(assembly, piece, PIECE), TB_ASSEMBLY_DONE);
    assert_int_equal(assembly->delivery.body.len, TB_DELIVERY_MAX_BYTES);

    /* Its memory goes when the next one begins. */
    assert_int_equal(push_deliver(assembly, 2, "k", false), 0);
    assert_true(assembly->body.cap < TB_MIB);
    free(piece);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_plain_delivery_takes_three_frames),
        TEST(what_is_absent_is_null_also_after_one_that_had_it),
        TEST(a_body_in_pieces_is_joined),
        TEST(text_becomes_clean_utf8_and_the_body_stays_as_it_came),
        TEST(frames_out_of_order_are_refused),
        TEST(another_connection_begins_anew),
        TEST(of_a_body_beyond_the_ceiling_the_first_bytes_are_kept),
    };
    return cmocka_run_group_tests_name("assembly", tests, NULL, NULL);
}

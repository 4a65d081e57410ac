/* What a body was decoded into, kept for looking at. */
#ifndef TESTS_UNIT_CORE_DECODED_H
#define TESTS_UNIT_CORE_DECODED_H

#include "taskbridge/core/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define DECODED_MAX 128

struct decoded {
    struct tb_arena arena;
    struct tb_event events[DECODED_MAX];
    struct tb_str unknown[DECODED_MAX];
    struct {
        struct tb_str body, reason;
    } dead[DECODED_MAX];
    size_t event_count, unknown_count, dead_count;
};

static inline void decoded_on_event(void *owner, const struct tb_event *event)
{
    struct decoded *decoded = owner;
    assert_true(decoded->event_count < DECODED_MAX);
    decoded->events[decoded->event_count++] = *event;
}

static inline void decoded_on_unknown(void *owner, struct tb_str name)
{
    struct decoded *decoded = owner;
    assert_true(decoded->unknown_count < DECODED_MAX);
    decoded->unknown[decoded->unknown_count++] = name;
}

static inline void decoded_on_dead(void *owner, const struct tb_undecoded *dead)
{
    struct decoded *decoded = owner;
    assert_true(decoded->dead_count < DECODED_MAX);
    decoded->dead[decoded->dead_count].body = dead->body;
    decoded->dead[decoded->dead_count++].reason = dead->reason;
}

#define decoded_output(decoded)                                                                              \
    (&(const struct tb_decode_output){decoded_on_event, decoded_on_unknown, decoded_on_dead, (decoded)})

static inline void decoded_reset(struct decoded *decoded)
{
    tb_arena_reset(&decoded->arena);
    decoded->event_count = decoded->unknown_count = decoded->dead_count = 0;
}

static inline void decode_delivery(struct decoded *decoded, const struct tb_delivery *delivery)
{
    decoded_reset(decoded);
    assert_int_equal(tb_decode_delivery(delivery, &decoded->arena, decoded_output(decoded)), 0);
}

static inline void decode_str(struct decoded *decoded, struct tb_str body)
{
    decode_delivery(decoded, &(struct tb_delivery){.body = body});
}

static inline void decode(struct decoded *decoded, const char *body)
{
    decode_str(decoded, tb_str_of(body));
}

static inline void assert_str(struct tb_str str, const char *expected)
{
    if (tb_str_equal(str, tb_str_of(expected)))
        return;
    fail_msg("\"%.*s\" (%zu bytes%s) is not \"%s\"", TB_STR_FMT(str), str.len, str.ptr ? "" : ", null",
             expected ? expected : "(null)");
}

/* The one event there is. */
static inline const struct tb_event *only_event(const struct decoded *decoded)
{
    if (decoded->dead_count)
        fail_msg("a dead letter: %.*s", TB_STR_FMT(decoded->dead[0].reason));
    assert_int_equal(decoded->event_count, 1);
    assert_int_equal(decoded->unknown_count, 0);
    return &decoded->events[0];
}

/* The event of that type with these further fields, as JSON, "" for none. */
static inline const struct tb_event *event_of(struct decoded *decoded, const char *type, const char *fields)
{
    static char body[1 << 21];
    int len =
        snprintf(body, sizeof(body),
                 "{\"type\": \"%s\", \"uuid\": \"u\", \"hostname\": \"h\", \"timestamp\": 1700000000.5%s%s}",
                 type, *fields ? ", " : "", fields);
    assert_true(len > 0 && len < (int)sizeof(body));
    decode(decoded, body);
    return only_event(decoded);
}

static inline void assert_only_dead(const struct decoded *decoded, struct tb_str body, const char *reason)
{
    assert_int_equal(decoded->event_count + decoded->unknown_count, 0);
    assert_int_equal(decoded->dead_count, 1);
    assert_str(decoded->dead[0].reason, reason);
    assert_int_equal(decoded->dead[0].body.len, body.len);
    if (body.len)
        assert_memory_equal(decoded->dead[0].body.ptr, body.ptr, body.len);
}

#endif

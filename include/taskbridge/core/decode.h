/* A delivery's body becomes events, unknown events' names, and dead letters. Pure.
 *
 * Every byte of a body ends in an event, in a name that is counted, or in a dead letter: one bad element of a
 * list goes alone, its neighbours land. */
#ifndef TASKBRIDGE_CORE_DECODE_H
#define TASKBRIDGE_CORE_DECODE_H

#include "taskbridge/base/arena.h"
#include "taskbridge/core/delivery.h"
#include "taskbridge/core/event.h"

/* What can't be used: the whole delivery's body, or one element of its list, byte for byte as it stood there
 * (of a compressed list: after decompression, and it is read so if it comes again). */
struct tb_undecoded {
    struct tb_str body;
    struct tb_str text;   /* the body as text, where it can be read at all; else null */
    struct tb_str reason; /* a sentence a person understands */
};

struct tb_decode_output {
    /* Text is borrowed from the arena or the delivery's body. */
    void (*on_event)(void *owner, const struct tb_event *event);
    void (*on_unknown)(void *owner, struct tb_str type_name);
    void (*on_dead)(void *owner, const struct tb_undecoded *dead);
    void *owner;
};

/* Returns 0, or -ENOMEM when the arena is full: then some callbacks may have come already and the caller must
 * undo them (tb_batch does, by its marks). */
int tb_decode_delivery(const struct tb_delivery *delivery, struct tb_arena *arena,
                       const struct tb_decode_output *output) TB_MUST_CHECK;

/* The body as text, decompressed where it has to be; null when it can't be read: no JSON, no UTF-8, too
 * large. 0 or -ENOMEM. */
int tb_decode_text(const struct tb_delivery *delivery, struct tb_arena *arena,
                   struct tb_str *ret_text) TB_MUST_CHECK;

/* Whether the body's bytes stand for themselves: neither compressed nor in another encoding than UTF-8. */
bool tb_decode_is_plain(const struct tb_delivery *delivery);

/* The pieces of a delivery whose body is a list, as tb_decode_delivery takes it apart: its elements and what
 * is damaged of it, each byte for byte (of a compressed list: after decompression), borrowed from the body or
 * the arena; *ret_count is 0 when the body is no list, or can't be read at all. 0 or -ENOMEM. */
int tb_decode_split(const struct tb_delivery *delivery, struct tb_arena *arena, struct tb_str **ret_elements,
                    size_t *ret_count) TB_MUST_CHECK;

#endif

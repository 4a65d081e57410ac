/* Secrets, taken out of text before anybody keeps it. Pure.
 *
 * A value is secret by its key's name, at any depth and however often it was put into quotes, or by its
 * position among a task's arguments. Names are matched without case, "-" is "_", and "*" stands for any
 * characters. Hiding too much is fine, showing too much is not: where it can't be told any more what belongs
 * to what, the text ends. What holds nothing secret comes back as it was, the same pointer. */
#ifndef TASKBRIDGE_CORE_REDACT_H
#define TASKBRIDGE_CORE_REDACT_H

#include "taskbridge/base/arena.h"
#include "taskbridge/core/delivery.h"

/* Positions are the bits of a mask. */
#define TB_REDACT_POSITIONS 64

struct tb_redact {
    struct tb_str *names, *patterns; /* folded; in the arena that was given */
    size_t name_count, pattern_count;
    uint64_t shapes[16];        /* of names: what length, first and last byte there are */
    uint64_t last_bytes[4];     /* of patterns */
    uint64_t first_pairs[1024]; /* the first two bytes of the literal part of each */
    bool has_odd;               /* a name that is not one word: it is looked for only in whole keys */
    uint64_t positions;         /* that any rule names */
};

/* 0 or -ENOMEM. What is in names is borrowed for this call only. */
int tb_redact_init(struct tb_redact *redact, const struct tb_str *names, size_t count, uint64_t positions,
                   struct tb_arena *arena) TB_MUST_CHECK;

/* NULL for a name that can be looked for; else what would be right. */
const char *tb_redact_check_name(struct tb_str name);

/* All that follow: redact may be NULL, then nothing is secret; 0 or -ENOMEM; the result is borrowed from text
 * or the arena. */

/* Of a Python repr: of arguments, of a result. positions are those of its own elements. */
int tb_redact_repr(const struct tb_redact *redact, struct tb_str repr, uint64_t positions,
                   struct tb_arena *arena, struct tb_str *ret_text) TB_MUST_CHECK;

/* Of anything people or programs write: messages, exceptions, tracebacks. */
int tb_redact_text(const struct tb_redact *redact, struct tb_str text, struct tb_arena *arena,
                   struct tb_str *ret_text) TB_MUST_CHECK;

/* Of JSON, as text: headers. What is no whole JSON ends where the first secret begins. */
int tb_redact_json(const struct tb_redact *redact, struct tb_str json, struct tb_arena *arena,
                   struct tb_str *ret_json) TB_MUST_CHECK;

/* Of a whole delivery: a copy whose body and headers hold no secret; *ret_is_masked: it is no longer what it
 * was. */
int tb_redact_delivery(const struct tb_redact *redact, const struct tb_delivery *delivery,
                       struct tb_arena *arena, struct tb_delivery *ret_delivery,
                       bool *ret_is_masked) TB_MUST_CHECK;

/* Of bytes that are no JSON in UTF-8 (is_telling: they are plain, so that a name in them can be seen): empty
 * when a secret may be in them. */
struct tb_str tb_redact_bytes(const struct tb_redact *redact, struct tb_str bytes, bool is_telling);

#endif

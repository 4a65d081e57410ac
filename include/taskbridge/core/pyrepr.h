/* A tolerant reader of Python reprs, as Celery puts args and kwargs into events: maybe cut at any byte, with
 * "..." or "…" inside. What cannot be told with certainty is unknown, never wrong. Pure, no recursion beyond
 * a ceiling. */
#ifndef TASKBRIDGE_CORE_PYREPR_H
#define TASKBRIDGE_CORE_PYREPR_H

#include "taskbridge/base/arena.h"
#include "taskbridge/base/str.h"

enum tb_pyrepr_kind {
    TB_PYREPR_INTEGER, /* text: canonical decimal, any length */
    TB_PYREPR_STRING,  /* text: the string's content, escapes resolved, UTF-8 */
    TB_PYREPR_UUID,    /* text: of UUID('…') its 36 characters in lower case */
    TB_PYREPR_NONE,
    TB_PYREPR_OTHER /* anything else that is complete: True, 1.5, Decimal('7'), bytes, lists, objects */
};

struct tb_pyrepr_value {
    enum tb_pyrepr_kind kind;
    struct tb_str text; /* borrowed from repr or the arena */
    struct tb_str repr; /* as it stood */
};

enum tb_pyrepr_outcome { TB_PYREPR_ABSENT = 1 /* not there, or behind a cut: unknown */ };

/* The value of a key of a dict's repr: "{'company_id': 73, ...}". No dict has a key twice; where one is there
 * twice the last wins, and only if nothing was cut and no object printed itself. 0, TB_PYREPR_ABSENT or
 * -ENOMEM. */
int tb_pyrepr_find_key(struct tb_str repr, struct tb_str key, struct tb_arena *arena,
                       struct tb_pyrepr_value *ret_value) TB_MUST_CHECK;

/* The value at an index (from 0) of a tuple's or list's repr: "(73, 'x')". */
int tb_pyrepr_find_index(struct tb_str repr, size_t index, struct tb_arena *arena,
                         struct tb_pyrepr_value *ret_value) TB_MUST_CHECK;

/* A copy of a repr in which the values of the given keys, at any depth, are '***', and so are objects that
 * mention one ("<Login password=x>"); where a cut or
 * damage makes it uncertain, everything from there on is left out and "..." put in its place. 0 or -ENOMEM.
 */
int tb_pyrepr_redact(struct tb_str repr, const struct tb_str *keys, size_t key_count, struct tb_arena *arena,
                     struct tb_str *ret_repr) TB_MUST_CHECK;

#endif

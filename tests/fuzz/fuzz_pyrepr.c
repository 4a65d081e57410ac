/* Any bytes as a repr: what is found in it is clean and comes from it; redacting ends. */
#include "taskbridge/base/limits.h"
#include "taskbridge/base/utf8.h"
#include "taskbridge/core/pyrepr.h"
#include "taskbridge/core/redact.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check(int outcome, const struct tb_pyrepr_value *value, struct tb_str repr)
{
    assert(outcome == 0 || outcome == TB_PYREPR_ABSENT);
    if (outcome)
        return;
    assert(value->repr.ptr >= repr.ptr && value->repr.ptr + value->repr.len <= repr.ptr + repr.len);
    assert(value->repr.len && (value->kind == TB_PYREPR_OTHER || tb_utf8_is_clean(value->text)));
    assert(value->kind != TB_PYREPR_UUID || value->text.len == 36);
}

/* What is hidden in the copy is hidden for good. */
static void redact_all(struct tb_str repr, const struct tb_str keys[2], struct tb_arena *arena)
{
    struct tb_redact redact;
    struct tb_pyrepr_value value;
    struct tb_str redacted;

    int r = tb_redact_init(&redact, keys, 2, 0, arena);
    assert(r == 0);
    r = tb_redact_text(&redact, repr, arena, &redacted);
    assert(r == 0);
    r = tb_redact_json(&redact, repr, arena, &redacted);
    assert(r == 0);
    r = tb_redact_repr(&redact, repr, 5, arena, &redacted);
    assert(r == 0);
    r = tb_redact_repr(&redact, repr, 0, arena, &redacted);
    assert(r == 0);
    if (tb_pyrepr_find_key(redacted, keys[0], arena, &value) == 0)
        assert(tb_str_equal(value.text, TB_STR("***")));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct tb_str repr = {(const char *)bytes, len};
    const struct tb_str keys[] = {TB_STR("k"), TB_STR("company_id")};
    struct tb_pyrepr_value value;
    struct tb_arena arena;

    tb_arena_init(&arena, 256 * TB_MIB);
    for (size_t i = 0; i < TB_COUNT(keys); i++)
        check(tb_pyrepr_find_key(repr, keys[i], &arena, &value), &value, repr);
    for (size_t i = 0; i < 3; i++)
        check(tb_pyrepr_find_index(repr, i, &arena, &value), &value, repr);
    redact_all(repr, keys, &arena);
    tb_arena_deinit(&arena);
    return 0;
}

/* Any bytes as a repr: what is found in it is clean and comes from it; redacting ends. */
#include "taskbridge/base/limits.h"
#include "taskbridge/base/utf8.h"
#include "taskbridge/core/pyrepr.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct tb_str repr = {(const char *)bytes, len};
    const struct tb_str keys[] = {TB_STR("k"), TB_STR("company_id")};
    struct tb_pyrepr_value value;
    struct tb_arena arena;
    struct tb_str redacted;

    tb_arena_init(&arena, 256 * TB_MIB);
    for (size_t i = 0; i < TB_COUNT(keys); i++)
        check(tb_pyrepr_find_key(repr, keys[i], &arena, &value), &value, repr);
    for (size_t i = 0; i < 3; i++)
        check(tb_pyrepr_find_index(repr, i, &arena, &value), &value, repr);
    int status = tb_pyrepr_redact(repr, keys, TB_COUNT(keys), &arena, &redacted);
    assert(status == 0);
    /* What is hidden in the copy is hidden for good. */
    if (tb_pyrepr_find_key(redacted, keys[0], &arena, &value) == 0)
        assert(tb_str_equal(value.text, TB_STR("***")));
    tb_arena_deinit(&arena);
    return 0;
}

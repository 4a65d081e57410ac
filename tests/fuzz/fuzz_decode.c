/* Any bytes as a delivery's body: what comes out is clean, within its bounds, and the same taken apart. */
#include "taskbridge/base/error.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/base/utf8.h"
#include "taskbridge/core/decode.h"

#include <assert.h>
#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct tally {
    size_t events, others;
};

static void check_text(struct tb_str text, size_t max_bytes)
{
    assert(tb_utf8_is_clean(text) && text.len <= max_bytes);
}

static void on_event(void *owner, const struct tb_event *event)
{
    ((struct tally *)owner)->events++;
    const struct tb_str names[] = {event->type_name, event->hostname, event->name,   event->queue, event->eta,
                                   event->expires,   event->sw_ident, event->sw_ver, event->sw_sys};
    const struct tb_str ids[] = {event->uuid, event->root_id, event->parent_id, event->company};
    const struct tb_str texts[] = {event->args,      event->kwargs, event->result,     event->exception,
                                   event->traceback, event->text,   event->revoke_text};

    for (size_t i = 0; i < TB_COUNT(names); i++)
        check_text(names[i], TB_NAME_MAX_BYTES);
    for (size_t i = 0; i < TB_COUNT(ids); i++)
        check_text(ids[i], 4 * TB_TASK_ID_MAX_CHARS);
    for (size_t i = 0; i < TB_COUNT(texts); i++)
        check_text(texts[i], TB_DECODE_MAX_BYTES);
    assert(event->stamp >= TB_STAMP_MIN && event->stamp <= TB_STAMP_MAX && !isnan(event->progress));
    assert(tb_event_is_task(event->type) ? event->uuid.len > 0 : event->hostname.len > 0);
}

static void on_unknown(void *owner, struct tb_str type_name)
{
    ((struct tally *)owner)->others++;
    check_text(type_name, TB_NAME_MAX_BYTES);
    assert(type_name.len > 0 && tb_event_type_find(type_name) == TB_EVENT_UNKNOWN);
}

static void on_dead(void *owner, const struct tb_undecoded *dead)
{
    ((struct tally *)owner)->others++;
    assert(dead->body.ptr && dead->reason.len > 0);
    check_text(dead->reason, TB_ERROR_TEXT_BYTES);
}

/* The compression that a body begins like. */
static struct tb_str guess_compression(struct tb_str body)
{
    if (tb_str_starts_with(body, TB_STR("BZh")))
        return TB_STR("application/x-bz2");
    bool is_zlib = tb_str_starts_with(body, TB_STR("\x78")) || tb_str_starts_with(body, TB_STR("\x1F\x8B"));
    return is_zlib ? TB_STR("application/x-gzip") : TB_STR_NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct tally whole = {0}, parts = {0};
    struct tb_decode_output output = {on_event, on_unknown, on_dead, &whole};
    struct tb_delivery delivery = {.body = {(const char *)bytes, len}};
    struct tb_str *elements;
    struct tb_arena arena;
    size_t count;

    delivery.compression = guess_compression(delivery.body);
    tb_arena_init(&arena, 256 * TB_MIB);
    int status = tb_decode_delivery(&delivery, &arena, &output);
    assert(status == 0 && whole.events + whole.others + (len > 0) > 0);
    status = tb_decode_split(&delivery, &arena, &elements, &count);
    assert(status == 0);
    output.owner = &parts;
    for (size_t i = 0; i < count; i++) {
        status = tb_decode_delivery(&(struct tb_delivery){.body = elements[i]}, &arena, &output);
        assert(status == 0);
    }
    assert(!count || parts.events >= whole.events);
    tb_arena_deinit(&arena);
    return 0;
}

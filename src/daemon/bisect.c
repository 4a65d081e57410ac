/* Which of a batch's deliveries does PostgreSQL refuse?
 *
 * The deliveries are halved until one is alone that is refused; if its body is a list of events, its elements
 * are halved in turn, so that one bad event goes to the dead letters and its neighbours land. Every part is
 * decoded anew from the bodies, which the batch keeps. Parts are written in order, each in a transaction of
 * its own; the deliveries are acknowledged only after the last.
 *
 * Pure: who writes the parts, and what is tried again when the database is away, is the pipeline's. */
#include "bisect.h"

#include "taskbridge/base/buf.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/core/decode.h"

#include <assert.h>
#include <errno.h>

int tb_bisect_init(struct tb_bisect *bisect, const struct tb_batch *refused, const struct tb_rules *rules)
{
    *bisect = (struct tb_bisect){.rules = rules};
    tb_arena_init(&bisect->arena, TB_BATCH_ARENA_MAX_BYTES);
    bisect->ranges[bisect->depth++] =
        (struct tb_bisect_range){.items = refused->deliveries, .count = refused->delivery_count};
    return tb_batch_init(&bisect->part);
}

void tb_bisect_deinit(struct tb_bisect *bisect)
{
    tb_batch_deinit(&bisect->part);
    tb_arena_deinit(&bisect->arena);
    *bisect = (struct tb_bisect){0};
}

static int fill_part(struct tb_bisect *bisect, const struct tb_bisect_range *range)
{
    int r = 0;

    if (range->is_dead)
        r = tb_batch_add_dead(&bisect->part, range->items, bisect->rules, bisect->reason);
    for (size_t i = 0; r == 0 && !range->is_dead && i < range->count; i++)
        r = tb_batch_add(&bisect->part, &range->items[i], bisect->rules);
    return r;
}

int tb_bisect_next(struct tb_bisect *bisect, struct tb_batch **ret_part)
{
    if (bisect->depth == 0) {
        *ret_part = NULL;
        return 0;
    }
    const struct tb_bisect_range *range = &bisect->ranges[bisect->depth - 1];
    tb_batch_reset(&bisect->part);
    int r = fill_part(bisect, range);
    if (r)
        return r;
    if (range->are_elements) {
        bisect->part.counts.deliveries = range->has_first ? 1 : 0;
        bisect->part.counts.redelivered = range->has_first && range->items->redelivered ? 1 : 0;
    }
    tb_batch_seal(&bisect->part);
    *ret_part = &bisect->part;
    return 0;
}

void tb_bisect_written(struct tb_bisect *bisect)
{
    assert(bisect->depth > 0);
    bisect->depth--;
    bisect->has_written = bisect->has_written || !bisect->ranges[bisect->depth].is_dead;
}

/* The second half waits below the first. */
static void push_halves(struct tb_bisect *bisect, struct tb_bisect_range range)
{
    struct tb_bisect_range first = range, second = range;

    first.count = range.count / 2;
    second.items += first.count;
    second.count -= first.count;
    second.has_first = false;
    assert(bisect->depth + 2 <= TB_BISECT_DEPTH_MAX);
    bisect->ranges[bisect->depth++] = second;
    bisect->ranges[bisect->depth++] = first;
}

/* Puts the list's elements in the delivery's place, halved; *ret_split is false when there is nothing to
 * split. */
static int split_delivery(struct tb_bisect *bisect, const struct tb_delivery *delivery, bool *ret_split)
{
    struct tb_str *elements = NULL;
    size_t count = 0;
    int r = tb_decode_split(delivery, &bisect->arena, &elements, &count);

    *ret_split = false;
    if (r || count < 2)
        return r;
    struct tb_delivery *items = tb_arena_calloc(&bisect->arena, count, sizeof(*items));
    if (!items)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        items[i] = *delivery;
        items[i].body = elements[i];
        items[i].compression = TB_STR_NULL;
    }
    bisect->depth--;
    push_halves(bisect, (struct tb_bisect_range){
                            .items = items, .count = count, .are_elements = true, .has_first = true});
    *ret_split = true;
    return 0;
}

static int condemn(struct tb_bisect *bisect, const struct tb_error *why)
{
    struct tb_buf text = {0};
    int r = -ENOMEM;

    tb_buf_init(&text, 2 * sizeof(why->text));
    tb_buf_printf(&text, "PostgreSQL refuses it: %s (SQLSTATE %s)", why->text, why->sqlstate);
    if (!text.failed && tb_arena_copy(&bisect->arena, tb_buf_str(&text), &bisect->reason)) {
        bisect->ranges[bisect->depth - 1].is_dead = true;
        bisect->dead_count++;
        r = 0;
    }
    tb_buf_deinit(&text);
    return r;
}

/* Halves the part on top, or puts its list's elements there; *ret_split is false where it is a single one. */
static int split(struct tb_bisect *bisect, bool *ret_split)
{
    struct tb_bisect_range range = bisect->ranges[bisect->depth - 1];

    *ret_split = range.count > 1;
    if (range.count > 1) {
        bisect->depth--;
        push_halves(bisect, range);
        return 0;
    }
    return range.are_elements ? 0 : split_delivery(bisect, range.items, ret_split);
}

int tb_bisect_refused(struct tb_bisect *bisect, const struct tb_error *why)
{
    bool is_split = false;

    assert(bisect->depth > 0);
    if (bisect->ranges[bisect->depth - 1].is_dead)
        return -EBADMSG;
    int r = split(bisect, &is_split);
    return r || is_split ? r : condemn(bisect, why);
}

int tb_bisect_failed(struct tb_bisect *bisect)
{
    struct tb_bisect_range last = bisect->ranges[bisect->depth - 1];
    bool is_split = false;
    int r = 0;

    assert(bisect->depth > 0);
    /* A refusal may split further, so half of the room stays for that. */
    if (last.is_dead || bisect->depth > TB_BISECT_DEPTH_MAX / 2)
        return TB_BISECT_ALONE;
    r = split(bisect, &is_split);
    if (r || is_split)
        return r;
    if (bisect->depth == 1)
        return TB_BISECT_ALONE;
    memmove(&bisect->ranges[1], &bisect->ranges[0], (bisect->depth - 1) * sizeof(last));
    bisect->ranges[0] = last;
    return 0;
}

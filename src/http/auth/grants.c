/* Grants from their making to the release of the last who holds them.
 *
 * What a grant says never changes, so that whoever holds one may read it at any time; it ends instead, and a
 * new one says what holds from then on. Only the company's name is taken over, because it is nobody's access.
 */
#include "grants.h"

#include "taskbridge/base/limits.h"

#include <assert.h>
#include <stdlib.h>

struct grant {
    struct tb_grant public; /* first */
    size_t holders;
    struct tb_arena arena;          /* of its texts */
    struct tb_grant_keeper *keeper; /* borrowed; NULL: it looks after itself no more */
    struct tb_loop *loop;
    struct tb_grant_watch *watches;
    struct tb_timer telling;
    enum tb_grant_end end; /* 0: it holds */
};

static struct grant *of(struct tb_grant *grant)
{
    return (struct grant *)grant;
}

/* ---- making ---- */

static bool copy_texts(const struct tb_str *texts, size_t count, struct tb_arena *arena,
                       const struct tb_str **ret_texts)
{
    struct tb_str *copies = tb_arena_calloc(arena, count ? count : 1, sizeof(*copies));

    for (size_t i = 0; copies && i < count; i++) {
        if (!tb_arena_copy(arena, texts[i], &copies[i]))
            return false;
    }
    *ret_texts = copies;
    return copies != NULL;
}

static bool copy_scope(const struct tb_scope *scope, struct tb_arena *arena,
                       const struct tb_scope **ret_scope)
{
    struct tb_scope *copy = tb_arena_calloc(arena, 1, sizeof(*copy));

    if (!copy)
        return false;
    copy->task_count = scope->task_count;
    copy->type_count = scope->type_count;
    *ret_scope = copy;
    return copy_texts(scope->tasks, scope->task_count, arena, &copy->tasks) &&
           copy_texts(scope->types, scope->type_count, arena, &copy->types) &&
           tb_arena_copy(arena, scope->flow, &copy->flow);
}

static void on_telling(struct tb_timer *timer)
{
    struct grant *grant = timer->owner;

    /* A callback may release the grant, but the loop's last is our own. */
    tb_grant_hold(&grant->public);
    while (grant->watches) {
        struct tb_grant_watch *watch = grant->watches;
        tb_grant_unwatch(watch);
        watch->on_end(watch, grant->end);
    }
    tb_grant_release(&grant->public);
}

struct tb_grant *tb_grant_new(const struct tb_verdict *verdict, struct tb_str company,
                              struct tb_grant_keeper *keeper)
{
    struct grant *grant = calloc(1, sizeof(*grant));
    struct tb_grant *public = &grant->public;

    if (!grant)
        return NULL;
    tb_arena_init_small(&grant->arena, TB_GRANT_MAX_BYTES);
    grant->holders = 1;
    grant->keeper = keeper;
    grant->loop = keeper->loop;
    grant->telling = (struct tb_timer){.on_expire = on_telling, .owner = grant};
    public->rights = verdict->rights;
    public->may_see = verdict->may_see;
    public->expires_at_us = verdict->expires_at_us;
    if (!tb_arena_copy(&grant->arena, verdict->user, &public->user) ||
        !tb_arena_copy(&grant->arena, company, &public->company) ||
        !tb_arena_copy(&grant->arena, verdict->company_name, &public->company_name) ||
        (verdict->scope && !copy_scope(verdict->scope, &grant->arena, &public->scope))) {
        tb_grant_release(public);
        return NULL;
    }
    return public;
}

/* ---- holding ---- */

struct tb_grant *tb_grant_hold(struct tb_grant *grant)
{
    of(grant)->holders++;
    return grant;
}

void tb_grant_release(struct tb_grant *grant)
{
    if (!grant || --of(grant)->holders)
        return;
    assert(!of(grant)->watches);
    tb_loop_disarm(of(grant)->loop, &of(grant)->telling);
    tb_arena_deinit(&of(grant)->arena);
    free(grant);
}

/* ---- comparing ---- */

static bool are_same_texts(const struct tb_str *a, size_t a_count, const struct tb_str *b, size_t b_count)
{
    for (size_t i = 0; i < a_count && a_count == b_count; i++) {
        if (!tb_str_equal(a[i], b[i]))
            return false;
    }
    return a_count == b_count;
}

static bool is_same_scope(const struct tb_scope *a, const struct tb_scope *b)
{
    if (!a || !b)
        return a == b;
    return are_same_texts(a->tasks, a->task_count, b->tasks, b->task_count) &&
           are_same_texts(a->types, a->type_count, b->types, b->type_count) && tb_str_equal(a->flow, b->flow);
}

bool tb_grant_matches(struct tb_grant *grant, const struct tb_verdict *verdict)
{
    struct tb_str name = TB_STR_NULL;

    if (!tb_str_equal(grant->user, verdict->user) || grant->rights != verdict->rights ||
        grant->may_see != verdict->may_see || grant->expires_at_us != verdict->expires_at_us ||
        !is_same_scope(grant->scope, verdict->scope))
        return false;
    /* The old name's bytes stay in the arena, whose ceiling ends a company that is renamed for ever. */
    if (!tb_str_equal(grant->company_name, verdict->company_name)) {
        if (!tb_arena_copy(&of(grant)->arena, verdict->company_name, &name))
            return false;
        grant->company_name = name;
    }
    return true;
}

/* ---- watching ---- */

bool tb_grant_is_watched(const struct tb_grant *grant)
{
    return ((const struct grant *)grant)->watches != NULL;
}

void tb_grant_watch(struct tb_grant_watch *watch, struct tb_grant *public)
{
    struct grant *grant = of(public);
    bool is_first = !grant->watches;

    watch->grant = tb_grant_hold(public);
    watch->previous = NULL;
    watch->next = grant->watches;
    if (watch->next)
        watch->next->previous = watch;
    grant->watches = watch;
    if (grant->end)
        tb_loop_arm(grant->loop, &grant->telling, 0);
    else if (is_first && grant->keeper)
        grant->keeper->on_watched(grant->keeper);
}

void tb_grant_unwatch(struct tb_grant_watch *watch)
{
    struct tb_grant *grant = watch->grant;

    if (!grant)
        return;
    if (watch->previous)
        watch->previous->next = watch->next;
    else
        of(grant)->watches = watch->next;
    if (watch->next)
        watch->next->previous = watch->previous;
    watch->grant = NULL;
    tb_grant_release(grant);
}

void tb_grant_end(struct tb_grant *grant, enum tb_grant_end reason)
{
    of(grant)->end = reason;
    of(grant)->keeper = NULL;
    if (of(grant)->watches)
        tb_loop_arm(of(grant)->loop, &of(grant)->telling, 0);
}

void tb_grant_leave(struct tb_grant *grant)
{
    of(grant)->keeper = NULL;
}

/* Names are looked up by the system, on a thread of the dialler's.
 *
 * That can't be interrupted: who asked goes on after its time, the thread stays. So that they can't become
 * many, there is one question a name, whoever asks and how often. Its answer goes to all that still wait;
 * where nobody does any more it is kept for whoever asks next, so that a DNS slower than anyone's patience
 * serves them all the same. An answer that was given is forgotten: what the system caches, the system knows.
 */
#include "taskbridge/io/resolver.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An answer that nobody waited for is used if it is asked for within this. */
#define KEPT_US (60 * TB_US_PER_S)

/* A name that is, or was, looked up. */
struct tb_name {
    struct tb_resolver *resolver;
    struct tb_name *next;
    char *host;
    struct tb_dial *dial; /* NULL once there is an answer */
    struct tb_lookup *askers;
    struct tb_timer timer; /* tells the answer */
    int r;
    struct tb_error err;
    struct tb_addresses addresses;
};

struct tb_resolver {
    struct tb_loop *loop;
    struct tb_dialler *dialler;
    struct tb_name *names;
};

/* ---- the system's answer ---- */

static bool is_numeric(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static bool is_known(const struct tb_addresses *addresses, const char *text)
{
    for (size_t i = 0; i < addresses->count; i++)
        if (strcmp(addresses->list[i], text) == 0)
            return true;
    return false;
}

static void add_address(struct tb_addresses *addresses, const struct addrinfo *info)
{
    char text[TB_ADDRESS_TEXT_BYTES];
    if (addresses->count == TB_ADDRESSES_MAX ||
        getnameinfo(info->ai_addr, info->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) ||
        is_known(addresses, text))
        return;
    memcpy(addresses->list[addresses->count++], text, sizeof(text));
}

/* Waits for as long as the system does. */
static int look_up(const char *host, struct tb_addresses *ret_addresses, struct tb_error *err)
{
    struct addrinfo *list, hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    ret_addresses->count = 0;
    int code = getaddrinfo(host, NULL, &hints, &list);
    if (code)
        return tb_error_set(err, -EHOSTUNREACH, "the name %.200s has no address: %s", host,
                            code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
    for (const struct addrinfo *info = list; info; info = info->ai_next)
        add_address(ret_addresses, info);
    freeaddrinfo(list);
    return ret_addresses->count ? 0
                                : tb_error_set(err, -EHOSTUNREACH, "the name %.200s has no address", host);
}

static int tell_silence(const char *host, int64_t timeout_us, struct tb_error *err)
{
    return tb_error_set(err, -ETIMEDOUT,
                        "nobody said within %lld ms what address the name %.200s has: check the DNS",
                        (long long)(timeout_us / TB_US_PER_MS), host);
}

struct question {
    char *host;
    struct tb_addresses addresses;
};

static void free_question(void *work)
{
    struct question *question = work;
    free(question->host);
    free(question);
}

static struct question *new_question(const char *host)
{
    struct question *question = calloc(1, sizeof(*question));
    if (question)
        question->host = strdup(host);
    if (question && question->host)
        return question;
    free(question);
    return NULL;
}

static int run_question(void *work, struct tb_dial *dial, struct tb_error *err)
{
    struct question *question = work;
    (void)dial;
    return look_up(question->host, &question->addresses, err);
}

static void detach(struct tb_lookup *lookup)
{
    struct tb_lookup **at = &lookup->name->askers;
    while (*at != lookup)
        at = &(*at)->next;
    *at = lookup->next;
    lookup->name = NULL;
}

void tb_lookup_cancel(struct tb_lookup *lookup)
{
    if (!lookup->is_under_way)
        return;
    lookup->is_under_way = false;
    tb_loop_disarm(lookup->resolver->loop, &lookup->timer);
    if (lookup->name)
        detach(lookup);
}

/* Unlinked first, so that who asks from inside a callback asks anew. */
static void tell_answer(struct tb_name *name)
{
    struct tb_name **at = &name->resolver->names;
    while (*at != name)
        at = &(*at)->next;
    *at = name->next;
    for (struct tb_lookup *lookup; (lookup = name->askers);) {
        tb_lookup_cancel(lookup);
        lookup->on_done(lookup, name->r, name->r < 0 ? NULL : &name->addresses, &name->err);
    }
    free(name->host);
    free(name);
}

static void on_name_timer(struct tb_timer *timer)
{
    tell_answer(timer->owner);
}

/* Now where somebody waits for it; else it is kept until somebody does, or nobody did for long. */
static void settle(struct tb_name *name)
{
    tb_loop_arm(name->resolver->loop, &name->timer, name->askers ? 0 : KEPT_US);
}

static void on_answer(void *owner, void *work, int r, const struct tb_error *err)
{
    struct tb_name *name = owner;
    struct question *question = work;
    name->dial = NULL;
    name->r = r;
    name->err = *err;
    name->addresses = question->addresses;
    free_question(question);
    settle(name);
}

/* Asks the system, or answers itself what needs no asking. */
static void ask(struct tb_name *name)
{
    if (is_numeric(name->host)) {
        name->addresses.count = 1;
        snprintf(name->addresses.list[0], TB_ADDRESS_TEXT_BYTES, "%s", name->host);
        return;
    }
    struct question *question = new_question(name->host);
    const struct tb_dial_job job = {run_question, on_answer, free_question, question, name};
    name->r = question ? tb_dial_start(name->resolver->dialler, &job, &name->dial, &name->err)
                       : tb_error_set_errno(&name->err, -ENOMEM, "looking up a name");
    if (name->r < 0 && question)
        free_question(question);
}

/* NULL without memory. */
static struct tb_name *find_or_ask(struct tb_resolver *resolver, const char *host)
{
    for (struct tb_name *name = resolver->names; name; name = name->next)
        if (strcmp(name->host, host) == 0)
            return name;
    struct tb_name *name = calloc(1, sizeof(*name));
    if (name)
        name->host = strdup(host);
    if (!name || !name->host) {
        free(name);
        return NULL;
    }
    name->resolver = resolver;
    name->timer = (struct tb_timer){.on_expire = on_name_timer, .owner = name};
    name->next = resolver->names;
    resolver->names = name;
    ask(name);
    return name;
}

static void on_lookup_timer(struct tb_timer *timer)
{
    struct tb_lookup *lookup = timer->owner;
    struct tb_error err = {0};
    int r = lookup->name ? tell_silence(lookup->name->host, lookup->timeout_us, &err)
                         : tb_error_set_errno(&err, -ENOMEM, "looking up a name");
    tb_lookup_cancel(lookup);
    lookup->on_done(lookup, r, NULL, &err);
}

void tb_lookup_start(struct tb_resolver *resolver, struct tb_lookup *lookup, const char *host,
                     int64_t timeout_us)
{
    assert(resolver && !lookup->is_under_way);
    lookup->resolver = resolver;
    lookup->timeout_us = timeout_us;
    lookup->is_under_way = true;
    lookup->timer = (struct tb_timer){.on_expire = on_lookup_timer, .owner = lookup};
    lookup->name = find_or_ask(resolver, host);
    tb_loop_arm(resolver->loop, &lookup->timer, lookup->name ? timeout_us : 0);
    if (!lookup->name)
        return;
    lookup->next = lookup->name->askers;
    lookup->name->askers = lookup;
    if (!lookup->name->dial)
        settle(lookup->name);
}

/* ---- the whole ---- */

int tb_resolver_new(struct tb_loop *loop, struct tb_dialler *dialler, struct tb_resolver **ret_resolver,
                    struct tb_error *err)
{
    struct tb_resolver *resolver = calloc(1, sizeof(*resolver));
    if (!resolver)
        return tb_error_set_errno(err, -ENOMEM, "preparing to look names up");
    *resolver = (struct tb_resolver){.loop = loop, .dialler = dialler};
    *ret_resolver = resolver;
    return 0;
}

static void free_name(struct tb_name *name)
{
    tb_loop_disarm(name->resolver->loop, &name->timer);
    while (name->askers)
        tb_lookup_cancel(name->askers);
    tb_dial_abandon(name->dial);
    free(name->host);
    free(name);
}

void tb_resolver_free(struct tb_resolver *resolver)
{
    if (!resolver)
        return;
    for (struct tb_name *name; (name = resolver->names);) {
        resolver->names = name->next;
        free_name(name);
    }
    free(resolver);
}

/* ---- look-ups without a loop: one of its own ---- */

struct waiting {
    struct tb_loop *loop;
    struct tb_addresses *ret_addresses;
    struct tb_error *err;
    int r;
};

static void on_waited(struct tb_lookup *lookup, int r, const struct tb_addresses *addresses,
                      const struct tb_error *err)
{
    struct waiting *waiting = lookup->owner;
    waiting->r = r;
    if (r < 0)
        tb_error_set(waiting->err, r, "%s", err->text);
    else
        *waiting->ret_addresses = *addresses;
    tb_loop_stop(waiting->loop);
}

int tb_lookup_wait(const char *host, int64_t timeout_us, struct tb_addresses *ret_addresses,
                   struct tb_error *err)
{
    struct waiting waiting = {.ret_addresses = ret_addresses, .err = err};
    struct tb_lookup lookup = {.on_done = on_waited, .owner = &waiting};
    struct tb_dialler *dialler = NULL;
    struct tb_resolver *resolver = NULL;
    int r = tb_loop_new(&waiting.loop, err);
    if (r == 0)
        r = tb_dialler_new(waiting.loop, &dialler, err);
    if (r == 0)
        r = tb_resolver_new(waiting.loop, dialler, &resolver, err);
    if (r == 0) {
        tb_lookup_start(resolver, &lookup, host, timeout_us);
        r = tb_loop_run(waiting.loop, err);
    }
    tb_resolver_free(resolver);
    tb_dialler_free(dialler);
    tb_loop_free(waiting.loop);
    return r < 0 ? r : waiting.r;
}

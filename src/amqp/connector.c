/* Finds a broker of the list that can be had.
 *
 * One broker after the other: its name is looked up, then each of its addresses is tried on a thread of the
 * dialler's, with its own share of the time, up to the end of the login and of what the owner asks for there.
 * The first that succeeds is handed to the loop; the list is gone through once, then the owner is told, and
 * decides when to begin again. It begins where it succeeded last: Celery does the same.
 *
 * The thread works on copies, for it may outlive all that it was begun for. */
#include "connector.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* What a thread works on. */
struct attempt {
    struct tb_amqp_options options; /* texts owned by memory */
    char *memory;
    struct tb_amqp_urls urls;
    const char *role;
    size_t broker; /* of the list, that is tried */
    struct tb_addresses addresses;
    int (*set_up)(struct tb_session *session, const struct tb_amqp_options *options, void *task,
                  struct tb_error *err);
    void *task;                 /* owned */
    struct tb_session *session; /* owned */
};

struct tb_connector {
    struct tb_broker broker;
    const char *role;
    struct tb_connector_events events;
    struct tb_lookup lookup;
    struct tb_dial *dial;
    struct tb_timer failure;
    struct attempt *attempt; /* NULL while it is a thread's */
    size_t brokers, current, tried;
    struct tb_buf reasons;
    int last_r;
    bool is_under_way;
};

/* ---- copies ---- */

static void free_attempt(void *work)
{
    struct attempt *attempt = work;
    if (!attempt)
        return;
    if (attempt->session)
        tb_session_close(attempt->session, 0);
    free(attempt->session);
    free(attempt->task);
    tb_amqp_urls_deinit(&attempt->urls);
    if (attempt->memory)
        explicit_bzero(attempt->memory, strlen(attempt->memory));
    free(attempt->memory);
    free(attempt);
}

/* The URL, which holds passwords, comes first: see free_attempt. */
static const char **texts_of(struct tb_amqp_options *options, size_t index)
{
    const char **const texts[] = {
        &options->url,      &options->tls.ca_file, &options->tls.cert_file,    &options->tls.key_file,
        &options->instance, &options->exchange,    &options->control_exchange, &options->source,
        &options->queue,
    };
    return index < TB_COUNT(texts) ? texts[index] : NULL;
}

static bool copy_options(struct attempt *attempt, const struct tb_amqp_options *options)
{
    const char **text;
    size_t bytes = 0;
    attempt->options = *options;
    for (size_t i = 0; (text = texts_of(&attempt->options, i)); i++)
        bytes += *text ? strlen(*text) + 1 : 0;
    char *at = attempt->memory = malloc(bytes);
    if (!at)
        return false;
    for (size_t i = 0; (text = texts_of(&attempt->options, i)); i++) {
        if (!*text)
            continue;
        const char *copy = at;
        at = stpcpy(at, *text) + 1;
        *text = copy;
    }
    return true;
}

/* task is taken, also where this fails. */
static struct attempt *new_attempt(const struct tb_connector *connector, void *task)
{
    struct attempt *attempt = calloc(1, sizeof(*attempt));
    if (!attempt) {
        free(task);
        return NULL;
    }
    attempt->task = task;
    attempt->role = connector->role;
    attempt->set_up = connector->events.set_up;
    if (copy_options(attempt, connector->broker.options) &&
        tb_amqp_urls_parse(attempt->options.url, &attempt->urls, NULL) == 0)
        return attempt;
    free_attempt(attempt);
    return NULL;
}

/* ---- on a thread ---- */

static int try_address(struct attempt *attempt, const char *address, struct tb_dial *dial,
                       struct tb_error *err)
{
    const struct tb_session_target target = {&attempt->urls.list[attempt->broker], address, &attempt->options,
                                             attempt->role};
    int r = tb_session_dial(attempt->session, &target, dial, err);
    if (r == 0 && attempt->set_up)
        r = attempt->set_up(attempt->session, &attempt->options, attempt->task, err);
    if (r < 0)
        tb_session_close(attempt->session, 0);
    else
        tb_session_hand_over(attempt->session);
    return r;
}

static int try_addresses(void *work, struct tb_dial *dial, struct tb_error *err)
{
    struct attempt *attempt = work;
    int r = -EHOSTUNREACH;
    for (size_t i = 0; i < attempt->addresses.count && !tb_dial_is_abandoned(dial); i++) {
        struct tb_error reason = {0};
        r = try_address(attempt, attempt->addresses.list[i], dial, &reason);
        if (r == 0)
            return 0;
        *err = reason;
    }
    return r;
}

/* ---- in the loop ---- */

static void look_up(struct tb_connector *connector);

static void finish(struct tb_connector *connector)
{
    connector->is_under_way = false;
    free_attempt(connector->attempt);
    connector->attempt = NULL;
}

static void fail(struct tb_connector *connector)
{
    struct tb_error err = {0};
    tb_error_set(&err, connector->last_r, "%s",
                 connector->reasons.ptr ? connector->reasons.ptr : "connecting to the broker: no memory");
    finish(connector);
    connector->events.on_failed(connector->events.owner, &err);
}

static void try_next(struct tb_connector *connector, int r, const struct tb_error *err)
{
    connector->last_r = r;
    tb_session_add_reason(&connector->reasons, err);
    connector->current = (connector->current + 1) % connector->brokers;
    if (++connector->tried < connector->brokers)
        look_up(connector);
    else
        fail(connector);
}

static void on_tried(void *owner, void *work, int r, const struct tb_error *err)
{
    struct tb_connector *connector = owner;
    struct attempt *attempt = connector->attempt = work;
    connector->dial = NULL;
    if (r < 0) {
        try_next(connector, r, err);
        return;
    }
    struct tb_session *session = attempt->session;
    void *task = attempt->task;
    attempt->session = NULL;
    attempt->task = NULL;
    finish(connector);
    connector->events.on_ready(connector->events.owner, session, connector->current, task);
}

static void on_found(struct tb_lookup *lookup, int r, const struct tb_addresses *addresses,
                     const struct tb_error *err)
{
    struct tb_connector *connector = lookup->owner;
    struct attempt *attempt = connector->attempt;
    const struct tb_dial_job job = {try_addresses, on_tried, free_attempt, attempt, connector};
    struct tb_error reason = {0};
    if (r < 0) {
        tb_error_set(&reason, r, "amqp.url: %s", err->text);
        try_next(connector, r, &reason);
        return;
    }
    attempt->broker = connector->current;
    attempt->addresses = *addresses;
    connector->attempt = NULL;
    r = tb_dial_start(connector->broker.dialler, &job, &connector->dial, &reason);
    if (r == 0)
        return;
    connector->attempt = attempt;
    try_next(connector, r, &reason);
}

static void look_up(struct tb_connector *connector)
{
    const struct tb_amqp_url *url = &connector->attempt->urls.list[connector->current];
    tb_lookup_start(connector->broker.resolver, &connector->lookup, url->host,
                    connector->broker.options->connect_timeout_us);
}

static void on_failure(struct tb_timer *timer)
{
    fail(timer->owner);
}

/* ---- what others call ---- */

void tb_connector_start(struct tb_connector *connector, void *task)
{
    assert(!connector->is_under_way);
    connector->is_under_way = true;
    connector->tried = 0;
    tb_buf_reset(&connector->reasons);
    connector->attempt = new_attempt(connector, task);
    if (connector->attempt)
        connector->attempt->session = calloc(1, sizeof(*connector->attempt->session));
    if (connector->attempt && connector->attempt->session) {
        tb_session_init(connector->attempt->session);
        look_up(connector);
        return;
    }
    connector->last_r = -ENOMEM;
    tb_loop_arm(connector->broker.loop, &connector->failure, 0);
}

void tb_connector_stop(struct tb_connector *connector)
{
    if (!connector->is_under_way)
        return;
    tb_lookup_cancel(&connector->lookup);
    tb_dial_abandon(connector->dial);
    connector->dial = NULL;
    tb_loop_disarm(connector->broker.loop, &connector->failure);
    finish(connector);
}

bool tb_connector_is_under_way(const struct tb_connector *connector)
{
    return connector->is_under_way;
}

int tb_connector_new(const struct tb_broker *broker, const char *role,
                     const struct tb_connector_events *events, struct tb_connector **ret_connector,
                     struct tb_error *err)
{
    struct tb_amqp_urls urls = {0};
    int r = tb_amqp_options_check(broker->options, err);
    if (r == 0)
        r = tb_amqp_urls_parse(broker->options->url, &urls, err);
    if (r < 0)
        return r;
    size_t brokers = urls.count;
    tb_amqp_urls_deinit(&urls);
    struct tb_connector *connector = calloc(1, sizeof(*connector));
    if (!connector)
        return tb_error_set_errno(err, -ENOMEM, "connecting to the broker");
    connector->broker = *broker;
    connector->role = role;
    connector->events = *events;
    connector->brokers = brokers;
    connector->lookup = (struct tb_lookup){.on_done = on_found, .owner = connector};
    connector->failure = (struct tb_timer){.on_expire = on_failure, .owner = connector};
    tb_buf_init(&connector->reasons, TB_SESSION_REASONS_BYTES);
    *ret_connector = connector;
    return 0;
}

void tb_connector_free(struct tb_connector *connector)
{
    if (!connector)
        return;
    tb_connector_stop(connector);
    tb_buf_deinit(&connector->reasons);
    free(connector);
}

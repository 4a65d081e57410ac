/* Connecting: libpq tries the hosts of a URL in turn by itself, but leaves time to its caller, and asks the
 * DNS where nobody can end it. So a host that is silent instead of refusing would end failover.
 *
 * Here the list is taken apart: each host has its share of the time, each address of its name a share of
 * that, and libpq is given one address at a time; the names are looked up by io. What else the URL says stays
 * libpq's. What libpq fills in from the environment and the service file it tells only of a connection, so it
 * is first brought to refuse one.
 *
 * Who answers is looked at before anything is set or asked of it: its encoding must hold every event, and a
 * pooler must not give each transaction another session, for ours have settings, statements, LISTEN and
 * locks.
 */
#include "dial.h"

#include "error.h"
#include "wait.h"

#include "taskbridge/base/buf.h"
#include "taskbridge/base/random.h"
#include "taskbridge/io/resolver.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#define HOSTS_MAX      16
#define SHARE_LEAST_US TB_US_PER_S
/* Beyond so many rounds two sessions of a pooler count as two. */
#define POOLER_ROUNDS 3
#define POOLER_US     TB_US_PER_S
#define ASKED_MAX     20

/* One of the URL's list. */
struct host {
    const char *name;    /* as in the URL; NULL: libpq's default */
    const char *address; /* hostaddr; NULL: the name is looked up, unless it is a socket's directory */
    const char *port;    /* NULL: libpq's default */
};

struct dialling {
    const struct tb_pg_dial_options *options;
    struct tb_dial *dial;
    char *hosts, *addresses, *ports; /* owned; the lists, cut at the commas */
    struct host list[HOSTS_MAX];
    size_t count;
    int64_t host_share_us; /* 0: the URL's connect_timeout, below, of each address */
    int64_t address_us;
    const char *attributes; /* target_session_attrs in this pass; NULL: the URL's */
    bool prefers_standby;
    struct tb_buf problems; /* why each address could not be used */
    size_t problem_count;
    int r; /* of the last problem */
};

/* ---- what the URL says ---- */

static const char *find_option(const PQconninfoOption *options, const char *keyword)
{
    for (const PQconninfoOption *option = options; option && option->keyword; option++)
        if (strcmp(option->keyword, keyword) == 0)
            return option->val && option->val[0] ? option->val : NULL;
    return NULL;
}

/* The next element of a list that is cut at its commas; NULL where it is empty or there is no list. */
static const char *take_element(char **rest)
{
    const char *element = *rest ? strsep(rest, ",") : NULL;

    return element && element[0] ? element : NULL;
}

static size_t count_elements(const char *list)
{
    size_t count = list ? 1 : 0;

    for (; list && *list; list++)
        count += *list == ',';
    return count;
}

/* libpq itself says what is wrong with lists that do not match: it gets them as they are. */
static void take_hosts(struct dialling *d)
{
    size_t names = count_elements(d->hosts), addresses = count_elements(d->addresses);
    size_t count = addresses ? addresses : names ? names : 1;
    char *name = d->hosts, *address = d->addresses, *port = d->ports;
    bool has_one_port = count_elements(d->ports) == 1;

    d->count = 1;
    if (count > HOSTS_MAX || (names && addresses && names != addresses) ||
        (!has_one_port && d->ports && count_elements(d->ports) != count))
        return;
    d->count = count;
    for (size_t i = 0; i < count; i++)
        d->list[i] = (struct host){.name = take_element(&name),
                                   .address = take_element(&address),
                                   .port = has_one_port ? d->ports : take_element(&port)};
}

static void shuffle(struct dialling *d)
{
    uint64_t seed = (uint64_t)tb_clock_now_us();

    for (size_t i = d->count; i > 1; i--) {
        size_t other = tb_random_next(&seed) % i;
        struct host host = d->list[i - 1];
        d->list[i - 1] = d->list[other];
        d->list[other] = host;
    }
}

static char *copy_option(const PQconninfoOption *options, const char *keyword)
{
    const char *value = find_option(options, keyword);

    return value ? strdup(value) : NULL;
}

static void read_options(struct dialling *d, const PQconninfoOption *options)
{
    const char *timeout = find_option(options, "connect_timeout");
    const char *attributes = find_option(options, "target_session_attrs");
    const char *balance = find_option(options, "load_balance_hosts");
    int64_t timeout_s = 0;

    d->hosts = copy_option(options, "host");
    d->addresses = copy_option(options, "hostaddr");
    d->ports = copy_option(options, "port");
    take_hosts(d);
    if (balance && strcmp(balance, "random") == 0)
        shuffle(d);
    d->prefers_standby = attributes && strcmp(attributes, "prefer-standby") == 0;
    if (timeout && tb_str_parse_int64(tb_str_of(timeout), &timeout_s) && timeout_s > 0 && timeout_s < 3600)
        d->address_us = timeout_s * TB_US_PER_S;
    d->host_share_us = d->options->timeout_us / (int64_t)(d->count * (d->prefers_standby ? 2 : 1));
}

/* Has libpq refuse a connection for its sslmode, after it has put all options together. */
static int read_url(struct dialling *d, struct tb_error *err)
{
    const char *const keywords[] = {"dbname", "sslmode", NULL};
    const char *const values[] = {d->options->url, "read-options-only", NULL};
    PGconn *pg = PQconnectStartParams(keywords, values, 1);
    PQconninfoOption *options = pg ? PQconninfo(pg) : NULL;

    if (options)
        read_options(d, options);
    PQconninfoFree(options);
    PQfinish(pg);
    return options ? 0 : tb_error_set(err, -ENOMEM, "out of memory");
}

/* ---- one address ---- */

/* libpq would write them to stderr, in the middle of the log's lines. */
static void drop_notice(void *owner, const PGresult *result)
{
    (void)owner;
    (void)result;
}

static PGconn *begin(const struct dialling *d, const struct host *host, const char *address)
{
    /* What stands before dbname is a default that the URL may override; what stands behind it overrides. */
    const char *keywords[16] = {
        "fallback_application_name", "keepalives_idle", "keepalives_interval", "keepalives_count",
        "tcp_user_timeout",          "dbname",          "client_encoding"};
    const char *values[16] = {
        d->options->application_name, "30", "10", "3", "60000", d->options->url, "UTF8"};
    const char *const more[][2] = {{"host", host->name},
                                   {"hostaddr", address},
                                   {"port", host->port},
                                   {"target_session_attrs", d->attributes}};
    size_t count = 7;

    for (size_t i = 0; i < TB_COUNT(more); i++) {
        if (!more[i][1])
            continue;
        keywords[count] = more[i][0];
        values[count++] = more[i][1];
    }
    return PQconnectStartParams(keywords, values, 1);
}

static int await_connection(const struct dialling *d, PGconn *pg, int64_t until_us)
{
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;

    while (status != PGRES_POLLING_OK) {
        if (status == PGRES_POLLING_FAILED)
            return -EACCES;
        if (d->dial)
            tb_dial_watch(d->dial, PQsocket(pg));
        int r = tb_pg_wait_socket(pg, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, until_us);
        if (r)
            return r;
        if (d->dial && tb_dial_is_abandoned(d->dial))
            return -ECANCELED;
        status = PQconnectPoll(pg);
    }
    if (d->dial)
        tb_dial_watch(d->dial, PQsocket(pg));
    return PQsetnonblocking(pg, 1) == 0 ? 0 : -EACCES;
}

static int fail_silent(struct tb_error *err, const struct host *host, const char *address, int64_t share_us)
{
    const char *name = host->name ? host->name : address ? address : "the server";
    bool is_looked_up = address && strcmp(address, name) != 0;

    return tb_error_set(err, -ETIMEDOUT, "no answer from %s%s%s%s within %g s", name,
                        is_looked_up ? " (" : "", is_looked_up ? address : "", is_looked_up ? ")" : "",
                        (double)share_us / TB_US_PER_S);
}

/* ---- who answered ---- */

static int64_t ask_backend_once(PGconn *pg, int64_t until_us)
{
    PGresult *result = NULL;
    int64_t pid = 0;

    if (!PQsendQuery(pg, "SELECT pg_backend_pid()") || tb_pg_wait_sent(pg, until_us) < 0)
        return 0;
    while (tb_pg_wait_result(pg, until_us, &result) == 0 && result) {
        if (PQresultStatus(result) == PGRES_TUPLES_OK &&
            !tb_str_parse_int64(tb_str_of(PQgetvalue(result, 0, 0)), &pid))
            pid = 0;
        PQclear(result);
        result = NULL;
    }
    return pid;
}

/* The process behind this session at the moment; 0 when it does not say. Nothing is set yet, so a server with
 * a statement_timeout of a millisecond may need to be asked again. */
static int64_t ask_backend(PGconn *pg, int64_t until_us)
{
    int64_t pid = ask_backend_once(pg, until_us);

    for (int i = 0; !pid && i < ASKED_MAX && PQstatus(pg) == CONNECTION_OK; i++)
        pid = ask_backend_once(pg, until_us);
    return pid;
}

/* Whether a second session beside this one is led to the same process, or this one to another than before: in
 * session mode neither can be. A pooler that has no second session to give says nothing, and has no other
 * mode.
 */
static bool shares_sessions(const struct dialling *d, const struct host *host, const char *address,
                            PGconn *pg, int64_t backend)
{
    int64_t until_us = tb_clock_monotonic_us() + POOLER_US;
    PGconn *other = begin(d, host, address);
    bool shares = false;

    if (other && PQstatus(other) != CONNECTION_BAD && await_connection(d, other, until_us) == 0) {
        for (int i = 0; i < POOLER_ROUNDS && !shares; i++) {
            int64_t others = ask_backend(other, until_us);
            int64_t ours = others ? ask_backend(pg, tb_clock_monotonic_us() + POOLER_US) : backend;
            shares = ours && (ours == others || ours != backend);
        }
    }
    PQfinish(other);
    if (d->dial)
        tb_dial_watch(d->dial, PQsocket(pg));
    return shares;
}

static int look_at_server(const struct dialling *d, const struct host *host, const char *address, PGconn *pg,
                          int64_t until_us, struct tb_error *err)
{
    const char *encoding = PQparameterStatus(pg, "server_encoding");
    int64_t backend = 0;

    if (encoding && strcmp(encoding, "UTF8") != 0)
        return tb_error_set(
            err, -EPROTO,
            "the database is encoded %s, which can't hold every event: make one WITH ENCODING "
            "'UTF8' TEMPLATE template0",
            encoding);
    backend = ask_backend(pg, until_us);
    if (!backend) {
        if (tb_clock_monotonic_us() >= until_us)
            return -ETIMEDOUT;
        tb_pg_error_set(err, NULL, PQerrorMessage(pg));
        return -EACCES;
    }
    /* Only a pooler names another process than the one that answers. */
    if (backend != PQbackendPID(pg) && shares_sessions(d, host, address, pg, backend))
        return tb_error_set(
            err, -EPROTO,
            "a pooler in transaction mode answers, which gives each transaction another session: "
            "set pool_mode = session for this database, or name PostgreSQL's own port");
    return 0;
}

/* ---- all of them ---- */

/* libpq's own words name the server, and so does silence. */
static void note_problem(struct dialling *d, const struct host *host, int r, const struct tb_error *err)
{
    d->r = r;
    if (d->problem_count++)
        tb_buf_push_str(&d->problems, TB_STR("; "));
    if (r == -EPROTO && d->count > 1 && host->name)
        tb_buf_printf(&d->problems, "%s: ", host->name);
    tb_buf_push_str(&d->problems, tb_str_of(err->text));
}

/* 0 with a connection that can be used, -ECANCELED, or another number after which the next is tried. */
static int try_address(struct dialling *d, const struct host *host, const char *address, int64_t share_us,
                       PGconn **ret_pg)
{
    int64_t until_us = tb_clock_monotonic_us() + share_us;
    struct tb_error err = {0};
    PGconn *pg = begin(d, host, address);
    int r = pg ? 0 : -ENOMEM;

    if (pg && PQstatus(pg) == CONNECTION_BAD)
        r = -EACCES;
    if (r == 0) {
        PQsetNoticeReceiver(pg, drop_notice, NULL);
        r = await_connection(d, pg, until_us);
    }
    if (r == -EACCES)
        tb_pg_error_set(&err, NULL, PQerrorMessage(pg));
    if (r == 0)
        r = look_at_server(d, host, address, pg, until_us, &err);
    if (r == 0) {
        *ret_pg = pg;
        return 0;
    }
    if (r == -ETIMEDOUT)
        fail_silent(&err, host, address, share_us);
    else if (!err.code)
        tb_error_set_errno(&err, r, "connecting");
    if (d->dial)
        tb_dial_watch(d->dial, -1);
    PQfinish(pg);
    note_problem(d, host, r, &err);
    return r;
}

static int64_t share_of(const struct dialling *d, size_t addresses)
{
    int64_t share_us = d->address_us ? d->address_us : d->host_share_us / (int64_t)addresses;

    return share_us > SHARE_LEAST_US ? share_us : SHARE_LEAST_US;
}

static int try_name(struct dialling *d, const struct host *host, PGconn **ret_pg)
{
    struct tb_addresses addresses = {.count = 0};
    struct tb_error err = {0};
    int r = tb_lookup_wait(host->name, share_of(d, 1), &addresses, &err);

    if (r < 0) {
        note_problem(d, host, r, &err);
        return r;
    }
    for (size_t i = 0; i < addresses.count; i++) {
        r = try_address(d, host, addresses.list[i], share_of(d, addresses.count), ret_pg);
        if (r == 0 || r == -ECANCELED)
            return r;
    }
    return r;
}

static int try_hosts(struct dialling *d, PGconn **ret_pg)
{
    int r = -EACCES;

    for (size_t i = 0; i < d->count; i++) {
        const struct host *host = &d->list[i];
        bool has_name = host->name && host->name[0] != '/' && host->name[0] != '@';
        if (d->dial && tb_dial_is_abandoned(d->dial))
            return -ECANCELED;
        r = has_name && !host->address ? try_name(d, host, ret_pg)
                                       : try_address(d, host, host->address, share_of(d, 1), ret_pg);
        if (r == 0 || r == -ECANCELED)
            return r;
    }
    return r;
}

/* libpq asks the whole list for a standby before it takes any. */
static int try_all(struct dialling *d, PGconn **ret_pg)
{
    int r = 0;

    d->attributes = d->prefers_standby ? "standby" : NULL;
    r = try_hosts(d, ret_pg);
    if (r == 0 || r == -ECANCELED || !d->prefers_standby)
        return r;
    d->attributes = "any";
    tb_buf_reset(&d->problems);
    d->problem_count = 0;
    return try_hosts(d, ret_pg);
}

int tb_pg_dial(const struct tb_pg_dial_options *options, struct tb_dial *dial, PGconn **ret_pg,
               struct tb_error *err)
{
    struct dialling d = {.options = options, .dial = dial};
    int r = 0;

    tb_buf_init(&d.problems, (size_t)8 * TB_ERROR_TEXT_BYTES);
    r = read_url(&d, err);
    if (r == 0)
        r = try_all(&d, ret_pg);
    if (r == -ECANCELED)
        tb_error_set(err, r, "given up");
    else if (r)
        tb_error_set(err, d.r ? d.r : r, "%.*s", TB_STR_FMT(tb_buf_str(&d.problems)));
    tb_buf_deinit(&d.problems);
    free(d.hosts);
    free(d.addresses);
    free(d.ports);
    return r && d.r && r != -ECANCELED ? d.r : r;
}

/* ---- on a thread ---- */

struct work {
    char *url, *application_name; /* owned */
    int64_t timeout_us;
    PGconn *pg; /* owned; NULL until it is connected */
    void (*on_done)(void *owner, PGconn *pg, const struct tb_error *err);
    void *owner;
};

static void free_work(void *data)
{
    struct work *work = data;

    if (!work)
        return;
    PQfinish(work->pg);
    free(work->url);
    free(work->application_name);
    free(work);
}

static struct work *new_work(const struct tb_pg_dial_options *options)
{
    struct work *work = calloc(1, sizeof(*work));

    if (!work)
        return NULL;
    work->timeout_us = options->timeout_us;
    work->url = strdup(options->url);
    work->application_name = strdup(options->application_name);
    if (work->url && work->application_name)
        return work;
    free_work(work);
    return NULL;
}

static int run_work(void *data, struct tb_dial *dial, struct tb_error *err)
{
    struct work *work = data;
    const struct tb_pg_dial_options options = {work->url, work->application_name, work->timeout_us};

    return tb_pg_dial(&options, dial, &work->pg, err);
}

static void on_work_done(void *owner, void *data, int r, const struct tb_error *err)
{
    struct work *work = data;
    PGconn *pg = work->pg;

    (void)owner, (void)r;
    work->pg = NULL;
    work->on_done(work->owner, pg, err);
    free_work(work);
}

int tb_pg_dial_start(struct tb_dialler *dialler, const struct tb_pg_dial_options *options,
                     void (*on_done)(void *owner, PGconn *pg, const struct tb_error *err), void *owner,
                     struct tb_dial **ret_dial, struct tb_error *err)
{
    struct work *work = new_work(options);
    const struct tb_dial_job job = {
        .run = run_work, .on_done = on_work_done, .drop = free_work, .work = work};

    if (!work)
        return tb_error_set(err, -ENOMEM, "out of memory");
    work->on_done = on_done;
    work->owner = owner;
    int r = tb_dial_start(dialler, &job, ret_dial, err);
    if (r)
        free_work(work);
    return r;
}

/* The doctor's questions to the database.
 *
 * One connection, a few short statements. What the server refuses is the problem of that question alone; a
 * connection that breaks or falls silent, and the end of the doctor's patience, are that of all questions
 * left. */
#include "doctor_facts.h"

#include "access.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/store/migrate.h"

#include <stdio.h>
#include <time.h>

#define STATEMENT_US (2 * TB_US_PER_S)
#define NO_RIGHT     "42501" /* insufficient_privilege */
/* Of a list of damages. */
#define WORDS_SHOWN 4
/* No question is begun after this. */
#define PATIENCE_US (4 * TB_US_PER_S)

struct asking {
    struct tb_pg_session *session;
    struct tb_arena *arena;
    struct tb_doctor_database *database;
    const struct tb_config *config;
    int64_t end_us;      /* monotonic */
    const char *problem; /* of all questions left */
    struct tb_error err; /* of the last question */
    bool may_not_look;   /* into the schema */
};

const char *tb_doctor_keep(struct tb_arena *arena, struct tb_str text)
{
    struct tb_str copy = TB_STR_NULL;
    return tb_arena_copy(arena, text, &copy) ? copy.ptr : "there is no memory left";
}

static void keep(struct tb_arena *arena, struct tb_str *text)
{
    if (!tb_arena_copy(arena, *text, text))
        *text = TB_STR_NULL;
}

/* ---- what each question leaves behind ---- */

static int ask_server(struct asking *asking)
{
    struct tb_doctor_server *server = &asking->database->server;
    int r = tb_doctor_ask_server(asking->session, server, &asking->err);
    struct tb_str *texts[] = {&server->version,      &server->role,        &server->database,
                              &server->tls,          &server->client_host, &server->host,
                              &server->peer_address, &server->synchronous};
    for (size_t i = 0; r == 0 && i < TB_COUNT(texts); i++)
        keep(asking->arena, texts[i]);
    return r;
}

/* Some words of a list that may be long. */
struct words {
    struct tb_buf buf;
    size_t count;
    enum tb_migrate_fate worst;
};

/* Whether the next one is shown; then it stands behind the others. */
static bool begin_words(struct words *words)
{
    if (words->count++ >= WORDS_SHOWN)
        return false;
    if (words->count > 1)
        tb_buf_push_str(&words->buf, TB_STR("; "));
    return true;
}

/* NULL where there are none. */
static const char *keep_words(struct asking *asking, struct words *words)
{
    const char *kept = NULL;
    if (words->count > WORDS_SHOWN)
        tb_buf_printf(&words->buf, "; and %zu more", words->count - WORDS_SHOWN);
    if (words->count)
        kept = tb_doctor_keep(asking->arena, (struct tb_str){words->buf.ptr, words->buf.len});
    tb_buf_deinit(&words->buf);
    return kept;
}

static void on_finding(void *owner, const struct tb_migrate_finding *finding)
{
    struct words *words = owner;
    if (begin_words(words))
        tb_buf_printf(&words->buf, "%.*s %.*s is %.*s", TB_STR_FMT(finding->kind), TB_STR_FMT(finding->name),
                      TB_STR_FMT(finding->how));
    if (finding->fate > words->worst)
        words->worst = finding->fate;
}

static void on_right(void *owner, struct tb_str right, bool is_role)
{
    struct words *words = owner;
    (void)is_role;
    if (begin_words(words))
        tb_buf_push_str(&words->buf, right);
}

/* What became of the tables, and of the rights that roles have on them. */
static int ask_damage(struct asking *asking)
{
    struct words damage = {0}, roles = {0};
    tb_buf_init(&damage.buf, 64 * TB_KIB);
    tb_buf_init(&roles.buf, 64 * TB_KIB);
    int r = tb_migrate_find(asking->session, on_finding, &damage, &asking->err);
    if (r == 0)
        r = tb_migrate_find_rights(asking->session, on_right, &roles, &asking->err);
    struct tb_str format = TB_STR_NULL;
    if (r == 0 && !damage.count)
        r = tb_doctor_ask_format(asking->session, &format, &asking->err);
    if (!tb_str_is_null(format))
        asking->database->format = tb_doctor_keep(asking->arena, format);
    asking->database->damage = keep_words(asking, &damage);
    asking->database->damage_fate = damage.worst;
    asking->database->roles = keep_words(asking, &roles);
    return r;
}

static int ask_schema(struct asking *asking)
{
    struct tb_doctor_database *database = asking->database;
    int r = tb_migrate_state(asking->session, &database->applied, &database->known, &asking->err);
    asking->may_not_look = r > 0 && strcmp(asking->err.sqlstate, NO_RIGHT) == 0;
    if (r || database->applied == 0)
        return r;
    r = tb_migrate_check(asking->session, &asking->err);
    if (r == TB_MIGRATE_CHANGED)
        database->schema_change = tb_doctor_keep(asking->arena, tb_str_of(asking->err.text));
    if (r == 0 && database->applied == database->known)
        r = ask_damage(asking);
    return r == TB_MIGRATE_CHANGED || r == TB_MIGRATE_NEWER ? 0 : r;
}

/* Who may not even look at the schema lacks all the rest too. */
static int ask_rights(struct asking *asking)
{
    struct tb_doctor_rights *rights = &asking->database->rights;
    if (asking->may_not_look)
        *rights =
            (struct tb_doctor_rights){.has_tables = true, .lacking = TB_STR("the right to look at anything")};
    if (asking->may_not_look || (!asking->database->schema_problem && asking->database->applied == 0))
        return 0;
    int r = tb_doctor_ask_rights(asking->session, rights, &asking->err);
    if (r == 0)
        keep(asking->arena, &rights->lacking);
    return r;
}

static int ask_reader(struct asking *asking)
{
    struct tb_doctor_reader *reader = &asking->database->reader;
    int r = tb_doctor_ask_reader(asking->session, reader, &asking->err);
    if (r == 0)
        keep(asking->arena, &reader->useless);
    return r;
}

static int ask_tasks(struct asking *asking)
{
    struct tb_doctor_tasks *tasks = &asking->database->tasks;
    int r = tb_doctor_ask_tasks(asking->session, tasks, &asking->err);
    if (r == 0)
        keep(asking->arena, &tasks->without_company_names);
    return r;
}

static int ask_dead(struct asking *asking)
{
    struct tb_doctor_dead *dead = &asking->database->dead;
    int r = tb_doctor_ask_dead(asking->session, dead, &asking->err);
    if (r == 0) {
        keep(asking->arena, &dead->reason);
        keep(asking->arena, &dead->types);
    }
    return r;
}

static void on_run(void *owner, const struct tb_doctor_run *run)
{
    struct asking *asking = owner;
    struct tb_doctor_runs *runs = &asking->database->runs;
    if (runs->count == TB_COUNT(runs->list))
        return;
    struct tb_doctor_run *place = &runs->list[runs->count++];
    *place = *run;
    keep(asking->arena, &place->job);
    keep(asking->arena, &place->outcome);
    keep(asking->arena, &place->detail);
}

static int ask_runs(struct asking *asking)
{
    return tb_doctor_ask_runs(asking->session, on_run, asking, &asking->err);
}

static int ask_workers(struct asking *asking)
{
    return tb_doctor_keep_workers(asking->session, asking->arena, &asking->database->workers, &asking->err);
}

static int ask_questions(struct asking *asking)
{
    return tb_access_check_questions(asking->config, asking->session, &asking->err);
}

static int ask_daemons(struct asking *asking)
{
    return tb_doctor_keep_daemons(asking->session, asking->arena, &asking->database->daemons, &asking->err);
}

/* ---- the order ---- */

static void ask(struct asking *asking, int (*question)(struct asking *asking), const char **ret_problem)
{
    if (!asking->problem && tb_clock_monotonic_us() > asking->end_us)
        asking->problem = "the database answers too slowly";
    *ret_problem = asking->problem;
    if (asking->problem)
        return;
    tb_error_clear(&asking->err);
    int r = question(asking);
    if (r)
        *ret_problem = tb_doctor_keep(asking->arena, tb_str_of(asking->err.text));
    if (r < 0)
        asking->problem = *ret_problem;
}

static int open_session(struct tb_cli *cli, struct tb_pg_session **ret_session, struct tb_error *err)
{
    int64_t timeout_us = cli->config->database.connect_timeout_s * TB_US_PER_S;
    struct tb_pg_session_options options = {
        .url = cli->config->database.url,
        .application_name = "taskbridge doctor",
        .schema = cli->config->database.schema,
        .connect_timeout_us = timeout_us < TB_DOCTOR_CONNECT_US ? timeout_us : TB_DOCTOR_CONNECT_US,
        .statement_timeout_us = STATEMENT_US,
    };
    return tb_pg_session_open(&options, ret_session, err);
}

void tb_doctor_ask_database(struct tb_cli *cli, struct tb_arena *arena, struct tb_doctor_facts *facts)
{
    struct tb_doctor_database *database = &facts->database;
    struct asking asking = {.arena = arena, .database = database, .config = cli->config};
    database->daemons.problem = database->workers.problem = "the database was not asked";
    database->reader_problem = database->workers.problem;
    database->tasks_problem = database->dead_problem = database->runs.problem = database->workers.problem;
    if (open_session(cli, &asking.session, &asking.err)) {
        database->problem = tb_doctor_keep(arena, tb_str_of(asking.err.text));
        return;
    }
    asking.end_us = tb_clock_monotonic_us() + PATIENCE_US;
    ask(&asking, ask_server, &database->problem);
    ask(&asking, ask_schema, &database->schema_problem);
    ask(&asking, ask_rights, &database->rights_problem);
    ask(&asking, ask_questions, &facts->access.questions_problem);
    if (!database->rights_problem && database->rights.has_tables) {
        ask(&asking, ask_reader, &database->reader_problem);
        ask(&asking, ask_daemons, &database->daemons.problem);
        ask(&asking, ask_workers, &database->workers.problem);
        ask(&asking, ask_tasks, &database->tasks_problem);
        if (!database->tasks_problem && database->rights.rows_are_hidden)
            database->tasks_problem = "row security hides the tasks' rows";
        ask(&asking, ask_dead, &database->dead_problem);
        ask(&asking, ask_runs, &database->runs.problem);
    }
    tb_pg_session_close(asking.session);
}

/* ---- does what passes the exchange arrive? ---- */

#define ARRIVAL_US (2 * TB_US_PER_S)
#define LOOK_US    (50 * TB_US_PER_MS)

static bool was_heard_since(const struct tb_doctor_workers *workers, int64_t since_us)
{
    int64_t span_us = tb_clock_monotonic_us() - since_us;
    for (size_t i = 0; i < workers->count; i++)
        if (workers->list[i].silent_us >= 0 && workers->list[i].silent_us <= span_us + LOOK_US)
            return true;
    return false;
}

void tb_doctor_ask_arrival(struct tb_cli *cli, struct tb_arena *arena, struct tb_doctor_facts *facts)
{
    struct tb_doctor_database *database = &facts->database;
    struct tb_doctor_broker *broker = &facts->broker;
    struct tb_pg_session *session = NULL;
    struct tb_error ignored = {0};
    bool can_tell = broker->heartbeat_passed && !database->problem && !database->workers.problem &&
                    database->daemons.running > 0;
    if (!can_tell || open_session(cli, &session, &ignored))
        return;
    do {
        struct tb_doctor_workers workers;
        tb_error_clear(&ignored);
        if (tb_doctor_keep_workers(session, arena, &workers, &ignored))
            break;
        broker->heartbeat_arrived = was_heard_since(&workers, broker->passed_us);
        nanosleep(&(struct timespec){.tv_nsec = LOOK_US * 1000}, NULL);
    } while (!broker->heartbeat_arrived && tb_clock_monotonic_us() - broker->passed_us < ARRIVAL_US);
    tb_pg_session_close(session);
}

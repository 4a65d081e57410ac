/* What `taskbridge doctor` found out, before anything is judged. */
#ifndef TASKBRIDGE_CLI_DOCTOR_FACTS_H
#define TASKBRIDGE_CLI_DOCTOR_FACTS_H

#include "cli.h"
#include "taskbridge/amqp/inspect.h"
#include "taskbridge/base/arena.h"
#include "taskbridge/store/doctor.h"
#include "taskbridge/store/migrate.h"

/* A problem is why something is not known, in words; NULL where it is. All texts are borrowed from the
 * arena. */
/* Of the queue, as the management API tells. */
struct tb_doctor_policies {
    const char *problem;
    const char *name;     /* "" where there is none */
    const char *dropping; /* "message-ttl 60000"; "" where nothing is dropped */
};

struct tb_doctor_broker {
    const char *problem; /* it was not reached */
    struct tb_inspection seen;
    bool heartbeat_passed; /* the exchange, while we listened; at passed_us, monotonic */
    int64_t passed_us;
    bool heartbeat_arrived; /* one was written since, by a daemon */
    struct tb_doctor_policies policies;
    int asking; /* what a round of questions ended with: 0, enum tb_pidbox_outcome or negative */
    const char *asking_problem, *unreadable; /* unreadable: of an answer that came */
    size_t asked, answered;
};

struct tb_doctor_daemons {
    const char *problem;
    int64_t running, silent;
    int64_t starting, without_broker, others; /* among the running; others: of another version */
    const char *names, *silent_names, *other_versions;
    int64_t running_us;                     /* since the first of the running was started */
    int64_t lag_us;                         /* the longest of the running; -1: not known */
    int64_t commit_us;                      /* since the last commit of any; -1: there was none */
    int64_t deliveries, bytes, queue_bytes; /* queue_bytes: -1 when not known */
};

struct tb_doctor_workers {
    const char *problem;
    struct tb_doctor_worker *list;
    size_t count;
};

struct tb_doctor_runs {
    const char *problem;
    struct tb_doctor_run list[8];
    size_t count;
};

struct tb_doctor_database {
    const char *problem; /* it was not reached */
    struct tb_doctor_server server;
    const char *schema_problem;
    int applied, known;        /* migrations */
    const char *schema_change; /* one that was applied was another then, in words; NULL: none */
    const char *damage;        /* what is not as migrate left it, in words; NULL: nothing */
    enum tb_migrate_fate damage_fate;
    const char *format; /* company.format as its functions know it; NULL: not known */
    const char *rights_problem;
    struct tb_doctor_rights rights;
    const char *roles; /* rights that the roles lack or have too many of, in words; NULL: none */
    const char *reader_problem;
    struct tb_doctor_reader reader;
    struct tb_doctor_daemons daemons;
    struct tb_doctor_workers workers;
    const char *tasks_problem;
    struct tb_doctor_tasks tasks;
    const char *dead_problem;
    struct tb_doctor_dead dead;
    struct tb_doctor_runs runs;
};

/* Who is asked of access beside our own tables. */
struct tb_doctor_access {
    const char *questions_problem; /* access.sql, in PostgreSQL's words */
    /* An answer by HTTP: why there is none, or its status. */
    const char *forward_problem, *keys_problem;
    int64_t forward_status, keys_status; /* 0: not asked */
};

struct tb_doctor_facts {
    const char *config_path;
    bool has_config_file;
    const struct tb_config *config;
    struct tb_doctor_broker broker;
    struct tb_doctor_database database;
    struct tb_doctor_access access;
};

/* No connection is waited for longer than so. */
#define TB_DOCTOR_CONNECT_US (3 * TB_US_PER_S)

/* Beyond so many seconds of silence a daemon, which beats every five, is not counted as running. */
#define TB_DOCTOR_DAEMON_SILENT_US (30 * TB_US_PER_S)

/* Whether it was heard of lately enough to be taken as alive: as `status` has it. */
bool tb_doctor_is_alive(const struct tb_doctor_worker *worker);

/* Whether any was heard a moment ago: within a few heartbeats. */
bool tb_doctor_is_hearing(const struct tb_doctor_workers *workers);

/* A copy in the arena with a NUL; NULL only when memory is out. */
const char *tb_doctor_keep(struct tb_arena *arena, struct tb_str text);

/* Fill facts; nothing stops them but the end of their time. facts->config is set. The database first: whom to
 * ask is known from there. */
void tb_doctor_ask_database(struct tb_cli *cli, struct tb_arena *arena, struct tb_doctor_facts *facts);
void tb_doctor_ask_policies(struct tb_cli *cli, struct tb_arena *arena, struct tb_doctor_facts *facts);
void tb_doctor_ask_arrival(struct tb_cli *cli, struct tb_arena *arena, struct tb_doctor_facts *facts);
void tb_doctor_ask_broker(struct tb_cli *cli, struct tb_arena *arena, struct tb_doctor_facts *facts);
/* The product, without any credential, and the address of its keys. */
void tb_doctor_ask_access(struct tb_cli *cli, struct tb_arena *arena, struct tb_doctor_access *ret_access);

/* Both return as the store's functions they use, with *ret_… in the null state where they failed. */
int tb_doctor_keep_daemons(struct tb_pg_session *session, struct tb_arena *arena,
                           struct tb_doctor_daemons *ret_daemons, struct tb_error *err) TB_MUST_CHECK;
int tb_doctor_keep_workers(struct tb_pg_session *session, struct tb_arena *arena,
                           struct tb_doctor_workers *ret_workers, struct tb_error *err) TB_MUST_CHECK;

#endif

/* Verdicts on the database: is it one we know, safe to reach, to be written, with our tables and rights on
 * them; does it keep what it has confirmed, also over a failover; is there room for connections.
 *
 * synchronous_commit needs no look: every session of the bridge switches it on for itself. fsync and
 * full_page_writes can't be switched by a session, and without them a crash may take back what was
 * acknowledged to the broker. */
#include "doctor_checks.h"

#include "company_id.h"
#include "taskbridge/pg/conninfo.h"

#include <inttypes.h>

#define OLDEST_VERSION 140000
/* What a daemon, the HTTP module and a few commands want. */
#define FEW_CONNECTIONS 10
#define NO_CONNECTIONS  3
/* A standby takes milliseconds. */
#define COMMIT_SLOW_US (5 * TB_US_PER_S)

void tb_doctor_judge_database(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_database *database = &facts->database;
    const struct tb_doctor_server *server = &database->server;
    if (database->problem) {
        tb_doctor_say(line, TB_DOCTOR_BAD, "%s", database->problem);
        tb_doctor_advise(
            line, "Make database.url right, or PostgreSQL answer. Meanwhile events wait in the broker's "
                  "queue.");
        return;
    }
    bool is_old = server->version_number < OLDEST_VERSION;
    tb_doctor_say(line, is_old ? TB_DOCTOR_BAD : TB_DOCTOR_GOOD,
                  "PostgreSQL %.*s at %.*s, database %.*s as %.*s", TB_STR_FMT(server->version),
                  TB_STR_FMT(tb_str_is_null(server->host) ? TB_STR("a local socket") : server->host),
                  TB_STR_FMT(server->database), TB_STR_FMT(server->role));
    if (is_old)
        tb_doctor_advise(line, "Use PostgreSQL 14 or later.");
}

/* By a Unix socket, by the loopback, or by an address of this machine's own. */
static bool is_here(const struct tb_doctor_server *server)
{
    struct tb_str peer = server->peer_address;
    return tb_str_is_null(peer) || tb_str_starts_with(peer, TB_STR("127.")) ||
           tb_str_equal(peer, TB_STR("::1")) || tb_str_equal(peer, server->client_host);
}

void tb_doctor_judge_database_tls(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_server *server = &facts->database.server;
    bool has_tls = !tb_str_is_null(server->tls);
    if (has_tls && server->is_verified)
        tb_doctor_say(line, TB_DOCTOR_GOOD, "%.*s, and the certificate is verified", TB_STR_FMT(server->tls));
    else if (is_here(server))
        tb_doctor_say(line, TB_DOCTOR_GOOD, "%s, nor needed on the same machine",
                      has_tls ? "used, not verified" : "not used");
    else if (has_tls)
        tb_doctor_say(line, TB_DOCTOR_WARNING, "%.*s, but anybody's certificate is taken",
                      TB_STR_FMT(server->tls));
    else
        tb_doctor_say(line, TB_DOCTOR_WARNING, "not used: what is written crosses the network as it is");
    if (line->verdict != TB_DOCTOR_GOOD)
        tb_doctor_advise(line, "Add ?sslmode=verify-full&sslrootcert=FILE to database.url.");
}

void tb_doctor_judge_writable(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    if (!facts->database.server.is_standby) {
        tb_doctor_say(line, TB_DOCTOR_GOOD, "it is no standby");
        return;
    }
    tb_doctor_say(line, TB_DOCTOR_BAD, "it is a standby, which nothing can be written to");
    tb_doctor_advise(line, "Name the primary in database.url; or all hosts, with "
                           "?target_session_attrs=read-write.");
}

static void judge_damage(const struct tb_doctor_database *database, struct tb_doctor_line *line)
{
    static const char *const remedies[] = {
        [TB_FATE_MEND] = "Run `taskbridge migrate`, which puts it right.",
        [TB_FATE_LOST] = "Its rows are gone: restore it from a backup, or have `taskbridge migrate "
                         "--recreate` make it anew, empty.",
        [TB_FATE_HAND] = "Put it back by hand, or from a backup; `taskbridge migrate` tells what is left."};
    tb_doctor_say(line, TB_DOCTOR_BAD, "%s", database->damage);
    tb_doctor_advise(line, "%s", remedies[database->damage_fate]);
}

void tb_doctor_judge_schema(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_database *database = &facts->database;
    if (tb_doctor_is_unknown(line, database->schema_problem)) {
        tb_doctor_advise(line, "To let it be seen: GRANT SELECT ON taskbridge_migrations TO \"%.*s\";",
                         TB_STR_FMT(database->server.role));
    } else if (database->schema_change) {
        tb_doctor_say(line, TB_DOCTOR_BAD, "%s", database->schema_change);
        tb_doctor_advise(line, "Install the taskbridge that made it; or migrate a new database.");
    } else if (database->damage) {
        judge_damage(database, line);
    } else if (database->format && facts->config &&
               strcmp(database->format, tb_company_format_word(facts->config)) != 0) {
        tb_doctor_say(line, TB_DOCTOR_BAD, "its functions take companies for a %s, company.format says %s",
                      database->format, tb_company_format_word(facts->config));
        tb_doctor_advise(line, "Run `taskbridge migrate` with this configuration.");
    } else if (database->applied == database->known) {
        tb_doctor_say(line, TB_DOCTOR_GOOD, "version %d, as this program's, and all of it is there",
                      database->applied);
    } else if (database->applied < database->known) {
        tb_doctor_say(line, TB_DOCTOR_BAD, "version %d of %d", database->applied, database->known);
        tb_doctor_advise(line, "Run `taskbridge migrate`.");
    } else {
        tb_doctor_say(line, TB_DOCTOR_BAD, "version %d, newer than this program's, which is %d",
                      database->applied, database->known);
        tb_doctor_advise(line, "Install the taskbridge that migrated it, everywhere.");
    }
}

/* What it holds already is not advised. */
static void advise_role(const struct tb_doctor_rights *rights, struct tb_str role,
                        struct tb_doctor_line *line)
{
    if (rights->uses_writer)
        tb_doctor_advise(line,
                         "It has the rights of taskbridge_writer, which lacks some itself: run `taskbridge "
                         "migrate` as the tables' owner, which grants them.");
    else if (rights->is_writer)
        tb_doctor_advise(
            line,
            "It is a member of taskbridge_writer, but does not inherit its rights: ALTER ROLE "
            "\"%.*s\" INHERIT; REVOKE taskbridge_writer FROM \"%.*s\"; GRANT taskbridge_writer TO "
            "\"%.*s\";",
            TB_STR_FMT(role), TB_STR_FMT(role), TB_STR_FMT(role));
    else
        tb_doctor_advise(line, "As the tables' owner: GRANT taskbridge_writer TO \"%.*s\";",
                         TB_STR_FMT(role));
}

void tb_doctor_judge_database_rights(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_rights *rights = &facts->database.rights;
    struct tb_str role = facts->database.server.role;
    if (tb_doctor_is_unknown(line, facts->database.rights_problem))
        return;
    if (!tb_str_is_null(rights->lacking))
        tb_doctor_say(line, TB_DOCTOR_BAD, "role %.*s lacks %.*s", TB_STR_FMT(role),
                      TB_STR_FMT(rights->lacking));
    else if (rights->rows_are_hidden)
        tb_doctor_say(line, TB_DOCTOR_BAD, "row security hides the tasks' rows from role %.*s",
                      TB_STR_FMT(role));
    else if (facts->database.server.role_is_superuser)
        tb_doctor_say(line, TB_DOCTOR_WARNING, "role %.*s is a superuser", TB_STR_FMT(role));
    else
        tb_doctor_say(line, TB_DOCTOR_GOOD, "role %.*s may do what the daemon does", TB_STR_FMT(role));
    if (line->verdict == TB_DOCTOR_BAD)
        advise_role(rights, role, line);
    else if (line->verdict == TB_DOCTOR_WARNING)
        tb_doctor_advise(
            line, "It may do far more than is needed, and row security does not bind it: use a role of "
                  "the bridge's own.");
}

void tb_doctor_judge_roles(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_database *database = &facts->database;
    if (tb_doctor_is_unknown(line, database->schema_problem))
        return;
    if (!database->roles) {
        tb_doctor_say(line, TB_DOCTOR_GOOD,
                      "taskbridge_writer, taskbridge_reader and taskbridge_app have the "
                      "rights that they need, and no more");
        return;
    }
    tb_doctor_say(line, TB_DOCTOR_BAD, "%s", database->roles);
    tb_doctor_advise(line, "Run `taskbridge migrate`; it tells if somebody else has to help.");
}

/* The HTTP module asks who somebody is by rights of its own, and reads tasks as taskbridge_reader, which row
 * security binds. The daemon's role need not; but where one role does both, no other is ever looked at. */
void tb_doctor_judge_reader(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_reader *reader = &facts->database.reader;
    struct tb_str role = facts->database.server.role;
    if (tb_doctor_is_unknown(line, facts->database.reader_problem))
        return;
    if (!tb_str_is_null(reader->useless)) {
        tb_doctor_say(line, TB_DOCTOR_BAD, "members of taskbridge_reader without SET and INHERIT: %.*s",
                      TB_STR_FMT(reader->useless));
        tb_doctor_advise(line, "GRANT taskbridge_reader TO \"%.*s\" WITH INHERIT TRUE, SET TRUE;",
                         TB_STR_FMT(reader->useless));
    } else if (reader->may_act && !reader->may_read) {
        tb_doctor_say(line, TB_DOCTOR_BAD,
                      "role %.*s is a member of taskbridge_reader, but does not inherit its rights",
                      TB_STR_FMT(role));
        tb_doctor_advise(line,
                         "ALTER ROLE \"%.*s\" INHERIT; and from PostgreSQL 16 on: GRANT "
                         "taskbridge_reader TO \"%.*s\" WITH INHERIT TRUE;",
                         TB_STR_FMT(role), TB_STR_FMT(role));
    } else if (reader->may_act) {
        tb_doctor_say(line, TB_DOCTOR_GOOD, "role %.*s may serve people as taskbridge_reader",
                      TB_STR_FMT(role));
    } else if (reader->may_read && !reader->is_bound) {
        tb_doctor_say(
            line, TB_DOCTOR_WARNING,
            "role %.*s may read all, and row security does not bind it: a company's isolation hangs "
            "on the HTTP module's statements alone",
            TB_STR_FMT(role));
        tb_doctor_advise(line, "GRANT taskbridge_reader TO \"%.*s\";", TB_STR_FMT(role));
    } else {
        tb_doctor_say(line, TB_DOCTOR_GOOD,
                      "role %.*s does not serve people: look at the HTTP module's with its own configuration",
                      TB_STR_FMT(role));
    }
}

void tb_doctor_judge_durability(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_server *server = &facts->database.server;
    if (server->fsync && server->full_page_writes) {
        tb_doctor_say(line, TB_DOCTOR_GOOD, "fsync and full_page_writes are on");
        return;
    }
    tb_doctor_say(line, TB_DOCTOR_BAD, "%s: a crash of its machine may lose or spoil what was acknowledged",
                  !server->fsync && !server->full_page_writes ? "fsync and full_page_writes are off"
                  : server->fsync                             ? "full_page_writes is off"
                                                              : "fsync is off");
    tb_doctor_advise(line, "ALTER SYSTEM SET fsync = on; ALTER SYSTEM SET full_page_writes = on; SELECT "
                           "pg_reload_conf();");
}

void tb_doctor_judge_autovacuum(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    if (facts->database.server.autovacuum) {
        tb_doctor_say(line, TB_DOCTOR_GOOD, "on");
        return;
    }
    tb_doctor_say(line, TB_DOCTOR_WARNING, "off: every update of a row leaves an old one behind, for ever");
    tb_doctor_advise(line, "ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf();");
}

void tb_doctor_judge_connections(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_server *server = &facts->database.server;
    int64_t limit = server->max_connections - server->reserved_connections;
    int64_t left = limit - server->used_connections;
    enum tb_doctor_verdict verdict = left < NO_CONNECTIONS    ? TB_DOCTOR_BAD
                                     : left < FEW_CONNECTIONS ? TB_DOCTOR_WARNING
                                                              : TB_DOCTOR_GOOD;
    tb_doctor_say(line, verdict, "%" PRId64 " of %" PRId64 " used", server->used_connections, limit);
    if (verdict != TB_DOCTOR_GOOD)
        tb_doctor_advise(line,
                         "Raise max_connections, or find who holds so many (pg_stat_activity): when none is "
                         "left, a daemon that lost its own gets no other.");
}

/* What a failover may cost, and what holds commits up. */
void tb_doctor_judge_replication(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_server *server = &facts->database.server;
    bool has_more_hosts = tb_conninfo_hosts(facts->config->database.url) > 1;
    char span[TB_DOCTOR_SPAN_BYTES];
    if (server->waiting_commits > 0 && (server->standbys == 0 || server->waiting_us > COMMIT_SLOW_US)) {
        tb_doctor_say(line, TB_DOCTOR_BAD,
                      "%" PRId64
                      " commits wait for a synchronous standby, the longest for %s; connected: %" PRId64
                      ", synchronous_standby_names: %.*s",
                      server->waiting_commits, tb_doctor_span(server->waiting_us, span), server->standbys,
                      TB_STR_FMT(server->synchronous));
        tb_doctor_advise(line,
                         "Bring the standby back, or take it out of synchronous_standby_names and SELECT "
                         "pg_reload_conf(). Until then nothing is written, and events wait in the queue.");
    } else if (server->is_standby) {
        tb_doctor_is_unknown(line, "it is a standby itself");
    } else if (!tb_str_is_empty(server->synchronous)) {
        tb_doctor_say(line, server->standbys > 0 ? TB_DOCTOR_GOOD : TB_DOCTOR_WARNING,
                      "synchronous (%.*s); standbys connected: %" PRId64, TB_STR_FMT(server->synchronous),
                      server->standbys);
        if (server->standbys == 0)
            tb_doctor_advise(line, "The next commit waits until a standby is there.");
    } else if (server->standbys > 0 || has_more_hosts) {
        tb_doctor_say(line, TB_DOCTOR_WARNING,
                      "asynchronous: a failover can lose what was acknowledged to the broker; standbys "
                      "connected: %" PRId64,
                      server->standbys);
        tb_doctor_advise(line,
                         "Name the standby in synchronous_standby_names, so that a commit waits for it.");
    } else {
        tb_doctor_say(line, TB_DOCTOR_GOOD, "no standby is connected");
    }
}

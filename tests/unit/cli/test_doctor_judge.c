/* Verdicts: facts in, verdict, finding and remedy out. Each case changes one thing about a place where all is
 * well. */
#include "doctor_judge.h"

#include "taskbridge/amqp/pidbox.h"
#include "unit/check.h"

#include <stdio.h>

#define S  TB_US_PER_S
#define GB (INT64_C(1) << 30)

/* A place, with room for what its facts point to. */
struct place {
    struct tb_config config;
    struct tb_doctor_worker workers[3];
    struct tb_doctor_facts facts;
};

static struct tb_doctor_worker working(const char *hostname)
{
    return (struct tb_doctor_worker){.hostname = tb_str_of(hostname),
                                     .sw_ver = TB_STR("5.6.3"),
                                     .silent_us = S,
                                     .freq_s = 2,
                                     .skew_us = 20000,
                                     .taken_up = 50,
                                     .started = 50,
                                     .day_taken_up = 1000};
}

static void fill_broker(struct tb_doctor_broker *broker)
{
    *broker = (struct tb_doctor_broker){
        .seen = {.place = "127.0.0.1:5672/shop as bridge",
                 .host = "127.0.0.1",
                 .vhost = "shop",
                 .user = "bridge",
                 .product = "RabbitMQ",
                 .version = "3.12.1",
                 .exchange = {.finding = TB_FINDING_GOOD},
                 .queue = {.finding = TB_FINDING_GOOD},
                 .queue_consumers = 1,
                 .binding = {.finding = TB_FINDING_GOOD},
                 .alarm = {.finding = TB_FINDING_GOOD}},
        .policies = {.name = "", .dropping = ""},
        .asked = 2,
        .answered = 2,
    };
}

static void fill_database(struct tb_doctor_database *database, struct tb_doctor_worker *workers)
{
    *database = (struct tb_doctor_database){
        .server = {.version_number = 150002,
                   .version = TB_STR("15.2"),
                   .role = TB_STR("bridge"),
                   .database = TB_STR("shop"),
                   .fsync = true,
                   .full_page_writes = true,
                   .autovacuum = true,
                   .max_connections = 100,
                   .reserved_connections = 3,
                   .used_connections = 20,
                   .client_host = TB_STR("127.0.0.1"),
                   .host = TB_STR("127.0.0.1"),
                   .peer_address = TB_STR("127.0.0.1")},
        .applied = 5,
        .known = 5,
        .rights = {.has_tables = true},
        .reader = {.may_act = true, .may_read = true},
        .daemons = {.running = 1,
                    .names = "d1",
                    .silent_names = "",
                    .other_versions = "",
                    .running_us = 3600 * S,
                    .lag_us = 5000,
                    .commit_us = S,
                    .deliveries = 1000,
                    .bytes = 1000000,
                    .queue_bytes = -1},
        .workers = {.list = workers, .count = 2},
        .tasks = {.newest = 100, .received = 100, .sent = 100},
        .runs = {.list = {{TB_STR("update_task_statuses"), TB_STR("done"), TB_STR(""), 10},
                          {TB_STR("cleanup_old_completed_tasks"), TB_STR("done"), TB_STR(""), 1000},
                          {TB_STR("cleanup_orphaned_trackers"), TB_STR("done"), TB_STR(""), 3000}},
                 .count = 3},
    };
}

static void fill(struct place *place)
{
    *place = (struct place){.workers = {working("w1@a"), working("w2@b"), working("w3@c")}};
    place->config.amqp.management_url = "http://127.0.0.1:15672";
    place->config.database.url = "postgresql://u@h/x";
    place->config.amqp.exchange = "celeryev";
    place->config.amqp.queue.name = "taskbridge.events";
    place->config.amqp.queue.max_bytes = 2 * GB;
    place->config.amqp.tls.verify = true;
    place->config.maintenance.enabled = true;
    place->config.maintenance.statuses_every_s = 30;
    place->config.maintenance.completed_every_s = 3600;
    place->config.maintenance.orphaned_every_s = 86400;
    place->config.access.sql.user = place->config.access.forward.url = place->config.access.jwt.secret = "";
    place->config.access.jwt.secret_file = place->config.access.jwt.jwks_file = "";
    place->config.access.jwt.jwks_url = place->config.access.watch.secret = "";
    place->config.access.watch.secret_file = "";
    place->facts.config_path = "/etc/a.yaml";
    place->facts.has_config_file = true;
    place->facts.config = &place->config;
    fill_broker(&place->facts.broker);
    fill_database(&place->facts.database, place->workers);
}

/* ---- cases ---- */

#define CASE(name, statement)                                                                                \
    static void name(struct place *p)                                                                        \
    {                                                                                                        \
        struct tb_doctor_broker *b = &p->facts.broker;                                                       \
        struct tb_doctor_database *d = &p->facts.database;                                                   \
        (void)b, (void)d;                                                                                    \
        statement;                                                                                           \
    }

static void item(struct tb_inspect_item *item, enum tb_finding finding, const char *text)
{
    item->finding = finding;
    snprintf(item->text, sizeof(item->text), "%s", text);
}

static void version(struct tb_doctor_broker *broker, const char *text)
{
    snprintf(broker->seen.version, sizeof(broker->seen.version), "%s", text);
}

CASE(nothing, (void)p)
CASE(no_file, p->facts.has_config_file = false)
CASE(no_broker, b->problem = "it is down")
CASE(rabbit_3_10, version(b, "3.10.0"))
CASE(rabbit_3_9, version(b, "3.9.29"))
CASE(rabbit_4_1, version(b, "4.1.0"))
CASE(rabbit_5, version(b, "5.0.0"))
CASE(celery_6, p->workers[1].sw_ver = TB_STR("5.10.0"); d->server.version = TB_STR("19.1"))
CASE(no_broker_known, b->problem = "it is down")
CASE(nothing_known, b->problem = d->problem = "it is down")
CASE(no_rabbit, snprintf(b->seen.product, sizeof(b->seen.product), "LavinMQ"))
CASE(remote_broker, snprintf(b->seen.host, sizeof(b->seen.host), "mq.example"))
CASE(ipv6_broker, snprintf(b->seen.host, sizeof(b->seen.host), "::1"))
CASE(tls_broker, snprintf(b->seen.tls, sizeof(b->seen.tls), "TLSv1.3"))
CASE(tls_unverified, snprintf(b->seen.tls, sizeof(b->seen.tls), "TLSv1.3"); p->config.amqp.tls.verify = false)
CASE(alarm_on, item(&b->seen.alarm, TB_FINDING_DIFFERENT, "low on disk"))
CASE(alarm_unknown, item(&b->seen.alarm, TB_FINDING_UNKNOWN, "no answer"))
CASE(may_not_bind, item(&b->seen.binding, TB_FINDING_FORBIDDEN, "403"))
CASE(may_not_bind_odd_names, item(&b->seen.binding, TB_FINDING_FORBIDDEN, "403");
     p->config.amqp.queue.name = "shop.events"; p->config.amqp.exchange = "ev+2")
CASE(no_exchange, item(&b->seen.exchange, TB_FINDING_MISSING, "");
     item(&b->seen.binding, TB_FINDING_MISSING, ""))
CASE(other_exchange, item(&b->seen.exchange, TB_FINDING_DIFFERENT, "inequivalent arg 'type'"))
CASE(no_queue, item(&b->seen.queue, TB_FINDING_MISSING, "");
     b->seen.queue_messages = b->seen.queue_consumers = -1)
CASE(classic_queue, item(&b->seen.queue, TB_FINDING_DIFFERENT, "inequivalent arg 'x-queue-type'"))
CASE(limited_queue, item(&b->seen.queue, TB_FINDING_DIFFERENT, "inequivalent arg 'x-delivery-limit'"))
CASE(smaller_queue, item(&b->seen.queue, TB_FINDING_DIFFERENT, "inequivalent arg 'x-max-length-bytes'"))
CASE(foreign_queue, item(&b->seen.queue, TB_FINDING_FORBIDDEN, "403"))
CASE(unbounded, p->config.amqp.queue.max_bytes = 0; b->seen.queue_messages = 1000000000)
CASE(unheard, d->workers.count = 0)
CASE(unheard_but_passing, d->workers.count = 0; b->heartbeat_passed = true)
CASE(heard_and_arriving, b->heartbeat_passed = b->heartbeat_arrived = true)
/* Workers were heard, up to a moment ago: the binding is gone since. */
CASE(not_bound, b->heartbeat_passed = true)
CASE(unheard_but_waiting, d->workers.count = 0; b->heartbeat_passed = true; b->seen.queue_messages = 3)
CASE(unheard_without_daemon, d->workers.count = 0; b->heartbeat_passed = true; d->daemons.running = 0)
CASE(no_consumer, b->seen.queue_consumers = 0)
CASE(more_consumers, b->seen.queue_consumers = 2)
CASE(fewer_consumers, d->daemons.running = 2)
CASE(no_database_consumers, d->problem = "it is down"; b->seen.queue_consumers = 7)
/* Each delivery so far had 1000 bytes: half of 2 GiB are 1,073,742 of them. */
CASE(almost_half, b->seen.queue_messages = 1060000)
CASE(half, b->seen.queue_messages = 1075000)
CASE(nearly_full, b->seen.queue_messages = 1940000)
CASE(full_by_measure, b->seen.queue_messages = 5; d->daemons.queue_bytes = 2 * GB)
CASE(absurdly_full, b->seen.queue_messages = INT64_MAX)
CASE(may_not_ask, b->asking = TB_PIDBOX_FORBIDDEN; b->asking_problem = "workers can't be asked")
CASE(nobody_listens, b->asking = TB_PIDBOX_NOBODY)
CASE(nobody_yet, b->asking = TB_PIDBOX_NOBODY; d->workers.count = 0)
CASE(asking_failed, b->asking = -5; b->asking_problem = "it broke")
CASE(one_silent, b->answered = 1)
CASE(one_unreadable, b->unreadable = "it answers in yaml")
CASE(nobody_to_ask, b->asked = b->answered = 0)

CASE(policy, b->policies = ((struct tb_doctor_policies){NULL, "all", "message-ttl 60000"}))
CASE(harmless_policy, b->policies.name = "ha")
CASE(no_management, p->config.amqp.management_url = "")
CASE(no_management_answer, b->policies.problem = "it does not answer")
CASE(no_majority, b->seen.reading.finding = TB_FINDING_DIFFERENT;
     snprintf(b->seen.reading.text, 64, "it does not answer: nodes are away");
     b->seen.queue_messages = b->seen.queue_consumers = -1)

CASE(no_database, d->problem = "it is down")
CASE(postgres_13, d->server.version_number = 130012)
CASE(postgres_14, d->server.version_number = 140000)
CASE(remote_database, d->server.peer_address = TB_STR("10.0.0.5"); d->server.client_host = TB_STR("10.0.0.9"))
/* The pooler's host is remote, though server and pooler are on one. */
CASE(remote_pooler, d->server.peer_address = TB_STR("10.0.0.5"))
CASE(own_address, d->server.peer_address = d->server.client_host = TB_STR("10.0.0.5"))
CASE(socket_database, d->server.peer_address = d->server.host = d->server.client_host = TB_STR_NULL)
CASE(tls_here, d->server.tls = TB_STR("TLSv1.3"))
CASE(tls_unverified_database, d->server.tls = TB_STR("TLSv1.3"); d->server.peer_address = TB_STR("10.0.0.5"))
CASE(tls_database, tls_unverified_database(p); d->server.is_verified = true)
CASE(standby, d->server.is_standby = true)
CASE(behind, d->applied = 4)
CASE(ahead, d->applied = 6)
CASE(changed, d->schema_change = "step 1 was another")
CASE(other_format, d->format = "uuid")
CASE(damaged, d->damage = "index x is missing")
CASE(table_gone, d->damage = "table x is missing"; d->damage_fate = TB_FATE_LOST)
CASE(column_gone, d->damage = "column x is missing"; d->damage_fate = TB_FATE_HAND)
CASE(roles_wrong, d->roles = "taskbridge_reader lacks SELECT on x")
CASE(no_reader, d->reader.may_act = d->reader.may_read = false)
CASE(no_heir, d->reader.may_read = false)
CASE(unbound, d->reader.may_act = false)
CASE(useless_member, d->reader.useless = TB_STR("web"))
CASE(schema_unseen, d->schema_problem = "permission denied")
CASE(no_tables, d->rights.has_tables = false)
CASE(rights_unseen, d->rights_problem = "it broke")
CASE(rights_lacking, d->rights.lacking = TB_STR("INSERT on dead_letters"))
CASE(rights_held, rights_lacking(p); d->rights.is_writer = d->rights.uses_writer = true)
CASE(rights_not_inherited, rights_lacking(p); d->rights.is_writer = true)
CASE(rows_hidden, d->rights.rows_are_hidden = true)
CASE(superuser, d->server.role_is_superuser = true)
CASE(no_fsync, d->server.fsync = false)
CASE(no_page_writes, d->server.full_page_writes = false)
CASE(no_both, d->server.fsync = d->server.full_page_writes = false)
CASE(no_autovacuum, d->server.autovacuum = false)
CASE(connections_10, d->server.used_connections = 87)
CASE(connections_9, d->server.used_connections = 88)
CASE(connections_2, d->server.used_connections = 95)
CASE(standby_connected, d->server.standbys = 1)
CASE(standby_synchronous, d->server.standbys = 1; d->server.synchronous = TB_STR("ANY 1 (s1)"))
CASE(standby_away, d->server.synchronous = TB_STR("s1"))
CASE(commits_wait, standby_away(p); d->server.waiting_commits = 3; d->server.waiting_us = 61 * S)
CASE(commits_pass, standby_synchronous(p); d->server.waiting_commits = 3; d->server.waiting_us = S / 10)
CASE(commits_wait_unheard, commits_wait(p); d->daemons.running = 0)
CASE(several_hosts, p->config.database.url = "postgresql://u@h1,h2/x")

CASE(no_daemon, d->daemons.running = 0)
CASE(dead_daemon, d->daemons.running = 0; d->daemons.silent = 1; d->daemons.silent_names = "d9")
CASE(one_dead_daemon, d->daemons.silent = 1; d->daemons.silent_names = "d9")
CASE(brokerless, d->daemons.without_broker = 1)
CASE(starting, d->daemons.starting = 1)
CASE(starting_brokerless, d->daemons.running = 2; d->daemons.starting = d->daemons.without_broker = 1)
CASE(other_version, d->daemons.others = 1; d->daemons.other_versions = "0.0.9")
CASE(late_but_idle, d->daemons.lag_us = 100 * S; d->daemons.commit_us = 900 * S)
CASE(lag_9, b->seen.queue_messages = 5; d->daemons.lag_us = 9 * S)
CASE(lag_11, b->seen.queue_messages = 5; d->daemons.lag_us = 11 * S)
CASE(lag_61, b->seen.queue_messages = 5; d->daemons.lag_us = 61 * S)
CASE(lag_unknown, b->seen.queue_messages = 5; d->daemons.lag_us = -1)
CASE(stuck, b->seen.queue_messages = 5; d->daemons.commit_us = 300 * S)
CASE(never_wrote, b->seen.queue_messages = 5; d->daemons.commit_us = -1)
CASE(worker_silent, p->workers[1].silent_us = 61 * S)
CASE(worker_slow_beat, p->workers[1].silent_us = 100 * S; p->workers[1].freq_s = 15)
CASE(worker_left, p->workers[1].said_goodbye = true)
CASE(workers_left, p->workers[0].said_goodbye = p->workers[1].said_goodbye = true)
CASE(worker_mute, p->workers[1].started = 0)
CASE(worker_idle, p->workers[1].started = p->workers[1].taken_up = 0)
CASE(all_idle, p->workers[0].started = p->workers[0].taken_up = 0; p->workers[1] = p->workers[0])
CASE(mute_and_gone, p->workers[1].started = 0; p->workers[1].said_goodbye = true)
CASE(ahead_1, p->workers[1].skew_us = -1900000)
CASE(ahead_3, p->workers[1].skew_us = -3 * S)
CASE(behind_3, p->workers[1].skew_us = 3 * S)
CASE(behind_31, p->workers[1].skew_us = 31 * S)
CASE(delayed, p->workers[1].skew_us = 31 * S; b->seen.queue_messages = 9)
CASE(delayed_and_ahead, p->workers[1].skew_us = -31 * S; b->seen.queue_messages = 9)
CASE(not_sent, d->tasks.sent = 0)
CASE(half_sent, d->tasks.sent = 50)
CASE(few_sent, d->tasks.sent = 49)
CASE(no_tasks, d->tasks.newest = d->tasks.received = d->tasks.sent = 0)
CASE(no_company, d->tasks.without_company = 7; d->tasks.without_company_names = TB_STR("a (7)"))
CASE(lost, d->tasks.lost = 3)
CASE(all_ways, p->config.access.sql.user = p->config.access.forward.url = "a";
     p->config.access.jwt.jwks_url = p->config.access.watch.secret = "a";
     p->facts.access.forward_status = 401; p->facts.access.keys_status = 200)
CASE(wrong_question, p->facts.access.questions_problem = "access.sql.sees: relation \"a\" does not exist")
CASE(product_away, p->facts.access.forward_problem = "Connection refused")
CASE(product_open, p->facts.access.forward_status = 200)
CASE(product_broken, p->facts.access.forward_status = 502)
CASE(product_redirects, p->facts.access.forward_status = 302)
CASE(keys_away, p->facts.access.keys_problem = "Could not resolve host")
CASE(keys_missing, p->facts.access.keys_status = 404)
CASE(tasks_unseen, d->tasks_problem = "too slow")
CASE(pickles, d->dead.recent = d->dead.others = 4; d->dead.reason = TB_STR("no JSON");
     d->dead.types = TB_STR("application/x-python-serialize"))
CASE(letters, d->dead.recent = 4; d->dead.reason = TB_STR("no uuid"))
CASE(many_letters, d->dead.recent = 1000; d->dead.reason = TB_STR("no uuid"))
CASE(missed_20, p->workers[0].day_missed = 20)
CASE(missed_21, p->workers[0].day_missed = 21)
CASE(missed_2_of_3, p->workers[0].day_missed = 2; p->workers[0].day_taken_up = 3;
     p->workers[1].day_taken_up = 0)
CASE(maintenance_off, p->config.maintenance.enabled = false)
CASE(maintenance_failed, d->runs.list[2].outcome = TB_STR("failed");
     d->runs.list[2].detail = TB_STR("no room"))
CASE(maintenance_stopped, d->runs.list[2].outcome = TB_STR("stopped"))
CASE(maintenance_late, d->runs.list[0].age_s = 400)
CASE(maintenance_late_young_daemon, d->runs.list[0].age_s = 400; d->daemons.running_us = 300 * S)
CASE(maintenance_never, d->runs.list[0].job = TB_STR("another"))
CASE(maintenance_never_due, d->runs.count = 0; d->daemons.running_us = 60 * S)

/* As README.md has them; and where queue and exchange have other names, which a pattern has to mean
 * literally. */
#define RIGHTS                                                                                               \
    "$ rabbitmqctl set_permissions -p 'shop' 'bridge' '^(taskbridge\\..*|reply\\.celery\\.pidbox)$' "        \
    "'^(taskbridge\\..*|celery\\.pidbox)$' '^(taskbridge\\..*|celeryev|reply\\.celery\\.pidbox)$'"
#define ODD_RIGHTS                                                                                           \
    "'^(taskbridge\\..*|shop\\.events|reply\\.celery\\.pidbox)$' "                                           \
    "'^(taskbridge\\..*|shop\\.events|celery\\.pidbox)$' "                                                   \
    "'^(taskbridge\\..*|shop\\.events|ev\\+2|reply\\.celery\\.pidbox)$'"

#define GOOD    TB_DOCTOR_GOOD
#define WARNING TB_DOCTOR_WARNING
#define BAD     TB_DOCTOR_BAD
#define UNKNOWN TB_DOCTOR_UNKNOWN

/* found and remedy are a part of the text; a remedy of NULL: there is none. */
static const struct {
    void (*change)(struct place *place);
    const char *check;
    enum tb_doctor_verdict verdict;
    const char *found, *remedy;
} cases[] = {
    {nothing, "configuration", GOOD, "/etc/a.yaml is right", NULL},
    {no_file, "configuration", GOOD, "there is no /etc/a.yaml", NULL},
    {nothing, "broker", GOOD, "RabbitMQ 3.12.1 at 127.0.0.1:5672/shop as bridge", NULL},
    {no_broker, "broker", BAD, "it is down", "amqp.url"},
    {no_broker, "queue", UNKNOWN, "the broker was not reached", NULL},
    {no_broker, "daemons", GOOD, "1 running: d1", NULL},
    {no_broker, "lag", UNKNOWN, "whether events wait is not known", NULL},
    {rabbit_3_10, "broker", GOOD, "3.10.0", NULL},
    {rabbit_3_9, "broker", BAD, "3.9.29", "3.10 or later"},
    {rabbit_4_1, "broker", GOOD, "4.1.0", NULL},
    {rabbit_5, "broker", GOOD, "5.0.0", NULL},
    {nothing, "versions", GOOD, "tried with this bridge: RabbitMQ 3.12.1, PostgreSQL 15.2, Celery 5.6.3",
     NULL},
    {rabbit_5, "versions", GOOD, "newer than what the bridge was tried with: RabbitMQ 5.0.0", NULL},
    {celery_6, "versions", GOOD, "newer than what the bridge was tried with: PostgreSQL 19.1, Celery 5.10.0",
     NULL},
    {no_broker_known, "versions", GOOD, "tried with this bridge: PostgreSQL 15.2, Celery 5.6.3", NULL},
    {nothing_known, "versions", UNKNOWN, "nothing was reached", NULL},
    {no_rabbit, "broker", WARNING, "LavinMQ", "RabbitMQ 3.10 or later"},
    {nothing, "broker TLS", GOOD, "nor needed", NULL},
    {ipv6_broker, "broker TLS", GOOD, "nor needed", NULL},
    {remote_broker, "broker TLS", WARNING, "not used", "amqps://"},
    {tls_broker, "broker TLS", GOOD, "TLSv1.3, and the certificate is verified", NULL},
    {tls_unverified, "broker TLS", WARNING, "anybody's certificate", "amqp.tls.verify"},
    {nothing, "broker alarm", GOOD, "takes messages", NULL},
    {alarm_on, "broker alarm", BAD, "low on disk", "Free memory or disk"},
    {alarm_unknown, "broker alarm", UNKNOWN, "no answer", NULL},
    {nothing, "broker rights", GOOD, "user bridge", NULL},
    {may_not_bind, "broker rights", BAD, "403", RIGHTS},
    {may_not_bind_odd_names, "broker rights", BAD, "403", ODD_RIGHTS},
    {no_exchange, "broker rights", UNKNOWN, "no exchange", NULL},
    {nothing, "exchange", GOOD, "celeryev is there", NULL},
    {no_exchange, "exchange", WARNING, "there is no celeryev", "-E"},
    {other_exchange, "exchange", BAD, "inequivalent arg 'type'", "delete the exchange"},
    {nothing, "queue", GOOD, "taskbridge.events is a quorum queue as configured, of 2.0 GiB at most", NULL},
    {unbounded, "queue", GOOD, "of any size", NULL},
    {no_queue, "queue", BAD, "there is no taskbridge.events", "Start taskbridged"},
    {classic_queue, "queue", BAD, "may lose events", "another amqp.queue.name"},
    {limited_queue, "queue", BAD, "may lose events", "another amqp.queue.name"},
    {smaller_queue, "queue", WARNING, "not as configured: ", "another amqp.queue.name"},
    {foreign_queue, "queue", WARNING, "may not configure", RIGHTS},
    {nothing, "binding", GOOD, "events arrived in the queue a moment ago", NULL},
    {heard_and_arriving, "binding", GOOD, "events arrive in the queue", NULL},
    {not_bound, "binding", BAD, "do not arrive in taskbridge.events", "Start the daemons again"},
    {unheard, "binding", UNKNOWN, "no worker's heartbeat came to the exchange", NULL},
    {unheard_but_passing, "binding", BAD, "do not arrive in taskbridge.events", "Start the daemons again"},
    {unheard_but_waiting, "binding", GOOD, "events arrive", NULL},
    {unheard_without_daemon, "binding", UNKNOWN, "only a running daemon", NULL},
    {no_queue, "binding", UNKNOWN, "no queue", NULL},
    {nothing, "consumers", GOOD, "1, as many as daemons", NULL},
    {no_consumer, "consumers", BAD, "nobody consumes", "Start taskbridged"},
    {more_consumers, "consumers", WARNING, "2 consume; daemons that this database knows: 1",
     "daemon.instance"},
    {fewer_consumers, "consumers", WARNING, "1 of 2 daemons consume", "log"},
    {no_database_consumers, "consumers", GOOD, "7 consume", NULL},
    {no_queue, "consumers", UNKNOWN, "no queue", NULL},
    {nothing, "queue depth", GOOD, "0 waiting", NULL},
    {unbounded, "queue depth", GOOD, "1000000000 waiting", NULL},
    {almost_half, "queue depth", GOOD, "1060000 waiting, about 1010.9 MiB: 49 % of the most", NULL},
    {half, "queue depth", WARNING, "about 1.0 GiB: 50 % of the most", "start more of them"},
    {nearly_full, "queue depth", BAD, "90 % of the most", "start more of them"},
    {full_by_measure, "queue depth", BAD, "100 % of the most", "oldest"},
    {absurdly_full, "queue depth", BAD, "of the most", "oldest"},
    {no_queue, "queue depth", UNKNOWN, "no queue", NULL},
    {nothing, "asking workers", GOOD, "2 asked, and answered", NULL},
    {may_not_ask, "asking workers", WARNING, "workers can't be asked", RIGHTS},
    {nobody_listens, "asking workers", WARNING, "no worker takes questions", "worker_enable_remote_control"},
    {nobody_yet, "asking workers", GOOD, "no worker to ask yet", NULL},
    {asking_failed, "asking workers", UNKNOWN, "it broke", NULL},
    {one_silent, "asking workers", WARNING, "2 asked, 1 answered", "solo"},
    {one_unreadable, "asking workers", WARNING, "it answers in yaml", "silence"},
    {nobody_to_ask, "asking workers", GOOD, "no worker to ask", NULL},
    {nothing, "policies", GOOD, "none", NULL},
    {policy, "policies", BAD, "policy all drops events that wait in taskbridge.events: message-ttl 60000",
     "set_policy -p 'shop'"},
    {harmless_policy, "policies", GOOD, "ha drops nothing", NULL},
    {no_management, "policies", UNKNOWN, "amqp.management_url is not given", "list_queues -p 'shop'"},
    {no_management_answer, "policies", UNKNOWN, "it does not answer", "list_queues -p 'shop'"},
    {no_majority, "queue", BAD, "it does not answer: nodes are away", "Start the broker's other nodes"},
    {no_majority, "consumers", UNKNOWN, "the queue does not answer", NULL},
    {no_majority, "queue depth", UNKNOWN, "the queue does not answer", NULL},
    {nothing, "database", GOOD, "PostgreSQL 15.2 at 127.0.0.1, database shop as bridge", NULL},
    {no_database, "database", BAD, "it is down", "database.url"},
    {no_database, "companies", UNKNOWN, "the database was not reached", NULL},
    {no_database, "broker alarm", GOOD, "takes messages", NULL},
    {postgres_13, "database", BAD, "PostgreSQL", "14 or later"},
    {postgres_14, "database", GOOD, "PostgreSQL", NULL},
    {socket_database, "database", GOOD, "a local socket", NULL},
    {nothing, "database TLS", GOOD, "nor needed", NULL},
    {socket_database, "database TLS", GOOD, "nor needed", NULL},
    {remote_database, "database TLS", WARNING, "not used", "sslmode=verify-full"},
    {remote_pooler, "database TLS", WARNING, "not used", "sslmode=verify-full"},
    {own_address, "database TLS", GOOD, "nor needed", NULL},
    {tls_here, "database TLS", GOOD, "nor needed", NULL},
    {tls_unverified_database, "database TLS", WARNING, "anybody's certificate", "sslmode=verify-full"},
    {tls_database, "database TLS", GOOD, "TLSv1.3, and the certificate is verified", NULL},
    {nothing, "writable", GOOD, "no standby", NULL},
    {standby, "writable", BAD, "standby", "target_session_attrs=read-write"},
    {nothing, "schema", GOOD, "version 5", NULL},
    {behind, "schema", BAD, "version 4 of 5", "taskbridge migrate"},
    {ahead, "schema", BAD, "version 6, newer", "Install"},
    {changed, "schema", BAD, "step 1 was another", "Install the taskbridge that made it"},
    {other_format, "schema", BAD, "for a uuid, company.format says number", "taskbridge migrate"},
    {damaged, "schema", BAD, "index x is missing", "Run `taskbridge migrate`"},
    {table_gone, "schema", BAD, "table x is missing", "migrate --recreate"},
    {column_gone, "schema", BAD, "column x is missing", "from a backup"},
    {nothing, "roles", GOOD, "no more", NULL},
    {roles_wrong, "roles", BAD, "taskbridge_reader lacks SELECT on x", "Run `taskbridge migrate`"},
    {nothing, "reading", GOOD, "may serve people", NULL},
    {no_reader, "reading", GOOD, "does not serve people", NULL},
    {no_heir, "reading", BAD, "does not inherit", "WITH INHERIT TRUE"},
    {unbound, "reading", WARNING, "row security does not bind it", "GRANT taskbridge_reader TO \"bridge\";"},
    {useless_member, "reading", BAD, "without SET and INHERIT: web", "WITH INHERIT TRUE, SET TRUE"},
    {schema_unseen, "schema", UNKNOWN, "permission denied",
     "GRANT SELECT ON taskbridge_migrations TO \"bridge\""},
    {nothing, "database rights", GOOD, "role bridge", NULL},
    {no_tables, "database rights", UNKNOWN, "no tables yet", NULL},
    {no_tables, "durability", GOOD, "on", NULL},
    {rights_unseen, "lost tasks", UNKNOWN, "it broke", NULL},
    {rights_lacking, "database rights", BAD, "INSERT on dead_letters",
     "GRANT taskbridge_writer TO \"bridge\";"},
    {rows_hidden, "database rights", BAD, "row security", "GRANT taskbridge_writer TO \"bridge\";"},
    {rights_held, "database rights", BAD, "INSERT on dead_letters", "taskbridge migrate"},
    {rights_not_inherited, "database rights", BAD, "INSERT on dead_letters", "ALTER ROLE \"bridge\" INHERIT"},
    {superuser, "database rights", WARNING, "superuser", "of the bridge's own"},
    {nothing, "durability", GOOD, "fsync and full_page_writes are on", NULL},
    {no_fsync, "durability", BAD, "fsync is off", "ALTER SYSTEM SET fsync = on"},
    {no_page_writes, "durability", BAD, "full_page_writes is off", "full_page_writes = on"},
    {no_both, "durability", BAD, "fsync and full_page_writes are off", "fsync = on"},
    {nothing, "autovacuum", GOOD, "on", NULL},
    {no_autovacuum, "autovacuum", WARNING, "off", "ALTER SYSTEM SET autovacuum = on"},
    {nothing, "connections", GOOD, "20 of 97 used", NULL},
    {connections_10, "connections", GOOD, "87 of 97 used", NULL},
    {connections_9, "connections", WARNING, "88 of 97 used", "max_connections"},
    {connections_2, "connections", BAD, "95 of 97 used", "max_connections"},
    {nothing, "replication", GOOD, "no standby is connected", NULL},
    {standby_connected, "replication", WARNING, "asynchronous: a failover can lose",
     "synchronous_standby_names"},
    {several_hosts, "replication", WARNING, "asynchronous: a failover can lose", "synchronous_standby_names"},
    {standby_synchronous, "replication", GOOD, "synchronous (ANY 1 (s1)); standbys connected: 1", NULL},
    {standby_away, "replication", WARNING, "standbys connected: 0", "next commit"},
    {commits_wait, "replication", BAD, "3 commits wait for a synchronous standby, the longest for 61.0 s",
     "Bring the standby back"},
    {commits_pass, "replication", GOOD, "synchronous", NULL},
    {standby, "replication", UNKNOWN, "a standby itself", NULL},
    {commits_wait_unheard, "daemons", BAD, "commits wait for a synchronous standby", "replication"},
    {no_daemon, "daemons", BAD, "none runs", "Start taskbridged"},
    {dead_daemon, "daemons", BAD, "went silent: d9", "Start taskbridged"},
    {one_dead_daemon, "daemons", WARNING, "1 running; without a goodbye went silent: d9", "killed"},
    {brokerless, "daemons", WARNING, "1 of 1 running ones have no broker", "log"},
    {starting, "daemons", GOOD, "just starting: 1", NULL},
    {starting_brokerless, "daemons", WARNING, "1 of 2 running ones have no broker", "log"},
    {other_version, "daemons", WARNING, "another version (0.0.9)", "one version"},
    {nothing, "lag", GOOD, "nothing waits", NULL},
    {late_but_idle, "lag", GOOD, "nothing waits", NULL},
    {lag_9, "lag", GOOD, "written 9.0 s after they were sent", NULL},
    {lag_11, "lag", WARNING, "written 11.0 s after", "look again"},
    {lag_61, "lag", BAD, "written 61.0 s after", "look again"},
    {lag_unknown, "lag", GOOD, "are being written", NULL},
    {stuck, "lag", BAD, "the last was written 5 min ago", "PostgreSQL"},
    {never_wrote, "lag", BAD, "none was ever written", "PostgreSQL"},
    {nothing, "workers", GOOD, "alive: w1@a, w2@b", NULL},
    {worker_silent, "workers", WARNING, "went silent: w2@b; 1 alive", "killed"},
    {worker_slow_beat, "workers", GOOD, "alive: w1@a, w2@b", NULL},
    {worker_left, "workers", GOOD, "alive: w1@a", NULL},
    {workers_left, "workers", WARNING, "none is heard", "-E"},
    {unheard, "workers", WARNING, "none is heard", "-E"},
    {nothing, "worker events", GOOD, "sent by: w1@a, w2@b", NULL},
    {worker_mute, "worker events", BAD, "no event of them: w2@b", "enable_events"},
    {worker_idle, "worker events", GOOD, "sent by: w1@a", NULL},
    {all_idle, "worker events", UNKNOWN, "no worker alive has run a task", NULL},
    {mute_and_gone, "worker events", GOOD, "sent by: w1@a", NULL},
    {nothing, "clocks", GOOD, "at most 20 ms off", NULL},
    {ahead_1, "clocks", GOOD, "at most 1.9 s off", NULL},
    {ahead_3, "clocks", WARNING, "at most 3.0 s off: w2@b is ahead", "chrony"},
    {behind_3, "clocks", WARNING, "at most 3.0 s off: w2@b is behind", "chrony"},
    {behind_31, "clocks", BAD, "w2@b is behind", "chrony"},
    {delayed, "clocks", UNKNOWN, "no worker's clock", NULL},
    {delayed_and_ahead, "clocks", BAD, "w2@b is ahead", "chrony"},
    {nothing, "sent events", GOOD, "100 of the 100", NULL},
    {not_sent, "sent events", WARNING, "0 of the 100", "task_send_sent_event"},
    {half_sent, "sent events", GOOD, "50 of the 100", NULL},
    {few_sent, "sent events", WARNING, "49 of the 100", "task_send_sent_event"},
    {no_tasks, "sent events", UNKNOWN, "no task has come", NULL},
    {nothing, "companies", GOOD, "all of the newest tasks have one", NULL},
    {no_tasks, "companies", GOOD, "no task yet", NULL},
    {nothing, "access", GOOD, "own tokens", NULL},
    {all_ways, "access", GOOD,
     "own tokens, the product's tables, the product's answer, the product's tokens, watch tokens", NULL},
    {wrong_question, "access", BAD, "access.sql.sees: relation \"a\" does not exist",
     "role of taskbridge-http"},
    {product_away, "access", BAD, "access.forward.url does not answer: Connection refused", "503"},
    {product_open, "access", BAD, "lets everybody in", "answers 200 only"},
    {product_broken, "access", WARNING, "answers with status 502", "503"},
    {product_redirects, "access", GOOD, "own tokens", NULL},
    {keys_away, "access", BAD, "access.jwt.jwks_url does not answer: Could not resolve host", "no token"},
    {keys_missing, "access", BAD, "access.jwt.jwks_url answers with status 404", "no token"},
    {no_company, "companies", WARNING, "7 of the 100 newest tasks have none: a (7)", "under `tasks`"},
    {nothing, "lost tasks", GOOD, "0 called lost", NULL},
    {lost, "lost tasks", WARNING, "3 called lost", "error_message"},
    {tasks_unseen, "lost tasks", UNKNOWN, "too slow", NULL},
    {nothing, "serializers", GOOD, "nothing but JSON", NULL},
    {pickles, "serializers", BAD, "4 of a day came as application/x-python-serialize", "event_serializer"},
    {letters, "serializers", GOOD, "nothing but JSON", NULL},
    {nothing, "dead letters", GOOD, "none", NULL},
    {letters, "dead letters", WARNING, "4 within a day, mostly: no uuid", "dead retry"},
    {many_letters, "dead letters", WARNING, "at least 1000 within a day", "dead retry"},
    {nothing, "missed events", GOOD, "0 of 2000 started events", NULL},
    {missed_20, "missed events", GOOD, "20 of 2000 started events", NULL},
    {missed_21, "missed events", WARNING, "21 of 2000 started events", "taskbridge status"},
    {missed_2_of_3, "missed events", GOOD, "2 of 3 started events", NULL},
    {nothing, "maintenance", GOOD, "none is overdue", NULL},
    {maintenance_off, "maintenance", WARNING, "switched off", "maintenance.enabled"},
    {maintenance_failed, "maintenance", BAD, "cleanup_orphaned_trackers failed: no room",
     "taskbridge cleanup"},
    {maintenance_stopped, "maintenance", GOOD, "none is overdue", NULL},
    {maintenance_late, "maintenance", WARNING,
     "update_task_statuses last began 7 min ago, though it is due every 30 s", "log"},
    {maintenance_late_young_daemon, "maintenance", GOOD, "none is overdue", NULL},
    {maintenance_never, "maintenance", WARNING, "update_task_statuses never ran", "maintenance.enabled"},
    {maintenance_never_due, "maintenance", GOOD, "nothing is due yet", NULL},
};

static bool judge_by_name(const struct tb_doctor_facts *facts, const char *check,
                          struct tb_doctor_line *ret_line)
{
    for (size_t i = 0; i < tb_doctor_check_count(); i++) {
        tb_doctor_judge(facts, i, ret_line);
        if (strcmp(ret_line->check, check) == 0)
            return true;
        tb_doctor_line_deinit(ret_line);
    }
    return false;
}

static bool has(const struct tb_buf *text, const char *part)
{
    if (!part)
        return text->len == 0;
    return tb_str_find(tb_buf_str(text), tb_str_of(part)) != SIZE_MAX;
}

static void each_fact_has_its_verdict_and_its_remedy(void **state)
{
    size_t wrong = 0;
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        struct place place;
        struct tb_doctor_line line;
        fill(&place);
        cases[i].change(&place);
        assert_true(judge_by_name(&place.facts, cases[i].check, &line));
        if (line.verdict != cases[i].verdict || !has(&line.found, cases[i].found) ||
            !has(&line.remedy, cases[i].remedy)) {
            print_error("case %zu: %s is %s: %s | %s\n", i, line.check, tb_doctor_verdict_name(line.verdict),
                        line.found.ptr, line.remedy.len > 0 ? line.remedy.ptr : "");
            wrong++;
        }
        tb_doctor_line_deinit(&line);
    }
    assert_int_equal(wrong, 0);
}

static void where_all_is_well_every_line_is_good_and_there_is_nothing_to_do(void **state)
{
    struct place place;
    (void)state;
    fill(&place);
    for (size_t i = 0; i < tb_doctor_check_count(); i++) {
        struct tb_doctor_line line;
        tb_doctor_judge(&place.facts, i, &line);
        assert_string_equal(tb_doctor_verdict_name(line.verdict), "good");
        assert_true(line.found.len > 0);
        assert_int_equal(line.remedy.len, 0);
        tb_doctor_line_deinit(&line);
    }
}

static void whatever_is_not_good_says_what_to_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < TB_COUNT(cases); i++) {
        struct place place;
        fill(&place);
        cases[i].change(&place);
        for (size_t check = 0; check < tb_doctor_check_count(); check++) {
            struct tb_doctor_line line;
            tb_doctor_judge(&place.facts, check, &line);
            if (line.verdict == TB_DOCTOR_WARNING || line.verdict == TB_DOCTOR_BAD)
                assert_true(line.remedy.len > 0);
            assert_true(line.found.len > 0);
            tb_doctor_line_deinit(&line);
        }
    }
}

static void many_workers_are_named_up_to_five(void **state)
{
    struct tb_doctor_worker workers[7];
    struct place place;
    struct tb_doctor_line line;
    (void)state;
    fill(&place);
    for (size_t i = 0; i < TB_COUNT(workers); i++)
        workers[i] = working((const char *[]){"a", "b", "c", "d", "e", "f", "g"}[i]);
    place.facts.database.workers.list = workers;
    place.facts.database.workers.count = TB_COUNT(workers);
    assert_true(judge_by_name(&place.facts, "workers", &line));
    assert_str(tb_buf_str(&line.found), "alive: a, b, c, d, e, …");
    tb_doctor_line_deinit(&line);
}

static void a_wrong_configuration_is_bad(void **state)
{
    struct tb_doctor_line line;
    (void)state;
    tb_doctor_judge_wrong_configuration("a.yaml:3:1: it is wrong", &line);
    assert_string_equal(line.check, "configuration");
    assert_int_equal(line.verdict, TB_DOCTOR_BAD);
    assert_str(tb_buf_str(&line.found), "a.yaml:3:1: it is wrong");
    tb_doctor_line_deinit(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fact_has_its_verdict_and_its_remedy),
        cmocka_unit_test(where_all_is_well_every_line_is_good_and_there_is_nothing_to_do),
        cmocka_unit_test(whatever_is_not_good_says_what_to_do),
        cmocka_unit_test(many_workers_are_named_up_to_five),
        cmocka_unit_test(a_wrong_configuration_is_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The table of options.
 *
 * All that is known of an option stands in its line here: the parser of the file, the environment, the
 * messages, `taskbridge check` and the test of the sample file read it, so none of them can disagree. An
 * option that is added here needs its field in struct tb_config and its lines in config/taskbridge.yaml,
 * nothing else. Defaults are text and go through the same parser as the file's values.
 *
 * Invariants, held by a test: paths are unique, also as names of variables; options of a section stand
 * together; each default is right by its own line. */
#include "schema.h"

#include "checks.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/base/log.h"

#include <assert.h>
#include <stdio.h>

#define FIELD(path_) .offset = offsetof(struct tb_config, path_)
#define DAYS(count)  ((count)*INT64_C(86400))
/* As much as a question about one user or company ever needs. */
#define SQL_MAX_BYTES 4096
#define TIB(count)    ((int64_t)(count) << 40)

static const struct tb_choice log_levels[] = {{"debug", TB_LOG_DEBUG},
                                              {"info", TB_LOG_INFO},
                                              {"warning", TB_LOG_WARNING},
                                              {"error", TB_LOG_ERROR},
                                              {NULL, 0}};

static const struct tb_choice log_formats[] = {{"text", TB_LOG_TEXT}, {"json", TB_LOG_JSON}, {NULL, 0}};

static const struct tb_choice company_formats[] = {
    {"number", TB_COMPANY_NUMBER}, {"uuid", TB_COMPANY_UUID}, {"slug", TB_COMPANY_SLUG}, {NULL, 0}};

static const struct tb_choice customer_errors[] = {{"kind", 0}, {"raw", 1}, {NULL, 0}};

const struct tb_option tb_schema_options[] = {
    {"amqp.url", TB_OPTION_STRING, "amqp://guest:guest@127.0.0.1:5672/%2F", 1, 8192, "",
     .check = tb_check_amqp_url, .secret = true, .separator = ';', FIELD(amqp.url),
     .doc = "Where RabbitMQ is: amqp(s)://user:password@host:port/vhost; several, as Celery has them, with ; "
            "or as a list."},
    {"amqp.heartbeat_s", TB_OPTION_DURATION, "30", 1, 600, "s", FIELD(amqp.heartbeat_s),
     .doc = "Heartbeat agreed on with the broker; a connection silent for twice as long is given up."},
    {"amqp.connect_timeout_s", TB_OPTION_DURATION, "5", 1, 300, "s", FIELD(amqp.connect_timeout_s),
     .doc =
         "How long each address of the broker may take to connect and log in, and its name to be looked up."},
    {"amqp.exchange", TB_OPTION_STRING, "celeryev", 1, 255, "", FIELD(amqp.exchange),
     .doc = "The exchange that Celery's workers send their events to."},
    {"amqp.control_exchange", TB_OPTION_STRING, "celery", 1, 240, "", FIELD(amqp.control_exchange),
     .doc = "Celery's control_exchange, over which workers are asked what they have."},
    {"amqp.source", TB_OPTION_STRING, "", 0, 255, "", FIELD(amqp.source),
     .doc = "What this broker and vhost are called, beside others in one database; empty: host/vhost of the "
            "first amqp.url."},
    {"amqp.prefetch", TB_OPTION_INTEGER, "4000", 1, 65535, "deliveries", FIELD(amqp.prefetch),
     .doc = "How many deliveries may be in flight, not yet committed and acknowledged."},
    {"amqp.queue.name", TB_OPTION_STRING, "taskbridge.events", 1, 255, "", FIELD(amqp.queue.name),
     .doc = "The durable queue in which events wait while no daemon runs; all daemons share it."},
    {"amqp.queue.max_bytes", TB_OPTION_BYTES, "2GiB", 1 << 20, TIB(1), "bytes", FIELD(amqp.queue.max_bytes),
     .doc = "The most the queue may hold; beyond it the broker drops the oldest events, not the product's "
            "tasks."},
    {"amqp.tls.ca_file", TB_OPTION_STRING, "", 0, 4095, "", FIELD(amqp.tls.ca_file),
     .doc = "Certificates (PEM) that may sign the broker's; empty: the system's."},
    {"amqp.tls.cert_file", TB_OPTION_STRING, "", 0, 4095, "", FIELD(amqp.tls.cert_file),
     .doc = "The certificate (PEM) that this program shows to the broker; empty: none."},
    {"amqp.tls.key_file", TB_OPTION_STRING, "", 0, 4095, "", FIELD(amqp.tls.key_file),
     .doc = "The private key (PEM) of amqp.tls.cert_file."},
    {"amqp.tls.verify", TB_OPTION_BOOL, "true", FIELD(amqp.tls.verify),
     .doc = "Whether the broker's certificate must be signed by a known authority and carry its host name."},
    {"amqp.management_url", TB_OPTION_STRING, "", 0, 2048, "", .check = tb_check_http_url, .secret = true,
     FIELD(amqp.management_url),
     .doc = "The broker's management API, such as http://user:password@host:15672, which `doctor` asks for "
            "policies; "
            "empty: none."},

    {"database.url", TB_OPTION_STRING, "postgresql:///taskbridge", 1, 2048, "",
     .check = tb_check_database_url, .secret = true, FIELD(database.url),
     .doc =
         "Where PostgreSQL is: postgresql://user:password@host:port/database, or libpq's key=value words."},
    {"database.schema", TB_OPTION_STRING, "taskbridge", 1, 63, "", .check = tb_check_schema,
     FIELD(database.schema),
     .doc = "The schema of taskbridge's own tables, so that no name clashes with the product's."},
    {"database.connect_timeout_s", TB_OPTION_DURATION, "5", 1, 300, "s", FIELD(database.connect_timeout_s),
     .doc = "How long connecting to the database and logging in may take."},
    {"database.response_timeout_s", TB_OPTION_DURATION, "60", 1, 3600, "s",
     FIELD(database.response_timeout_s),
     .doc = "How long the database may take over one statement before the connection is given up."},

    {"daemon.instance", TB_OPTION_STRING, "", 0, 200, "", FIELD(daemon.instance),
     .doc = "The daemon's name in the tables and at the broker, which no two share; empty: the name of the "
            "host."},
    {"daemon.shutdown_timeout_s", TB_OPTION_DURATION, "25", 1, 3600, "s", FIELD(daemon.shutdown_timeout_s),
     .doc = "How long a stopping daemon may take to commit what it has; the rest stays in the queue."},

    {"log.level", TB_OPTION_ENUM, "info", .choices = log_levels, .reloadable = true, FIELD(log.level),
     .doc = "The least weight of a line that is logged: debug, info, warning or error."},
    {"log.format", TB_OPTION_ENUM, "text", .choices = log_formats, .reloadable = true, FIELD(log.format),
     .doc = "How lines are logged on stderr: text for people, json for machines."},

    {"maintenance.enabled", TB_OPTION_BOOL, "true", .reloadable = true, FIELD(maintenance.enabled),
     .doc = "Whether this daemon runs the maintenance jobs; among several daemons one at a time does."},
    {"maintenance.completed_after_s", TB_OPTION_DURATION, "3600", 60, DAYS(3650), "s", .reloadable = true,
     FIELD(maintenance.completed_after_s),
     .doc =
         "What customers see of a completed task ends so long after its end; operators see it for longer."},
    {"maintenance.history_after_s", TB_OPTION_DURATION, "604800", 60, DAYS(3650), "s", .reloadable = true,
     FIELD(maintenance.history_after_s),
     .doc = "A completed task's row is deleted when it ended so long ago, and the flow that it began has "
            "ended too."},
    {"maintenance.completed_every_s", TB_OPTION_DURATION, "3600", 1, DAYS(30), "s", .reloadable = true,
     FIELD(maintenance.completed_every_s),
     .doc = "How often rows and dead letters that are old are deleted."},
    {"maintenance.orphaned_after_s", TB_OPTION_DURATION, "2592000", 60, DAYS(3650), "s", .reloadable = true,
     FIELD(maintenance.orphaned_after_s),
     .doc =
         "A task that waits and was not heard of for so long is ended as lost, unless it is due later or its "
         "worker has it."},
    {"maintenance.orphaned_every_s", TB_OPTION_DURATION, "86400", 1, DAYS(30), "s", .reloadable = true,
     FIELD(maintenance.orphaned_every_s),
     .doc = "How often tasks that were not heard of for long are ended."},
    {"maintenance.dead_letters_after_s", TB_OPTION_DURATION, "2592000", 60, DAYS(3650), "s",
     .reloadable = true, FIELD(maintenance.dead_letters_after_s),
     .doc = "A dead letter is deleted when it came so long ago."},
    {"maintenance.dead_letters_max_rows", TB_OPTION_INTEGER, "10000", 1, 100000000, "rows",
     FIELD(maintenance.dead_letters_max_rows),
     .doc = "Of one kind (content type and reason) so many dead letters are kept; what comes beyond is "
            "counted."},
    {"maintenance.dead_letters_max_bytes", TB_OPTION_BYTES, "256MiB", 1024, TIB(1), "bytes",
     FIELD(maintenance.dead_letters_max_bytes),
     .doc = "Of one kind so many bytes of dead letters are kept; what comes beyond is counted."},
    {"maintenance.statuses_every_s", TB_OPTION_DURATION, "30", 1, DAYS(1), "s", .reloadable = true,
     FIELD(maintenance.statuses_every_s),
     .doc = "How often tasks that died without an event are looked for."},
    {"maintenance.silent_after_s", TB_OPTION_DURATION, "60", 5, DAYS(1), "s", .reloadable = true,
     FIELD(maintenance.silent_after_s),
     .doc = "A worker without a heartbeat for so long, and for ten of its own periods, has vanished."},
    {"maintenance.ask_apart_s", TB_OPTION_DURATION, "30", 1, DAYS(1), "s", .reloadable = true,
     FIELD(maintenance.ask_apart_s),
     .doc = "A task is lost when its worker, asked twice so far apart, does not have it."},
    {"maintenance.delete_batch_rows", TB_OPTION_INTEGER, "1000", 1, 100000, "rows", .reloadable = true,
     FIELD(maintenance.delete_batch_rows), .doc = "How many rows one transaction of a cleanup deletes."},

    {"http.listen", TB_OPTION_STRING, "127.0.0.1:8765", 1, 300, "", .check = tb_check_listen,
     FIELD(http.listen),
     .doc = "The address and port that taskbridge-http serves, such as 0.0.0.0:8765 or [::]:8765."},
    {"http.max_connections", TB_OPTION_INTEGER, "10000", 1, 100000, "connections",
     FIELD(http.max_connections), .doc = "How many connections may be open at once, live streams included."},
    {"http.max_connections_per_address", TB_OPTION_INTEGER, "100", 1, 100000, "connections",
     FIELD(http.max_connections_per_address),
     .doc = "How many of them one address may have, unless it is a trusted proxy's."},
    {"http.idle_timeout_s", TB_OPTION_DURATION, "60", 1, 3600, "s", FIELD(http.idle_timeout_s),
     .doc = "A connection on which nothing happens for so long is closed."},
    {"http.cors_origins", TB_OPTION_LIST, "[]", 1, 300, "", .check = tb_check_origin,
     FIELD(http.cors_origins),
     .doc = "Origins whose pages may read the API, such as https://app.example.com."},
    {"http.trusted_proxies", TB_OPTION_LIST, "[]", 1, 100, "", .check = tb_check_network,
     FIELD(http.trusted_proxies),
     .doc = "Addresses or networks, beside this machine's own, whose X-Forwarded-For is believed, such as "
            "10.0.0.0/8."},
    {"http.customer_errors", TB_OPTION_ENUM, "kind", .choices = customer_errors, FIELD(http.customer_errors),
     .doc = "What callers of a company read of a failure: kind words, or the exception (raw)."},

    {"access.sql.user", TB_OPTION_STRING, "", 0, SQL_MAX_BYTES, "", .has_lines = true, FIELD(access.sql.user),
     .doc = "The user whose key $1 is, as one SELECT; a second column may say viewer, operator or admin."},
    {"access.sql.sees", TB_OPTION_STRING, "", 0, SQL_MAX_BYTES, "", .has_lines = true, FIELD(access.sql.sees),
     .doc = "Whether user $1 may see company $2, as one SELECT: a row that is not false."},
    {"access.sql.company_name", TB_OPTION_STRING, "", 0, SQL_MAX_BYTES, "", .has_lines = true,
     FIELD(access.sql.company_name), .doc = "The name of company $1, as one SELECT."},
    {"access.sql.timeout_ms", TB_OPTION_INTEGER, "1000", 10, 10000, "ms", FIELD(access.sql.timeout_ms),
     .doc = "How long one of these questions may take."},
    {"access.forward.url", TB_OPTION_STRING, "", 0, 2048, "", .check = tb_check_forward_url, .secret = true,
     FIELD(access.forward.url),
     .doc = "The product's address of a company, with {company_id}: who gets 200 there may see the company."},
    {"access.forward.headers", TB_OPTION_LIST, "[]", 1, 200, "", .check = tb_check_header,
     FIELD(access.forward.headers),
     .doc = "The request's headers that are sent there; empty: Cookie and Authorization."},
    {"access.forward.cookies", TB_OPTION_LIST, "[]", 1, 200, "", .check = tb_check_header,
     FIELD(access.forward.cookies), .doc = "The cookies that are sent there; empty: all."},
    {"access.forward.timeout_ms", TB_OPTION_INTEGER, "3000", 100, 30000, "ms",
     FIELD(access.forward.timeout_ms), .doc = "How long the product may take to answer."},
    {"access.jwt.secret", TB_OPTION_STRING, "", 0, 4096, "", .check = tb_check_secret, .is_key = true,
     FIELD(access.jwt.secret),
     .doc = "The secret (32 bytes at least) of HS256 for the product's own tokens."},
    {"access.jwt.secret_file", TB_OPTION_STRING, "", 0, 4095, "", FIELD(access.jwt.secret_file),
     .doc = "A file with such secrets, one a line; any of them is right."},
    {"access.jwt.jwks_file", TB_OPTION_STRING, "", 0, 4095, "", FIELD(access.jwt.jwks_file),
     .doc = "A file with public keys (JWKS) for RS256 and ES256; read again when it changes."},
    {"access.jwt.jwks_url", TB_OPTION_STRING, "", 0, 2048, "", .check = tb_check_http_url, .secret = true,
     FIELD(access.jwt.jwks_url),
     .doc = "The same by HTTP; fetched every ten minutes and for a key that is new."},
    {"access.jwt.algorithms", TB_OPTION_LIST, "[]", 1, 10, "", .check = tb_check_algorithm,
     FIELD(access.jwt.algorithms),
     .doc = "Which of HS256, RS256 and ES256 are taken; empty: those of the keys."},
    {"access.jwt.issuer", TB_OPTION_STRING, "", 0, 1024, "", FIELD(access.jwt.issuer),
     .doc = "What iss must be; empty: anything."},
    {"access.jwt.audience", TB_OPTION_LIST, "[]", 1, 1024, "", FIELD(access.jwt.audience),
     .doc = "What aud must hold one of; empty: a token must have none."},
    {"access.jwt.leeway_s", TB_OPTION_DURATION, "5", 0, 300, "s", FIELD(access.jwt.leeway_s),
     .doc = "How far clocks may differ when exp, nbf and iat are looked at; a stream ends with exp."},
    {"access.jwt.user_claim", TB_OPTION_STRING, "sub", 1, 200, "", FIELD(access.jwt.user_claim),
     .doc = "The claim that names the user; a.b is b within a, as in the following."},
    {"access.jwt.companies_claim", TB_OPTION_STRING, "companies", 0, 200, "",
     FIELD(access.jwt.companies_claim),
     .doc = "The claim that lists the companies that may be seen; without it access.sql.sees or the user's "
            "memberships tell."},
    {"access.jwt.rights_claim", TB_OPTION_STRING, "", 0, 200, "", FIELD(access.jwt.rights_claim),
     .doc =
         "The claim that says viewer, operator or admin, or is true for an operator; empty: none says it."},
    {"access.watch.secret", TB_OPTION_STRING, "", 0, 4096, "", .check = tb_check_secret, .is_key = true,
     FIELD(access.watch.secret),
     .doc = "The secret (32 bytes at least) of watch tokens, which the product signs for its browsers."},
    {"access.watch.secret_file", TB_OPTION_STRING, "", 0, 4095, "", FIELD(access.watch.secret_file),
     .doc = "A file with such secrets, one a line; the first signs, any of them is right."},
    {"access.ca_file", TB_OPTION_STRING, "", 0, 4095, "", FIELD(access.ca_file),
     .doc =
         "Certificates (PEM) that may sign the product's own for forward and jwks_url; empty: the system's."},
    {"access.wrong_max", TB_OPTION_INTEGER, "20", 1, 100000, "", FIELD(access.wrong_max),
     .doc = "How many wrong credentials an address may send before it is held to one every 3 seconds."},

    {"company.format", TB_OPTION_ENUM, "number", .choices = company_formats, .reloadable = true,
     FIELD(company_format),
     .doc = "What a company's id is, everywhere: number, uuid or slug (letters, digits and - . _ ~)."},

    {"redact", TB_OPTION_LIST,
     "[password, \"*_password\", passwd, passphrase, pwd, secret, \"*_secret\", secret_key, token, "
     "\"*_token\", "
     "api_key, \"*_api_key\", apikey, private_key, authorization, \"*_authorization\", auth, credentials, "
     "cookie, "
     "\"*_cookie\", sessionid, clave, \"clave_*\", contrasena, contraseña]",
     1, 64, "", .check = tb_redact_check_name, .reloadable = true, FIELD(redact),
     .doc = "Names of values that are stored nowhere, in every task and at any depth; * stands for any "
            "characters."},

    {"tasks", TB_OPTION_RULES, "[]", 0, TB_RULES_MAX, "", .reloadable = true, FIELD(rules),
     .doc = "Rules by a task's name; the first that matches counts."},
};
const size_t tb_schema_count = TB_COUNT(tb_schema_options);

const struct tb_rule_key tb_schema_rule_keys[] = {
    {"match", TB_RULE_STRING, "The task's name in Celery; * stands for any characters, ? for one.",
     offsetof(struct tb_rule, match)},
    {"type", TB_RULE_STRING, "The task_type in the API; without it the last dotted part of the name.",
     offsetof(struct tb_rule, type)},
    {"display_name", TB_RULE_STRING, "The name that people see.", offsetof(struct tb_rule, display_name)},
    {"failure_message", TB_RULE_STRING,
     "What customers read when the task failed, in place of the exception.",
     offsetof(struct tb_rule, failure_message)},
    {"company", TB_RULE_COMPANY,
     "Where the company's id is: { kwarg: NAME, arg: INDEX } (from 0; or one of them), inherit from the root "
     "task or the nearest ancestor, or none where a task belongs to nobody.",
     0},
    {"redact", TB_RULE_REDACT,
     "Positions, from 0, of arguments that are stored nowhere; names join the list above.", 0},
};
const size_t tb_schema_rule_key_count = TB_COUNT(tb_schema_rule_keys);

#define OF_KUBERNETES "what Kubernetes tells of a service of this name"

const struct tb_reserved_variable tb_schema_reserved[] = {
    {"TASKBRIDGE_BENCH_", "benchmarks", NULL},
    {"TASKBRIDGE_CELERY_", "the Python package and its demo", NULL},
    {"TASKBRIDGE_CHAOS_", "chaos tests", NULL},
    {"TASKBRIDGE_HTTP_PORT", OF_KUBERNETES, "tcp://"},
    {"TASKBRIDGE_HTTP_PORT_", OF_KUBERNETES, NULL},
    {"TASKBRIDGE_HTTP_SERVICE_", OF_KUBERNETES, NULL},
    {"TASKBRIDGE_PORT", OF_KUBERNETES, "tcp://"},
    {"TASKBRIDGE_PORT_", OF_KUBERNETES, NULL},
    {"TASKBRIDGE_POSTGRESQL_BIN", "where the private PostgreSQL's programs are", NULL},
    {"TASKBRIDGE_PROGRAMS", "where scripts find the programs", NULL},
    {"TASKBRIDGE_PROPERTY_", "property tests", NULL},
    {"TASKBRIDGE_RUN_", "scripts/run", NULL},
    {"TASKBRIDGE_SERVICE_", OF_KUBERNETES, NULL},
    {"TASKBRIDGE_STACK_", "the private RabbitMQ and PostgreSQL", NULL},
    {"TASKBRIDGE_TEST_", "tests", NULL},
    {"TASKBRIDGE_TOKEN", "the credential of scripts that ask the API", NULL},
    {"TASKBRIDGE_WRAPPER", "what tests run the programs in, such as valgrind", NULL},
};
const size_t tb_schema_reserved_count = TB_COUNT(tb_schema_reserved);

const struct tb_option *tb_schema_find(struct tb_str path)
{
    for (size_t i = 0; i < tb_schema_count; i++)
        if (tb_str_equal(tb_str_of(tb_schema_options[i].path), path))
            return &tb_schema_options[i];
    return NULL;
}

bool tb_schema_is_section(struct tb_str path)
{
    for (size_t i = 0; i < tb_schema_count; i++) {
        struct tb_str option = tb_str_of(tb_schema_options[i].path);
        if (option.len > path.len && option.ptr[path.len] == '.' && tb_str_starts_with(option, path))
            return true;
    }
    return false;
}

void tb_schema_variable(const struct tb_option *option, char ret_name[TB_VARIABLE_MAX_BYTES])
{
    int len = snprintf(ret_name, TB_VARIABLE_MAX_BYTES, TB_VARIABLE_PREFIX "%s", option->path);
    assert(len > 0 && len < TB_VARIABLE_MAX_BYTES);
    for (char *at = ret_name; *at; at++) {
        if (*at == '.')
            *at = '_';
        else if (*at >= 'a' && *at <= 'z')
            *at = (char)(*at - 'a' + 'A');
    }
}

/* The table of checks, and what their verdicts mean.
 *
 * A check looks at facts and nothing else and gives exactly one line, so that a program that reads them finds
 * the same checks every time. BAD is what breaks a promise (an event may be lost, a task is not seen, a row
 * not written); WARNING works, and somebody should look at it. What can't be looked at is UNKNOWN and never
 * passed off as good: what it depends on has a line of its own, which says what to do. */
#include "doctor_checks.h"

#include "taskbridge/base/limits.h"

#include <inttypes.h>
#include <stdio.h>

#define HEARD_US (15 * TB_US_PER_S)

enum need { NEEDS_NOTHING, NEEDS_BROKER, NEEDS_DATABASE, NEEDS_TABLES };

static void judge_configuration(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    if (facts->has_config_file)
        tb_doctor_say(line, TB_DOCTOR_GOOD, "%s is right", facts->config_path);
    else
        tb_doctor_say(line, TB_DOCTOR_GOOD, "there is no %s; defaults and the environment are in effect",
                      facts->config_path);
}

static const struct check {
    const char *name;
    enum need need;
    void (*judge)(const struct tb_doctor_facts *facts, struct tb_doctor_line *line);
} checks[] = {
    {"configuration", NEEDS_NOTHING, judge_configuration},
    {"broker", NEEDS_NOTHING, tb_doctor_judge_broker},
    {"broker TLS", NEEDS_BROKER, tb_doctor_judge_broker_tls},
    {"broker alarm", NEEDS_BROKER, tb_doctor_judge_alarm},
    {"broker rights", NEEDS_BROKER, tb_doctor_judge_broker_rights},
    {"exchange", NEEDS_BROKER, tb_doctor_judge_exchange},
    {"queue", NEEDS_BROKER, tb_doctor_judge_queue},
    {"policies", NEEDS_BROKER, tb_doctor_judge_policies},
    {"binding", NEEDS_BROKER, tb_doctor_judge_binding},
    {"consumers", NEEDS_BROKER, tb_doctor_judge_consumers},
    {"queue depth", NEEDS_BROKER, tb_doctor_judge_depth},
    {"asking workers", NEEDS_BROKER, tb_doctor_judge_asking},
    {"database", NEEDS_NOTHING, tb_doctor_judge_database},
    {"database TLS", NEEDS_DATABASE, tb_doctor_judge_database_tls},
    {"writable", NEEDS_DATABASE, tb_doctor_judge_writable},
    {"schema", NEEDS_DATABASE, tb_doctor_judge_schema},
    {"database rights", NEEDS_TABLES, tb_doctor_judge_database_rights},
    {"roles", NEEDS_TABLES, tb_doctor_judge_roles},
    {"reading", NEEDS_TABLES, tb_doctor_judge_reader},
    {"durability", NEEDS_DATABASE, tb_doctor_judge_durability},
    {"autovacuum", NEEDS_DATABASE, tb_doctor_judge_autovacuum},
    {"connections", NEEDS_DATABASE, tb_doctor_judge_connections},
    {"replication", NEEDS_DATABASE, tb_doctor_judge_replication},
    {"daemons", NEEDS_TABLES, tb_doctor_judge_daemons},
    {"lag", NEEDS_TABLES, tb_doctor_judge_lag},
    {"workers", NEEDS_TABLES, tb_doctor_judge_workers},
    {"worker events", NEEDS_TABLES, tb_doctor_judge_worker_events},
    {"sent events", NEEDS_TABLES, tb_doctor_judge_sent_events},
    {"clocks", NEEDS_TABLES, tb_doctor_judge_skew},
    {"serializers", NEEDS_TABLES, tb_doctor_judge_serializers},
    {"missed events", NEEDS_TABLES, tb_doctor_judge_missed},
    {"dead letters", NEEDS_TABLES, tb_doctor_judge_dead},
    {"maintenance", NEEDS_TABLES, tb_doctor_judge_maintenance},
    {"lost tasks", NEEDS_TABLES, tb_doctor_judge_lost},
    {"companies", NEEDS_TABLES, tb_doctor_judge_companies},
    {"access", NEEDS_DATABASE, tb_doctor_judge_access},
    {"versions", NEEDS_NOTHING, tb_doctor_judge_versions},
};

size_t tb_doctor_check_count(void)
{
    return TB_COUNT(checks);
}

/* NULL when there is nothing in the way. */
static const char *find_hindrance(const struct tb_doctor_facts *facts, enum need need)
{
    const struct tb_doctor_database *database = &facts->database;
    if (need == NEEDS_BROKER && facts->broker.problem)
        return "the broker was not reached";
    if (need >= NEEDS_DATABASE && database->problem)
        return "the database was not reached";
    if (need == NEEDS_TABLES && database->rights_problem)
        return database->rights_problem;
    if (need == NEEDS_TABLES && !database->rights.has_tables)
        return "the database has no tables yet";
    return NULL;
}

static void line_init(struct tb_doctor_line *line, const char *check)
{
    *line = (struct tb_doctor_line){.check = check, .verdict = TB_DOCTOR_UNKNOWN};
    tb_buf_init(&line->found, 64 * TB_KIB);
    tb_buf_init(&line->remedy, 64 * TB_KIB);
}

void tb_doctor_judge(const struct tb_doctor_facts *facts, size_t index, struct tb_doctor_line *ret_line)
{
    const struct check *check = &checks[index];
    const char *hindrance = find_hindrance(facts, check->need);
    line_init(ret_line, check->name);
    if (!tb_doctor_is_unknown(ret_line, hindrance))
        check->judge(facts, ret_line);
}

void tb_doctor_judge_wrong_configuration(const char *problem, struct tb_doctor_line *ret_line)
{
    line_init(ret_line, checks[0].name);
    tb_doctor_say(ret_line, TB_DOCTOR_BAD, "%s", problem);
    tb_doctor_advise(ret_line, "Correct it; `taskbridge check` tells when it is right. Nothing else was "
                               "looked at.");
}

void tb_doctor_line_deinit(struct tb_doctor_line *line)
{
    tb_buf_deinit(&line->found);
    tb_buf_deinit(&line->remedy);
}

const char *tb_doctor_verdict_name(enum tb_doctor_verdict verdict)
{
    static const char *const names[] = {"good", "warning", "bad", "unknown"};
    return names[verdict];
}

/* ---- words ---- */

void tb_doctor_say(struct tb_doctor_line *line, enum tb_doctor_verdict verdict, const char *format, ...)
{
    va_list args;
    line->verdict = verdict;
    tb_buf_reset(&line->found);
    va_start(args, format);
    tb_buf_vprintf(&line->found, format, args);
    va_end(args);
}

void tb_doctor_advise(struct tb_doctor_line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tb_buf_vprintf(&line->remedy, format, args);
    va_end(args);
}

bool tb_doctor_is_unknown(struct tb_doctor_line *line, const char *problem)
{
    if (problem)
        tb_doctor_say(line, TB_DOCTOR_UNKNOWN, "not looked at: %s", problem);
    return problem != NULL;
}

const char *tb_doctor_span(int64_t span_us, char ret_text[TB_DOCTOR_SPAN_BYTES])
{
    double seconds = (double)span_us / (double)TB_US_PER_S;
    if (seconds < 1)
        snprintf(ret_text, TB_DOCTOR_SPAN_BYTES, "%.0f ms", seconds * 1000);
    else if (seconds < 120)
        snprintf(ret_text, TB_DOCTOR_SPAN_BYTES, "%.1f s", seconds);
    else if (seconds < 7200)
        snprintf(ret_text, TB_DOCTOR_SPAN_BYTES, "%.0f min", seconds / 60);
    else
        snprintf(ret_text, TB_DOCTOR_SPAN_BYTES, "%.1f h", seconds / 3600);
    return ret_text;
}

const char *tb_doctor_bytes(int64_t bytes, char ret_text[TB_DOCTOR_SPAN_BYTES])
{
    double mib = (double)bytes / (double)TB_MIB;
    if (mib < 1024)
        snprintf(ret_text, TB_DOCTOR_SPAN_BYTES, "%.1f MiB", mib);
    else
        snprintf(ret_text, TB_DOCTOR_SPAN_BYTES, "%.1f GiB", mib / 1024);
    return ret_text;
}

/* ---- facts that several checks look at ---- */

int64_t tb_doctor_waiting(const struct tb_doctor_facts *facts)
{
    return facts->broker.problem ? -1 : facts->broker.seen.queue_messages;
}

bool tb_doctor_is_alive(const struct tb_doctor_worker *worker)
{
    int64_t patience_us = 60 * TB_US_PER_S, beats_us = (int64_t)(10 * worker->freq_s * (double)TB_US_PER_S);
    if (beats_us > patience_us)
        patience_us = beats_us;
    return !worker->said_goodbye && worker->silent_us >= 0 && worker->silent_us <= patience_us;
}

bool tb_doctor_is_hearing(const struct tb_doctor_workers *workers)
{
    for (size_t i = 0; i < workers->count; i++)
        if (workers->list[i].silent_us >= 0 && workers->list[i].silent_us < HEARD_US)
            return true;
    return false;
}

size_t tb_doctor_living(const struct tb_doctor_facts *facts)
{
    const struct tb_doctor_workers *workers = &facts->database.workers;
    size_t living = 0;
    for (size_t i = 0; i < workers->count; i++)
        living += tb_doctor_is_alive(&workers->list[i]);
    return living;
}

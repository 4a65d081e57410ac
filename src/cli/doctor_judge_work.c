/* Verdicts on the work itself: daemons, workers and their events, clocks, what could not be used, what
 * maintenance does.
 *
 * Clocks: events of one task come from several hosts and count by their sender's clock. Two seconds are the
 * heartbeat, below which a difference is not told from delay; from 30 on an attempt on one host can seem to
 * lie before the last one on another, whatever delay a retry has by default. A clock that seems late while
 * events wait is not judged: waiting looks the same. */
#include "doctor_checks.h"

#include <inttypes.h>
#include <stdio.h>

#define NAMES_SHOWN 5

#define SKEW_WARNING_US (2 * TB_US_PER_S)
#define SKEW_BAD_US     (30 * TB_US_PER_S)
#define LAG_WARNING_US  (10 * TB_US_PER_S)
#define LAG_BAD_US      (60 * TB_US_PER_S)
/* Fewer may be on their way; and per mille of a worker's tasks. */
#define MISSED_FEW      3
#define MISSED_PERMILLE 10

/* ---- daemons ---- */

void tb_doctor_judge_daemons(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_daemons *daemons = &facts->database.daemons;
    if (tb_doctor_is_unknown(line, daemons->problem))
        return;
    if (daemons->running == 0 && facts->database.server.waiting_commits > 0) {
        tb_doctor_say(line, TB_DOCTOR_BAD,
                      "none could say lately that it runs: commits wait for a synchronous standby");
        tb_doctor_advise(line, "See the line \"replication\".");
    } else if (daemons->running == 0) {
        tb_doctor_say(line, TB_DOCTOR_BAD, "none runs%s%s",
                      daemons->silent > 0 ? "; without a goodbye went silent: " : "",
                      daemons->silent > 0 ? daemons->silent_names : "");
        tb_doctor_advise(line, "Start taskbridged. What workers send waits in the broker's queue.");
    } else if (daemons->without_broker > 0) {
        tb_doctor_say(line, TB_DOCTOR_WARNING, "%" PRId64 " of %" PRId64 " running ones have no broker",
                      daemons->without_broker, daemons->running);
        tb_doctor_advise(line, "Their log tells why.");
    } else if (daemons->others > 0) {
        tb_doctor_say(line, TB_DOCTOR_WARNING,
                      "%" PRId64 " of %" PRId64 " are of another version (%s) than this, " TASKBRIDGE_VERSION,
                      daemons->others, daemons->running, daemons->other_versions);
        tb_doctor_advise(line, "Bring all to one version.");
    } else if (daemons->silent > 0) {
        tb_doctor_say(line, TB_DOCTOR_WARNING, "%" PRId64 " running; without a goodbye went silent: %s",
                      daemons->running, daemons->silent_names);
        tb_doctor_advise(line, "See whether they were killed, hang, or can't reach the database.");
    } else if (daemons->starting > 0) {
        tb_doctor_say(line, TB_DOCTOR_GOOD, "%" PRId64 " running: %s; just starting: %" PRId64,
                      daemons->running, daemons->names, daemons->starting);
    } else {
        tb_doctor_say(line, TB_DOCTOR_GOOD, "%" PRId64 " running: %s", daemons->running, daemons->names);
    }
}

void tb_doctor_judge_lag(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_daemons *daemons = &facts->database.daemons;
    int64_t waiting = tb_doctor_waiting(facts);
    char span[TB_DOCTOR_SPAN_BYTES];
    if (tb_doctor_is_unknown(line, daemons->problem))
        return;
    if (waiting == 0) {
        tb_doctor_say(line, TB_DOCTOR_GOOD, "nothing waits");
        return;
    }
    if (waiting < 0) {
        tb_doctor_is_unknown(line, "whether events wait is not known");
        return;
    }
    bool is_stuck = daemons->commit_us < 0 || daemons->commit_us > LAG_BAD_US;
    int64_t lag_us = is_stuck && daemons->commit_us > daemons->lag_us ? daemons->commit_us : daemons->lag_us;
    enum tb_doctor_verdict verdict = is_stuck || lag_us > LAG_BAD_US ? TB_DOCTOR_BAD
                                     : lag_us > LAG_WARNING_US       ? TB_DOCTOR_WARNING
                                                                     : TB_DOCTOR_GOOD;
    if (is_stuck && daemons->commit_us < 0)
        tb_doctor_say(line, verdict, "%" PRId64 " waiting, and none was ever written", waiting);
    else if (is_stuck)
        tb_doctor_say(line, verdict, "%" PRId64 " waiting, and the last was written %s ago", waiting,
                      tb_doctor_span(lag_us, span));
    else if (lag_us < 0)
        tb_doctor_say(line, verdict, "%" PRId64 " waiting, and are being written", waiting);
    else
        tb_doctor_say(line, verdict, "%" PRId64 " waiting; events are written %s after they were sent",
                      waiting, tb_doctor_span(lag_us, span));
    if (verdict != TB_DOCTOR_GOOD)
        tb_doctor_advise(
            line, "A backlog is worked off by itself while daemons run: look again. If it grows, start more "
                  "daemons and see what slows PostgreSQL down.");
}

/* ---- lists of workers ---- */

/* Pushes the name, unless enough were; *shown counts all. */
static void push_name(struct tb_buf *buf, size_t *shown, struct tb_str name)
{
    if (*shown < NAMES_SHOWN)
        tb_buf_printf(buf, "%s%.*s", *shown ? ", " : "", TB_STR_FMT(name));
    else if (*shown == NAMES_SHOWN)
        tb_buf_push_str(buf, TB_STR(", …"));
    (*shown)++;
}

/* Says "format: name, name" of the workers for which is_it holds, and how many they are. */
static size_t say_names(const struct tb_doctor_workers *workers,
                        bool (*is_it)(const struct tb_doctor_worker *), struct tb_doctor_line *line,
                        enum tb_doctor_verdict verdict, const char *what)
{
    size_t count = 0;
    for (size_t i = 0; i < workers->count; i++) {
        if (!is_it(&workers->list[i]))
            continue;
        if (count == 0)
            tb_doctor_say(line, verdict, "%s: ", what);
        push_name(&line->found, &count, workers->list[i].hostname);
    }
    return count;
}

static bool is_silent(const struct tb_doctor_worker *worker)
{
    return !worker->said_goodbye && !tb_doctor_is_alive(worker);
}

void tb_doctor_judge_workers(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_workers *workers = &facts->database.workers;
    size_t living = tb_doctor_living(facts);
    if (tb_doctor_is_unknown(line, workers->problem))
        return;
    if (say_names(workers, is_silent, line, TB_DOCTOR_WARNING, "without a goodbye went silent") > 0) {
        tb_buf_printf(&line->found, "; %zu alive", living);
        tb_doctor_advise(
            line, "See whether they were killed, hang, or can't reach the broker; what they ran is found "
                  "and called lost. One that is gone for good is forgotten here after a day.");
    } else if (living == 0) {
        tb_doctor_say(line, TB_DOCTOR_WARNING, "none is heard");
        tb_doctor_advise(line, "Start Celery workers with -E, on the broker and vhost that amqp.url names.");
    } else {
        say_names(workers, tb_doctor_is_alive, line, TB_DOCTOR_GOOD, "alive");
    }
}

static bool is_mute(const struct tb_doctor_worker *worker)
{
    return tb_doctor_is_alive(worker) && worker->taken_up > 0 && worker->started == 0;
}

static bool is_speaking(const struct tb_doctor_worker *worker)
{
    return tb_doctor_is_alive(worker) && worker->started > 0;
}

void tb_doctor_judge_worker_events(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_workers *workers = &facts->database.workers;
    if (tb_doctor_is_unknown(line, workers->problem))
        return;
    if (say_names(workers, is_mute, line, TB_DOCTOR_BAD, "workers that run tasks but send no event of them") >
        0)
        tb_doctor_advise(
            line,
            "Start them with -E or worker_send_task_events = True, or at once:\n$ celery -A APP control "
            "enable_events");
    else if (say_names(workers, is_speaking, line, TB_DOCTOR_GOOD, "sent by") == 0)
        tb_doctor_is_unknown(line, "no worker alive has run a task since it is heard");
}

void tb_doctor_judge_skew(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_workers *workers = &facts->database.workers;
    bool is_delayed = tb_doctor_waiting(facts) != 0;
    const struct tb_doctor_worker *worst = NULL;
    int64_t worst_us = -1;
    char span[TB_DOCTOR_SPAN_BYTES];
    if (tb_doctor_is_unknown(line, workers->problem))
        return;
    for (size_t i = 0; i < workers->count; i++) {
        const struct tb_doctor_worker *worker = &workers->list[i];
        int64_t off_us = worker->skew_us < 0 ? -worker->skew_us : worker->skew_us;
        if (!tb_doctor_is_alive(worker) || (is_delayed && worker->skew_us > 0) || off_us <= worst_us)
            continue;
        worst = worker;
        worst_us = off_us;
    }
    if (!worst) {
        tb_doctor_is_unknown(line, "no worker's clock can be compared at present");
        return;
    }
    enum tb_doctor_verdict verdict = worst_us > SKEW_BAD_US       ? TB_DOCTOR_BAD
                                     : worst_us > SKEW_WARNING_US ? TB_DOCTOR_WARNING
                                                                  : TB_DOCTOR_GOOD;
    tb_doctor_say(line, verdict, "at most %s off: %.*s is %s", tb_doctor_span(worst_us, span),
                  TB_STR_FMT(worst->hostname), worst->skew_us < 0 ? "ahead" : "behind");
    if (verdict == TB_DOCTOR_GOOD)
        tb_doctor_say(line, verdict, "at most %s off", span);
    else
        tb_doctor_advise(
            line, "Run a time service (chrony, systemd-timesyncd) on the workers' hosts and the daemon's.");
}

void tb_doctor_judge_missed(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_workers *workers = &facts->database.workers;
    double taken_up = 0, missed = 0; /* workers may claim any numbers */
    if (tb_doctor_is_unknown(line, workers->problem))
        return;
    for (size_t i = 0; i < workers->count; i++) {
        if (is_mute(&workers->list[i])) /* which the line on its events tells */
            continue;
        taken_up += (double)workers->list[i].day_taken_up;
        missed += (double)workers->list[i].day_missed;
    }
    bool is_many = missed >= MISSED_FEW && missed * 1000 > taken_up * MISSED_PERMILLE;
    tb_doctor_say(line, is_many ? TB_DOCTOR_WARNING : TB_DOCTOR_GOOD,
                  "%.0f of %.0f started events of a day never came", missed, taken_up);
    if (is_many)
        tb_doctor_advise(
            line,
            "Workers lose events when they are killed or their connection breaks; the broker drops them "
            "when the queue is full. `taskbridge status` tells which worker's.");
}

/* ---- tasks ---- */

void tb_doctor_judge_sent_events(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_tasks *tasks = &facts->database.tasks;
    if (tb_doctor_is_unknown(line, facts->database.tasks_problem))
        return;
    if (tasks->received == 0) {
        tb_doctor_is_unknown(line, "no task has come to a worker yet");
        return;
    }
    bool are_few = tasks->sent * 2 < tasks->received;
    tb_doctor_say(line, are_few ? TB_DOCTOR_WARNING : TB_DOCTOR_GOOD,
                  "%" PRId64 " of the %" PRId64 " newest tasks were seen being sent", tasks->sent,
                  tasks->received);
    if (are_few)
        tb_doctor_advise(
            line, "Set task_send_sent_event = True where tasks are sent: else they are seen only once a "
                  "worker has them, and their queue never.");
}

void tb_doctor_judge_companies(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_tasks *tasks = &facts->database.tasks;
    if (tb_doctor_is_unknown(line, facts->database.tasks_problem))
        return;
    if (tasks->without_company == 0) {
        tb_doctor_say(line, TB_DOCTOR_GOOD, "%s",
                      tasks->newest > 0 ? "all of the newest tasks have one" : "no task yet");
        return;
    }
    tb_doctor_say(line, TB_DOCTOR_WARNING, "%" PRId64 " of the %" PRId64 " newest tasks have none: %.*s",
                  tasks->without_company, tasks->newest, TB_STR_FMT(tasks->without_company_names));
    tb_doctor_advise(
        line, "Only operators see them. Give them a rule under `tasks` in the configuration, or register "
              "them (tracker_register); without a rule that matches, this may be as it should.");
}

void tb_doctor_judge_lost(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    int64_t lost = facts->database.tasks.lost;
    if (tb_doctor_is_unknown(line, facts->database.tasks_problem))
        return;
    tb_doctor_say(line, lost > 0 ? TB_DOCTOR_WARNING : TB_DOCTOR_GOOD, "%" PRId64 " called lost within a day",
                  lost);
    if (lost > 0)
        tb_doctor_advise(
            line, "Their error_message tells why: a worker that vanished, or one that no longer has the "
                  "task. Look for killed workers (memory, deployments).");
}

/* ---- dead letters ---- */

void tb_doctor_judge_dead(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_dead *dead = &facts->database.dead;
    if (tb_doctor_is_unknown(line, facts->database.dead_problem))
        return;
    if (dead->recent == 0) {
        tb_doctor_say(line, TB_DOCTOR_GOOD, "none within a day");
        return;
    }
    tb_doctor_say(line, TB_DOCTOR_WARNING, "%s%" PRId64 " within a day, mostly: %.*s",
                  dead->recent < TB_DOCTOR_DEAD_MAX ? "" : "at least ", dead->recent,
                  TB_STR_FMT(dead->reason));
    tb_doctor_advise(
        line, "`taskbridge dead list` and `show` tell more; once the reason is gone, `dead retry`, or `dead "
              "drop`.");
}

void tb_doctor_judge_serializers(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_dead *dead = &facts->database.dead;
    if (tb_doctor_is_unknown(line, facts->database.dead_problem))
        return;
    if (dead->others == 0) {
        tb_doctor_say(line, TB_DOCTOR_GOOD, "nothing but JSON came within a day");
        return;
    }
    tb_doctor_say(line, TB_DOCTOR_BAD, "%" PRId64 " of a day came as %.*s, which is not read", dead->others,
                  TB_STR_FMT(dead->types));
    tb_doctor_advise(
        line, "Set event_serializer = \"json\" in Celery's configuration of the workers and of whoever sends "
              "tasks. Then drop the dead letters.");
}

/* ---- maintenance ---- */

static const struct tb_doctor_run *find_run(const struct tb_doctor_runs *runs, const char *job)
{
    for (size_t i = 0; i < runs->count; i++)
        if (tb_str_equal(runs->list[i].job, tb_str_of(job)))
            return &runs->list[i];
    return NULL;
}

/* Says what is wrong with one job; false when nothing is. */
static bool judge_job(const struct tb_doctor_facts *facts, struct tb_doctor_line *line, const char *job,
                      int64_t period_s)
{
    const struct tb_doctor_run *run = find_run(&facts->database.runs, job);
    int64_t patience_s = 2 * period_s + 300, running_s = facts->database.daemons.running_us / TB_US_PER_S;
    char span[TB_DOCTOR_SPAN_BYTES];
    if (run && tb_str_equal(run->outcome, TB_STR("failed"))) {
        tb_doctor_say(line, TB_DOCTOR_BAD, "%s failed: %.*s", job, TB_STR_FMT(run->detail));
        tb_doctor_advise(line, "`taskbridge cleanup` lists the last runs, the daemon's log tells more.");
        return true;
    }
    /* Only while a daemon has had the time. */
    if (running_s < patience_s || (run && run->age_s < patience_s))
        return false;
    if (run)
        tb_doctor_say(line, TB_DOCTOR_WARNING, "%s last began %s ago, though it is due every %" PRId64 " s",
                      job, tb_doctor_span(run->age_s * TB_US_PER_S, span), period_s);
    else
        tb_doctor_say(line, TB_DOCTOR_WARNING, "%s never ran, though a daemon has run for %s", job,
                      tb_doctor_span(facts->database.daemons.running_us, span));
    tb_doctor_advise(
        line, "See the daemon's log; whether maintenance.enabled is true in its configuration; and whether a "
              "run that hangs holds the lock (pg_locks, advisory).");
    return true;
}

void tb_doctor_judge_maintenance(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_config *config = facts->config;
    const struct tb_doctor_runs *runs = &facts->database.runs;
    if (tb_doctor_is_unknown(line, runs->problem))
        return;
    if (!config->maintenance.enabled) {
        tb_doctor_say(line, TB_DOCTOR_WARNING,
                      "switched off: rows are never deleted, lost tasks never found");
        tb_doctor_advise(line, "Set maintenance.enabled to true; or run `taskbridge cleanup` yourself.");
        return;
    }
    if (judge_job(facts, line, "update_task_statuses", config->maintenance.statuses_every_s) ||
        judge_job(facts, line, "cleanup_old_completed_tasks", config->maintenance.completed_every_s) ||
        judge_job(facts, line, "cleanup_orphaned_trackers", config->maintenance.orphaned_every_s))
        return;
    tb_doctor_say(line, TB_DOCTOR_GOOD, "%s",
                  runs->count > 0 ? "no job failed, none is overdue" : "nothing is due yet");
}

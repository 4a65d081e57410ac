/* Verdicts on the broker: is it one we know, is it safe to reach, is what the bridge needs there and as it
 * must be, may its user do what the daemon does, does it take messages, does what waits stay in bounds.
 *
 * Broken is what loses events: no queue, one that forgets at a restart or drops what was delivered too often,
 * one that nobody consumes. An alarm is bad although the bridge only reads: the product's tasks stand still.
 */
#include "doctor_checks.h"

#include "taskbridge/amqp/pidbox.h"
#include "taskbridge/base/limits.h"

#include <inttypes.h>
#include <stdio.h>

/* What an event is taken to weigh in the queue where no daemon has counted any. */
#define EVENT_BYTES 512

/* The oldest that has all the queue's arguments; the newest that was there to be tried. */
#define OLDEST_MAJOR 3
#define OLDEST_MINOR 10

static bool is_here(const char *host)
{
    struct tb_str text = tb_str_of(host);
    return tb_str_equal(text, TB_STR("localhost")) || tb_str_equal(text, TB_STR("::1")) ||
           tb_str_starts_with(text, TB_STR("127."));
}

static bool mentions(const char *text, const char *word)
{
    return tb_str_find(tb_str_of(text), tb_str_of(word)) != SIZE_MAX;
}

/* ---- rights ---- */

/* A name as a regular expression that means it alone. */
static void push_pattern(struct tb_buf *buf, const char *name)
{
    for (; *name; name++) {
        if (strchr("\\.+*?()[]{}|^$", *name))
            tb_buf_push_byte(buf, '\\');
        tb_buf_push_byte(buf, *name);
    }
}

/* The alternatives "taskbridge.…", the queue where it is called otherwise, and more. */
static void push_rights(struct tb_buf *buf, const struct tb_doctor_facts *facts, const char *more)
{
    const char *queue = facts->config->amqp.queue.name;
    tb_buf_push_str(buf, TB_STR(" '^(taskbridge\\..*"));
    if (!tb_str_starts_with(tb_str_of(queue), TB_STR("taskbridge."))) {
        tb_buf_push_byte(buf, '|');
        push_pattern(buf, queue);
    }
    tb_buf_printf(buf, "%s)$'", more);
}

static void advise_rights(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_inspection *seen = &facts->broker.seen;
    struct tb_buf exchange;
    tb_buf_init(&exchange, TB_KIB);
    tb_buf_push_byte(&exchange, '|');
    push_pattern(&exchange, facts->config->amqp.exchange);
    tb_buf_push_str(&exchange, TB_STR("|reply\\.celery\\.pidbox"));
    tb_doctor_advise(line,
                     "What the daemon needs, where the broker runs; it replaces what the user has, so where "
                     "`dead retry` or "
                     "`replay` use the same user, add |%s to the second pattern:\n$ rabbitmqctl "
                     "set_permissions -p '%s' '%s'",
                     facts->config->amqp.exchange, seen->vhost, seen->user);
    push_rights(&line->remedy, facts, "|reply\\.celery\\.pidbox");
    push_rights(&line->remedy, facts, "|celery\\.pidbox");
    push_rights(&line->remedy, facts, exchange.ptr ? exchange.ptr : "");
    tb_buf_deinit(&exchange);
}

void tb_doctor_judge_broker_rights(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_inspection *seen = &facts->broker.seen;
    const struct tb_inspect_item *binding = &seen->binding;
    if (binding->finding == TB_FINDING_FORBIDDEN) {
        tb_doctor_say(line, TB_DOCTOR_BAD, "user %s may not do what the daemon does: %s", seen->user,
                      binding->text);
        advise_rights(facts, line);
    } else if (binding->finding == TB_FINDING_GOOD) {
        tb_doctor_say(line, TB_DOCTOR_GOOD, "user %s may make, bind and read queues of the bridge",
                      seen->user);
    } else if (binding->finding == TB_FINDING_MISSING) {
        tb_doctor_is_unknown(line, "there is no exchange to bind a queue to");
    } else {
        tb_doctor_is_unknown(line, binding->text);
    }
}

/* ---- the server ---- */

static bool read_version(const char *text, int *ret_major, int *ret_minor)
{
    return sscanf(text, "%d.%d", ret_major, ret_minor) == 2;
}

void tb_doctor_judge_broker(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_broker *broker = &facts->broker;
    const struct tb_inspection *seen = &broker->seen;
    int major = 0, minor = 0;
    if (broker->problem) {
        tb_doctor_say(line, TB_DOCTOR_BAD, "%s", broker->problem);
        tb_doctor_advise(
            line, "Make amqp.url right, or the broker answer. What workers send waits in the queue, if a "
                  "daemon has made it before.");
        return;
    }
    if (strcmp(seen->product, "RabbitMQ") != 0 || !read_version(seen->version, &major, &minor)) {
        tb_doctor_say(line, TB_DOCTOR_WARNING, "\"%s\" \"%s\" at %s is nothing that the bridge was made for",
                      seen->product, seen->version, seen->place);
        tb_doctor_advise(line, "Use RabbitMQ 3.10 or later.");
        return;
    }
    bool is_old = major < OLDEST_MAJOR || (major == OLDEST_MAJOR && minor < OLDEST_MINOR);
    tb_doctor_say(line, is_old ? TB_DOCTOR_BAD : TB_DOCTOR_GOOD, "RabbitMQ %s at %s", seen->version,
                  seen->place);
    if (is_old)
        tb_doctor_advise(line, "Use RabbitMQ 3.10 or later: older ones lack what the queue needs.");
}

void tb_doctor_judge_broker_tls(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_inspection *seen = &facts->broker.seen;
    if (seen->tls[0] && facts->config->amqp.tls.verify) {
        tb_doctor_say(line, TB_DOCTOR_GOOD, "%s, and the certificate is verified", seen->tls);
    } else if (seen->tls[0]) {
        tb_doctor_say(line, TB_DOCTOR_WARNING, "%s, but anybody's certificate is taken", seen->tls);
        tb_doctor_advise(
            line, "Set amqp.tls.verify to true, and amqp.tls.ca_file to the certificate of the authority "
                  "that the broker's is of.");
    } else if (is_here(seen->host)) {
        tb_doctor_say(line, TB_DOCTOR_GOOD, "not used, nor needed on the same machine");
    } else {
        tb_doctor_say(line, TB_DOCTOR_WARNING,
                      "not used: the password and all events cross the network as they are");
        tb_doctor_advise(line, "Use amqps:// in amqp.url, and amqp.tls.ca_file.");
    }
}

void tb_doctor_judge_alarm(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_inspect_item *alarm = &facts->broker.seen.alarm;
    if (alarm->finding == TB_FINDING_GOOD) {
        tb_doctor_say(line, TB_DOCTOR_GOOD, "the broker takes messages");
    } else if (alarm->finding == TB_FINDING_DIFFERENT) {
        tb_doctor_say(line, TB_DOCTOR_BAD, "the broker takes no messages at present: %s", alarm->text);
        tb_doctor_advise(
            line, "Free memory or disk on the broker's machine, or raise its limits. Until then no task "
                  "can be sent and no event comes; the daemon goes on with what waits.");
    } else {
        tb_doctor_is_unknown(line, alarm->text);
    }
}

/* ---- exchange and queue ---- */

void tb_doctor_judge_exchange(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_inspect_item *exchange = &facts->broker.seen.exchange;
    const char *name = facts->config->amqp.exchange;
    switch (exchange->finding) {
    case TB_FINDING_GOOD:
        tb_doctor_say(line, TB_DOCTOR_GOOD, "%s is there", name);
        break;
    case TB_FINDING_MISSING:
        tb_doctor_say(line, TB_DOCTOR_WARNING, "there is no %s: no worker ever sent events in vhost %s", name,
                      facts->broker.seen.vhost);
        tb_doctor_advise(line, "Start the workers with -E; see that amqp.url names the workers' vhost.");
        break;
    case TB_FINDING_DIFFERENT:
        tb_doctor_say(line, TB_DOCTOR_BAD, "%s is not as Celery makes it, a durable topic: %s", name,
                      exchange->text);
        tb_doctor_advise(
            line, "Stop workers and daemons, delete the exchange, start them again: it is made anew. Or "
                  "name another in amqp.exchange and in Celery's event_exchange.");
        break;
    default:
        tb_doctor_is_unknown(line, exchange->text);
    }
}

static void judge_other_queue(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    static const char *const grave[] = {"'x-queue-type'", "'durable'",          "'auto_delete'",
                                        "'exclusive'",    "'x-delivery-limit'", "'x-message-ttl'",
                                        "'x-expires'"};
    const char *text = facts->broker.seen.queue.text;
    bool is_grave = false;
    for (size_t i = 0; i < TB_COUNT(grave); i++)
        is_grave = is_grave || mentions(text, grave[i]);
    tb_doctor_say(line, is_grave ? TB_DOCTOR_BAD : TB_DOCTOR_WARNING,
                  "%s is used, but not as configured%s: %s", facts->config->amqp.queue.name,
                  is_grave ? ", and may lose events" : "", text);
    tb_doctor_advise(line,
                     "Start daemons with another amqp.queue.name beside the old ones; when the old queue is "
                     "empty, stop those and delete it.");
}

void tb_doctor_judge_queue(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_inspect_item *queue = &facts->broker.seen.queue;
    const char *name = facts->config->amqp.queue.name;
    int64_t max_bytes = facts->config->amqp.queue.max_bytes;
    char bound[TB_DOCTOR_SPAN_BYTES];
    if (facts->broker.seen.reading.finding == TB_FINDING_DIFFERENT) {
        tb_doctor_say(line, TB_DOCTOR_BAD, "%s: %s", name, facts->broker.seen.reading.text);
        tb_doctor_advise(
            line, "Start the broker's other nodes (rabbitmqctl cluster_status names them). Until then no "
                  "event is kept or read; daemons go on by themselves.");
        return;
    }
    switch (queue->finding) {
    case TB_FINDING_GOOD:
        tb_doctor_say(line, TB_DOCTOR_GOOD, "%s is a quorum queue as configured, of %s", name,
                      max_bytes > 0 ? tb_doctor_bytes(max_bytes, bound) : "any size");
        if (max_bytes > 0)
            tb_buf_push_str(&line->found, TB_STR(" at most"));
        break;
    case TB_FINDING_MISSING:
        tb_doctor_say(line, TB_DOCTOR_BAD, "there is no %s: events are not kept", name);
        tb_doctor_advise(line, "Start taskbridged: it makes the queue, which keeps events from then on.");
        break;
    case TB_FINDING_DIFFERENT:
        judge_other_queue(facts, line);
        break;
    case TB_FINDING_FORBIDDEN:
        tb_doctor_say(line, TB_DOCTOR_WARNING, "%s is used as it is: user %s may not configure it", name,
                      facts->broker.seen.user);
        advise_rights(facts, line);
        break;
    default:
        tb_doctor_is_unknown(line, queue->text);
    }
}

static const char *why_no_queue(const struct tb_doctor_facts *facts)
{
    return facts->broker.seen.reading.finding == TB_FINDING_DIFFERENT
               ? "the queue does not answer"
               : "there is no queue, or it can't be looked at";
}

/* Nobody can ask the broker for bindings, so that events arrive is what is looked at. */
void tb_doctor_judge_binding(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_workers *workers = &facts->database.workers;
    if (tb_doctor_waiting(facts) < 0) {
        tb_doctor_is_unknown(line, why_no_queue(facts));
    } else if (facts->broker.heartbeat_arrived || tb_doctor_waiting(facts) > 0) {
        tb_doctor_say(line, TB_DOCTOR_GOOD, "events arrive in the queue");
    } else if (!facts->broker.heartbeat_passed && tb_doctor_is_hearing(workers)) {
        tb_doctor_say(line, TB_DOCTOR_GOOD, "events arrived in the queue a moment ago");
    } else if (!facts->broker.heartbeat_passed) {
        tb_doctor_is_unknown(line, "no worker's heartbeat came to the exchange meanwhile");
    } else if (facts->database.problem || workers->problem || facts->database.daemons.running == 0) {
        tb_doctor_is_unknown(line,
                             "whether the events that come to the exchange arrive, only a running daemon's "
                             "database would tell");
    } else {
        tb_doctor_say(line, TB_DOCTOR_BAD, "events come to %s, but do not arrive in %s",
                      facts->config->amqp.exchange, facts->config->amqp.queue.name);
        tb_doctor_advise(line, "Start the daemons again: each binds the queue to the exchange with \"#\".");
    }
}

void tb_doctor_judge_consumers(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    int64_t consumers = facts->broker.seen.queue_consumers, running = facts->database.daemons.running;
    bool is_counted = !facts->database.problem && !facts->database.daemons.problem;
    if (consumers < 0) {
        tb_doctor_is_unknown(line, why_no_queue(facts));
    } else if (consumers == 0) {
        tb_doctor_say(line, TB_DOCTOR_BAD, "nobody consumes %s: events wait", facts->config->amqp.queue.name);
        tb_doctor_advise(line, "Start taskbridged, or see in its log why it does not consume.");
    } else if (is_counted && consumers > running) {
        tb_doctor_say(line, TB_DOCTOR_WARNING,
                      "%" PRId64 " consume; daemons that this database knows: %" PRId64, consumers, running);
        tb_doctor_advise(line,
                         "Give every daemon a daemon.instance of its own; see whether another program, or a "
                         "daemon of another database, takes events away (rabbitmqctl list_consumers).");
    } else if (is_counted && consumers < running) {
        tb_doctor_say(line, TB_DOCTOR_WARNING, "%" PRId64 " of %" PRId64 " daemons consume", consumers,
                      running);
        tb_doctor_advise(line, "See in the others' log why they do not, or whether they use another broker.");
    } else {
        tb_doctor_say(line, TB_DOCTOR_GOOD,
                      is_counted ? "%" PRId64 ", as many as daemons" : "%" PRId64 " consume", consumers);
    }
}

static int64_t estimate_bytes(const struct tb_doctor_facts *facts)
{
    const struct tb_doctor_daemons *daemons = &facts->database.daemons;
    int64_t each = daemons->deliveries > 0 ? daemons->bytes / daemons->deliveries : EVENT_BYTES;
    if (!daemons->problem && daemons->queue_bytes >= 0)
        return daemons->queue_bytes;
    return (double)each * (double)tb_doctor_waiting(facts) < 9e18 ? each * tb_doctor_waiting(facts)
                                                                  : INT64_MAX;
}

void tb_doctor_judge_depth(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    int64_t waiting = tb_doctor_waiting(facts), max_bytes = facts->config->amqp.queue.max_bytes;
    char size[TB_DOCTOR_SPAN_BYTES];
    if (waiting < 0) {
        tb_doctor_is_unknown(line, why_no_queue(facts));
        return;
    }
    int64_t bytes = waiting > 0 ? estimate_bytes(facts) : 0;
    double percent = max_bytes > 0 ? 100.0 * (double)bytes / (double)max_bytes : 0;
    enum tb_doctor_verdict verdict = percent >= 90   ? TB_DOCTOR_BAD
                                     : percent >= 50 ? TB_DOCTOR_WARNING
                                                     : TB_DOCTOR_GOOD;
    tb_doctor_say(line, verdict, "%" PRId64 " waiting", waiting);
    if (waiting > 0 && max_bytes > 0)
        tb_buf_printf(&line->found, ", about %s: %.0f %% of the most", tb_doctor_bytes(bytes, size), percent);
    if (verdict != TB_DOCTOR_GOOD)
        tb_doctor_advise(
            line, "See that daemons run and write; start more of them. When the queue is full, the oldest "
                  "events are dropped.");
}

/* ---- asking workers ---- */

static void judge_answers(const struct tb_doctor_broker *broker, struct tb_doctor_line *line)
{
    if (broker->unreadable) {
        tb_doctor_say(line, TB_DOCTOR_WARNING, "an answer can't be read: %s", broker->unreadable);
        tb_doctor_advise(line, "Until then lost tasks of that worker are found by its silence alone.");
    } else if (broker->asked == 0) {
        tb_doctor_say(line, TB_DOCTOR_GOOD, "allowed; there is no worker to ask");
    } else if (broker->answered == broker->asked) {
        tb_doctor_say(line, TB_DOCTOR_GOOD, "%zu asked, and answered", broker->asked);
    } else {
        tb_doctor_say(line, TB_DOCTOR_WARNING, "%zu asked, %zu answered", broker->asked, broker->answered);
        tb_doctor_advise(
            line, "A worker of the solo pool does not answer while it works. Any other: see that it runs "
                  "with worker_enable_remote_control, and is not stopped.");
    }
}

void tb_doctor_judge_asking(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    const struct tb_doctor_broker *broker = &facts->broker;
    if (broker->asking == TB_PIDBOX_FORBIDDEN) {
        tb_doctor_say(line, TB_DOCTOR_WARNING, "%s; lost tasks are found by silence alone",
                      broker->asking_problem);
        advise_rights(facts, line);
    } else if (broker->asking == TB_PIDBOX_NOBODY && tb_doctor_living(facts) == 0) {
        tb_doctor_say(line, TB_DOCTOR_GOOD, "there is no worker to ask yet");
    } else if (broker->asking == TB_PIDBOX_NOBODY) {
        tb_doctor_say(line, TB_DOCTOR_WARNING,
                      "no worker takes questions; lost tasks are found by silence alone");
        tb_doctor_advise(line, "Run workers with worker_enable_remote_control, which is the default.");
    } else if (broker->asking) {
        tb_doctor_is_unknown(line, broker->asking_problem);
    } else {
        judge_answers(broker, line);
    }
}

/* From fields to an event: what must be there is checked, what may be there is taken when it is usable.
 *
 * An event needs a type that is text; one that we know needs a timestamp of this age of the world and whom it
 * is about: a task's uuid, a worker's hostname. Without these it is a dead letter, with the reason in words.
 * Every other field of a wrong type counts as absent: it may come right with the next event, and is no reason
 * to lose this one. An unknown type is only counted, so nothing else of it is looked at.
 *
 * Products say how far a task is as a percentage (progress, percent), as a count (current of total), or one
 * level down, in an object called progress, metadata or meta. The first of these that holds a usable number
 * is taken, in that order. Usable are numbers and texts that are wholly a number, maybe with "%" behind it;
 * NaN, null, booleans and lists are not. The text is the first of the usual names that holds one. */
#include "decode_event.h"

#include "taskbridge/base/limits.h"
#include "uuid_text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#define UTF8_MAX_LEN 4
/* A timestamp that is quoted in a reason; more digits make nobody wiser. */
#define QUOTED_DIGITS 40

#define REVOKE_TEXT_BYTES 64
#define NUMBER_TEXT_BYTES 512

struct reader {
    const struct tb_fields *fields;
    struct tb_texts texts;
};

static struct tb_scan_value get(const struct reader *reader, enum tb_field field)
{
    return tb_fields_get(reader->fields, field);
}

/* A text of a name's length; empty is absent. */
static struct tb_str take(struct reader *reader, enum tb_field field)
{
    struct tb_str text = tb_texts_take(&reader->texts, get(reader, field), TB_NAME_MAX_BYTES);
    return text.len ? text : TB_STR_NULL;
}

/* What measures or counts something: from 0 to 2^53, or unknown. */
static double take_number(const struct reader *reader, enum tb_field field)
{
    double number;
    bool is_known =
        tb_value_number(get(reader, field), &number) && number >= 0 && number <= (double)TB_COUNT_MAX;
    return is_known ? number : (double)NAN;
}

static bool take_count(const struct reader *reader, enum tb_field field, int64_t *ret_count)
{
    int64_t count;
    if (!tb_value_int64(get(reader, field), &count) || count < 0 || count > TB_COUNT_MAX)
        return false;
    *ret_count = count;
    return true;
}

static bool is_missing(struct tb_scan_value value)
{
    return value.kind == TB_SCAN_ABSENT || value.kind == TB_SCAN_NULL;
}

static int read_type(struct reader *reader, struct tb_event *event, struct tb_error *err)
{
    struct tb_scan_value value = get(reader, TB_FIELD_TYPE);

    if (is_missing(value))
        return tb_error_set(err, TB_DECODE_UNUSABLE, "the type is missing");
    if (value.kind != TB_SCAN_STRING)
        return tb_error_set(err, TB_DECODE_UNUSABLE, "the type is not text");
    if (value.text.len == 0)
        return tb_error_set(err, TB_DECODE_UNUSABLE, "the type is empty");
    event->type_name = take(reader, TB_FIELD_TYPE);
    event->type = tb_event_type_find(event->type_name);
    return 0;
}

static int read_stamp(struct reader *reader, struct tb_event *event, struct tb_error *err)
{
    struct tb_scan_value value = get(reader, TB_FIELD_TIMESTAMP);
    double seconds;

    if (is_missing(value))
        return tb_error_set(err, TB_DECODE_UNUSABLE, "the timestamp is missing");
    if (value.kind != TB_SCAN_INTEGER && value.kind != TB_SCAN_NUMBER)
        return tb_error_set(err, TB_DECODE_UNUSABLE, "the timestamp is not a number");
    if (tb_value_number(value, &seconds)) {
        double us = seconds * (double)TB_US_PER_S;
        if (us >= (double)TB_STAMP_MIN && us <= (double)TB_STAMP_MAX) {
            event->stamp = llround(us);
            return 0;
        }
    }
    bool is_long = value.text.len > QUOTED_DIGITS;
    return tb_error_set(err, TB_DECODE_UNUSABLE, "the timestamp %.*s%s is not between 2000 and 2200",
                        is_long ? QUOTED_DIGITS : (int)value.text.len, value.text.ptr, is_long ? "…" : "");
}

/* Whether clean text has at most TB_TASK_ID_MAX_CHARS characters. */
static bool fits_task_id(struct tb_str text)
{
    size_t chars = 0;
    for (size_t i = 0; i < text.len; i++)
        chars += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    return chars <= TB_TASK_ID_MAX_CHARS;
}

/* kombu wraps a UUID as 32 digits; people know it with hyphens. *ret_id is left alone when it is none. */
static bool take_wrapped_uuid(struct reader *reader, enum tb_field field, struct tb_scan_value value,
                              struct tb_str *ret_id)
{
    char uuid[TB_UUID_LEN];
    if (reader->fields->values[field].kind != TB_SCAN_OBJECT || !tb_uuid_parse(value.text, uuid))
        return false;
    if (!tb_arena_copy(reader->texts.arena, (struct tb_str){uuid, sizeof(uuid)}, ret_id))
        reader->texts.is_full = true;
    return true;
}

/* An id as text; the null string when the field is no text or longer than an id may be. */
static struct tb_str take_id(struct reader *reader, enum tb_field field)
{
    struct tb_scan_value value = get(reader, field);

    struct tb_str id = TB_STR_NULL;

    if (value.kind == TB_SCAN_STRING && take_wrapped_uuid(reader, field, value, &id))
        return id;
    id = tb_texts_take(&reader->texts, value, (TB_TASK_ID_MAX_CHARS + 1) * UTF8_MAX_LEN);
    return id.len && fits_task_id(id) ? id : TB_STR_NULL;
}

/* Kanchi's events say task_id. */
static int read_uuid(struct reader *reader, struct tb_event *event, struct tb_error *err)
{
    enum tb_field field = is_missing(get(reader, TB_FIELD_UUID)) ? TB_FIELD_TASK_ID : TB_FIELD_UUID;
    struct tb_scan_value value = get(reader, field);

    if (is_missing(value))
        return tb_error_set(err, TB_DECODE_UNUSABLE, "the uuid is missing");
    if (value.kind != TB_SCAN_STRING)
        return tb_error_set(err, TB_DECODE_UNUSABLE, "the uuid is not text");
    if (value.text.len == 0)
        return tb_error_set(err, TB_DECODE_UNUSABLE, "the uuid is empty");
    event->uuid = take_id(reader, field);
    if (tb_str_is_null(event->uuid) && !reader->texts.is_full)
        return tb_error_set(err, TB_DECODE_UNUSABLE, "the uuid is longer than %d characters",
                            TB_TASK_ID_MAX_CHARS);
    return 0;
}

/* ---- revocations: a signal comes as number, as text of a number, or as name ---- */

/* Linux's numbers. */
static const char *const signals[] = {
    NULL,        "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
    "SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
    "SIGSTKFLT", "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
    "SIGXCPU",   "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS",
};

static bool equals_ignoring_case(struct tb_str a, struct tb_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if ((a.ptr[i] | 0x20) != (b.ptr[i] | 0x20))
            return false;
    return true;
}

/* Whether text is the name of a signal, with SIG or without. */
static bool names_signal(struct tb_str text, struct tb_str name)
{
    struct tb_str bare = {name.ptr + strlen("SIG"), name.len - strlen("SIG")};

    return equals_ignoring_case(text, name) || equals_ignoring_case(text, bare);
}

/* The number of "SIGKILL", "kill" or "9"; 0 when there is none. */
static int64_t find_signal(struct tb_scan_value value)
{
    int64_t number = 0;

    if (tb_value_int64(value, &number) ||
        (value.kind == TB_SCAN_STRING && tb_str_parse_int64(value.text, &number)))
        return number;
    for (size_t i = 1; value.kind == TB_SCAN_STRING && i < TB_COUNT(signals); i++)
        if (names_signal(value.text, tb_str_of(signals[i])))
            return (int64_t)i;
    return 0;
}

static struct tb_str describe_termination(struct tb_scan_value signum, struct tb_texts *texts)
{
    int64_t number = find_signal(signum);
    char text[REVOKE_TEXT_BYTES];
    struct tb_str copy;
    int len;

    if (number <= 0)
        return TB_STR("terminated");
    if (number < (int64_t)TB_COUNT(signals))
        len = snprintf(text, sizeof(text), "terminated (%s)", signals[number]);
    else
        len = snprintf(text, sizeof(text), "terminated (signal %lld)", (long long)number);
    if (tb_arena_copy(texts->arena, (struct tb_str){text, (size_t)len}, &copy))
        return copy;
    texts->is_full = true;
    return TB_STR_NULL;
}

static void read_revoke_text(const struct tb_fields *fields, struct tb_texts *texts, struct tb_event *event)
{
    if (tb_fields_get(fields, TB_FIELD_TERMINATED).kind == TB_SCAN_TRUE)
        event->revoke_text = describe_termination(tb_fields_get(fields, TB_FIELD_SIGNUM), texts);
    else if (tb_fields_get(fields, TB_FIELD_EXPIRED).kind == TB_SCAN_TRUE)
        event->revoke_text = TB_STR("expired");
    else
        event->revoke_text = TB_STR("revoked");
}

/* ---- progress ---- */

/* Objects within the event that may say it instead: progress itself too. */
static const enum tb_field inner_fields[] = {TB_FIELD_PROGRESS, TB_FIELD_METADATA, TB_FIELD_META};

/* A meta within a meta is as far as any product goes. */
#define INNER_MAX 3

/* "50", "50 %", 50 */
static bool find_number(const struct tb_fields *fields, enum tb_field field, double *ret_number)
{
    struct tb_scan_value value = tb_fields_get(fields, field);
    char bytes[NUMBER_TEXT_BYTES];

    if (value.kind != TB_SCAN_STRING)
        return tb_value_number(value, ret_number);
    if (value.text.len >= sizeof(bytes))
        return false;
    struct tb_str text = {bytes, tb_scan_unescape(value.text, bytes, sizeof(bytes))};
    text = tb_str_trim(text);
    if (tb_str_ends_with(text, TB_STR("%"))) {
        text.len--;
        text = tb_str_trim(text);
    }
    return tb_str_parse_double(text, ret_number);
}

static bool find_share(const struct tb_fields *fields, double *ret_percent)
{
    double current, total;
    if (!find_number(fields, TB_FIELD_CURRENT, &current) || !find_number(fields, TB_FIELD_TOTAL, &total) ||
        !(total > 0))
        return false;
    double percent = 100 * current / total;
    if (isnan(percent)) /* infinite of infinite */
        return false;
    *ret_percent = percent;
    return true;
}

static bool find_percent(const struct tb_fields *fields, double *ret_percent)
{
    return find_number(fields, TB_FIELD_PROGRESS, ret_percent) ||
           find_number(fields, TB_FIELD_PERCENT, ret_percent) || find_share(fields, ret_percent);
}

static bool find_text(const struct tb_fields *fields, struct tb_texts *texts, struct tb_str *ret_text)
{
    static const enum tb_field names[] = {TB_FIELD_STATUS, TB_FIELD_MESSAGE, TB_FIELD_STEP,
                                          TB_FIELD_DESCRIPTION, TB_FIELD_STEP_KEY};
    for (size_t i = 0; i < TB_COUNT(names); i++) {
        struct tb_scan_value value = tb_fields_get(fields, names[i]);
        if (value.kind == TB_SCAN_STRING && value.text.len) {
            *ret_text = tb_texts_take(texts, value, TB_DECODE_MAX_BYTES);
            return true;
        }
    }
    return false;
}

static void read_progress_fields(const struct tb_fields *fields, unsigned depth, struct tb_texts *texts,
                                 struct tb_event *event)
{
    if (!event->has_progress)
        event->has_progress = find_percent(fields, &event->progress);
    if (tb_str_is_null(event->text) && !find_text(fields, texts, &event->text))
        event->text = TB_STR_NULL;
    for (size_t i = 0; depth < INNER_MAX && i < TB_COUNT(inner_fields); i++) {
        struct tb_scan_value value = tb_fields_get(fields, inner_fields[i]);
        struct tb_fields inner;
        if (value.kind != TB_SCAN_OBJECT || (event->has_progress && !tb_str_is_null(event->text)))
            continue;
        tb_fields_of_value(value, &inner);
        read_progress_fields(&inner, depth + 1, texts, event);
    }
}

/* ---- the types ---- */

static void read_retries(struct reader *reader, struct tb_event *event)
{
    event->has_retries = tb_value_int64(get(reader, TB_FIELD_RETRIES), &event->retries);
}

static void read_message(struct reader *reader, struct tb_event *event)
{
    event->name = take(reader, TB_FIELD_NAME);
    /* Whole: rules look for the company in them before they are cut. */
    event->args = tb_texts_take_any(&reader->texts, get(reader, TB_FIELD_ARGS), TB_DECODE_MAX_BYTES);
    event->kwargs = tb_texts_take_any(&reader->texts, get(reader, TB_FIELD_KWARGS), TB_DECODE_MAX_BYTES);
    event->root_id = take_id(reader, TB_FIELD_ROOT_ID);
    event->parent_id = take_id(reader, TB_FIELD_PARENT_ID);
    event->queue = take(reader, TB_FIELD_QUEUE);
    event->eta = take(reader, TB_FIELD_ETA);
    event->expires = take(reader, TB_FIELD_EXPIRES);
    read_retries(reader, event);
}

static void read_success(struct reader *reader, struct tb_event *event)
{
    event->result = tb_texts_take_any(&reader->texts, get(reader, TB_FIELD_RESULT), TB_DECODE_MAX_BYTES);
    event->runtime_s = take_number(reader, TB_FIELD_RUNTIME);
}

static void read_failure(struct reader *reader, struct tb_event *event)
{
    event->exception = tb_texts_take(&reader->texts, get(reader, TB_FIELD_EXCEPTION), TB_DECODE_MAX_BYTES);
    event->traceback = tb_texts_take(&reader->texts, get(reader, TB_FIELD_TRACEBACK), TB_DECODE_MAX_BYTES);
}

static void read_rejection(struct reader *reader, struct tb_event *event)
{
    event->requeue = get(reader, TB_FIELD_REQUEUE).kind == TB_SCAN_TRUE;
}

static void read_revocation(struct reader *reader, struct tb_event *event)
{
    read_revoke_text(reader->fields, &reader->texts, event);
}

/* As sent, but an integer's only zero with a sign; longer text than an id's is no company. */
static void read_company(struct reader *reader, struct tb_event *event)
{
    struct tb_scan_value value = get(reader, TB_FIELD_COMPANY_ID);

    if (value.kind == TB_SCAN_STRING && value.text.len)
        event->company = take_id(reader, TB_FIELD_COMPANY_ID);
    else if (value.kind == TB_SCAN_INTEGER && value.text.len <= TB_TASK_ID_MAX_CHARS)
        event->company = tb_str_equal(value.text, TB_STR("-0")) ? TB_STR("0") : value.text;
}

static void read_progress(struct reader *reader, struct tb_event *event)
{
    read_progress_fields(reader->fields, 0, &reader->texts, event);
    read_retries(reader, event);
    read_company(reader, event);
}

static void read_tracked(struct reader *reader, struct tb_event *event)
{
    event->name = take(reader, TB_FIELD_NAME);
    read_company(reader, event);
}

/* Three numbers; all of them NaN when it is anything else. */
static void read_loadavg(struct reader *reader, struct tb_event *event)
{
    struct tb_scan_value list = get(reader, TB_FIELD_LOADAVG), value;
    double numbers[TB_COUNT(event->loadavg)];

    if (list.kind != TB_SCAN_LIST)
        return;
    struct tb_scan scan = tb_scan_of((struct tb_str){list.text.ptr + 1, list.text.len - 2});
    for (size_t i = 0; i < TB_COUNT(numbers); i++) {
        if (!tb_scan_value(&scan, &value) || !tb_value_number(value, &numbers[i]) ||
            !(numbers[i] >= 0 && numbers[i] <= (double)TB_COUNT_MAX))
            return;
        tb_scan_skip_space(&scan);
        if (scan.at < scan.end)
            scan.at++;
    }
    if (scan.at == scan.end)
        memcpy(event->loadavg, numbers, sizeof(numbers));
}

static void read_worker(struct reader *reader, struct tb_event *event)
{
    event->freq_s = take_number(reader, TB_FIELD_FREQ);
    event->has_counts = take_count(reader, TB_FIELD_ACTIVE, &event->active) &&
                        take_count(reader, TB_FIELD_PROCESSED, &event->processed);
    read_loadavg(reader, event);
    event->sw_ident = take(reader, TB_FIELD_SW_IDENT);
    event->sw_ver = take(reader, TB_FIELD_SW_VER);
    event->sw_sys = take(reader, TB_FIELD_SW_SYS);
}

static void read_nothing(struct reader *reader, struct tb_event *event)
{
    (void)reader;
    (void)event;
}

static void (*const readers[TB_EVENT_TYPES])(struct reader *, struct tb_event *) = {
    [TB_EVENT_UNKNOWN] = read_nothing,         [TB_EVENT_TASK_SENT] = read_message,
    [TB_EVENT_TASK_RECEIVED] = read_message,   [TB_EVENT_TASK_STARTED] = read_nothing,
    [TB_EVENT_TASK_SUCCEEDED] = read_success,  [TB_EVENT_TASK_FAILED] = read_failure,
    [TB_EVENT_TASK_RETRIED] = read_failure,    [TB_EVENT_TASK_REJECTED] = read_rejection,
    [TB_EVENT_TASK_REVOKED] = read_revocation, [TB_EVENT_TASK_CANCELLED] = read_nothing,
    [TB_EVENT_TASK_PROGRESS] = read_progress,  [TB_EVENT_TASK_TRACKED] = read_tracked,
    [TB_EVENT_WORKER_ONLINE] = read_worker,    [TB_EVENT_WORKER_HEARTBEAT] = read_worker,
    [TB_EVENT_WORKER_OFFLINE] = read_worker,
};

/* What every event of a known type has. */
static int read_identity(struct reader *reader, struct tb_event *event, struct tb_error *err)
{
    int status = read_stamp(reader, event, err);
    if (status)
        return status;
    event->hostname = take(reader, TB_FIELD_HOSTNAME);
    if (!take_count(reader, TB_FIELD_PID, &event->pid))
        event->pid = 0;
    if (tb_event_is_task(event->type))
        return read_uuid(reader, event, err);
    if (tb_str_is_null(event->hostname) && !reader->texts.is_full)
        return tb_error_set(err, TB_DECODE_UNUSABLE, "the hostname is missing");
    return 0;
}

int tb_decode_event(const struct tb_fields *fields, struct tb_arena *arena, struct tb_event *ret_event,
                    struct tb_error *err)
{
    struct reader reader = {.fields = fields, .texts = {.arena = arena}};
    struct tb_event *event = ret_event;

    *event = (struct tb_event){
        .runtime_s = (double)NAN, .freq_s = (double)NAN, .loadavg = {(double)NAN, (double)NAN, (double)NAN}};
    int status = read_type(&reader, event, err);
    if (!status && event->type != TB_EVENT_UNKNOWN)
        status = read_identity(&reader, event, err);
    if (status)
        return status;
    readers[event->type](&reader, event);
    return reader.texts.is_full ? -ENOMEM : 0;
}

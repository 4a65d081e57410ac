/* What people read when a task failed or was revoked.
 *
 * An exception is known by its repr. Where a worker was lost or ran into its hard time limit the repr is only
 * the name of a wrapper, and the real text is the traceback's last line. A traceback has no bound and its end
 * says most, so the end is kept. A signal comes as number, as text of a number, or as name. */
#include "decode_event.h"

#include "taskbridge/base/limits.h"
#include "taskbridge/base/utf8.h"

#include <stdio.h>

#define REVOKE_TEXT_BYTES 64

/* Whether a repr tells nothing about what went wrong: it is empty, or a wrapper with nothing in it. */
static bool says_nothing(struct tb_str repr)
{
    struct tb_str wrapper = TB_STR("ExceptionWithTraceback");

    repr = tb_str_trim(repr);
    if (tb_str_starts_with(repr, wrapper)) {
        repr.ptr += wrapper.len;
        repr.len -= wrapper.len;
    }
    for (size_t i = 0; i < repr.len; i++)
        if (!memchr("()'\", ", repr.ptr[i], 6))
            return false;
    return true;
}

/* The last line that is not empty; the null string when there is none. */
static struct tb_str last_line(struct tb_str text)
{
    text = tb_str_trim(text);
    if (text.len == 0)
        return TB_STR_NULL;
    const char *newline = memrchr(text.ptr, '\n', text.len);
    size_t start = newline ? (size_t)(newline + 1 - text.ptr) : 0;
    return tb_str_trim((struct tb_str){text.ptr + start, text.len - start});
}

void tb_decode_failure(const struct tb_fields *fields, struct tb_texts *texts, struct tb_event *event)
{
    event->traceback =
        tb_texts_take_end(texts, tb_fields_get(fields, TB_FIELD_TRACEBACK), TB_TRACEBACK_MAX_BYTES);
    event->error = tb_texts_take(texts, tb_fields_get(fields, TB_FIELD_EXCEPTION), TB_TEXT_MAX_BYTES);
    if (says_nothing(event->error)) {
        struct tb_str line = last_line(event->traceback);
        if (!tb_str_is_null(line))
            event->error = (struct tb_str){line.ptr, tb_utf8_cut(line, TB_TEXT_MAX_BYTES)};
        else if (event->error.len == 0)
            event->error = TB_STR_NULL;
    }
}

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

void tb_decode_revocation(const struct tb_fields *fields, struct tb_texts *texts, struct tb_event *event)
{
    if (tb_fields_get(fields, TB_FIELD_TERMINATED).kind == TB_SCAN_TRUE)
        event->revoke_text = describe_termination(tb_fields_get(fields, TB_FIELD_SIGNUM), texts);
    else if (tb_fields_get(fields, TB_FIELD_EXPIRED).kind == TB_SCAN_TRUE)
        event->revoke_text = TB_STR("expired");
    else
        event->revoke_text = TB_STR("revoked");
}

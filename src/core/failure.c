/* What people read when a task failed.
 *
 * An exception is known by its repr. Where a worker was lost or ran into its hard time limit the repr is only
 * the name of a wrapper, and the real text is the traceback's last line. A traceback has no bound and its end
 * says most, so the end is kept. Secrets are taken out first: behind a cut nobody knows what was one.
 *
 * Failures are of one kind when their exception's class is one and their deepest own frames are: file and
 * function, not lines, which change. Own is what comes from no package and not from Python. Where no frame is
 * told, the error's text stands for them, without what differs each time: numbers, ids, what is in quotes. */
#include "failure.h"

#include "taskbridge/base/limits.h"
#include "taskbridge/base/utf8.h"

#include <errno.h>
#include <stdio.h>

#define ELLIPSIS TB_STR("\xE2\x80\xA6")

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

/* The last TB_TRACEBACK_MAX_BYTES, beginning with a whole character behind "…"; the null string without
 * memory. */
static struct tb_str take_end(struct tb_str text, struct tb_arena *arena)
{
    if (text.len <= TB_TRACEBACK_MAX_BYTES)
        return text;
    size_t at = text.len - (TB_TRACEBACK_MAX_BYTES - ELLIPSIS.len);
    while (at < text.len && ((unsigned char)text.ptr[at] & 0xC0) == 0x80)
        at++;
    size_t len = text.len - at;
    char *copy = tb_arena_alloc(arena, ELLIPSIS.len + len);
    if (!copy)
        return TB_STR_NULL;
    memcpy(copy, ELLIPSIS.ptr, ELLIPSIS.len);
    memcpy(copy + ELLIPSIS.len, text.ptr + at, len);
    return (struct tb_str){copy, ELLIPSIS.len + len};
}

int tb_failure_read(const struct tb_event *event, const struct tb_redact *redact, struct tb_arena *arena,
                    struct tb_failure *ret_failure)
{
    struct tb_str exception, traceback;

    int r = tb_redact_text(redact, event->exception, arena, &exception);
    if (!r)
        r = tb_redact_text(redact, event->traceback, arena, &traceback);
    if (r)
        return r;
    if (says_nothing(exception)) {
        struct tb_str line = last_line(traceback);
        exception = tb_str_is_null(line) && !exception.len ? TB_STR_NULL
                    : tb_str_is_null(line)                 ? exception
                                                           : line;
    }
    exception.len = tb_utf8_cut(exception, TB_TEXT_MAX_BYTES);
    *ret_failure = (struct tb_failure){.error = exception, .traceback = take_end(traceback, arena)};
    return traceback.len && tb_str_is_null(ret_failure->traceback) ? -ENOMEM : 0;
}

/* ---- kinds ---- */

#define OWN_FRAMES_MAX ((size_t)3)
#define PLACE_PARTS    2

struct frame {
    struct tb_str file, function;
};

static bool is_own(struct tb_str file)
{
    static const struct tb_str strange[] = {{"site-packages/", 14},
                                            {"dist-packages/", 14},
                                            {"/lib/python", 11},
                                            {"<frozen ", 8},
                                            {"/celery/app/", 12}};

    for (size_t i = 0; i < TB_COUNT(strange); i++)
        if (tb_str_find(file, strange[i]) != SIZE_MAX)
            return false;
    return true;
}

/* The last parts of a path. */
static struct tb_str end_of_path(struct tb_str path)
{
    size_t at = path.len, parts = 0;

    while (at > 0 && (path.ptr[at - 1] != '/' || ++parts < PLACE_PARTS))
        at--;
    return (struct tb_str){path.ptr + at, path.len - at};
}

/* The line's text between before and after; the null string when it has none. */
static struct tb_str between(struct tb_str line, struct tb_str before, struct tb_str after)
{
    size_t start = tb_str_find(line, before);

    if (start == SIZE_MAX)
        return TB_STR_NULL;
    line = (struct tb_str){line.ptr + start + before.len, line.len - start - before.len};
    size_t len = after.len ? tb_str_find(line, after) : line.len;
    return len == SIZE_MAX ? TB_STR_NULL : (struct tb_str){line.ptr, len};
}

static struct tb_str next_line(struct tb_str *text)
{
    const char *newline = text->len ? memchr(text->ptr, '\n', text->len) : NULL;
    size_t len = newline ? (size_t)(newline - text->ptr) : text->len;
    struct tb_str line = {text->ptr, len};

    len += newline != NULL;
    *text = (struct tb_str){text->ptr + len, text->len - len};
    return line;
}

/* The deepest frames, at most OWN_FRAMES_MAX, the deepest last: own ones, or where there are none the
 * deepest. */
static size_t read_frames(struct tb_str traceback, struct frame frames[OWN_FRAMES_MAX])
{
    size_t count = 0;
    bool have_own = false;

    while (traceback.len) {
        struct tb_str line = next_line(&traceback);
        struct frame frame = {between(line, TB_STR("  File \""), TB_STR("\", line ")),
                              between(line, TB_STR(", in "), TB_STR(""))};
        if (tb_str_is_null(frame.file) || tb_str_is_null(frame.function))
            continue;
        bool is_own_frame = is_own(frame.file);
        if (is_own_frame && !have_own)
            count = 0;
        have_own |= is_own_frame;
        if (have_own && !is_own_frame)
            continue;
        if (count == OWN_FRAMES_MAX)
            memmove(frames, frames + 1, --count * sizeof(*frames));
        frames[count++] = (struct frame){end_of_path(frame.file), tb_str_trim(frame.function)};
    }
    return count;
}

/* "pkg.Error('x')" and "pkg.Error: x" are of class Error. */
static struct tb_str class_of(struct tb_str error)
{
    size_t len = 0, start = 0;

    for (; len < error.len; len++) {
        char byte = error.ptr[len];
        if (byte == '.')
            start = len + 1;
        else if (!((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                   (byte >= '0' && byte <= '9') || byte == '_' || (unsigned char)byte >= 0x80))
            break;
    }
    bool is_class = len > start && (len == error.len || error.ptr[len] == '(' || error.ptr[len] == ':');
    return is_class ? (struct tb_str){error.ptr + start, len - start} : TB_STR("");
}

static uint64_t mix(uint64_t hash, struct tb_str text)
{
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.ptr[i]) * UINT64_C(0x100000001b3);
    return (hash ^ 0xFF) * UINT64_C(0x100000001b3);
}

/* The words of an error's text that are the same each time: no digit in them, and not in quotes. */
static uint64_t mix_words(uint64_t hash, struct tb_str text)
{
    char quote = 0;
    size_t start = 0;
    bool is_plain = true;

    for (size_t i = 0; i <= text.len; i++) {
        char byte = i < text.len ? text.ptr[i] : ' ';
        bool is_end = byte == ' ' || byte == '\n' || byte == '(' || byte == ')' || byte == ',' || byte == ':';
        if (byte == '\'' || byte == '"') {
            quote = quote == byte ? 0 : quote ? quote : byte;
            is_plain = false;
        }
        is_plain &= !quote && !(byte >= '0' && byte <= '9');
        if (!is_end || quote)
            continue;
        if (is_plain && i > start)
            hash = mix(hash, (struct tb_str){text.ptr + start, i - start});
        start = i + 1;
        is_plain = true;
    }
    return hash;
}

int tb_failure_name(struct tb_failure *failure, struct tb_arena *arena)
{
    struct frame frames[OWN_FRAMES_MAX];
    size_t count = read_frames(failure->traceback, frames);
    uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), failure->exception = class_of(failure->error));
    char text[17];

    failure->place = TB_STR("");
    for (size_t i = 0; i < count; i++)
        hash = mix(mix(hash, frames[i].file), frames[i].function);
    if (!count)
        hash = mix_words(hash, failure->error);
    snprintf(text, sizeof(text), "%016llx", (unsigned long long)hash);
    if (!tb_arena_copy(arena, (struct tb_str){text, 16}, &failure->fingerprint))
        return -ENOMEM;
    if (!count)
        return 0;
    struct tb_str file = frames[count - 1].file, function = frames[count - 1].function;
    size_t len = file.len + 2 + function.len;
    char *place = tb_arena_alloc(arena, len);
    if (!place)
        return -ENOMEM;
    memcpy(place, file.ptr, file.len);
    memcpy(place + file.len, ": ", 2);
    memcpy(place + file.len + 2, function.ptr, function.len);
    failure->place = (struct tb_str){place, len};
    return 0;
}

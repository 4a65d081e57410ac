/* The log: a line is put together in memory, then written with one call that can't wait.
 *
 * The descriptor may be shared with other programs, so it is never made non-blocking. A pipe that polls
 * writable has room for PIPE_BUF bytes, so a line on a pipe is never longer; a socket is written with
 * MSG_DONTWAIT; a file does not wait; a terminal that is stopped does not poll writable. What does not go
 * through is dropped and counted. Not covered: another program that fills the same pipe between the poll and
 * the write.
 *
 * A line that would pass its ceiling is cut field by field and stays well-formed: the value that does not fit
 * ends in an ellipsis, what comes after it is left out where it does not fit either, and the line ends in a
 * field "cut". */
#include "taskbridge/base/log.h"

#include "taskbridge/base/clock.h"
#include "taskbridge/base/json.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/base/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ELLIPSIS "\xE2\x80\xA6"
/* What is kept free for dropped_lines, cut and the end of the line. */
#define TAIL_BYTES 80

static const char *const level_names[] = {"debug", "info", "warning", "error"};

struct line {
    struct tb_buf buf;
    struct tb_json json; /* writes into buf; unused for text */
    enum tb_log_format format;
    bool cut;
};

void tb_log_init(struct tb_log *log, int fd, enum tb_log_level level, enum tb_log_format format)
{
    struct stat status;
    bool known = fstat(fd, &status) == 0;
    *log = (struct tb_log){
        .fd = fd,
        .level = level,
        .format = format,
        .max_line_bytes = known && S_ISFIFO(status.st_mode) ? PIPE_BUF : TB_LOG_LINE_MAX_BYTES,
        .is_socket = known && S_ISSOCK(status.st_mode),
    };
}

/* Whether text has no control character and is UTF-8: it may stand in a line as it is. */
static bool is_printable(struct tb_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        bool is_c1 = byte == 0xC2 && i + 1 < text.len && (unsigned char)text.ptr[i + 1] < 0xA0;
        if (byte < 0x20 || byte == 0x7F || is_c1)
            return false;
    }
    return tb_utf8_is_clean(text);
}

/* Whether text is one word, that no reader takes for a quoted one or for another field. */
static bool is_word(struct tb_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (strchr(" \"\\=", text.ptr[i]))
            return false;
    return text.len && is_printable(text);
}

static void push_text_value(struct tb_buf *buf, const struct tb_log_field *field)
{
    if (field->kind == TB_LOG_FIELD_INT)
        tb_buf_printf(buf, "%" PRId64, field->integer);
    else if (field->kind == TB_LOG_FIELD_DOUBLE)
        tb_json_push_double(buf, field->number);
    else if (is_word(field->str))
        tb_buf_push_str(buf, field->str);
    else
        tb_json_push_quoted(buf, field->str);
}

static void push_json_field(struct tb_json *json, const struct tb_log_field *field)
{
    if (field->kind == TB_LOG_FIELD_INT)
        tb_json_int(json, field->name, field->integer);
    else if (field->kind == TB_LOG_FIELD_DOUBLE)
        tb_json_double(json, field->name, field->number);
    else
        tb_json_str(json, field->name, field->str);
}

/* In text the message is the field without a name. */
static void push_text_field(struct tb_buf *buf, const struct tb_log_field *field)
{
    tb_buf_push_byte(buf, ' ');
    if (field->name) {
        tb_buf_printf(buf, "%s=", field->name);
        push_text_value(buf, field);
    } else if (is_printable(field->str)) {
        tb_buf_push_str(buf, field->str);
    } else {
        tb_json_push_quoted(buf, field->str);
    }
}

/* The whole field or, where it does not fit, nothing: the writer's commas are the same without it, because it
 * is never the first. */
static bool push_field(struct line *line, const struct tb_log_field *field)
{
    size_t len = line->buf.len;
    if (line->format == TB_LOG_JSON)
        push_json_field(&line->json, field);
    else
        push_text_field(&line->buf, field);
    if (!line->buf.failed)
        return true;
    tb_buf_truncate(&line->buf, len);
    return false;
}

/* As much of a text field as fits, with an ellipsis behind it. */
static void push_field_cut(struct line *line, const struct tb_log_field *field)
{
    struct tb_str rest = field->str;
    struct tb_buf text;
    bool pushed = false;

    if (rest.len > TB_LOG_LINE_MAX_BYTES)
        rest.len = TB_LOG_LINE_MAX_BYTES;
    /* Cleaning makes at most three bytes of one. */
    tb_buf_init(&text, 3 * TB_LOG_LINE_MAX_BYTES + sizeof(ELLIPSIS));
    tb_utf8_push_clean(&text, rest);
    while (!pushed && !text.failed && text.len) {
        tb_buf_truncate(&text, tb_utf8_cut(tb_buf_str(&text), text.len - text.len / 8 - 1));
        size_t len = text.len;
        tb_buf_push_str(&text, TB_STR(ELLIPSIS));
        struct tb_log_field shorter = {TB_LOG_FIELD_STR, field->name, .str = tb_buf_str(&text)};
        pushed = !text.failed && push_field(line, &shorter);
        if (!pushed)
            tb_buf_truncate(&text, len);
    }
    tb_buf_deinit(&text);
}

static void push_field_within(struct line *line, const struct tb_log_field *field)
{
    if (push_field(line, field))
        return;
    line->cut = true;
    if (field->kind == TB_LOG_FIELD_STR)
        push_field_cut(line, field);
}

/* "2024-01-01T10:00:00.123Z": always with milliseconds, so that lines stand below each other. */
static void format_time(int64_t now_us, char ret_text[TB_STAMP_TEXT_BYTES])
{
    size_t len = tb_stamp_format(now_us - now_us % TB_US_PER_S, ret_text) - strlen("Z");
    snprintf(ret_text + len, TB_STAMP_TEXT_BYTES - len, ".%03dZ", (int)(now_us % TB_US_PER_S / TB_US_PER_MS));
}

static void begin_line(struct line *line, enum tb_log_level level, struct tb_str message)
{
    char now[TB_STAMP_TEXT_BYTES];
    format_time(tb_clock_now_us(), now);
    if (line->format == TB_LOG_JSON) {
        tb_json_begin_object(&line->json, NULL);
        tb_json_str(&line->json, "time", tb_str_of(now));
        tb_json_str(&line->json, "level", tb_str_of(level_names[level]));
        push_field_within(line, &TB_F_STR("message", message));
    } else {
        tb_buf_printf(&line->buf, "%s %-5s", now, level_names[level]);
        push_field_within(line, &TB_F_STR(NULL, message));
    }
}

static void end_line(struct line *line, uint64_t dropped)
{
    line->buf.max_bytes += TAIL_BYTES;
    if (dropped)
        push_field_within(line, &TB_F_INT("dropped_lines", dropped));
    if (line->format == TB_LOG_JSON) {
        if (line->cut)
            tb_json_bool(&line->json, "cut", true);
        tb_json_end_object(&line->json);
    } else if (line->cut) {
        tb_buf_push_str(&line->buf, TB_STR(" cut=true"));
    }
    tb_buf_push_byte(&line->buf, '\n');
}

/* Writes what can be written without waiting: its length, or -1. */
static ssize_t write_at_once(const struct tb_log *log, struct tb_str bytes)
{
    if (log->is_socket)
        return send(log->fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    struct pollfd writable = {.fd = log->fd, .events = POLLOUT};
    if (poll(&writable, 1, 0) != 1 || !(writable.revents & POLLOUT))
        return -1;
    return write(log->fd, bytes.ptr, bytes.len);
}

static size_t count_lines(struct tb_str bytes)
{
    size_t lines = 0;

    for (size_t i = 0; i < bytes.len; i++)
        lines += bytes.ptr[i] == '\n';
    return lines;
}

/* Bytes are whole lines; which of them got through is known by how many bytes did. */
static void write_lines(struct tb_log *log, struct tb_str bytes)
{
    ssize_t written = write_at_once(log, bytes);
    if (written == (ssize_t)bytes.len) {
        log->dropped = 0;
        log->torn = false;
        return;
    }
    size_t done = written > 0 ? (size_t)written : 0;
    log->dropped += count_lines((struct tb_str){bytes.ptr + done, bytes.len - done});
    if (done)
        log->torn = bytes.ptr[done - 1] != '\n';
}

/* A pipe takes so much whole or not at all, and then without waiting. */
static bool hold_line(struct tb_log *log, struct tb_str bytes)
{
    if (!log->held)
        log->held = malloc(log->max_line_bytes);
    if (!log->held || bytes.len > log->max_line_bytes)
        return false;
    if (log->held_bytes + bytes.len > log->max_line_bytes) {
        tb_log_flush(log);
        log->is_holding = true;
    }
    memcpy(log->held + log->held_bytes, bytes.ptr, bytes.len);
    log->held_bytes += bytes.len;
    return true;
}

static void write_line(struct tb_log *log, const struct line *line)
{
    struct tb_str bytes = tb_buf_str(&line->buf);

    if (line->buf.failed)
        log->dropped++;
    else if (!log->is_holding || !hold_line(log, bytes))
        write_lines(log, bytes);
}

void tb_log_hold(struct tb_log *log)
{
    log->is_holding = true;
}

void tb_log_flush(struct tb_log *log)
{
    size_t bytes = log->held_bytes;

    log->is_holding = false;
    log->held_bytes = 0;
    if (bytes)
        write_lines(log, (struct tb_str){log->held, bytes});
}

void tb_log_deinit(struct tb_log *log)
{
    tb_log_flush(log);
    free(log->held);
    log->held = NULL;
}

void tb_log_write(struct tb_log *log, enum tb_log_level level, const char *message,
                  const struct tb_log_field *fields)
{
    if (!log || level < log->level)
        return;
    int saved_errno = errno;
    struct line line = {.format = log->format};

    tb_buf_init(&line.buf, log->max_line_bytes - TAIL_BYTES);
    tb_json_init(&line.json, &line.buf);
    if (log->torn && !log->held_bytes)
        tb_buf_push_byte(&line.buf, '\n');
    begin_line(&line, level, tb_str_of(message));
    for (const struct tb_log_field *field = fields; field->kind != TB_LOG_FIELD_END; field++)
        if (field->kind != TB_LOG_FIELD_STR || field->str.len)
            push_field_within(&line, field);
    end_line(&line, log->dropped);
    write_line(log, &line);

    tb_buf_deinit(&line.buf);
    errno = saved_errno;
}

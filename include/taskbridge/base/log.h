/* The log: one line an event on stderr, as text or as JSON, with fields.
 *
 * It never waits: when the reader of stderr is slow, lines are dropped, counted, and the count is told by the
 * next line that goes through ("dropped_lines"). Text is made printable; a line has a ceiling, and one that
 * is cut says so ("cut"). SIGPIPE is to be ignored by the program. */
#ifndef TASKBRIDGE_BASE_LOG_H
#define TASKBRIDGE_BASE_LOG_H

#include "taskbridge/base/attributes.h"
#include "taskbridge/base/str.h"

enum tb_log_level { TB_LOG_DEBUG, TB_LOG_INFO, TB_LOG_WARNING, TB_LOG_ERROR };
enum tb_log_format { TB_LOG_TEXT, TB_LOG_JSON };

struct tb_log {
    int fd;
    enum tb_log_level level;
    enum tb_log_format format;
    uint64_t dropped; /* lines not written since the last that was */
    /* The log's own. */
    size_t max_line_bytes;
    bool is_socket;
    bool torn;  /* the last line lacks its end */
    char *held; /* owned; lines that wait for tb_log_flush */
    size_t held_bytes;
    bool is_holding;
};

enum tb_log_kind { TB_LOG_FIELD_END, TB_LOG_FIELD_STR, TB_LOG_FIELD_INT, TB_LOG_FIELD_DOUBLE };

struct tb_log_field {
    enum tb_log_kind kind;
    const char *name;
    union {
        struct tb_str str;
        int64_t integer;
        double number;
    };
};

#define TB_F_STR(name_, str_)                                                                                \
    ((struct tb_log_field){.kind = TB_LOG_FIELD_STR, .name = (name_), .str = (str_)})
#define TB_F_CSTR(name_, text_) TB_F_STR(name_, tb_str_of(text_))
#define TB_F_INT(name_, value_)                                                                              \
    ((struct tb_log_field){.kind = TB_LOG_FIELD_INT, .name = (name_), .integer = (int64_t)(value_)})
#define TB_F_DOUBLE(name_, value_)                                                                           \
    ((struct tb_log_field){.kind = TB_LOG_FIELD_DOUBLE, .name = (name_), .number = (value_)})

/* What the line is about, by a name that stays when its words are mended: lower case, and the first field of
 * every line of a program's log (tests/check_style.py asks for it). */
#define TB_F_EVENT(name_) TB_F_CSTR("event", name_)

/* One line. A field whose text is null or empty is left out. log may be NULL: nothing is written. */
#define tb_log(log_, level_, message_, ...)                                                                  \
    tb_log_write(log_, level_, message_,                                                                     \
                 (const struct tb_log_field[]){__VA_ARGS__ __VA_OPT__(, ){.kind = TB_LOG_FIELD_END}})

/* fields end with TB_LOG_FIELD_END. */
void tb_log_write(struct tb_log *log, enum tb_log_level level, const char *message,
                  const struct tb_log_field *fields);

/* A log on fd; makes writing to it not wait (where fd is a pipe or a terminal that others share, by polling
 * before each write rather than by setting O_NONBLOCK on it). */
void tb_log_init(struct tb_log *log, int fd, enum tb_log_level level, enum tb_log_format format);

/* From here on lines are gathered, so that many are written at once, until tb_log_flush, which the caller
 * owes soon: at the end of the loop's turn. */
void tb_log_hold(struct tb_log *log);
/* Writes what was gathered. */
void tb_log_flush(struct tb_log *log);
/* The same, and frees the room for it. */
void tb_log_deinit(struct tb_log *log);

#endif

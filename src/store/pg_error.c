/* libpq's messages have several lines, meant for a terminal; ours go into one line of a log.
 *
 * "ERROR:  " in front is left out: that it is an error is known. Lines are joined by a space. */
#include "pg_error.h"

#include "taskbridge/base/str.h"

#include <errno.h>

static struct tb_str without_severity(struct tb_str text)
{
    static const struct tb_str severities[] = {
        {"ERROR:", sizeof("ERROR:") - 1}, {"FATAL:", sizeof("FATAL:") - 1}, {"PANIC:", sizeof("PANIC:") - 1}};

    for (size_t i = 0; i < TB_COUNT(severities); i++) {
        if (tb_str_starts_with(text, severities[i])) {
            text.ptr += severities[i].len;
            text.len -= severities[i].len;
            return tb_str_trim(text);
        }
    }
    return text;
}

void tb_pg_error_set(struct tb_error *err, const char *sqlstate, const char *message)
{
    struct tb_str text = tb_str_trim(tb_str_of(message ? message : ""));

    if (!err || err->code)
        return;
    if (tb_str_is_empty(text))
        text = TB_STR("connection lost");
    text = without_severity(text);
    tb_error_set(err, -EIO, "%.*s", TB_STR_FMT(text));
    for (char *c = err->text; *c; c++) {
        if (*c == '\n' || *c == '\t')
            *c = ' ';
    }
    if (sqlstate)
        snprintf(err->sqlstate, sizeof(err->sqlstate), "%s", sqlstate);
}

/* libpq's messages have several lines, meant for a terminal; ours go into one line of a log.
 *
 * "ERROR:  " in front is left out: that it is an error is known. Lines are joined by a space. Where the code
 * tells what helps, and the server does not, it is said behind the message. */
#include "error.h"

#include "taskbridge/base/str.h"
#include "taskbridge/base/utf8.h"

#include <errno.h>

/* Kept free for the context that callers put in front. */
#define PREFIX_BYTES 64

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

/* "" where nothing is known to help. */
static const char *remedy(const char *sqlstate)
{
    static const struct {
        const char *sqlstate, *text;
    } remedies[] = {
        {"42P01", "; run `taskbridge migrate` on this database"}, /* no such table */
        {"42703", "; run `taskbridge migrate` on this database"}, /* no such column */
        {"42883", "; run `taskbridge migrate` on this database"}, /* no such function */
        {"42501", "; give the user in database.url this right"},
    };
    for (size_t i = 0; sqlstate && i < TB_COUNT(remedies); i++)
        if (strcmp(sqlstate, remedies[i].sqlstate) == 0)
            return remedies[i].text;
    return "";
}

void tb_pg_error_set(struct tb_error *err, const char *sqlstate, const char *message)
{
    struct tb_str text = tb_str_trim(tb_str_of(message ? message : ""));

    if (!err || err->code)
        return;
    if (tb_str_is_empty(text))
        text = TB_STR("connection lost");
    text = without_severity(text);
    const char *helps = remedy(sqlstate);
    text.len = tb_utf8_cut(text, sizeof(err->text) - PREFIX_BYTES - strlen(helps));
    tb_error_set(err, -EIO, "%.*s%s", TB_STR_FMT(text), helps);
    for (char *c = err->text; *c; c++) {
        if (*c == '\n' || *c == '\t')
            *c = ' ';
    }
    if (sqlstate)
        snprintf(err->sqlstate, sizeof(err->sqlstate), "%s", sqlstate);
}

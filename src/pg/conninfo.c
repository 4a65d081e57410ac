/* The database's URL is libpq's to understand; what it says about a wrong one may quote it, password and all.
 *
 * It quotes in double quotes, at the end: only what stands before the first of them is passed on. */
#include "taskbridge/pg/conninfo.h"

#include "taskbridge/base/str.h"

#include <errno.h>
#include <libpq-fe.h>

static struct tb_str reason_of(const char *message)
{
    struct tb_str text = tb_str_trim(tb_str_of(message));
    size_t quote = tb_str_find(text, TB_STR("\""));

    if (quote != SIZE_MAX)
        text.len = quote;
    text = tb_str_trim(text);
    while (text.len && text.ptr[text.len - 1] == ':')
        text.len--;
    return text;
}

int tb_conninfo_check(const char *url, struct tb_error *err)
{
    char *message = NULL;
    PQconninfoOption *options = NULL;
    int r = 0;

    if (!url || !*url)
        return tb_error_set(err, -EINVAL,
                            "database.url is empty: right would be postgresql://user@host/name");
    options = PQconninfoParse(url, &message);
    if (!options) {
        r = message ? tb_error_set(err, -EINVAL,
                                   "database.url is not understood (%.*s): right would be "
                                   "postgresql://user@host:5432/name",
                                   TB_STR_FMT(reason_of(message)))
                    : tb_error_set(err, -ENOMEM, "out of memory");
    }
    PQconninfoFree(options);
    PQfreemem(message);
    return r;
}

/* The database's URL is libpq's to understand; what it says about a wrong one may quote it, password and all.
 *
 * It quotes in double quotes, at the end: only what stands before the first of them is passed on. And it
 * takes more than can work: where a password's '@' or '/' is not escaped, a piece of the password becomes the
 * host, the port or the database, and would be named in every message from then on. Such a URL is refused
 * here. */
#include "taskbridge/pg/conninfo.h"

#include "taskbridge/base/str.h"

#include <errno.h>
#include <libpq-fe.h>

#define HOST_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:%"

static struct tb_str reason_of(const char *message)
{
    struct tb_str text = tb_str_trim(tb_str_of(message));

    text.len = strcspn(text.ptr, "\"'\x80\xC2\xE2"); /* quotes of other languages are not ASCII */
    text = tb_str_trim(text);
    while (text.len && text.ptr[text.len - 1] == ':')
        text.len--;
    return text;
}

static const char *find_option(const PQconninfoOption *options, const char *keyword)
{
    for (const PQconninfoOption *option = options; option->keyword; option++)
        if (strcmp(option->keyword, keyword) == 0)
            return option->val ? option->val : "";
    return "";
}

/* Of a list parted by commas: each is empty, a socket's directory, or holds what a name or an address may. */
static bool are_hosts(const char *list)
{
    while (*list) {
        size_t len = strcspn(list, ",");
        if (*list != '/' && *list != '@' && strspn(list, HOST_BYTES) < len)
            return false;
        list += len + (list[len] == ',');
    }
    return true;
}

static bool are_ports(const char *list)
{
    return strspn(list, "0123456789, ") == strlen(list);
}

/* What a URL has in the place of an address that libpq would take, though a password was meant; NULL:
 * nothing. */
static const char *find_misplaced(struct tb_str url, const PQconninfoOption *options)
{
    size_t scheme = tb_str_find(url, TB_STR("://"));
    bool is_url = scheme != SIZE_MAX && !memchr(url.ptr, '=', scheme);
    const char *dbname = find_option(options, "dbname");

    if (!are_ports(find_option(options, "port")))
        return "a port is no number";
    if (!are_hosts(find_option(options, "host")) || !are_hosts(find_option(options, "hostaddr")))
        return "a host's name holds what no name can";
    if (strchr(find_option(options, "user"), ':'))
        return "the user's name holds a ':'";
    /* In words a database may be called so. */
    if (is_url && (strchr(dbname, '@') || strstr(dbname, "://")))
        return "the database's name holds what belongs before the host";
    if (!is_url && (strstr(dbname, "://") || strchr(dbname, '=')))
        return "dbname is a connection string of its own";
    return NULL;
}

static int refuse(struct tb_error *err, struct tb_str reason, const char *more)
{
    return tb_error_set(
        err, -EINVAL,
        "database.url is not understood (%.*s): right would be postgresql://user:password@host:5432/"
        "name%s",
        TB_STR_FMT(reason), more);
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
    const char *misplaced = options ? find_misplaced(tb_str_of(url), options) : NULL;
    if (misplaced)
        r = refuse(err, tb_str_of(misplaced),
                   ", where the signs @ : / ? # of a password are written %40 %3A %2F %3F %23");
    else if (!options)
        r = message ? refuse(err, reason_of(message), "") : tb_error_set(err, -ENOMEM, "out of memory");
    PQconninfoFree(options);
    PQfreemem(message);
    return r;
}

size_t tb_conninfo_hosts(const char *url)
{
    PQconninfoOption *options = PQconninfoParse(url, NULL);
    const char *addresses = options ? find_option(options, "hostaddr") : "";
    const char *list = *addresses ? addresses : options ? find_option(options, "host") : "";
    size_t count = 1;

    for (; *list; list++)
        count += *list == ',';
    PQconninfoFree(options);
    return count;
}

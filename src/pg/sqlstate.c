/* PostgreSQL's error codes, sorted by what helps: waiting, other data, or a person.
 *
 * A class is the first two of five characters. Waiting helps where the server is in trouble or others are in
 * the way: connections (08), conflicts (40), resources and full disks (53), locks (55), an operator's hand
 * (57), the system (58). Other data helps where a value is refused: bad values (22), constraints (23, 44),
 * values beyond a limit of PostgreSQL's own, an index row's size for one (54), or by a trigger or function of
 * somebody's (P0, 09, 21, 27, 38, 39). The whole code counts where its class says too little. */
#include "sqlstate.h"

#include <string.h>

static const struct {
    const char *prefix; /* a class, or a whole code */
    enum tb_pg_outcome outcome;
} table[] = {
    {"25006", TB_PG_BUSY},  /* a read-only database: a standby, until it is promoted */
    {"26000", TB_PG_STALE}, /* a prepared statement that is gone */
    {"42P05", TB_PG_STALE}, /* one that is there already: a pooler's session had another client before */
    {"08", TB_PG_BUSY},     {"40", TB_PG_BUSY},    {"53", TB_PG_BUSY},    {"55", TB_PG_BUSY},
    {"57", TB_PG_BUSY},     {"58", TB_PG_BUSY},    {"22", TB_PG_REFUSED}, {"23", TB_PG_REFUSED},
    {"44", TB_PG_REFUSED},  {"54", TB_PG_REFUSED}, {"P0", TB_PG_REFUSED}, {"09", TB_PG_REFUSED},
    {"21", TB_PG_REFUSED},  {"27", TB_PG_REFUSED}, {"38", TB_PG_REFUSED}, {"39", TB_PG_REFUSED},
};

enum tb_pg_outcome tb_sqlstate_outcome(const char *sqlstate, const char *function)
{
    if (!sqlstate)
        return TB_PG_LOST;
    /* "cached plan must not change result type" has the code of all that is not supported. */
    if (function && strcmp(sqlstate, "0A000") == 0 && strcmp(function, "RevalidateCachedQuery") == 0)
        return TB_PG_STALE;
    for (size_t i = 0; i < TB_COUNT(table); i++) {
        if (strncmp(sqlstate, table[i].prefix, strlen(table[i].prefix)) == 0)
            return table[i].outcome;
    }
    return TB_PG_FAILED;
}

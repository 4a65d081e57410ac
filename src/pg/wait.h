/* libpq without its blocking calls, for who has no loop: each wait has an end. */
#ifndef TASKBRIDGE_PG_WAIT_H
#define TASKBRIDGE_PG_WAIT_H

#include "taskbridge/base/attributes.h"

#include <libpq-fe.h>
#include <stdint.h>

/* Until the socket is ready for events (POLLIN, POLLOUT). 0, -ETIMEDOUT or a negative errno; until_us is
 * monotonic, here and below. */
int tb_pg_wait_socket(const PGconn *pg, short events, int64_t until_us) TB_MUST_CHECK;

/* Until all that was given to libpq is sent. -EIO: libpq's own words tell why. */
int tb_pg_wait_sent(PGconn *pg, int64_t until_us) TB_MUST_CHECK;

/* The next result, which the caller clears, or NULL when there is none any more. Returns as above. */
int tb_pg_wait_result(PGconn *pg, int64_t until_us, PGresult **ret_result) TB_MUST_CHECK;

#endif

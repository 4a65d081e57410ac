/* Ending what the server does for somebody who no longer wants it. */
#ifndef TASKBRIDGE_PG_CANCEL_H
#define TASKBRIDGE_PG_CANCEL_H

#include "taskbridge/io/dialler.h"

#include <libpq-fe.h>

/* Asks for it on a thread. Where that can't be done (memory, threads), it is not: the server's own timeout
 * ends what it does. on_done comes once, unless *ret_dial, which is set where it was begun, is abandoned
 * before. */
void tb_pg_cancel_start(struct tb_dialler *dialler, PGconn *pg, void (*on_done)(void *owner), void *owner,
                        struct tb_dial **ret_dial);

#endif

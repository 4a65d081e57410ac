/* From a database URL to a connection that can be used, waiting on the way: on a thread of io's dialler, or
 * in a command. */
#ifndef TASKBRIDGE_PG_DIAL_H
#define TASKBRIDGE_PG_DIAL_H

#include "taskbridge/io/dialler.h"

#include <libpq-fe.h>

struct tb_pg_dial_options {
    const char *url; /* borrowed during the call, as the following */
    const char *application_name;
    int64_t timeout_us; /* for all hosts together, unless the URL's connect_timeout gives each its time */
};

/* Tries each address of each host in turn, each for its share of the time. 0 with a connection that the
 * caller finishes, non-blocking, whose server was found fit; or negative: -EACCES where somebody answered and
 * refused, -EPROTO where what answered can't be used, -ECANCELED once dial was abandoned. dial may be NULL.
 */
int tb_pg_dial(const struct tb_pg_dial_options *options, struct tb_dial *dial, PGconn **ret_pg,
               struct tb_error *err) TB_MUST_CHECK;

/* The same without waiting, on a thread: on_done comes once, unless *ret_dial is abandoned before, with pg,
 * which is the owner's then, or NULL and why not. 0 or a negative errno. */
int tb_pg_dial_start(struct tb_dialler *dialler, const struct tb_pg_dial_options *options,
                     void (*on_done)(void *owner, PGconn *pg, const struct tb_error *err), void *owner,
                     struct tb_dial **ret_dial, struct tb_error *err) TB_MUST_CHECK;

#endif

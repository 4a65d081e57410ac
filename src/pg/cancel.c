/* A cancel request, on a thread of its own.
 *
 * libpq's makes another connection and waits for the server to close it: that is nothing for a loop. It has
 * no time limit either; a thread that hangs in it hangs alone, until TCP gives up. */
#include "cancel.h"

#include <stdlib.h>

struct work {
    PGcancel *cancel; /* owned */
    void (*on_done)(void *owner);
    void *owner;
};

static void free_work(void *data)
{
    struct work *work = data;

    if (work)
        PQfreeCancel(work->cancel);
    free(work);
}

/* Whether it was heard tells nothing: the answer to the question does. */
static int run_work(void *data, struct tb_dial *dial, struct tb_error *err)
{
    struct work *work = data;
    char text[256];

    (void)dial, (void)err;
    (void)PQcancel(work->cancel, text, sizeof(text));
    return 0;
}

static void on_work_done(void *owner, void *data, int r, const struct tb_error *err)
{
    struct work *work = data;

    (void)owner, (void)r, (void)err;
    work->on_done(work->owner);
    free_work(work);
}

void tb_pg_cancel_start(struct tb_dialler *dialler, PGconn *pg, void (*on_done)(void *owner), void *owner,
                        struct tb_dial **ret_dial)
{
    struct work *work = calloc(1, sizeof(*work));
    const struct tb_dial_job job = {
        .run = run_work, .on_done = on_work_done, .drop = free_work, .work = work};

    if (work)
        *work = (struct work){PQgetCancel(pg), on_done, owner};
    if (!work || !work->cancel || tb_dial_start(dialler, &job, ret_dial, NULL) != 0)
        free_work(work);
}

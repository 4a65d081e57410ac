/* Waiting for one connection, on a thread that may: the dial's, or a command's.
 *
 * libpq itself is kept from waiting: it is only asked for what PQisBusy and PQflush say is there. */
#include "wait.h"

#include "taskbridge/base/clock.h"

#include <errno.h>
#include <poll.h>

int tb_pg_wait_socket(const PGconn *pg, short events, int64_t until_us)
{
    struct pollfd fd = {.fd = PQsocket(pg), .events = events};
    int ready = 0;

    if (fd.fd < 0)
        return -EIO;
    do {
        int64_t left_us = until_us - tb_clock_monotonic_us();
        if (left_us <= 0)
            return -ETIMEDOUT;
        ready = poll(&fd, 1, (int)(left_us / TB_US_PER_MS) + 1);
    } while (ready == 0 || (ready < 0 && errno == EINTR));
    return ready < 0 ? -errno : 0;
}

int tb_pg_wait_sent(PGconn *pg, int64_t until_us)
{
    int left = PQflush(pg);

    while (left > 0) {
        int r = tb_pg_wait_socket(pg, POLLIN | POLLOUT, until_us);
        if (r)
            return r;
        if (!PQconsumeInput(pg))
            return -EIO;
        left = PQflush(pg);
    }
    return left < 0 ? -EIO : 0;
}

int tb_pg_wait_result(PGconn *pg, int64_t until_us, PGresult **ret_result)
{
    while (PQisBusy(pg)) {
        int r = tb_pg_wait_socket(pg, POLLIN, until_us);
        if (r)
            return r;
        if (!PQconsumeInput(pg))
            return -EIO;
    }
    *ret_result = PQgetResult(pg);
    return 0;
}

/* A program may be started with stdin, stdout or stderr closed. The next descriptor that it opens would then
 * take the place, and a line of the log would go to the broker or the database. Opening always takes the
 * lowest free number, so going upwards fills exactly the holes. */
#include "taskbridge/base/streams.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int tb_standard_streams_open(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        /* Not closed on exec: a program started from here needs its streams too. */
        int opened = open("/dev/null", O_RDWR);
        if (opened < 0)
            return -errno;
        assert(opened == fd);
    }
    return 0;
}

/* Standard streams that were closed at the start: each case in a child, which closes what the case says. */
#include "taskbridge/base/streams.h"

#include "unit/check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the child exits with. */
enum { GOOD, REFUSED, NOT_NULL_DEVICE, TOUCHED, NEXT_TOO_LOW };

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_rdev == b->st_rdev;
}

static int open_after_closing(unsigned closed)
{
    struct stat null_device, before[3], after;
    if (stat("/dev/null", &null_device) < 0)
        return REFUSED;
    for (int fd = 0; fd < 3; fd++) {
        fstat(fd, &before[fd]);
        if (closed & 1u << fd)
            close(fd);
    }
    if (tb_standard_streams_open() != 0)
        return REFUSED;
    for (int fd = 0; fd < 3; fd++) {
        bool is_closed = closed & 1u << fd;
        if (fstat(fd, &after) < 0 || !same_file(&after, is_closed ? &null_device : &before[fd]))
            return is_closed ? NOT_NULL_DEVICE : TOUCHED;
    }
    return open("/dev/null", O_RDONLY) > STDERR_FILENO ? GOOD : NEXT_TOO_LOW;
}

static void closed_streams_become_dev_null_and_open_ones_stay(void **state)
{
    (void)state;
    for (unsigned closed = 0; closed < 8; closed++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            int pipe_ends[2];
            /* Streams that are surely no /dev/null. */
            if (pipe(pipe_ends) < 0)
                _exit(REFUSED);
            dup2(pipe_ends[0], STDIN_FILENO);
            dup2(pipe_ends[1], STDOUT_FILENO);
            dup2(pipe_ends[1], STDERR_FILENO);
            _exit(open_after_closing(closed));
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), GOOD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_streams_become_dev_null_and_open_ones_stay),
    };
    return cmocka_run_group_tests_name("streams", tests, NULL, NULL);
}

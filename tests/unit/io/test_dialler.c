/* The dialler, with functions that wait on real sockets. */
#include "taskbridge/io/dialler.h"

#include "unit/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LONG_US (20 * TB_US_PER_S)

struct fixture {
    struct tb_loop *loop;
    struct tb_dialler *dialler;
    struct tb_timer tick;
    int ticks;
};

static void on_tick(struct tb_timer *timer)
{
    struct fixture *fixture = timer->owner;
    fixture->ticks++;
    tb_loop_stop(fixture->loop);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_int_equal(tb_loop_new(&fixture->loop, NULL), 0);
    assert_int_equal(tb_dialler_new(fixture->loop, &fixture->dialler, NULL), 0);
    fixture->tick = (struct tb_timer){.on_expire = on_tick, .owner = fixture};
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    tb_dialler_free(fixture->dialler);
    tb_loop_disarm(fixture->loop, &fixture->tick);
    tb_loop_free(fixture->loop);
    free(fixture);
    return 0;
}

static void run(struct fixture *fixture)
{
    alarm(60);
    assert_int_equal(tb_loop_run(fixture->loop, NULL), 0);
    alarm(0);
}

struct work {
    int fd; /* read from until it ends */
    sem_t *dropped;
    struct fixture *fixture;
    int r;
};

static int read_to_the_end(void *argument, struct tb_dial *dial, struct tb_error *err)
{
    struct work *work = argument;
    char byte;
    tb_dial_watch(dial, work->fd);
    while (read(work->fd, &byte, 1) > 0) {
    }
    tb_dial_watch(dial, -1);
    return tb_dial_is_abandoned(dial) ? -ECANCELED : tb_error_set(err, 7, "read all");
}

static void take_work(void *owner, void *argument, int r, const struct tb_error *err)
{
    struct work *work = argument;
    work->r = r;
    assert_string_equal(err->text, "read all");
    tb_loop_stop(((struct fixture *)owner)->loop);
}

static void drop_work(void *argument)
{
    sem_post(((struct work *)argument)->dropped);
}

static void test_a_dial_runs_beside_the_loop_and_tells_its_result(void **state)
{
    struct fixture *fixture = *state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    struct work work = {.fd = ends[0], .fixture = fixture};
    const struct tb_dial_job job = {read_to_the_end, take_work, drop_work, &work, fixture};
    struct tb_dial *dial;
    assert_int_equal(tb_dial_start(fixture->dialler, &job, &dial, NULL), 0);
    tb_loop_arm(fixture->loop, &fixture->tick, 0);
    run(fixture);
    assert_int_equal(fixture->ticks, 1);
    assert_int_equal(work.r, 0);
    close(ends[1]);
    run(fixture);
    assert_int_equal(work.r, 7);
    close(ends[0]);
}

static void test_an_abandoned_dial_is_woken_and_its_work_dropped(void **state)
{
    struct fixture *fixture = *state;
    int ends[2];
    sem_t dropped;
    sem_init(&dropped, 0, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    struct work work = {.fd = ends[0], .fixture = fixture, .dropped = &dropped};
    const struct tb_dial_job job = {read_to_the_end, take_work, drop_work, &work, fixture};
    struct tb_dial *dial;
    assert_int_equal(tb_dial_start(fixture->dialler, &job, &dial, NULL), 0);
    tb_dial_abandon(dial);
    tb_dialler_free(fixture->dialler);
    fixture->dialler = NULL;
    alarm(60);
    assert_int_equal(sem_wait(&dropped), 0);
    alarm(0);
    close(ends[0]);
    close(ends[1]);
}

static int listen_here(int *ret_port)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(place);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&place, sizeof(place)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&place, &bytes), 0);
    *ret_port = ntohs(place.sin_port);
    return fd;
}

static void test_a_connection_is_made_refused_or_given_up(void **state)
{
    int port, fd, server = listen_here(&port);
    (void)state;
    assert_int_equal(tb_dial_connect(NULL, "127.0.0.1", port, tb_clock_monotonic_us() + LONG_US, &fd), 0);
    close(fd);
    close(server);
    assert_int_equal(tb_dial_connect(NULL, "127.0.0.1", port, tb_clock_monotonic_us() + LONG_US, &fd),
                     -ECONNREFUSED);
    assert_int_equal(tb_dial_connect(NULL, "no address", port, 0, &fd), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_dial_runs_beside_the_loop_and_tells_its_result, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_an_abandoned_dial_is_woken_and_its_work_dropped, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_connection_is_made_refused_or_given_up, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

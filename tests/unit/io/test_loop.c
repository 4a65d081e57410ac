/* The loop, with real descriptors, timers and signals. Each run ends by tb_loop_stop from a callback; one
 * that never ends is ended by an alarm. Orders are told by a trace of letters. */
#include "taskbridge/io/loop.h"

#include "unit/check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#define RUN_MAX_S 20

/* One watch and one timer with what they do when called. */
struct actor {
    struct tb_watch watch;
    struct tb_timer timer;
    struct fixture *fixture;
    char letter;
    int calls;
    uint32_t events; /* of the last call */
    /* Done in the callback, as far as set. */
    struct actor *removes, *arms, *disarms, *wakes, *frees;
    struct actor *changes;
    uint32_t changes_to;
    bool drains, stops;
};

struct fixture {
    struct tb_loop *loop;
    char trace[64];
    size_t len;
    int signals[8];
    size_t signal_count;
};

static void wake(const struct actor *actor)
{
    uint64_t one = 1;
    assert_int_equal(write(actor->watch.fd, &one, sizeof(one)), sizeof(one));
}

static void act(struct actor *actor)
{
    struct fixture *fixture = actor->fixture;
    uint64_t count;

    actor->calls++;
    if (fixture->len + 1 < sizeof(fixture->trace))
        fixture->trace[fixture->len++] = actor->letter;
    if (actor->drains)
        assert_int_equal(read(actor->watch.fd, &count, sizeof(count)), sizeof(count));
    if (actor->removes)
        tb_loop_remove(fixture->loop, &actor->removes->watch);
    if (actor->changes)
        tb_loop_change(fixture->loop, &actor->changes->watch, actor->changes_to);
    if (actor->arms)
        tb_loop_arm(fixture->loop, &actor->arms->timer, 0);
    if (actor->disarms)
        tb_loop_disarm(fixture->loop, &actor->disarms->timer);
    if (actor->wakes)
        wake(actor->wakes);
    if (actor->stops)
        tb_loop_stop(fixture->loop);
    if (actor->frees) {
        close(actor->frees->watch.fd);
        free(actor->frees); /* may be the actor itself */
    }
}

static void on_ready(struct tb_watch *watch, uint32_t events)
{
    struct actor *actor = watch->owner;
    actor->events = events;
    act(actor);
}

static void on_expire(struct tb_timer *timer)
{
    assert_false(timer->armed);
    assert_true(tb_clock_monotonic_us() >= timer->due_us);
    act(timer->owner);
}

static void actor_init(struct actor *actor, struct fixture *fixture, char letter)
{
    *actor = (struct actor){.fixture = fixture, .letter = letter};
    actor->watch = (struct tb_watch){.fd = eventfd(0, EFD_NONBLOCK), .on_ready = on_ready, .owner = actor};
    actor->timer = (struct tb_timer){.on_expire = on_expire, .owner = actor};
    assert_true(actor->watch.fd >= 0);
}

static void actor_deinit(struct actor *actor)
{
    tb_loop_remove(actor->fixture->loop, &actor->watch);
    tb_loop_disarm(actor->fixture->loop, &actor->timer);
    close(actor->watch.fd);
}

static void add(struct actor *actor, uint32_t events)
{
    assert_int_equal(tb_loop_add(actor->fixture->loop, &actor->watch, events), 0);
}

static void run(struct fixture *fixture)
{
    struct tb_error err = {0};
    alarm(RUN_MAX_S);
    int rc = tb_loop_run(fixture->loop, &err);
    alarm(0);
    assert_string_equal(err.text, "");
    assert_int_equal(rc, 0);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    *state = fixture;
    return !fixture || tb_loop_new(&fixture->loop, NULL) != 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    tb_loop_free(fixture->loop);
    free(fixture);
    return 0;
}

static void readable_descriptor_is_called_with_its_events(void **state)
{
    struct fixture *fixture = *state;
    struct actor a;
    actor_init(&a, fixture, 'a');
    a.stops = true;
    add(&a, EPOLLIN | EPOLLOUT);
    wake(&a);
    run(fixture);
    assert_int_equal(a.events, EPOLLIN | EPOLLOUT);
    assert_string_equal(fixture->trace, "a");
    actor_deinit(&a);
}

static void readiness_that_is_not_taken_comes_again(void **state)
{
    struct fixture *fixture = *state;
    struct actor a;
    actor_init(&a, fixture, 'a');
    a.stops = true;
    add(&a, EPOLLIN);
    wake(&a);
    run(fixture);
    run(fixture);
    assert_int_equal(a.calls, 2);
    actor_deinit(&a);
}

static void a_peer_that_hangs_up_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct actor a;
    int ends[2];
    actor_init(&a, fixture, 'a');
    assert_int_equal(pipe(ends), 0);
    close(a.watch.fd);
    a.watch.fd = ends[0];
    a.stops = true;
    add(&a, EPOLLIN);
    close(ends[1]);
    run(fixture);
    assert_int_equal(a.events, EPOLLHUP);
    actor_deinit(&a);
}

/* Runs for a millisecond. */
static void run_shortly(struct fixture *fixture)
{
    struct actor end;
    actor_init(&end, fixture, '.');
    end.stops = true;
    tb_loop_arm(fixture->loop, &end.timer, 1000);
    run(fixture);
    actor_deinit(&end);
}

static void a_watch_removed_in_the_same_wakeup_is_not_called(void **state)
{
    struct fixture *fixture = *state;
    struct actor a, b;
    actor_init(&a, fixture, 'a');
    actor_init(&b, fixture, 'b');
    /* Whichever comes first silences the other. */
    a.removes = &b;
    b.removes = &a;
    a.drains = b.drains = true;
    add(&a, EPOLLIN);
    add(&b, EPOLLIN);
    wake(&a);
    wake(&b);
    run_shortly(fixture);
    assert_int_equal(a.calls + b.calls, 1);
    assert_int_equal(a.watch.added, a.calls);
    assert_int_equal(b.watch.added, b.calls);
    actor_deinit(&a);
    actor_deinit(&b);
}

static void a_callback_may_free_its_own_watch(void **state)
{
    struct fixture *fixture = *state;
    struct actor *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));
    actor_init(a, fixture, 'a');
    actor_init(b, fixture, 'a');
    a->removes = a->frees = a;
    b->removes = b->frees = b;
    add(a, EPOLLIN);
    add(b, EPOLLIN);
    wake(a);
    wake(b);
    run_shortly(fixture);
    assert_string_equal(fixture->trace, "aa.");
}

static void a_callback_may_free_another_watch_of_the_wakeup(void **state)
{
    struct fixture *fixture = *state;
    struct actor *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));
    actor_init(a, fixture, 'a');
    actor_init(b, fixture, 'b');
    a->removes = a->frees = b;
    b->removes = b->frees = a;
    a->drains = b->drains = true;
    add(a, EPOLLIN);
    add(b, EPOLLIN);
    wake(a);
    wake(b);
    run_shortly(fixture);
    assert_string_equal(fixture->trace + 1, ".");
    struct actor *left = fixture->trace[0] == 'a' ? a : b;
    actor_deinit(left);
    free(left);
}

static void events_no_longer_asked_for_do_not_come_in_the_same_wakeup(void **state)
{
    struct fixture *fixture = *state;
    struct actor a, b;
    actor_init(&a, fixture, 'a');
    actor_init(&b, fixture, 'b');
    /* Both are writable: whichever comes first is called all the time, and leaves the other only reading. */
    a.changes = &b;
    b.changes = &a;
    a.changes_to = b.changes_to = EPOLLIN;
    add(&a, EPOLLOUT);
    add(&b, EPOLLOUT);
    run_shortly(fixture);
    struct actor *silent = a.calls ? &b : &a;
    assert_true(a.calls + b.calls > 0);
    assert_int_equal(silent->calls, 0);
    silent->drains = true;
    silent->changes = NULL;
    wake(silent);
    run_shortly(fixture);
    assert_int_equal(silent->calls, 1);
    assert_int_equal(silent->events, EPOLLIN);
    actor_deinit(&a);
    actor_deinit(&b);
}

static void add_tells_why_it_failed(void **state)
{
    struct fixture *fixture = *state;
    struct actor a, b;
    actor_init(&a, fixture, 'a');
    actor_init(&b, fixture, 'b');
    add(&a, EPOLLIN);
    int own = b.watch.fd;
    b.watch.fd = a.watch.fd;
    assert_int_equal(tb_loop_add(fixture->loop, &b.watch, EPOLLIN), -EEXIST);
    assert_false(b.watch.added);
    b.watch.fd = memfd_create("file", 0);
    assert_int_equal(tb_loop_add(fixture->loop, &b.watch, EPOLLIN), -EPERM);
    close(b.watch.fd);
    b.watch.fd = own;
    add(&b, EPOLLIN);
    tb_loop_remove(fixture->loop, &b.watch);
    tb_loop_remove(fixture->loop, &b.watch); /* fine when not added */
    actor_deinit(&a);
    actor_deinit(&b);
}

static void timers_expire_in_the_order_of_their_times(void **state)
{
    struct fixture *fixture = *state;
    struct actor a, b, c;
    actor_init(&a, fixture, 'a');
    actor_init(&b, fixture, 'b');
    actor_init(&c, fixture, 'c');
    tb_loop_arm(fixture->loop, &a.timer, 60000);
    tb_loop_arm(fixture->loop, &b.timer, 20000);
    tb_loop_arm(fixture->loop, &c.timer, 40000);
    a.stops = true;
    run(fixture);
    assert_string_equal(fixture->trace, "bca");
    assert_false(a.timer.armed);
    actor_deinit(&a);
    actor_deinit(&b);
    actor_deinit(&c);
}

static void rearming_moves_a_timer_and_disarming_silences_it(void **state)
{
    struct fixture *fixture = *state;
    struct actor a, b, c;
    actor_init(&a, fixture, 'a');
    actor_init(&b, fixture, 'b');
    actor_init(&c, fixture, 'c');
    tb_loop_arm(fixture->loop, &a.timer, 0);
    tb_loop_arm(fixture->loop, &b.timer, 1000);
    tb_loop_arm(fixture->loop, &c.timer, 500);
    tb_loop_arm(fixture->loop, &a.timer, 2000);
    tb_loop_disarm(fixture->loop, &c.timer);
    tb_loop_disarm(fixture->loop, &c.timer);
    a.stops = true;
    run(fixture);
    assert_string_equal(fixture->trace, "ba");
    actor_deinit(&a);
    actor_deinit(&b);
    actor_deinit(&c);
}

static void a_timer_disarmed_by_one_due_with_it_does_not_expire(void **state)
{
    struct fixture *fixture = *state;
    struct actor a, b, c;
    actor_init(&a, fixture, 'a');
    actor_init(&b, fixture, 'b');
    actor_init(&c, fixture, 'c');
    tb_loop_arm(fixture->loop, &a.timer, 0);
    tb_loop_arm(fixture->loop, &b.timer, 1);
    tb_loop_arm(fixture->loop, &c.timer, 2);
    a.disarms = &b;
    c.stops = true;
    run(fixture);
    assert_string_equal(fixture->trace, "ac");
    actor_deinit(&a);
    actor_deinit(&b);
    actor_deinit(&c);
}

static void a_timer_armed_with_zero_in_a_callback_waits_for_the_next_turn(void **state)
{
    struct fixture *fixture = *state;
    struct actor a, b, fd;
    actor_init(&a, fixture, 'a');
    actor_init(&b, fixture, 'b');
    actor_init(&fd, fixture, 'f');
    add(&fd, EPOLLIN);
    fd.drains = true;
    a.arms = &b;
    a.wakes = &fd;
    b.stops = true;
    tb_loop_arm(fixture->loop, &a.timer, 0);
    run(fixture);
    assert_string_equal(fixture->trace, "afb");
    actor_deinit(&a);
    actor_deinit(&b);
    actor_deinit(&fd);
}

static void a_timer_that_always_rearms_does_not_starve_descriptors(void **state)
{
    struct fixture *fixture = *state;
    struct actor a, fd;
    actor_init(&a, fixture, 'a');
    actor_init(&fd, fixture, 'f');
    add(&fd, EPOLLIN);
    wake(&fd);
    a.arms = &a;
    fd.stops = true;
    tb_loop_arm(fixture->loop, &a.timer, 0);
    run(fixture);
    assert_int_equal(fd.calls, 1);
    actor_deinit(&a);
    actor_deinit(&fd);
}

static void a_ready_descriptor_does_not_starve_timers(void **state)
{
    struct fixture *fixture = *state;
    struct actor a, fd;
    actor_init(&a, fixture, 'a');
    actor_init(&fd, fixture, 'f');
    add(&fd, EPOLLOUT); /* always writable */
    a.stops = true;
    tb_loop_arm(fixture->loop, &a.timer, 1000);
    run(fixture);
    assert_true(fd.calls >= 1);
    actor_deinit(&a);
    actor_deinit(&fd);
}

static void a_delay_without_end_is_harmless(void **state)
{
    struct fixture *fixture = *state;
    struct actor a, b;
    actor_init(&a, fixture, 'a');
    actor_init(&b, fixture, 'b');
    tb_loop_arm(fixture->loop, &a.timer, INT64_MAX);
    tb_loop_arm(fixture->loop, &b.timer, -5);
    b.stops = true;
    run(fixture);
    assert_string_equal(fixture->trace, "b");
    assert_true(a.timer.armed);
    actor_deinit(&a);
    actor_deinit(&b);
}

#define MANY 600
static int64_t last_due_us;
static int expired;

static void on_one_of_many(struct tb_timer *timer)
{
    assert_true(timer->due_us >= last_due_us);
    last_due_us = timer->due_us;
    assert_null(timer->owner); /* set where the timer was disarmed */
    expired++;
}

static void many_timers_armed_moved_and_disarmed_keep_their_order(void **state)
{
    struct fixture *fixture = *state;
    static struct tb_timer timers[MANY];
    struct actor end;
    unsigned seed = 12345;
    int disarmed = 0;

    for (int i = 0; i < MANY; i++) {
        timers[i] = (struct tb_timer){.on_expire = on_one_of_many};
        seed = seed * 1103515245 + 12345;
        tb_loop_arm(fixture->loop, &timers[i], seed >> 16 & 0xFFF);
    }
    for (int i = 0; i < MANY; i++) {
        seed = seed * 1103515245 + 12345;
        unsigned choice = seed >> 16 & 3;
        if (choice == 0) {
            tb_loop_disarm(fixture->loop, &timers[i]);
            timers[i].owner = timers;
            disarmed++;
        } else if (choice == 1) {
            tb_loop_arm(fixture->loop, &timers[i], seed >> 20 & 0xFFF);
        }
    }
    last_due_us = expired = 0;
    actor_init(&end, fixture, 'e');
    end.stops = true;
    tb_loop_arm(fixture->loop, &end.timer, 20000);
    run(fixture);
    assert_int_equal(expired, MANY - disarmed);
    assert_uint_in_range(disarmed, 1, MANY - 1);
    actor_deinit(&end);
}

static void stop_before_a_run_ends_it_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct actor a;
    actor_init(&a, fixture, 'a');
    add(&a, EPOLLOUT);
    tb_loop_stop(fixture->loop);
    run(fixture);
    assert_int_equal(a.calls, 0);
    a.stops = true;
    run(fixture);
    assert_int_equal(a.calls, 1);
    actor_deinit(&a);
}

static void stop_ends_the_run_before_the_rest_of_the_wakeup_which_is_not_lost(void **state)
{
    struct fixture *fixture = *state;
    struct actor a, b, due;
    actor_init(&a, fixture, 'f');
    actor_init(&b, fixture, 'f');
    actor_init(&due, fixture, 't');
    a.stops = b.stops = true;
    a.drains = b.drains = true;
    add(&a, EPOLLIN);
    add(&b, EPOLLIN);
    wake(&a);
    wake(&b);
    tb_loop_arm(fixture->loop, &due.timer, 0);
    run(fixture);
    assert_string_equal(fixture->trace, "f");
    run(fixture);
    assert_string_equal(fixture->trace, "ff");
    run_shortly(fixture);
    assert_string_equal(fixture->trace, "fft.");
    actor_deinit(&a);
    actor_deinit(&b);
    actor_deinit(&due);
}

static void on_signal(void *owner, int signal)
{
    struct fixture *fixture = owner;
    fixture->signals[fixture->signal_count++] = signal;
    if (signal == SIGUSR2)
        tb_loop_stop(fixture->loop);
}

static void signals_come_as_callbacks(void **state)
{
    struct fixture *fixture = *state;
    static const int signals[] = {SIGUSR1, SIGUSR2, 0};
    assert_int_equal(tb_loop_catch_signals(fixture->loop, signals, on_signal, fixture, NULL), 0);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR2);
    assert_int_equal(fixture->signal_count, 0);
    run(fixture);
    assert_int_equal(fixture->signal_count, 2);
    assert_int_equal(fixture->signals[0], SIGUSR1);
    assert_int_equal(fixture->signals[1], SIGUSR2);
}

static volatile sig_atomic_t interruptions;

static void on_interruption(int signal)
{
    (void)signal;
    interruptions = interruptions + 1;
}

static void a_signal_with_a_handler_of_its_own_does_not_end_the_run(void **state)
{
    struct fixture *fixture = *state;
    struct sigaction action = {.sa_handler = on_interruption}, before;
    struct itimerval period = {{0, 1000}, {0, 1000}}, none = {{0, 0}, {0, 0}};
    struct actor a;
    actor_init(&a, fixture, 'a');
    a.stops = true;
    tb_loop_arm(fixture->loop, &a.timer, 20000);
    interruptions = 0;
    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &period, NULL);
    assert_int_equal(tb_loop_run(fixture->loop, NULL), 0);
    setitimer(ITIMER_REAL, &none, NULL);
    sigaction(SIGALRM, &before, NULL);
    assert_true(interruptions > 0);
    assert_string_equal(fixture->trace, "a");
    actor_deinit(&a);
}

static void failure_names_the_step(void **state)
{
    struct fixture *fixture = *state;
    struct tb_error err = {0};
    struct actor a;
    actor_init(&a, fixture, 'a');
    int next = dup(a.watch.fd);
    close(next);
    struct tb_loop *loop;
    assert_int_equal(tb_loop_new(&loop, &err), 0);
    close(next); /* the loop's epoll descriptor took the lowest free number */
    assert_int_equal(tb_loop_run(loop, &err), -EBADF);
    assert_string_equal(err.text, "waiting for events: Bad file descriptor");
    assert_int_equal(dup2(a.watch.fd, next), next); /* so that the free below closes what is ours */
    tb_loop_free(loop);
    tb_loop_free(NULL);
    actor_deinit(&a);
}

#define loop_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void test_a_foreign_descriptor_may_be_closed_while_it_is_watched(void **state)
{
    struct tb_loop *loop = NULL;
    struct tb_watch watch = {.fd = -1};
    int ends[2];

    (void)state;
    assert_int_equal(tb_loop_new(&loop, NULL), 0);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(tb_loop_add_foreign(loop, &watch, ends[0], EPOLLIN), 0);
    int own = watch.fd;
    assert_int_not_equal(own, ends[0]);
    close(ends[0]);
    tb_loop_change(loop, &watch, 0);
    tb_loop_remove(loop, &watch);
    assert_int_equal(watch.fd, -1);
    assert_int_equal(fcntl(own, F_GETFD), -1);
    tb_loop_remove(loop, &watch);
    close(ends[1]);
    tb_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_foreign_descriptor_may_be_closed_while_it_is_watched),
        loop_test(readable_descriptor_is_called_with_its_events),
        loop_test(readiness_that_is_not_taken_comes_again),
        loop_test(a_peer_that_hangs_up_is_told),
        loop_test(a_watch_removed_in_the_same_wakeup_is_not_called),
        loop_test(a_callback_may_free_its_own_watch),
        loop_test(a_callback_may_free_another_watch_of_the_wakeup),
        loop_test(events_no_longer_asked_for_do_not_come_in_the_same_wakeup),
        loop_test(add_tells_why_it_failed),
        loop_test(timers_expire_in_the_order_of_their_times),
        loop_test(rearming_moves_a_timer_and_disarming_silences_it),
        loop_test(a_timer_disarmed_by_one_due_with_it_does_not_expire),
        loop_test(a_timer_armed_with_zero_in_a_callback_waits_for_the_next_turn),
        loop_test(a_timer_that_always_rearms_does_not_starve_descriptors),
        loop_test(a_ready_descriptor_does_not_starve_timers),
        loop_test(a_delay_without_end_is_harmless),
        loop_test(many_timers_armed_moved_and_disarmed_keep_their_order),
        loop_test(stop_before_a_run_ends_it_at_once),
        loop_test(stop_ends_the_run_before_the_rest_of_the_wakeup_which_is_not_lost),
        loop_test(signals_come_as_callbacks),
        loop_test(a_signal_with_a_handler_of_its_own_does_not_end_the_run),
        loop_test(failure_names_the_step),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}

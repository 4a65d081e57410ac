/* What is known of a worker does not depend on the order of its events: random events with few different
 * stamps, told forwards, backwards and twice. TASKBRIDGE_SEED repeats a run. By hand what wins is in
 * test_batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "taskbridge/base/random.h"
#include "worker.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 20000
#define EVENTS 6

struct arrival {
    struct tb_event event;
    int64_t received_at;
};

static uint64_t seed;

static uint64_t below(uint64_t *state, uint64_t bound)
{
    return tb_random_next(state) % bound;
}

static struct tb_str any_text(uint64_t *state)
{
    static const char *const texts[] = {NULL, "5.5", "5.6"};
    return tb_str_of(texts[below(state, TB_COUNT(texts))]);
}

static struct arrival any_arrival(uint64_t *state)
{
    const double numbers[] = {NAN, 1, 2};
    struct arrival arrival = {
        .event =
            {
                .type = TB_EVENT_WORKER_ONLINE + (enum tb_event_type)below(state, 3),
                .stamp = TB_STAMP_MIN + (int64_t)below(state, 2),
                .hostname = TB_STR("w@h"),
                .pid = (int64_t)below(state, 2),
                .freq_s = numbers[below(state, 3)],
                .has_counts = below(state, 2),
                .active = (int64_t)below(state, 2),
                .processed = (int64_t)below(state, 2),
                .sw_ident = any_text(state),
                .sw_ver = any_text(state),
                .sw_sys = any_text(state),
            },
        .received_at = TB_STAMP_MIN + (int64_t)below(state, 2),
    };
    for (size_t i = 0; i < TB_COUNT(arrival.event.loadavg); i++)
        arrival.event.loadavg[i] = numbers[below(state, 3)];
    return arrival;
}

static bool same_number(double a, double b)
{
    return isnan(a) ? isnan(b) : a == b;
}

static bool same_counts(const struct tb_worker *a, const struct tb_worker *b)
{
    for (size_t i = 0; i < TB_COUNT(a->loadavg); i++)
        if (!same_number(a->loadavg[i], b->loadavg[i]))
            return false;
    return a->counted_at == b->counted_at && a->active == b->active && a->processed == b->processed;
}

static bool same_worker(const struct tb_worker *a, const struct tb_worker *b)
{
    return a->online_at == b->online_at && a->heartbeat_at == b->heartbeat_at &&
           a->offline_at == b->offline_at && a->seen_at == b->seen_at && a->skew_us == b->skew_us &&
           a->pid == b->pid && same_number(a->freq_s, b->freq_s) && tb_str_equal(a->sw_ident, b->sw_ident) &&
           tb_str_equal(a->sw_ver, b->sw_ver) && tb_str_equal(a->sw_sys, b->sw_sys) && same_counts(a, b);
}

static void tell(struct tb_worker *worker, const struct arrival *arrival)
{
    tb_worker_join_event(worker, &arrival->event, arrival->received_at);
}

static void the_order_of_a_workers_events_does_not_matter(void **unused)
{
    (void)unused;
    uint64_t state = seed;

    for (int round = 0; round < ROUNDS; round++) {
        struct arrival arrivals[EVENTS];
        struct tb_worker forwards, backwards, twice;
        tb_worker_init(&forwards, TB_STR("w@h"));
        tb_worker_init(&backwards, TB_STR("w@h"));
        tb_worker_init(&twice, TB_STR("w@h"));
        for (size_t i = 0; i < EVENTS; i++) {
            arrivals[i] = any_arrival(&state);
            tell(&forwards, &arrivals[i]);
        }
        for (size_t i = EVENTS; i-- > 0;)
            tell(&backwards, &arrivals[i]);
        for (size_t i = 0; i < 2 * EVENTS; i++)
            tell(&twice, &arrivals[i * 5 % EVENTS]);
        if (!same_worker(&forwards, &backwards) || !same_worker(&forwards, &twice))
            fail_msg("round %d of seed %" PRIu64, round, seed);
    }
}

static void nor_does_the_order_of_an_incarnations_beats(void **unused)
{
    (void)unused;
    uint64_t state = seed;

    for (int round = 0; round < ROUNDS; round++) {
        struct tb_event events[EVENTS];
        struct tb_beat forwards, backwards;
        for (size_t i = 0; i < EVENTS; i++)
            events[i] = any_arrival(&state).event;
        tb_beat_init(&forwards, &events[0]);
        tb_beat_init(&backwards, &events[EVENTS - 1]);
        for (size_t i = 0; i < EVENTS; i++) {
            tb_beat_join_event(&forwards, &events[i]);
            tb_beat_join_event(&backwards, &events[EVENTS - 1 - i]);
        }
        if (forwards.first_at != backwards.first_at || forwards.last_at != backwards.last_at ||
            forwards.first_processed != backwards.first_processed ||
            forwards.last_processed != backwards.last_processed)
            fail_msg("round %d of seed %" PRIu64, round, seed);
    }
}

static void of_two_copies_the_one_that_came_sooner_tells_the_skew(void **unused)
{
    (void)unused;
    const struct tb_event beat = {.type = TB_EVENT_WORKER_HEARTBEAT, .stamp = TB_STAMP_MIN, .pid = 7};
    struct tb_worker worker;

    tb_worker_init(&worker, TB_STR("w@h"));
    tb_worker_join_event(&worker, &beat, TB_STAMP_MIN + 9);
    tb_worker_join_event(&worker, &beat, TB_STAMP_MIN + 4);
    tb_worker_join_event(&worker, &beat, TB_STAMP_MIN + 6);
    assert_int_equal(worker.skew_us, 4);
}

static void of_equal_stamps_the_greater_pid_describes_the_worker(void **unused)
{
    (void)unused;
    struct tb_event old = {.type = TB_EVENT_WORKER_OFFLINE, .stamp = TB_STAMP_MIN, .pid = 7, .freq_s = 9};
    struct tb_event new = {.type = TB_EVENT_WORKER_ONLINE, .stamp = TB_STAMP_MIN, .pid = 8, .freq_s = 2};
    struct tb_worker worker;

    tb_worker_init(&worker, TB_STR("w@h"));
    tb_worker_join_event(&worker, &new, TB_STAMP_MIN);
    tb_worker_join_event(&worker, &old, TB_STAMP_MIN);
    assert_int_equal(worker.pid, 8);
    assert_true(worker.freq_s == 2);
}

int main(void)
{
    const char *given = getenv("TASKBRIDGE_SEED");
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)tb_clock_now_us();
    printf("seed %" PRIu64 "\n", seed);

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_of_a_workers_events_does_not_matter),
        cmocka_unit_test(nor_does_the_order_of_an_incarnations_beats),
        cmocka_unit_test(of_two_copies_the_one_that_came_sooner_tells_the_skew),
        cmocka_unit_test(of_equal_stamps_the_greater_pid_describes_the_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

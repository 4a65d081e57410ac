/* Looking names up, with a getaddrinfo of the test's own at link time: it can be held for as long as a test
 * wants, which no DNS can be relied on for. */
#include "taskbridge/io/resolver.h"

#include "unit/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONG_US (20 * TB_US_PER_S)

/* ---- the system's look-up ---- */

static struct {
    sem_t release; /* each asker of a name that begins with "slow" takes one */
    atomic_int asked;
} system_;

struct known {
    const char *host;
    const char *addresses[4];
};

static const struct known known[] = {
    {"two", {"192.0.2.1", "2001:db8::1"}},
    {"slow-one", {"192.0.2.9"}},
    {"slow-other", {"192.0.2.8"}},
    {"twice", {"192.0.2.1", "192.0.2.1", "192.0.2.2"}},
};

static struct addrinfo *new_info(const char *address)
{
    struct addrinfo *info = calloc(1, sizeof(*info) + sizeof(struct sockaddr_in6));
    struct sockaddr_in *four = (struct sockaddr_in *)(info + 1);
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)(info + 1);
    info->ai_addr = (struct sockaddr *)(info + 1);
    if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
        info->ai_family = four->sin_family = AF_INET;
        info->ai_addrlen = sizeof(*four);
    } else {
        inet_pton(AF_INET6, address, &six->sin6_addr);
        info->ai_family = six->sin6_family = AF_INET6;
        info->ai_addrlen = sizeof(*six);
    }
    return info;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
    struct addrinfo **at = ret;
    (void)service, (void)hints;
    system_.asked++;
    if (strncmp(host, "slow", 4) == 0)
        while (sem_wait(&system_.release) != 0) {
        }
    *ret = NULL;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        for (size_t j = 0; strcmp(known[i].host, host) == 0 && known[i].addresses[j]; j++) {
            *at = new_info(known[i].addresses[j]);
            at = &(*at)->ai_next;
        }
    return *ret ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *list)
{
    while (list) {
        struct addrinfo *next = list->ai_next;
        free(list);
        list = next;
    }
}

/* ---- the fixture ---- */

struct asker {
    struct tb_lookup lookup;
    struct fixture *fixture;
    int calls, r;
    struct tb_addresses addresses;
    char text[TB_ERROR_TEXT_BYTES];
    struct asker *cancels;
};

struct fixture {
    struct tb_loop *loop;
    struct tb_dialler *dialler;
    struct tb_resolver *resolver;
    int due; /* callbacks after which the loop stops */
    struct tb_timer end;
    struct asker askers[3];
};

static void count(struct fixture *fixture)
{
    if (--fixture->due == 0)
        tb_loop_stop(fixture->loop);
}

static void on_done(struct tb_lookup *lookup, int r, const struct tb_addresses *addresses,
                    const struct tb_error *err)
{
    struct asker *asker = lookup->owner;
    asker->calls++;
    asker->r = r;
    if (addresses)
        asker->addresses = *addresses;
    snprintf(asker->text, sizeof(asker->text), "%s", r < 0 ? err->text : "");
    if (asker->cancels)
        tb_lookup_cancel(&asker->cancels->lookup);
    count(asker->fixture);
}

static void on_end(struct tb_timer *timer)
{
    count(timer->owner);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    sem_init(&system_.release, 0, 0);
    system_.asked = 0;
    assert_int_equal(tb_loop_new(&fixture->loop, NULL), 0);
    assert_int_equal(tb_dialler_new(fixture->loop, &fixture->dialler, NULL), 0);
    assert_int_equal(tb_resolver_new(fixture->loop, fixture->dialler, &fixture->resolver, NULL), 0);
    fixture->end = (struct tb_timer){.on_expire = on_end, .owner = fixture};
    for (size_t i = 0; i < 3; i++) {
        fixture->askers[i].fixture = fixture;
        fixture->askers[i].lookup.on_done = on_done;
        fixture->askers[i].lookup.owner = &fixture->askers[i];
    }
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    tb_resolver_free(fixture->resolver);
    tb_dialler_free(fixture->dialler);
    tb_loop_disarm(fixture->loop, &fixture->end);
    tb_loop_free(fixture->loop);
    free(fixture);
    return 0;
}

static void release(int count_)
{
    for (int i = 0; i < count_; i++)
        sem_post(&system_.release);
}

static void run(struct fixture *fixture, int callbacks)
{
    fixture->due = callbacks;
    alarm(60);
    assert_int_equal(tb_loop_run(fixture->loop, NULL), 0);
    alarm(0);
}

static void start(struct fixture *fixture, size_t asker, const char *host, int64_t timeout_us)
{
    tb_lookup_start(fixture->resolver, &fixture->askers[asker].lookup, host, timeout_us);
}

/* ---- the tests ---- */

static void test_an_address_in_figures_is_answered_without_asking(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, 0, "127.0.0.1", LONG_US);
    start(fixture, 1, "::1", LONG_US);
    assert_int_equal(fixture->askers[0].calls, 0);
    run(fixture, 2);
    assert_int_equal(fixture->askers[0].r, 0);
    assert_string_equal(fixture->askers[0].addresses.list[0], "127.0.0.1");
    assert_string_equal(fixture->askers[1].addresses.list[0], "::1");
    assert_int_equal(system_.asked, 0);
}

static void test_all_addresses_come_in_order_each_once(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, 0, "two", LONG_US);
    start(fixture, 1, "twice", LONG_US);
    run(fixture, 2);
    assert_int_equal(fixture->askers[0].addresses.count, 2);
    assert_string_equal(fixture->askers[0].addresses.list[0], "192.0.2.1");
    assert_string_equal(fixture->askers[0].addresses.list[1], "2001:db8::1");
    assert_int_equal(fixture->askers[1].addresses.count, 2);
    assert_string_equal(fixture->askers[1].addresses.list[1], "192.0.2.2");
}

static void test_a_name_without_an_address_is_said_in_words(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, 0, "nowhere", LONG_US);
    run(fixture, 1);
    assert_int_equal(fixture->askers[0].r, -EHOSTUNREACH);
    assert_non_null(strstr(fixture->askers[0].text, "the name nowhere has no address"));
}

static void test_a_hanging_lookup_ends_at_its_time_and_disturbs_no_other(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, 0, "slow-one", 50 * TB_US_PER_MS);
    start(fixture, 1, "two", LONG_US);
    run(fixture, 2);
    assert_int_equal(fixture->askers[0].r, -ETIMEDOUT);
    assert_non_null(strstr(fixture->askers[0].text, "within 50 ms what address the name slow-one has"));
    assert_int_equal(fixture->askers[1].r, 0);
    release(1);
}

static void test_who_asks_for_the_same_name_shares_the_question(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, 0, "slow-one", 50 * TB_US_PER_MS);
    run(fixture, 1);
    start(fixture, 0, "slow-one", LONG_US);
    start(fixture, 1, "slow-one", LONG_US);
    release(1);
    run(fixture, 2);
    assert_int_equal(fixture->askers[0].r, 0);
    assert_string_equal(fixture->askers[1].addresses.list[0], "192.0.2.9");
    assert_int_equal(system_.asked, 1);
}

static void test_a_late_answer_is_kept_for_the_next(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, 0, "slow-one", 20 * TB_US_PER_MS);
    run(fixture, 1);
    release(1);
    tb_loop_arm(fixture->loop, &fixture->end, 200 * TB_US_PER_MS);
    run(fixture, 1);
    start(fixture, 0, "slow-one", LONG_US);
    run(fixture, 1);
    assert_int_equal(fixture->askers[0].r, 0);
    assert_int_equal(system_.asked, 1);
    /* Once used, it is old. */
    start(fixture, 0, "slow-one", LONG_US);
    release(1);
    run(fixture, 1);
    assert_int_equal(system_.asked, 2);
}

static void test_who_cancels_hears_nothing(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, 0, "slow-one", LONG_US);
    start(fixture, 1, "slow-one", LONG_US);
    tb_lookup_cancel(&fixture->askers[0].lookup);
    tb_lookup_cancel(&fixture->askers[0].lookup);
    release(1);
    run(fixture, 1);
    assert_int_equal(fixture->askers[0].calls, 0);
    assert_int_equal(fixture->askers[1].calls, 1);
}

static void test_an_asker_may_cancel_another_from_its_callback(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, 0, "slow-one", LONG_US);
    start(fixture, 1, "slow-one", LONG_US);
    fixture->askers[0].cancels = &fixture->askers[1];
    fixture->askers[1].cancels = &fixture->askers[0];
    release(1);
    run(fixture, 1);
    assert_int_equal(fixture->askers[0].calls + fixture->askers[1].calls, 1);
}

static void test_the_program_ends_while_a_lookup_hangs(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, 0, "slow-one", LONG_US);
    tb_resolver_free(fixture->resolver);
    tb_dialler_free(fixture->dialler);
    fixture->resolver = NULL;
    fixture->dialler = NULL;
    release(1);
    assert_int_equal(fixture->askers[0].calls, 0);
}

static void test_hanging_names_have_a_ceiling(void **state)
{
    struct fixture *fixture = *state;
    char host[32];
    for (int i = 0; i <= 32; i++) {
        snprintf(host, sizeof(host), "slow-%d", i);
        start(fixture, 0, host, i < 32 ? 0 : LONG_US);
        run(fixture, 1);
    }
    assert_int_equal(fixture->askers[0].r, -EAGAIN);
    release(32);
}

static void test_a_command_waits_for_a_name_no_longer_than_it_may(void **state)
{
    struct tb_addresses addresses;
    struct tb_error err = {0};
    (void)state;
    assert_int_equal(tb_lookup_wait("two", LONG_US, &addresses, &err), 0);
    assert_int_equal(addresses.count, 2);
    assert_int_equal(tb_lookup_wait("slow-one", 20 * TB_US_PER_MS, &addresses, &err), -ETIMEDOUT);
    release(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_address_in_figures_is_answered_without_asking, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_all_addresses_come_in_order_each_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_name_without_an_address_is_said_in_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_hanging_lookup_ends_at_its_time_and_disturbs_no_other, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_who_asks_for_the_same_name_shares_the_question, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_late_answer_is_kept_for_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_who_cancels_hears_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_asker_may_cancel_another_from_its_callback, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_program_ends_while_a_lookup_hangs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hanging_names_have_a_ceiling, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_command_waits_for_a_name_no_longer_than_it_may, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Asks Celery's workers rounds of the same questions, one after the other and a line of stdin before each but
 * the first, and prints what comes, one line an event. It ends with stdin.
 *
 * ask_driver URL query_task|active TIMEOUT_MS WORKER[ ID...] [-- WORKER[ ID...]]...
 *   answer QUESTION ID=STATE...
 *   unreadable QUESTION TEXT
 *   done OUTCOME TEXT */
#include "taskbridge/amqp/pidbox.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define QUESTIONS_MAX 16
#define IDS_MAX       256

struct driver {
    struct tb_loop *loop;
    struct tb_pidbox *pidbox;
    const struct tb_pidbox_round *round;
    struct tb_watch input;
    bool is_asking;
    struct tb_pidbox_question questions[QUESTIONS_MAX];
    size_t question_count;
    struct tb_str ids[IDS_MAX];
    size_t id_count;
};

static void ask(struct driver *driver)
{
    driver->is_asking = true;
    tb_pidbox_ask(driver->pidbox, driver->round);
}

static void on_answer(void *owner, size_t question, const struct tb_pidbox_task *tasks, size_t task_count)
{
    (void)owner;
    printf("answer %zu", question);
    for (size_t i = 0; i < task_count; i++)
        printf(" %.*s=%.*s", TB_STR_FMT(tasks[i].id), TB_STR_FMT(tasks[i].state));
    printf("\n");
}

static void on_unreadable(void *owner, size_t question, const struct tb_error *err)
{
    (void)owner;
    printf("unreadable %zu %s\n", question, err->text);
}

static void on_done(void *owner, int outcome, const struct tb_error *err)
{
    struct driver *driver = owner;
    printf("done %d %s\n", outcome, err->text);
    fflush(stdout);
    driver->is_asking = false;
}

/* The next round, or the end. */
static void on_line(struct tb_watch *watch, uint32_t events)
{
    struct driver *driver = watch->owner;
    char byte;
    (void)events;
    if (read(watch->fd, &byte, 1) <= 0)
        tb_loop_stop(driver->loop);
    else if (byte == '\n' && !driver->is_asking)
        ask(driver);
}

/* WORKER ID... up to the next "--" or the end; returns where that is. */
static int read_question(struct driver *driver, int count, char **words)
{
    struct tb_pidbox_question *question = &driver->questions[driver->question_count++];
    question->worker = tb_str_of(words[0]);
    question->ids = &driver->ids[driver->id_count];
    int at = 1;
    for (; at < count && strcmp(words[at], "--") != 0; at++) {
        driver->ids[driver->id_count++] = tb_str_of(words[at]);
        question->id_count++;
    }
    return at;
}

static int run(struct driver *driver, const char *url, const struct tb_pidbox_round *round,
               struct tb_error *err)
{
    const struct tb_pidbox_events events = {on_answer, on_unreadable, on_done, driver};
    struct tb_amqp_options options;
    tb_amqp_options_init(&options);
    options.url = url;
    options.instance = "ask_driver";
    struct tb_broker broker = {.loop = driver->loop, .options = &options};
    int rc = tb_dialler_new(driver->loop, &broker.dialler, err);
    if (rc == 0)
        rc = tb_resolver_new(driver->loop, broker.dialler, &broker.resolver, err);
    if (rc == 0)
        rc = tb_pidbox_new(&broker, &events, &driver->pidbox, err);
    if (rc == 0) {
        driver->round = round;
        driver->input = (struct tb_watch){.fd = STDIN_FILENO, .on_ready = on_line, .owner = driver};
        ask(driver);
        rc = tb_loop_add(driver->loop, &driver->input, EPOLLIN);
    }
    if (rc == 0)
        rc = tb_loop_run(driver->loop, err);
    tb_pidbox_free(driver->pidbox);
    tb_resolver_free(broker.resolver);
    tb_dialler_free(broker.dialler);
    return rc;
}

int main(int argc, char **argv)
{
    struct driver driver = {0};
    struct tb_error err = {0};
    int64_t timeout_ms;
    if (argc < 5 || argc > IDS_MAX || !tb_str_parse_int64(tb_str_of(argv[3]), &timeout_ms))
        return 2;
    for (int at = 4; at < argc && driver.question_count < QUESTIONS_MAX; at++)
        at += read_question(&driver, argc - at, argv + at);

    const struct tb_pidbox_round round = {
        .method = strcmp(argv[2], "active") == 0 ? TB_PIDBOX_ACTIVE : TB_PIDBOX_QUERY_TASK,
        .questions = driver.questions,
        .question_count = driver.question_count,
        .timeout_us = timeout_ms * TB_US_PER_MS,
    };
    int rc = tb_loop_new(&driver.loop, &err);
    if (rc == 0)
        rc = run(&driver, argv[1], &round, &err);
    if (rc < 0)
        fprintf(stderr, "%s\n", err.text);
    tb_loop_free(driver.loop);
    return rc < 0 ? 1 : 0;
}

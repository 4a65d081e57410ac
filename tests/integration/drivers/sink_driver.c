/* Drives the real sink line by line, for tests that need to say what is in which batch.
 *
 * sink_driver URL INSTANCE, commands on stdin, answers on stdout. A batch is 0 or 1; both may be under way.
 *   add BATCH redelivered|new TAG BODY      decodes a delivery into the batch: "added"
 *   submit BATCH                            seals and submits it: "submitted"
 *   again BATCH                             submits it once more, as it is: "submitted"
 *   wait BATCH                              until it has ended: "written OUTCOME TEXT"
 *   reset BATCH                             empties it: "reset" */
#include "taskbridge/core/batch.h"
#include "taskbridge/store/sink.h"

#include <errno.h>
#include <unistd.h>

#define PATIENCE_US (60 * TB_US_PER_S)

struct driver {
    struct tb_loop *loop;
    struct tb_store_sink *store_sink;
    struct tb_sink *sink;
    struct tb_batch batches[2];
    bool under_way[2], sealed[2];
    int outcomes[2];
    struct tb_error errors[2];
    struct tb_timer patience;
};

static size_t index_of(const struct driver *driver, const struct tb_batch *batch)
{
    return (size_t)(batch - driver->batches);
}

static void on_ready(void *owner)
{
    struct driver *driver = owner;

    tb_loop_stop(driver->loop);
}

static void on_written(void *owner, struct tb_batch *batch, int outcome, const struct tb_error *err)
{
    struct driver *driver = owner;
    size_t index = index_of(driver, batch);

    driver->under_way[index] = false;
    driver->outcomes[index] = outcome;
    driver->errors[index] = err ? *err : (struct tb_error){0};
    tb_loop_stop(driver->loop);
}

static void on_patience_over(struct tb_timer *timer)
{
    (void)timer;
    fputs("the sink did not answer\n", stderr);
    _exit(3);
}

static void run_loop(struct driver *driver)
{
    struct tb_error err = {0};

    tb_loop_arm(driver->loop, &driver->patience, PATIENCE_US);
    if (tb_loop_run(driver->loop, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        _exit(3);
    }
    tb_loop_disarm(driver->loop, &driver->patience);
}

static void add(struct driver *driver, size_t index, const char *how, uint64_t tag, const char *body)
{
    const struct tb_delivery delivery = {.body = tb_str_of(body),
                                         .routing_key = TB_STR("task.multi"),
                                         .content_type = TB_STR("application/json"),
                                         .content_encoding = TB_STR("utf-8"),
                                         .headers = TB_STR("{\"hostname\": \"w\"}"),
                                         .received_at = tb_clock_now_us(),
                                         .tag = tag,
                                         .redelivered = strcmp(how, "redelivered") == 0};

    puts(tb_batch_add(&driver->batches[index], &delivery, NULL) == 0 ? "added" : "full");
}

static void submit(struct driver *driver, size_t index)
{
    if (!driver->sealed[index])
        tb_batch_seal(&driver->batches[index]);
    driver->sealed[index] = true;
    while (!driver->sink->is_ready(driver->sink))
        run_loop(driver);
    driver->under_way[index] = true;
    driver->sink->submit(driver->sink, &driver->batches[index]);
    puts("submitted");
}

static void await(struct driver *driver, size_t index)
{
    while (driver->under_way[index])
        run_loop(driver);
    printf("written %d %s\n", driver->outcomes[index], driver->errors[index].text);
}

static void reset(struct driver *driver, size_t index)
{
    tb_batch_reset(&driver->batches[index]);
    driver->sealed[index] = false;
    puts("reset");
}

/* line is changed. */
static bool obey(struct driver *driver, char *line)
{
    char *rest = line;
    const char *verb = strsep(&rest, " "), *batch = strsep(&rest, " ");
    size_t index = batch && *batch == '1';

    if (strcmp(verb, "add") == 0) {
        const char *how = strsep(&rest, " "), *tag = strsep(&rest, " ");
        if (!how || !tag || !rest)
            return false;
        add(driver, index, how, strtoull(tag, NULL, 10), rest);
    } else if (strcmp(verb, "submit") == 0 || strcmp(verb, "again") == 0) {
        submit(driver, index);
    } else if (strcmp(verb, "wait") == 0) {
        await(driver, index);
    } else if (strcmp(verb, "reset") == 0) {
        reset(driver, index);
    } else {
        return false;
    }
    return fflush(stdout) == 0;
}

static int drive(struct driver *driver)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len = 0;
    int code = 0;

    while (code == 0 && (len = getline(&line, &cap, stdin)) > 0) {
        if (line[len - 1] == '\n')
            line[len - 1] = '\0';
        if (!obey(driver, line)) {
            fprintf(stderr, "not understood: %s\n", line);
            code = 2;
        }
    }
    free(line);
    return code;
}

static int open_sink(struct driver *driver, const char *url, const char *instance, struct tb_error *err)
{
    const struct tb_store_sink_options options = {.url = url,
                                                  .schema = "taskbridge",
                                                  .source = "",
                                                  .dead_letters_max_rows = 10000,
                                                  .dead_letters_max_bytes = INT64_C(256) << 20,
                                                  .instance = instance,
                                                  .application_name = "sink_driver",
                                                  .connect_timeout_us = 10 * TB_US_PER_S,
                                                  .response_timeout_us = 30 * TB_US_PER_S};
    const struct tb_sink_events events = {on_ready, on_written, driver};
    int r = tb_loop_new(&driver->loop, err);

    driver->patience.on_expire = on_patience_over;
    if (r == 0)
        r = tb_store_sink_open(driver->loop, &options, &events, &driver->store_sink, err);
    if (r == 0)
        driver->sink = tb_store_sink_as_sink(driver->store_sink);
    return r;
}

int main(int argc, char **argv)
{
    struct driver driver = {0};
    struct tb_error err = {0};
    int code = 2;

    if (argc != 3)
        return 2;
    if (tb_batch_init(&driver.batches[0]) != 0 || tb_batch_init(&driver.batches[1]) != 0)
        return 3;
    if (open_sink(&driver, argv[1], argv[2], &err) == 0)
        code = drive(&driver);
    else
        fprintf(stderr, "%s\n", err.text);
    tb_store_sink_close(driver.store_sink);
    tb_loop_free(driver.loop);
    tb_batch_deinit(&driver.batches[0]);
    tb_batch_deinit(&driver.batches[1]);
    return code;
}

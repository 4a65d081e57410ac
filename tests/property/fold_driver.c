/* What the property tests fold with: the program under test without its servers.
 *
 * usage: fold_driver CONFIG. Lines come in on stdin: "d" and a delivery's body, "b" where a batch ends, "e"
 * where a case ends. After each case a line of JSON goes out for each task, the facts under their names in
 * the table, then
 * {"dead": N, "unknown": N}. Batches are joined with one another as the table would join them. */
#include "taskbridge/base/json.h"
#include "taskbridge/base/limits.h"
#include "taskbridge/config/config.h"
#include "taskbridge/core/batch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* More cuts in one case only make larger batches. */
#define BATCHES_MAX 256

struct driver {
    const struct tb_rules *rules;
    struct tb_batch batches[BATCHES_MAX]; /* kept until the case ends: rows borrow from them */
    size_t batch_count;
    struct tb_row *rows;
    size_t row_count;
    int64_t dead, unknown;
};

static void require(bool is_good, const char *what)
{
    if (!is_good) {
        fprintf(stderr, "fold_driver: %s\n", what);
        exit(1);
    }
}

static struct tb_batch *open_batch(struct driver *driver)
{
    if (driver->batch_count == 0) {
        driver->batch_count = 1;
        require(tb_batch_init(&driver->batches[0]) == 0, "no memory");
    }
    return &driver->batches[driver->batch_count - 1];
}

static void add_delivery(struct driver *driver, struct tb_str body)
{
    const struct tb_delivery delivery = {
        .body = body,
        .routing_key = TB_STR("task.multi"),
        .content_type = TB_STR("application/json"),
        .content_encoding = TB_STR("utf-8"),
        .received_at = TB_STAMP_MIN,
    };
    require(tb_batch_add(open_batch(driver), &delivery, driver->rules) == 0, "a delivery does not fit");
}

static void join_into_table(struct driver *driver, const struct tb_row *row)
{
    for (size_t i = 0; i < driver->row_count; i++) {
        if (tb_str_equal(driver->rows[i].task_id, row->task_id)) {
            tb_row_join(&driver->rows[i], row);
            return;
        }
    }
    driver->rows = realloc(driver->rows, (driver->row_count + 1) * sizeof(*driver->rows));
    require(driver->rows, "no memory");
    driver->rows[driver->row_count++] = *row;
}

static void close_batch(struct driver *driver)
{
    struct tb_batch *batch = open_batch(driver);

    tb_batch_seal(batch);
    for (size_t i = 0; i < batch->row_count; i++)
        join_into_table(driver, &batch->rows[i]);
    driver->dead += batch->counts.dead;
    driver->unknown += batch->counts.unknown;
}

static void cut_batch(struct driver *driver)
{
    if (driver->batch_count == BATCHES_MAX)
        return;
    close_batch(driver);
    require(tb_batch_init(&driver->batches[driver->batch_count++]) == 0, "no memory");
}

static void print_stamp(struct tb_json *json, const char *name, int64_t stamp)
{
    if (stamp == TB_STAMP_NONE)
        tb_json_null(json, name);
    else
        tb_json_int(json, name, stamp);
}

static void print_number(struct tb_json *json, const char *name, double value)
{
    if (isinf(value))
        tb_json_raw(json, name, value > 0 ? TB_STR("Infinity") : TB_STR("-Infinity"));
    else
        tb_json_double(json, name, value);
}

static void print_stamped(struct tb_json *json, const char *at, const char *name,
                          const struct tb_stamped_str *fact)
{
    print_stamp(json, at, fact->at);
    tb_json_str(json, name, fact->value);
}

static void print_stamps_and_ends(struct tb_json *json, const struct tb_row *row)
{
    print_stamp(json, "sent_at", row->sent_at);
    print_stamp(json, "first_alive_at", row->first_alive_at);
    print_stamp(json, "received_at", row->received_at);
    print_stamp(json, "began_at", row->began_at);
    print_stamp(json, "retried_at", row->retried_at);
    print_stamp(json, "requeued_at", row->requeued_at);
    print_stamp(json, "cancelled_at", row->cancelled_at);
    print_stamp(json, "rejected_at", row->rejected_at);
    print_stamp(json, "alive_at", row->alive_at);
    print_stamp(json, "succeeded_at", row->succeeded_at);
    tb_json_str(json, "result", row->result);
    print_number(json, "runtime_s", row->runtime_s);
    print_stamp(json, "failed_at", row->failed_at);
    tb_json_str(json, "error", row->error);
    tb_json_str(json, "traceback", row->traceback);
    print_stamp(json, "revoked_at", row->revoked_at);
    tb_json_str(json, "revoke_text", row->revoke_text);
    print_stamp(json, "progress_at", row->progress_at);
    print_number(json, "progress_value", row->progress_at == TB_STAMP_NONE ? (double)NAN : row->progress);
}

static void print_row(const struct tb_row *row, struct tb_buf *buf)
{
    struct tb_json json;

    tb_json_init(&json, buf);
    tb_json_begin_object(&json, NULL);
    tb_json_str(&json, "task_id", row->task_id);
    print_stamps_and_ends(&json, row);
    print_stamped(&json, "text_at", "progress_note", &row->text);
    print_stamped(&json, "name_at", "name", &row->name);
    print_stamped(&json, "received_name_at", "received_name", &row->received_name);
    tb_json_bool(&json, "rule_is_of_name", row->rule_is_of_name);
    print_stamp(&json, "rule_at", row->rule_at);
    tb_json_str(&json, "rule_type", row->rule_type);
    tb_json_str(&json, "rule_display_name", row->rule_display_name);
    print_stamped(&json, "worker_at", "worker", &row->worker);
    print_stamped(&json, "queue_at", "queue", &row->queue);
    print_stamped(&json, "root_at", "root_id", &row->root_id);
    print_stamped(&json, "parent_at", "parent_id", &row->parent_id);
    print_stamped(&json, "args_at", "args", &row->args);
    print_stamped(&json, "kwargs_at", "kwargs", &row->kwargs);
    print_stamped(&json, "eta_at", "eta", &row->eta);
    print_stamped(&json, "expires_at", "expires", &row->expires);
    print_stamp(&json, "retries_at", row->retries.at);
    if (row->retries.at == TB_STAMP_NONE)
        tb_json_null(&json, "retries");
    else
        tb_json_int(&json, "retries", row->retries.value);
    print_stamped(&json, "event_company_at", "event_company", &row->event_company);
    print_stamped(&json, "rule_company_at", "rule_company", &row->rule_company);
    tb_json_bool(&json, "inherits_company", row->inherits_company);
    tb_json_bool(&json, "belongs_to_nobody", row->belongs_to_nobody);
    tb_json_end_object(&json);
    tb_buf_push_byte(buf, '\n');
}

static void end_case(struct driver *driver)
{
    struct tb_buf buf;

    close_batch(driver);
    tb_buf_init(&buf, 256 * TB_MIB);
    for (size_t i = 0; i < driver->row_count; i++)
        print_row(&driver->rows[i], &buf);
    tb_buf_printf(&buf, "{\"dead\": %lld, \"unknown\": %lld}\n", (long long)driver->dead,
                  (long long)driver->unknown);
    require(!buf.failed, "no memory");
    fwrite(buf.ptr, 1, buf.len, stdout);
    fflush(stdout);
    tb_buf_deinit(&buf);
    for (size_t i = 0; i < driver->batch_count; i++)
        tb_batch_deinit(&driver->batches[i]);
    free(driver->rows);
    *driver = (struct driver){.rules = driver->rules};
}

static void take_line(struct driver *driver, struct tb_str line)
{
    switch (line.len ? line.ptr[0] : '\0') {
    case 'd':
        add_delivery(driver, (struct tb_str){line.ptr + 1, line.len - 1});
        break;
    case 'b':
        cut_batch(driver);
        break;
    case 'e':
        end_case(driver);
        break;
    default:
        require(false, "a line must begin with d, b or e");
    }
}

int main(int argc, char **argv)
{
    static struct driver driver;
    struct tb_config *config = NULL;
    struct tb_error err = {0};
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    require(argc == 2, "usage: fold_driver CONFIG");
    const struct tb_config_source source = {.path = argv[1], .must_exist = true};
    require(tb_config_load(&source, &config, &err) == 0, err.text);
    driver.rules = &config->rules;
    while ((len = getline(&line, &cap, stdin)) > 0) {
        len -= line[len - 1] == '\n';
        take_line(&driver, (struct tb_str){line, (size_t)len});
    }
    free(line);
    tb_config_free(config);
    return 0;
}

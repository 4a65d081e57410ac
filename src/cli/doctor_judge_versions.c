/* What runs here beside what the bridge was tried with.
 *
 * The newest versions that its tests have run with stand in one table. A newer one most likely works: that it
 * was not tried is information and no complaint. What is too old has its complaint in the check of the server
 * itself. */
#include "doctor_checks.h"

#include "taskbridge/base/buf.h"

#include <inttypes.h>
#include <stdio.h>

#define FOUND_MAX_BYTES 512

struct version {
    int major, minor;
};

enum product { RABBITMQ, POSTGRESQL, CELERY, PRODUCTS };

/* README's table of what was tried ends with these. PostgreSQL has no minor versions in this sense. */
static const struct {
    const char *name;
    struct version newest;
} tried[PRODUCTS] = {[RABBITMQ] = {"RabbitMQ", {4, 3}},
                     [POSTGRESQL] = {"PostgreSQL", {18, INT32_MAX}},
                     [CELERY] = {"Celery", {5, 6}}};

struct met {
    struct version version;
    char text[32]; /* empty: none was met */
};

static bool is_newer(struct version a, struct version b)
{
    return a.major > b.major || (a.major == b.major && a.minor > b.minor);
}

static void take(struct met *met, struct tb_str text)
{
    struct met one = {0};

    if (tb_str_is_null(text))
        return;
    snprintf(one.text, sizeof(one.text), "%.*s", TB_STR_FMT(text));
    if (sscanf(one.text, "%9d.%9d", &one.version.major, &one.version.minor) >= 1 &&
        (!met->text[0] || is_newer(one.version, met->version)))
        *met = one;
}

static void meet(const struct tb_doctor_facts *facts, struct met met[PRODUCTS])
{
    const struct tb_doctor_database *database = &facts->database;

    if (!facts->broker.problem && strcmp(facts->broker.seen.product, "RabbitMQ") == 0)
        take(&met[RABBITMQ], tb_str_of(facts->broker.seen.version));
    if (database->problem)
        return;
    take(&met[POSTGRESQL], database->server.version);
    for (size_t i = 0; !database->workers.problem && i < database->workers.count; i++)
        take(&met[CELERY], database->workers.list[i].sw_ver);
}

/* "A 1, B 2" of those that are newer than what was tried, or of the others. */
static void list(struct tb_buf *buf, const struct met met[PRODUCTS], bool newer)
{
    for (size_t i = 0; i < PRODUCTS; i++)
        if (met[i].text[0] && is_newer(met[i].version, tried[i].newest) == newer)
            tb_buf_printf(buf, "%s%s %s", buf->len > 0 ? ", " : "", tried[i].name, met[i].text);
}

void tb_doctor_judge_versions(const struct tb_doctor_facts *facts, struct tb_doctor_line *line)
{
    struct met met[PRODUCTS] = {0};
    struct tb_buf known, newer;

    meet(facts, met);
    tb_buf_init(&known, FOUND_MAX_BYTES);
    tb_buf_init(&newer, FOUND_MAX_BYTES);
    list(&known, met, false);
    list(&newer, met, true);
    if (newer.len > 0)
        tb_doctor_say(line, TB_DOCTOR_GOOD, "newer than what the bridge was tried with: %.*s",
                      TB_STR_FMT(tb_buf_str(&newer)));
    else if (known.len > 0)
        tb_doctor_say(line, TB_DOCTOR_GOOD, "tried with this bridge: %.*s", TB_STR_FMT(tb_buf_str(&known)));
    else
        tb_doctor_is_unknown(line, "nothing was reached that has one");
    tb_buf_deinit(&known);
    tb_buf_deinit(&newer);
}

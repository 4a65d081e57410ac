/* A configuration: the defaults of the table, the file over them, the environment over both.
 *
 * All memory of a configuration is in its arena, so freeing is one call and a reload never touches the one in
 * use. What no single option can tell (two that need each other) is checked at the end, over the result. */
#include "taskbridge/config/config.h"

#include "environment.h"
#include "file.h"
#include "taskbridge/base/limits.h"
#include "value.h"
#include "whole.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static struct tb_config *new_config(void)
{
    struct tb_config *config = calloc(1, sizeof(*config));
    if (!config)
        return NULL;
    config->state = calloc(1, sizeof(*config->state) + tb_schema_count * sizeof(config->state->origins[0]));
    if (!config->state) {
        free(config);
        return NULL;
    }
    tb_arena_init(&config->state->arena, TB_CONFIG_ARENA_MAX_BYTES);
    return config;
}

void tb_config_free(struct tb_config *config)
{
    if (!config)
        return;
    tb_arena_deinit(&config->state->arena);
    free(config->state);
    free(config);
}

static int apply_defaults(struct tb_config *config, struct tb_error *err)
{
    for (size_t i = 0; i < tb_schema_count; i++) {
        const struct tb_option *option = &tb_schema_options[i];
        if (option->type == TB_OPTION_RULES)
            continue; /* empty, as everything begins */
        int outcome = option->type == TB_OPTION_LIST
                          ? tb_value_set_list(config, option, tb_str_of(option->fallback), err)
                          : tb_value_set(config, option, tb_str_of(option->fallback), err);
        assert(outcome <= 0);
        if (outcome)
            return outcome;
    }
    return 0;
}

static int apply_text(struct tb_config *config, struct tb_str text, const char *name, struct tb_error *err)
{
    if (text.len > TB_CONFIG_MAX_BYTES)
        return tb_error_set(err, TB_CONFIG_WRONG, "%s: the file is larger than %zu bytes", name,
                            TB_CONFIG_MAX_BYTES);
    struct tb_reader reader;
    int outcome = tb_reader_init(&reader, text, name, config, err);
    if (outcome)
        return outcome;
    outcome = tb_file_read(&reader);
    tb_reader_deinit(&reader);
    return outcome;
}

static int name_instance(struct tb_config *config, struct tb_error *err)
{
    if (config->daemon.instance[0])
        return 0;
    char host[256] = "";
    struct tb_str copy;
    if (gethostname(host, sizeof(host) - 1) || !host[0])
        return tb_error_set(err, TB_CONFIG_WRONG, "the host has no name; give daemon.instance one");
    if (!tb_arena_copy(&config->state->arena, tb_str_of(host), &copy))
        return tb_error_set_errno(err, -ENOMEM, "keeping the configuration");
    config->daemon.instance = copy.ptr;
    return 0;
}

/* The one list of secrets: the option's names, and the rules' names and positions. */
static int gather_secrets(struct tb_config *config, struct tb_error *err)
{
    struct tb_arena *arena = &config->state->arena;
    struct tb_rules *rules = &config->rules;
    size_t count = config->redact.count, at = 0;
    uint64_t positions = 0;

    for (size_t i = 0; i < rules->count; i++)
        count += rules->rules[i].redact_count;
    struct tb_redact *redact = tb_arena_calloc(arena, 1, sizeof(*redact));
    struct tb_str *names = tb_arena_calloc(arena, count ? count : 1, sizeof(*names));
    if (!redact || !names)
        return tb_error_set_errno(err, -ENOMEM, "keeping the configuration");
    for (size_t i = 0; i < config->redact.count; i++)
        names[at++] = config->redact.items[i];
    for (size_t i = 0; i < rules->count; i++) {
        positions |= rules->rules[i].redact_positions;
        for (size_t j = 0; j < rules->rules[i].redact_count; j++)
            names[at++] = rules->rules[i].redact[j];
    }
    if (tb_redact_init(redact, names, count, positions, arena))
        return tb_error_set_errno(err, -ENOMEM, "keeping the configuration");
    rules->redact = redact;
    return 0;
}

static int parse(struct tb_str text, const struct tb_config_source *source, struct tb_config **ret_config,
                 struct tb_error *err)
{
    struct tb_config *config = new_config();
    if (!config)
        return tb_error_set_errno(err, -ENOMEM, "keeping the configuration");
    config->state->further = source->further;
    int outcome = apply_defaults(config, err);
    if (!outcome)
        outcome = apply_text(config, text, source->path, err);
    if (!outcome || (outcome == TB_CONFIG_WRONG && source->further)) {
        int r = tb_environment_apply(config, source->environment, err);
        outcome = outcome ? outcome : r;
    }
    if (!outcome)
        outcome = name_instance(config, err);
    if (!outcome)
        outcome = tb_whole_check(config, err);
    if (!outcome)
        outcome = gather_secrets(config, err);
    if (outcome) {
        tb_config_free(config);
        return outcome;
    }
    config->rules.company_format = (enum tb_company_format)config->company_format;
    *ret_config = config;
    return 0;
}

int tb_config_parse(struct tb_str text, const char *name, char *const *environment,
                    struct tb_config **ret_config, struct tb_error *err)
{
    const struct tb_config_source source = {.path = name, .environment = environment};
    struct tb_error ignored = {0};
    return parse(text, &source, ret_config, err ? err : &ignored);
}

/* Reads fd to its end, one byte past the ceiling at most. 0 or a negative errno. */
static int read_all(int fd, struct tb_buf *buf)
{
    for (;;) {
        size_t room = TB_CONFIG_MAX_BYTES + 1 - buf->len;
        if (room == 0)
            return 0;
        char *place = tb_buf_reserve(buf, room < 4096 ? room : 4096);
        if (!place)
            return -ENOMEM;
        ssize_t got = read(fd, place, room < 4096 ? room : 4096);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : 0;
        tb_buf_commit(buf, (size_t)got);
    }
}

/* The file's text; nothing when it is absent and may be. */
static int read_file(const struct tb_config_source *source, struct tb_buf *buf, struct tb_error *err)
{
    /* O_NONBLOCK: a FIFO without a writer must not hang the program. */
    int fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT && !source->must_exist)
        return 0;
    int problem = fd < 0 ? -errno : read_all(fd, buf);
    if (fd >= 0)
        close(fd);
    if (problem == -ENOMEM)
        return tb_error_set_errno(err, problem, "reading %s", source->path);
    if (problem)
        return tb_error_set(err, TB_CONFIG_WRONG, "%s: the file cannot be read: %s", source->path,
                            strerrordesc_np(-problem));
    return 0;
}

int tb_config_load(const struct tb_config_source *source, struct tb_config **ret_config, struct tb_error *err)
{
    struct tb_buf text;
    tb_buf_init(&text, TB_CONFIG_MAX_BYTES + 2);
    int outcome = read_file(source, &text, err);
    if (!outcome)
        outcome = parse(tb_buf_str(&text), source, ret_config, err);
    tb_buf_deinit(&text);
    return outcome;
}

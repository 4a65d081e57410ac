/* Whom an inquiry may ask, as the configuration has them.
 *
 * What it does not name is not opened, and is NULL; only the database is always there. Each option that can't
 * be used ends the opening with its name, so that the program says so and does not start. */
#include "inquirers.h"

#include "taskbridge/base/limits.h"

static int open_ring(const struct tb_inquirers_options *options, const struct tb_key_ring_options *given,
                     struct tb_hook_client *client, struct tb_key_ring **ret_ring, struct tb_error *err)
{
    struct tb_key_ring_options filled = *given;

    filled.loop = options->loop;
    filled.log = options->log;
    filled.client = client;
    filled.on_change = options->on_keys_change;
    filled.owner = options->owner;
    if (!filled.secret[0] && !filled.secret_file[0] && !filled.jwks_file[0] && !filled.jwks_url[0])
        return 0;
    return tb_key_ring_open(&filled, ret_ring, err);
}

static unsigned algorithms_of(struct tb_config_list list)
{
    enum tb_jwt_algorithm algorithm = TB_JWT_HS256;
    unsigned set = 0;

    for (size_t i = 0; i < list.count; i++) {
        if (tb_jwt_algorithm_parse(list.items[i], &algorithm))
            set |= 1u << algorithm;
    }
    return set ? set : TB_JWT_ALGORITHMS_ALL;
}

static int open_watch_keys(const struct tb_inquirers_options *options, struct tb_inquirers *inquirers,
                           struct tb_error *err)
{
    const struct tb_key_ring_options ring = {.section = "access.watch",
                                             .secret = options->config->access.watch.secret,
                                             .secret_file = options->config->access.watch.secret_file,
                                             .jwks_file = "",
                                             .jwks_url = ""};

    return open_ring(options, &ring, inquirers->client, &inquirers->watch_keys, err);
}

static int open_jwt_keys(const struct tb_inquirers_options *options, struct tb_inquirers *inquirers,
                         struct tb_error *err)
{
    const struct tb_config *config = options->config;
    const struct tb_key_ring_options ring = {.section = "access.jwt",
                                             .secret = config->access.jwt.secret,
                                             .secret_file = config->access.jwt.secret_file,
                                             .jwks_file = config->access.jwt.jwks_file,
                                             .jwks_url = config->access.jwt.jwks_url,
                                             .algorithms = algorithms_of(config->access.jwt.algorithms)};

    return open_ring(options, &ring, inquirers->client, &inquirers->jwt_keys, err);
}

static int open_client(const struct tb_inquirers_options *options, struct tb_inquirers *inquirers,
                       struct tb_error *err)
{
    const struct tb_config *config = options->config;

    if (!config->access.forward.url[0] && !config->access.jwt.jwks_url[0])
        return 0;
    int failed =
        tb_hook_client_new(&(struct tb_hook_options){.loop = options->loop,
                                                     .user_agent = "taskbridge-http/" TASKBRIDGE_VERSION,
                                                     .ca_file = config->access.ca_file,
                                                     .max_connections = TB_FORWARD_CONNECTIONS_MAX,
                                                     .max_calls = TB_FORWARD_CALLS_MAX},
                           &inquirers->client, err);
    if (failed)
        tb_error_prefix(err, "access.ca_file");
    return failed;
}

int tb_inquirers_open(const struct tb_inquirers_options *options, struct tb_inquirers *ret_inquirers,
                      struct tb_error *err)
{
    struct tb_inquirers inquirers = {.log = options->log, .config = options->config};
    int failed = open_client(options, &inquirers, err);

    if (!failed)
        failed = open_watch_keys(options, &inquirers, err);
    if (!failed)
        failed = open_jwt_keys(options, &inquirers, err);
    if (!failed)
        failed = tb_directory_open(options->loop, options->log, options->config, &inquirers.directory, err);
    if (failed)
        tb_inquirers_close(&inquirers);
    else
        *ret_inquirers = inquirers;
    return failed;
}

void tb_inquirers_close(struct tb_inquirers *inquirers)
{
    tb_directory_close(inquirers->directory);
    tb_key_ring_close(inquirers->jwt_keys);
    tb_key_ring_close(inquirers->watch_keys);
    tb_hook_client_free(inquirers->client);
    *inquirers = (struct tb_inquirers){0};
}

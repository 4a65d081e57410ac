/* The options of the broker's connection: defaults, what can be refused without asking the broker, and how
 * the place is named in logs. No text made here shows the password or any part of a URL that could not be
 * read. */
#include "taskbridge/amqp/options.h"

#include <errno.h>

#include "url.h"

#define HEARTBEAT_MAX_S 3600

void tb_amqp_options_init(struct tb_amqp_options *options)
{
    *options = (struct tb_amqp_options){
        .url = "amqp://guest:guest@localhost:5672/",
        .tls.verify = true,
        .heartbeat_s = 30,
        .connect_timeout_us = 5 * TB_US_PER_S,
        .instance = "taskbridge",
        .exchange = TB_AMQP_EXCHANGE,
        .queue = TB_AMQP_QUEUE,
        .queue_max_bytes = TB_AMQP_QUEUE_MAX_BYTES,
        .prefetch = 8192,
    };
}

static int check_names(const struct tb_amqp_options *options, struct tb_error *err)
{
    const char *names[] = {options->exchange, options->queue};
    for (size_t i = 0; i < TB_COUNT(names); i++)
        if (!names[i] || !names[i][0] || strlen(names[i]) > 255)
            return tb_error_set(err, -EINVAL, "the broker's %s needs a name of 1 to 255 bytes",
                                i ? "queue" : "exchange");
    return 0;
}

int tb_amqp_options_check(const struct tb_amqp_options *options, struct tb_error *err)
{
    struct tb_amqp_url url;
    int rc = tb_amqp_url_parse(options->url, &url, err);
    if (rc < 0)
        return rc;
    bool is_tls = url.is_tls;
    tb_amqp_url_deinit(&url);

    if (!options->tls.cert_file != !options->tls.key_file)
        return tb_error_set(err, -EINVAL,
                            "the client's certificate and its key for the broker come together: "
                            "give both or neither");
    if (!is_tls && (options->tls.ca_file || options->tls.cert_file))
        return tb_error_set(err, -EINVAL,
                            "certificates for the broker are given, but its URL begins with amqp://: "
                            "write amqps://, with the port for TLS (5671)");
    if (options->heartbeat_s < 0 || options->heartbeat_s > HEARTBEAT_MAX_S)
        return tb_error_set(err, -EINVAL, "the broker's heartbeat must be 0 to %d seconds", HEARTBEAT_MAX_S);
    if (options->connect_timeout_us <= 0)
        return tb_error_set(err, -EINVAL, "the timeout for connecting to the broker must be above 0");
    if (options->prefetch < 1 || options->prefetch > UINT16_MAX)
        return tb_error_set(err, -EINVAL, "the prefetch must be 1 to %d", UINT16_MAX);
    if (options->queue_max_bytes < 0)
        return tb_error_set(err, -EINVAL, "the queue's bound in bytes must be 0 (none) or above");
    return check_names(options, err);
}

void tb_amqp_options_push_place(const struct tb_amqp_options *options, struct tb_buf *buf)
{
    struct tb_amqp_url url;
    if (tb_amqp_url_parse(options->url, &url, NULL) < 0) {
        tb_buf_push_str(buf, TB_STR("an unusable URL"));
        return;
    }
    bool is_ipv6 = strchr(url.host, ':') != NULL;
    tb_buf_printf(buf, "%s%s%s:%d%s%s as %s", is_ipv6 ? "[" : "", url.host, is_ipv6 ? "]" : "", url.port,
                  url.vhost[0] == '/' ? "" : "/", url.vhost, url.user);
    tb_amqp_url_deinit(&url);
}

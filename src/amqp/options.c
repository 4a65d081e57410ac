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
        .control_exchange = TB_AMQP_CONTROL,
        .queue = TB_AMQP_QUEUE,
        .queue_max_bytes = TB_AMQP_QUEUE_MAX_BYTES,
        .prefetch = 8192,
    };
}

static int check_names(const struct tb_amqp_options *options, struct tb_error *err)
{
    /* The last is only the middle of a name, "reply.….pidbox". */
    const struct {
        const char *what, *name;
        size_t max_bytes;
    } names[] = {{"exchange", options->exchange, 255},
                 {"queue", options->queue, 255},
                 {"exchange of control", options->control_exchange, 240}};
    for (size_t i = 0; i < TB_COUNT(names); i++)
        if (!names[i].name || !names[i].name[0] || strlen(names[i].name) > names[i].max_bytes)
            return tb_error_set(err, -EINVAL, "the broker's %s needs a name of 1 to %zu bytes", names[i].what,
                                names[i].max_bytes);
    return 0;
}

/* Whether any broker is reached over TLS. */
static int find_tls(const struct tb_amqp_options *options, bool *ret_is_tls, struct tb_error *err)
{
    struct tb_amqp_urls urls;
    int r = tb_amqp_urls_parse(options->url, &urls, err);
    if (r < 0)
        return r;
    *ret_is_tls = false;
    for (size_t i = 0; i < urls.count; i++)
        *ret_is_tls |= urls.list[i].is_tls;
    tb_amqp_urls_deinit(&urls);
    return 0;
}

int tb_amqp_options_check(const struct tb_amqp_options *options, struct tb_error *err)
{
    bool is_tls;
    int r = find_tls(options, &is_tls, err);
    if (r < 0)
        return r;
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
    struct tb_amqp_urls urls;
    if (tb_amqp_urls_parse(options->url, &urls, NULL) < 0) {
        tb_buf_push_str(buf, TB_STR("an unusable URL"));
        return;
    }
    for (size_t i = 0; i < urls.count; i++) {
        const struct tb_amqp_url *url = &urls.list[i];
        if (i > 0)
            tb_buf_push_str(buf, TB_STR("; "));
        tb_amqp_url_push_host(url, buf);
        tb_buf_printf(buf, "%s%s as %s", url->vhost[0] == '/' ? "" : "/", url->vhost, url->user);
    }
    tb_amqp_urls_deinit(&urls);
}

void tb_amqp_options_push_source(const struct tb_amqp_options *options, struct tb_buf *buf)
{
    struct tb_amqp_urls urls;
    if (options->source) {
        tb_buf_push_str(buf, tb_str_of(options->source));
        return;
    }
    if (tb_amqp_urls_parse(options->url, &urls, NULL) < 0)
        return;
    struct tb_amqp_url *url = &urls.list[0];
    bool is_ipv6 = strchr(url->host, ':') != NULL;
    if (url->port == tb_amqp_url_usual_port(url))
        tb_buf_printf(buf, "%s%s%s", is_ipv6 ? "[" : "", url->host, is_ipv6 ? "]" : "");
    else
        tb_amqp_url_push_host(url, buf);
    tb_buf_printf(buf, "%s%s", url->vhost[0] == '/' ? "" : "/", url->vhost);
    tb_amqp_urls_deinit(&urls);
}

/* AMQP URLs and their parts: one broker, or a list of them as Celery has it. */
#ifndef TASKBRIDGE_AMQP_URL_H
#define TASKBRIDGE_AMQP_URL_H

#include "taskbridge/base/attributes.h"
#include "taskbridge/base/buf.h"
#include "taskbridge/base/error.h"
#include "taskbridge/base/limits.h"

struct tb_amqp_url {
    char *memory; /* owned: holds the decoded parts, one behind the other, each with its NUL */
    size_t memory_bytes;
    const char *host, *user, *password, *vhost;
    int port;
    bool is_tls;
};

/* The brokers of a list, in the order in which they are tried. */
struct tb_amqp_urls {
    struct tb_amqp_url list[TB_AMQP_MAX_BROKERS];
    size_t count;
};

/* Reads one URL, or several with ";" between them. 0, -EINVAL with a text that shows no part of them, or
 * -ENOMEM. */
int tb_amqp_urls_parse(const char *text, struct tb_amqp_urls *ret_urls, struct tb_error *err) TB_MUST_CHECK;

/* Back to the null state, the passwords overwritten; may run twice. */
void tb_amqp_urls_deinit(struct tb_amqp_urls *urls);

/* Pushes "host:port", an IPv6 address in brackets. */
void tb_amqp_url_push_host(const struct tb_amqp_url *url, struct tb_buf *buf);

/* The port that the scheme means where none is written. */
int tb_amqp_url_usual_port(const struct tb_amqp_url *url);

#endif

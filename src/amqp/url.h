/* An AMQP URL and its parts. */
#ifndef TASKBRIDGE_AMQP_URL_H
#define TASKBRIDGE_AMQP_URL_H

#include "taskbridge/base/attributes.h"
#include "taskbridge/base/error.h"

struct tb_amqp_url {
    char *memory; /* owned: holds the decoded parts, one behind the other, each with its NUL */
    size_t memory_bytes;
    const char *host, *user, *password, *vhost;
    int port;
    bool is_tls;
};

/* 0, -EINVAL with a text that shows no part of the URL, or -ENOMEM. */
int tb_amqp_url_parse(const char *text, struct tb_amqp_url *ret_url, struct tb_error *err) TB_MUST_CHECK;

/* Back to the null state, the password overwritten; may run twice. */
void tb_amqp_url_deinit(struct tb_amqp_url *url);

#endif

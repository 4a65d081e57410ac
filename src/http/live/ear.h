/* The one connection that LISTENs. */
#ifndef TASKBRIDGE_HTTP_EAR_H
#define TASKBRIDGE_HTTP_EAR_H

#include "auth/auth.h"
#include "feed.h"

struct tb_ear;

struct tb_ear_options {
    struct tb_loop *loop; /* all borrowed */
    struct tb_log *log;
    const struct tb_config *config;
    struct tb_feeds *feeds;
    struct tb_auth *auth;
};

int tb_ear_open(const struct tb_ear_options *options, struct tb_ear **ret_ear,
                struct tb_error *err) TB_MUST_CHECK;
/* NULL is fine. */
void tb_ear_close(struct tb_ear *ear);

#endif

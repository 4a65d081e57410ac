/* Whom an inquiry may ask: the database, the product, and the keys of tokens. */
#ifndef TASKBRIDGE_HTTP_AUTH_INQUIRERS_H
#define TASKBRIDGE_HTTP_AUTH_INQUIRERS_H

#include "directory.h"
#include "key_ring.h"
#include "taskbridge/config/config.h"
#include "taskbridge/hook/client.h"

struct tb_inquirers {
    struct tb_log *log;                        /* borrowed */
    const struct tb_config *config;            /* borrowed */
    struct tb_directory *directory;            /* owned, as the following */
    struct tb_hook_client *client;             /* NULL where nothing is asked by HTTP */
    struct tb_key_ring *jwt_keys, *watch_keys; /* NULL: such tokens are not taken */
};

struct tb_inquirers_options {
    struct tb_loop *loop; /* borrowed, as all here */
    struct tb_log *log;
    const struct tb_config *config;
    void (*on_keys_change)(void *owner); /* tokens are to be verified anew */
    void *owner;
};

/* 0, or negative with the option that is wrong; then nothing is open. */
int tb_inquirers_open(const struct tb_inquirers_options *options, struct tb_inquirers *ret_inquirers,
                      struct tb_error *err) TB_MUST_CHECK;
/* Back to the null state. Questions to the database and for keys are dropped; whoever asked the product has
 * cancelled. */
void tb_inquirers_close(struct tb_inquirers *inquirers);

#endif

/* The database as a directory of who may see what: auth's own connection, and the questions on it. */
#ifndef TASKBRIDGE_HTTP_AUTH_DIRECTORY_H
#define TASKBRIDGE_HTTP_AUTH_DIRECTORY_H

#include "taskbridge/base/log.h"
#include "taskbridge/config/config.h"
#include "taskbridge/io/loop.h"
#include "taskbridge/store/access_read.h"

struct tb_directory;

/* 0 or negative; starts connecting. */
int tb_directory_open(struct tb_loop *loop, struct tb_log *log, const struct tb_config *config,
                      struct tb_directory **ret_directory, struct tb_error *err) TB_MUST_CHECK;
/* Questions under way are dropped, without a word. NULL is fine. */
void tb_directory_close(struct tb_directory *directory);

bool tb_directory_is_up(const struct tb_directory *directory);

enum tb_directory_outcome {
    TB_DIRECTORY_AWAY = 1, /* the database does not answer */
    TB_DIRECTORY_BROKEN    /* it answers, but not to this: the log says why */
};

struct tb_directory_call {
    struct tb_access_read read; /* given: kind, text, company, arena */
    /* outcome is 0 or an enum tb_directory_outcome. */
    void (*on_done)(struct tb_directory_call *call, int outcome);
    void *owner;
    /* The directory's own. */
    struct tb_directory *directory;
    struct tb_directory_call *previous, *next;
    struct tb_timer patience; /* while it waits for the connection */
};

/* 0 when on_done will come, never from inside; TB_DIRECTORY_AWAY when it will not. */
int tb_directory_ask(struct tb_directory *directory, struct tb_directory_call *call) TB_MUST_CHECK;

#endif

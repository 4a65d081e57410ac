/* The socket that requests come in by. */
#ifndef TASKBRIDGE_HTTP_LISTENER_H
#define TASKBRIDGE_HTTP_LISTENER_H

#include "taskbridge/base/error.h"

#define TB_LISTENER_TEXT_BYTES 128

/* Listens on address, "host:port" or "[::1]:port" as http.listen has it; port 0 takes a free one. *ret_fd is
 * the caller's to close; ret_text is the address in the same form, with the port it has. 0 or a negative
 * errno. */
int tb_listener_open(const char *address, int *ret_fd, char ret_text[TB_LISTENER_TEXT_BYTES],
                     struct tb_error *err) TB_MUST_CHECK;

#endif

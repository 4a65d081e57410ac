/* TLS on a connection to the broker. */
#ifndef TASKBRIDGE_AMQP_TLS_H
#define TASKBRIDGE_AMQP_TLS_H

#include "rabbitmq.h"
#include "session.h"
#include "taskbridge/amqp/options.h"

/* Prepares the TLS socket of session: certificates, and verification of the server under the name host. 0 or
 * negative with the file that can't be used. */
int tb_tls_configure(struct tb_session *session, amqp_socket_t *socket, const char *host,
                     const struct tb_amqp_options *options, struct tb_error *err) TB_MUST_CHECK;

/* What OpenSSL has to say about a handshake that failed; borrowed, never NULL. */
const char *tb_tls_reason(const struct tb_session *session);

#endif

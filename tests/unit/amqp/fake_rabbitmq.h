/* A rabbitmq-c that says what a test wants, for a broker that no broker can be brought to be.
 *
 * Linked before the real one it takes the place of the functions that reach the network; of those it does not
 * have, the real ones stay. Connections are real sockets to a port of the fake's own, so the loop waits for
 * them as for any; what is asked over them is kept as text and answered well, unless a test said otherwise.
 * Logging in happens on the dialler's thread, so all of this may be called from any thread. */
#ifndef TASKBRIDGE_TESTS_FAKE_RABBITMQ_H
#define TASKBRIDGE_TESTS_FAKE_RABBITMQ_H

#include "rabbitmq.h"

#include <stdbool.h>

/* Forgets all, and listens on a new port. */
void fake_rabbitmq_reset(void);
int fake_rabbitmq_port(void);

/* Logins from here on get no answer, until the peer shuts the socket down or its time is over; or do again.
 */
void fake_rabbitmq_be_silent(bool is_silent);
/* So many logins from here on are refused. */
void fake_rabbitmq_refuse_logins(int count);
int fake_rabbitmq_logins(void);

/* The next request that waits for its answer and has this name ("queue.declare") is refused. */
void fake_rabbitmq_refuse(const char *request, int code, const char *text);

/* Queues a frame of a method for the open connection, and wakes the loop; decoded is borrowed. */
void fake_rabbitmq_say(amqp_channel_t channel, amqp_method_number_t method, void *decoded);
void fake_rabbitmq_say_close(amqp_channel_t channel, int code, const char *text);
/* A header frame with this message_id, and a body. */
void fake_rabbitmq_say_content(amqp_channel_t channel, const char *message_id, const char *body);
/* From here on reading gives this status of rabbitmq-c. */
void fake_rabbitmq_break(int status);

/* What was sent without waiting since the last call, "queue.bind 2; publish x 5": method and channel, or
 * exchange and bytes of body. Borrowed until the next call. */
const char *fake_rabbitmq_sent(void);

#endif

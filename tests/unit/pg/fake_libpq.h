/* A libpq that says what a test wants, for answers that no server can be brought to give.
 *
 * Linked before the real one it takes the place of the functions that connection.c calls; of those it does
 * not have, the real ones stay. Its connection is a pipe, so the loop waits for it as for a socket. What was
 * sent is kept as text: "prepare NAME", "execute NAME", "sync". Used by one thread at a time. */
#ifndef TASKBRIDGE_TESTS_FAKE_LIBPQ_H
#define TASKBRIDGE_TESTS_FAKE_LIBPQ_H

#include <libpq-fe.h>
#include <stdbool.h>

/* Forgets all; connections succeed at once, and are served. */
void fake_libpq_reset(void);

/* Queues answers, in the order in which they will come. */
void fake_libpq_answer(ExecStatusType status);
void fake_libpq_fail(const char *sqlstate, const char *message);
/* The same, with the server's function that raised it. */
void fake_libpq_fail_in(const char *sqlstate, const char *message, const char *function);
/* One row of texts, NULL for SQL NULL, count of them. */
void fake_libpq_row(const char *const *values, int count);
/* NULL, which parts the answers of two statements. */
void fake_libpq_gap(void);
/* A notice that is given to the receiver before the next answer. */
void fake_libpq_notice(const char *sqlstate, const char *message, const char *function);
/* From here on the connection is broken, with this text. */
void fake_libpq_break(const char *message);

/* Lets the loop know of what was queued. */
void fake_libpq_wake(void);

/* Answers from here on whatever is sent as a server does where all is well, each statement with one row of
 * the number 4711; or no more. */
void fake_libpq_serve(bool is_serving);

/* What was sent since the last call, joined by "; "; borrowed until the next. */
const char *fake_libpq_sent(void);

#endif

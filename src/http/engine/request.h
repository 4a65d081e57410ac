/* What the engine hands over for each request, and what it takes back: an answer, or a stream. */
#ifndef TASKBRIDGE_HTTP_REQUEST_H
#define TASKBRIDGE_HTTP_REQUEST_H

#include "body.h"
#include "head.h"

struct tb_connection;

/* Lives from its head until it is answered, becomes a stream, or the client is gone. */
struct tb_request {
    struct tb_head head;   /* its texts live as long as the request */
    struct tb_str content; /* the body */
    const char *address;   /* the peer's, as text */
    int64_t began_us;      /* monotonic */
    void *context;         /* the asked one's own */
    struct tb_connection *connection;
};

struct tb_answer {
    unsigned code;
    struct tb_str fields; /* header lines, each with its CR LF; borrowed during the call */
    struct tb_body *body; /* taken; NULL: none */
    bool closes;          /* the connection ends behind it */
};

/* Once a request, at once or later; the request is gone after it. */
void tb_request_answer(struct tb_request *request, const struct tb_answer *answer);

/* "Not Found" for 404. */
const char *tb_answer_reason(unsigned code);

/* ---- streams ---- */

/* A connection that goes on after its answer's head. What is to be sent waits in three places, each for one
 * body: so a slow reader holds what is under way and the newest, and never more. Embedded in its owner. */
struct tb_stream {
    void (*on_input)(struct tb_stream *stream, struct tb_str bytes); /* NULL: what comes is dropped */
    /* The connection is gone, also when tb_stream_end brought it about; once, never from inside a call. */
    void (*on_closed)(struct tb_stream *stream);
    void *owner;
    /* The engine's own. */
    struct tb_connection *connection; /* NULL: closed */
    struct tb_body *now, *control, *newest, *last;
    size_t sent;   /* of now */
    int64_t bytes; /* sent in all */
    bool is_ending;
};

/* Sends the answer's head (without a length) and its body, which is a few bytes, and keeps the connection for
 * the stream. The request is gone after it. */
void tb_request_stream(struct tb_request *request, const struct tb_answer *answer, struct tb_stream *stream);

/* Replaces what waits there and was not begun. body stays the caller's; NULL (no memory) ends the stream. */
void tb_stream_send(struct tb_stream *stream, struct tb_body *body);
/* A few bytes that go first: a ping, a comment. Dropped when something of that kind waits already. */
void tb_stream_send_control(struct tb_stream *stream, struct tb_body *body);
/* Whether anything waits to be sent. */
bool tb_stream_is_busy(const struct tb_stream *stream);
/* Sends what waits, then body (NULL: nothing), and closes. */
void tb_stream_end(struct tb_stream *stream, struct tb_body *body);

#endif

/* A connection's life: it reads a request, waits for its answer, writes that, and reads the next; or it
 * becomes a stream and stays one until its end.
 *
 * One request is under way at a time: what follows it waits in the buffer, and beyond that in the kernel. So
 * is every byte of an answer that the client does not take; what waits here is a reference to a body that all
 * share. Deadlines run from a request's first byte, not from its last, so that nobody can drip. A client that
 * has said all it had to say (FIN) is answered all the same; on a stream it has left. After an answer to
 * something malformed the connection lingers, because closing it with bytes unread would reset it and take
 * the answer along.
 *
 * Invariant: change_state alone moves between the states; a connection that ended is freed in the loop's next
 * turn, so that whoever holds it on the stack may look at its state. */
#include "connection.h"

#include "response.h"
#include "taskbridge/base/limits.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define IN_FIRST_BYTES ((size_t)2 * TB_KIB)
#define LINGER_US      (2 * TB_US_PER_S)
/* A stream that takes nothing for so long has no reader any more. */
#define STREAM_STALL_US (30 * TB_US_PER_S)

enum state { READING, ANSWERING, WRITING, STREAMING, LINGERING, ENDED };

struct tb_connection {
    struct tb_connection_host *host;
    struct tb_connection *next, **back, *unfinished_previous, *unfinished_next;
    struct tb_watch watch;
    struct tb_timer timer;
    int64_t due_us, armed_us; /* monotonic */
    int64_t unfinished_since_us;
    enum state state;
    uint32_t wanted; /* of epoll */
    bool is_unfinished, is_driving, closes;
    bool is_pushed_to, is_broken; /* of a stream */
    char *in;                     /* owned; NULL while nothing is in it */
    size_t in_len, in_cap, parse_at;
    struct tb_request *request; /* owned */
    unsigned code;
    char *head; /* owned; what is left to send of an answer's head */
    size_t head_len, head_sent;
    struct tb_body *body; /* held; of an answer */
    size_t body_sent, body_bytes;
    struct tb_stream *stream; /* borrowed */
    char address[TB_CONNECTION_ADDRESS_BYTES];
};

static void drive(struct tb_connection *c);

/* ---- small parts ---- */

static void want(struct tb_connection *c, uint32_t events)
{
    if (c->wanted == events)
        return;
    c->wanted = events;
    tb_loop_change(c->host->loop, &c->watch, events);
}

/* The timer is left armed for an earlier time: most deadlines are moved on before they come. */
static void set_deadline(struct tb_connection *c, int64_t delay_us)
{
    c->due_us = tb_clock_monotonic_us() + delay_us;
    if (c->timer.armed && c->armed_us <= c->due_us)
        return;
    c->armed_us = c->due_us;
    tb_loop_arm(c->host->loop, &c->timer, delay_us);
}

static void clear_deadline(struct tb_connection *c)
{
    c->due_us = INT64_MAX;
}

static void set_unfinished(struct tb_connection *c, bool is_unfinished)
{
    struct tb_connection_host *host = c->host;

    if (c->is_unfinished == is_unfinished)
        return;
    c->is_unfinished = is_unfinished;
    if (is_unfinished) {
        c->unfinished_since_us = tb_clock_monotonic_us();
        c->unfinished_next = NULL;
        c->unfinished_previous = host->unfinished_last;
        *(host->unfinished_last ? &host->unfinished_last->unfinished_next : &host->unfinished_first) = c;
        host->unfinished_last = c;
        return;
    }
    *(c->unfinished_previous ? &c->unfinished_previous->unfinished_next : &host->unfinished_first) =
        c->unfinished_next;
    *(c->unfinished_next ? &c->unfinished_next->unfinished_previous : &host->unfinished_last) =
        c->unfinished_previous;
}

static void join_host(struct tb_connection *c)
{
    c->next = c->host->first;
    c->back = &c->host->first;
    if (c->next)
        c->next->back = &c->next;
    c->host->first = c;
    c->host->count++;
}

static void leave_host(struct tb_connection *c)
{
    *c->back = c->next;
    if (c->next)
        c->next->back = c->back;
    c->host->count--;
}

static void drop_in(struct tb_connection *c)
{
    free(c->in);
    c->in = NULL;
    c->in_len = c->in_cap = 0;
}

static void change_state(struct tb_connection *c, enum state state)
{
    assert(c->state != ENDED);
    if (c->state == STREAMING)
        c->host->streams--;
    if (state == STREAMING)
        c->host->streams++;
    set_unfinished(c, false);
    c->state = state;
}

/* ---- ending ---- */

static void on_burial(struct tb_timer *timer)
{
    tb_connection_host_bury(timer->owner);
}

void tb_connection_host_bury(struct tb_connection_host *host)
{
    struct tb_connection *next = NULL;

    for (struct tb_connection *c = host->ended; c; c = next) {
        next = c->next;
        free(c);
    }
    host->ended = NULL;
    tb_loop_disarm(host->loop, &host->burial);
}

static void end_request(struct tb_connection *c)
{
    struct tb_request *request = c->request;

    if (!request)
        return;
    c->request = NULL;
    c->host->requests--;
    if (c->code)
        c->host->on_answered(c->host->owner, request, c->code, c->body_bytes, false);
    else
        c->host->on_gone(c->host->owner, request);
    free(request);
}

static void end_stream(struct tb_connection *c)
{
    struct tb_stream *stream = c->stream;

    if (!stream)
        return;
    c->stream = NULL;
    stream->connection = NULL;
    tb_body_release(stream->now);
    tb_body_release(stream->control);
    tb_body_release(stream->newest);
    tb_body_release(stream->last);
    stream->now = stream->control = stream->newest = stream->last = NULL;
    stream->on_closed(stream);
}

static void end(struct tb_connection *c)
{
    if (c->state == ENDED)
        return;
    change_state(c, ENDED);
    tb_loop_remove(c->host->loop, &c->watch);
    close(c->watch.fd);
    leave_host(c);
    c->host->on_closed(c->host->owner, c);
    end_request(c);
    end_stream(c);
    drop_in(c);
    free(c->head);
    c->head = NULL;
    tb_body_release(c->body);
    c->body = NULL;
    tb_loop_disarm(c->host->loop, &c->timer);
    c->next = c->host->ended;
    c->host->ended = c;
    c->host->burial.on_expire = on_burial;
    c->host->burial.owner = c->host;
    tb_loop_arm(c->host->loop, &c->host->burial, 0);
}

/* What is pushed into a stream must not end it from inside the call. */
static void fail(struct tb_connection *c)
{
    if (!c->is_pushed_to) {
        end(c);
        return;
    }
    c->is_broken = true;
    c->armed_us = tb_clock_monotonic_us();
    tb_loop_arm(c->host->loop, &c->timer, 0);
}

void tb_connection_close(struct tb_connection *c)
{
    end(c);
}

/* ---- writing ---- */

/* The rest of what is sent: true when all of it is gone. A connection that fails ends. */
static bool send_parts(struct tb_connection *c, struct iovec *parts, int count, size_t *ret_sent)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
    ssize_t sent = sendmsg(c->watch.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

    *ret_sent = 0;
    if (sent >= 0) {
        *ret_sent = (size_t)sent;
        return true;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return true;
    fail(c);
    return false;
}

static struct iovec part(const char *ptr, size_t len)
{
    /* sendmsg reads only, whatever the type of its argument says. */
    union {
        const char *given;
        void *wanted;
    } bytes = {.given = ptr};

    return (struct iovec){.iov_base = bytes.wanted, .iov_len = len};
}

/* Sends head and body from where they stand; keeps a copy of what the socket does not take of the head. */
static bool send_answer(struct tb_connection *c, const char *head, size_t head_len)
{
    size_t sent = 0, body_left = c->body ? c->body->bytes.len - c->body_sent : 0;
    struct iovec parts[] = {part(head, head_len),
                            part(c->body ? c->body->bytes.ptr + c->body_sent : NULL, body_left)};

    if (!send_parts(c, parts, body_left ? 2 : 1, &sent))
        return false;
    size_t of_head = sent < head_len ? sent : head_len;
    c->body_sent += sent - of_head;
    c->body_bytes += sent - of_head;
    if (of_head < head_len && head != c->head + c->head_sent) {
        c->head = malloc(head_len - of_head);
        if (!c->head) {
            end(c);
            return false;
        }
        memcpy(c->head, head + of_head, head_len - of_head);
        c->head_len = head_len - of_head;
        c->head_sent = 0;
    } else if (c->head) {
        c->head_sent += of_head;
    }
    return true;
}

static bool is_sent(const struct tb_connection *c)
{
    return (!c->head || c->head_sent == c->head_len) && (!c->body || c->body_sent == c->body->bytes.len);
}

static void linger(struct tb_connection *c)
{
    (void)shutdown(c->watch.fd, SHUT_WR);
    change_state(c, LINGERING);
    drop_in(c);
    set_deadline(c, LINGER_US);
    want(c, EPOLLIN);
}

static void finish_answer(struct tb_connection *c)
{
    struct tb_request *request = c->request;
    bool closes = c->closes || c->host->is_draining;

    free(c->head);
    c->head = NULL;
    tb_body_release(c->body);
    c->body = NULL;
    c->request = NULL;
    c->host->requests--;
    c->host->on_answered(c->host->owner, request, c->code, c->body_bytes, true);
    size_t used = request->head.len + request->content.len;
    free(request);
    if (closes) {
        linger(c);
        return;
    }
    assert(used <= c->in_len);
    c->in_len -= used;
    if (c->in_len)
        memmove(c->in, c->in + used, c->in_len);
    else
        drop_in(c);
    c->parse_at = 0;
    change_state(c, READING);
    set_unfinished(c, c->in_len > 0);
    set_deadline(c, c->in_len ? c->host->head_us : c->host->idle_us);
}

static void go_on_writing(struct tb_connection *c)
{
    size_t before = c->head_sent + c->body_sent;

    if (!send_answer(c, c->head ? c->head + c->head_sent : NULL, c->head ? c->head_len - c->head_sent : 0))
        return;
    if (is_sent(c)) {
        finish_answer(c);
        return;
    }
    if (c->head_sent + c->body_sent != before)
        set_deadline(c, c->host->idle_us);
    want(c, EPOLLOUT);
}

/* ---- answers ---- */

static const char *connection_field(const struct tb_connection *c, const struct tb_answer *answer)
{
    if (answer->code == 101)
        return "";
    if (c->closes || c->host->is_draining)
        return "Connection: close\r\n";
    return c->request->head.is_1_0 ? "Connection: keep-alive\r\n" : "";
}

void tb_request_answer(struct tb_request *request, const struct tb_answer *answer)
{
    struct tb_connection *c = request->connection;
    char head[TB_RESPONSE_HEAD_BYTES];
    bool has_body = answer->code != 204 && answer->code != 304;

    assert(c->state == ANSWERING && !c->code);
    c->closes = c->closes || answer->closes || request->head.wants_close;
    size_t len = tb_response_format(&c->host->clock, answer, has_body, connection_field(c, answer), head);
    c->code = answer->code;
    c->body = answer->body;
    c->body_sent = c->body_bytes = 0;
    if (!has_body || tb_str_equal(request->head.method, TB_STR("HEAD"))) {
        tb_body_release(c->body);
        c->body = NULL;
    }
    if (!len) {
        end(c);
        return;
    }
    change_state(c, WRITING);
    set_deadline(c, c->host->idle_us);
    if (!send_answer(c, head, len))
        return;
    if (!is_sent(c))
        want(c, EPOLLOUT);
    else
        finish_answer(c);
    if (!c->is_driving)
        drive(c);
}

/* ---- reading ---- */

static bool grow(struct tb_connection *c, size_t max)
{
    size_t cap = c->in_cap ? c->in_cap * 2 : IN_FIRST_BYTES;

    if (cap > max)
        cap = max;
    if (cap <= c->in_cap)
        return false;
    char *in = realloc(c->in, cap);
    if (!in)
        return false;
    c->in = in;
    c->in_cap = cap;
    return true;
}

/* A request of which nothing but this is known, to be answered with a code. */
static void refuse(struct tb_connection *c, unsigned code, const char *wrong)
{
    change_state(c, ANSWERING);
    clear_deadline(c);
    c->closes = true;
    c->code = 0;
    c->host->requests++;
    c->host->on_malformed(c->host->owner, c->request, code, wrong);
}

static bool make_request(struct tb_connection *c)
{
    c->request = malloc(sizeof(*c->request));
    if (!c->request) {
        end(c);
        return false;
    }
    *c->request =
        (struct tb_request){.connection = c, .address = c->address, .began_us = tb_clock_monotonic_us()};
    return true;
}

static void refuse_new(struct tb_connection *c, unsigned code, const char *wrong)
{
    if (c->request || make_request(c)) {
        c->request->head = (struct tb_head){.method = TB_STR("-"), .path = TB_STR("-")};
        refuse(c, code, wrong);
    }
}

static void refuse_head(struct tb_connection *c, int outcome, const char *wrong)
{
    if (outcome == TB_HEAD_VERSION)
        refuse_new(c, 505, "This server speaks HTTP/1.1 and HTTP/1.0.");
    else if (outcome == TB_HEAD_TOO_LONG)
        refuse_new(c, 431, "The request has too many headers.");
    else
        refuse_new(c, 400, wrong);
}

/* The head is there; whether the body is too. A body that is too large is refused before it comes. */
static bool has_body(struct tb_connection *c)
{
    struct tb_head *head = &c->request->head;

    if (head->content_bytes > TB_HTTP_BODY_MAX_BYTES) {
        refuse(c, 413, "The body is too large.");
        return false;
    }
    if (c->in_len - head->len >= head->content_bytes) {
        c->request->content = (struct tb_str){c->in + head->len, head->content_bytes};
        return true;
    }
    free(c->request);
    c->request = NULL;
    c->parse_at = c->in_len + 1;
    return false;
}

/* Whether what was read so far is worth a look: each doubling, and when the head's end may have come. So a
 * head that comes byte by byte is not read anew for each. */
static bool is_time_to_parse(struct tb_connection *c)
{
    if (c->in_len < c->parse_at &&
        tb_str_find((struct tb_str){c->in, c->in_len}, TB_STR("\r\n\r\n")) == SIZE_MAX)
        return false;
    return c->in_len > 0;
}

static void await_rest(struct tb_connection *c)
{
    struct tb_str bytes = {c->in, c->in_len};

    c->parse_at = c->in_len * 2;
    if (c->in_len < TB_HTTP_CONNECTION_BYTES)
        return;
    if (tb_str_find(bytes, TB_STR("\r\n")) == SIZE_MAX)
        refuse_new(c, 414, "The address is too long.");
    else
        refuse_new(c, 431, "The headers are too long.");
}

/* Makes a request of what was read, and hands it over. */
static void take_request(struct tb_connection *c)
{
    const char *wrong = "";

    if (!is_time_to_parse(c) || !make_request(c))
        return;
    int r = tb_head_parse((struct tb_str){c->in, c->in_len}, &c->request->head, &wrong);
    if (r == TB_HEAD_UNFINISHED) {
        free(c->request);
        c->request = NULL;
        await_rest(c);
        return;
    }
    if (r) {
        refuse_head(c, r, wrong);
        return;
    }
    if (!has_body(c))
        return;
    change_state(c, ANSWERING);
    clear_deadline(c);
    c->code = 0;
    c->host->requests++;
    c->host->on_request(c->host->owner, c->request);
}

/* Reads once; false when there is nothing to be had now, or the connection has ended. */
static bool read_in(struct tb_connection *c)
{
    size_t max = TB_HTTP_CONNECTION_BYTES + TB_HTTP_BODY_MAX_BYTES;

    if (c->in_len == c->in_cap && !grow(c, max)) {
        end(c);
        return false;
    }
    ssize_t got = recv(c->watch.fd, c->in + c->in_len, c->in_cap - c->in_len, MSG_DONTWAIT);
    if (got > 0) {
        if (!c->in_len)
            set_deadline(c, c->host->head_us);
        set_unfinished(c, true);
        c->in_len += (size_t)got;
        return true;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        if (!c->in_len)
            drop_in(c);
        return false;
    }
    end(c); /* also of a request that will never be whole */
    return false;
}

/* Handles what was read, request by request, until more has to come from somewhere. */
static void drive(struct tb_connection *c)
{
    enum state before;

    if (c->is_driving)
        return;
    c->is_driving = true;
    do {
        before = c->state;
        if (c->state == READING && c->in_len)
            take_request(c);
    } while (c->state == READING && before == READING && c->in_len && !c->parse_at);
    c->is_driving = false;
    if (c->state == READING)
        want(c, EPOLLIN);
}

static void discard(struct tb_connection *c)
{
    char dropped[4096];
    ssize_t got = recv(c->watch.fd, dropped, sizeof(dropped), MSG_DONTWAIT);

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        end(c);
}

/* ---- streams ---- */

/* The next body that waits, into now; false when none does. */
static bool advance(struct tb_stream *stream)
{
    struct tb_body **const places[] = {&stream->control, &stream->newest, &stream->last};

    tb_body_release(stream->now);
    stream->now = NULL;
    stream->sent = 0;
    for (size_t i = 0; i < TB_COUNT(places) && !stream->now; i++) {
        stream->now = *places[i];
        *places[i] = NULL;
    }
    return stream->now;
}

static void write_stream(struct tb_connection *c)
{
    struct tb_stream *stream = c->stream;
    bool has_moved = false;

    while (stream->now || advance(stream)) {
        struct iovec rest =
            part(stream->now->bytes.ptr + stream->sent, stream->now->bytes.len - stream->sent);
        size_t sent = 0;
        if (!send_parts(c, &rest, 1, &sent))
            return;
        stream->sent += sent;
        stream->bytes += (int64_t)sent;
        has_moved = has_moved || sent;
        if (stream->sent < stream->now->bytes.len) {
            if (has_moved || c->due_us == INT64_MAX)
                set_deadline(c, STREAM_STALL_US);
            want(c, EPOLLIN | EPOLLOUT);
            return;
        }
        tb_body_release(stream->now);
        stream->now = NULL;
    }
    if (stream->is_ending) {
        end_stream(c);
        linger(c);
        return;
    }
    clear_deadline(c);
    want(c, EPOLLIN);
}

static void push(struct tb_stream *stream)
{
    struct tb_connection *c = stream->connection;

    if (!c || c->is_broken || (c->wanted & EPOLLOUT))
        return;
    c->is_pushed_to = true;
    write_stream(c);
    c->is_pushed_to = false;
}

static struct tb_body *join(struct tb_str head, const struct tb_body *body)
{
    struct tb_body *both = NULL;
    struct tb_buf buf;

    tb_buf_init(&buf, 2 * TB_RESPONSE_HEAD_BYTES);
    tb_buf_push_str(&buf, head);
    if (body)
        tb_buf_push_str(&buf, body->bytes);
    both = tb_body_take(&buf);
    tb_buf_deinit(&buf);
    return both;
}

void tb_request_stream(struct tb_request *request, const struct tb_answer *answer, struct tb_stream *stream)
{
    struct tb_connection *c = request->connection;
    char head[TB_RESPONSE_HEAD_BYTES];

    assert(c->state == ANSWERING && !c->code);
    c->closes = answer->code != 101;
    size_t len = tb_response_format(&c->host->clock, answer, false, connection_field(c, answer), head);
    size_t used = request->head.len + request->content.len;
    struct tb_str early = {c->in + used, c->in_len - used};
    char *rest = early.len ? malloc(early.len) : NULL;
    if (rest)
        memcpy(rest, early.ptr, early.len);
    c->request = NULL;
    c->host->requests--;
    free(request);
    drop_in(c);
    change_state(c, STREAMING);
    clear_deadline(c);
    c->stream = stream;
    stream->connection = c;
    stream->now = len ? join((struct tb_str){head, len}, answer->body) : NULL;
    tb_body_release(answer->body);
    c->is_pushed_to = true;
    if (stream->now)
        write_stream(c);
    else
        fail(c);
    c->is_pushed_to = false;
    if (rest && stream->on_input)
        stream->on_input(stream, (struct tb_str){rest, early.len});
    free(rest);
}

void tb_stream_send(struct tb_stream *stream, struct tb_body *body)
{
    if (!stream->connection || stream->is_ending)
        return;
    if (!body) {
        tb_stream_end(stream, NULL);
        return;
    }
    tb_body_release(stream->newest);
    stream->newest = tb_body_hold(body);
    push(stream);
}

void tb_stream_send_control(struct tb_stream *stream, struct tb_body *body)
{
    if (!stream->connection || stream->is_ending || stream->control || !body)
        return;
    stream->control = tb_body_hold(body);
    push(stream);
}

bool tb_stream_is_busy(const struct tb_stream *stream)
{
    return stream->now || stream->control || stream->newest || stream->last;
}

void tb_stream_end(struct tb_stream *stream, struct tb_body *body)
{
    if (!stream->connection || stream->is_ending)
        return;
    stream->is_ending = true;
    stream->last = tb_body_hold(body);
    if (stream->connection->wanted & EPOLLOUT)
        return;
    stream->connection->armed_us = tb_clock_monotonic_us();
    tb_loop_arm(stream->connection->host->loop, &stream->connection->timer, 0);
}

static void read_stream(struct tb_connection *c)
{
    char bytes[4096];
    ssize_t got = recv(c->watch.fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (got > 0) {
        if (c->stream->on_input)
            c->stream->on_input(c->stream, (struct tb_str){bytes, (size_t)got});
    } else if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        end(c);
    }
}

/* ---- what the loop calls ---- */

static void on_input(struct tb_connection *c)
{
    switch (c->state) {
    case READING:
        if (read_in(c))
            drive(c);
        break;
    case STREAMING:
        read_stream(c);
        break;
    case LINGERING:
        discard(c);
        break;
    case ANSWERING:
        want(c, 0);
        break;
    case WRITING:
        want(c, EPOLLOUT);
        break;
    case ENDED:
        break;
    }
}

static void on_ready(struct tb_watch *watch, uint32_t events)
{
    struct tb_connection *c = watch->owner;

    if (events & (EPOLLERR | EPOLLHUP)) {
        end(c);
        return;
    }
    if (events & EPOLLIN)
        on_input(c);
    if (!(events & EPOLLOUT))
        return;
    if (c->state == WRITING) {
        go_on_writing(c);
        if (c->state == READING)
            drive(c);
    } else if (c->state == STREAMING) {
        write_stream(c);
    }
}

static void on_deadline(struct tb_connection *c)
{
    if (c->state == READING && c->in_len)
        refuse_new(c, 408, "The request did not come in time.");
    else
        end(c);
}

static void on_timer(struct tb_timer *timer)
{
    struct tb_connection *c = timer->owner;

    if (c->is_broken) {
        end(c);
        return;
    }
    if (c->state == STREAMING && c->stream->is_ending && !(c->wanted & EPOLLOUT))
        write_stream(c);
    int64_t left_us = c->due_us - tb_clock_monotonic_us();
    if (c->state == ENDED || c->due_us == INT64_MAX)
        return;
    if (left_us > 0)
        set_deadline(c, left_us);
    else
        on_deadline(c);
}

/* ---- a connection as its server has it ---- */

struct tb_connection *tb_connection_new(struct tb_connection_host *host, int fd, const char *address)
{
    struct tb_connection *c = calloc(1, sizeof(*c));

    if (!c) {
        close(fd);
        return NULL;
    }
    c->host = host;
    c->watch = (struct tb_watch){.fd = fd, .on_ready = on_ready, .owner = c};
    c->timer = (struct tb_timer){.on_expire = on_timer, .owner = c};
    c->wanted = EPOLLIN;
    snprintf(c->address, sizeof(c->address), "%s", address);
    if (tb_loop_add(host->loop, &c->watch, c->wanted) != 0) {
        close(fd);
        free(c);
        return NULL;
    }
    join_host(c);
    set_unfinished(c, true);
    set_deadline(c, host->head_us);
    return c;
}

const char *tb_connection_address(const struct tb_connection *c)
{
    return c->address;
}

int64_t tb_connection_waits_since_us(const struct tb_connection *c)
{
    return c->unfinished_since_us;
}

void tb_connection_drain(struct tb_connection *c)
{
    if (c->state == READING && !c->in_len)
        end(c);
}

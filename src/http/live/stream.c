/* A stream is a watcher of a feed with a connection: each new edition goes out as one event or one frame, of
 * which all streams share the bytes.
 *
 * The document is read before a stream begins, so that an error is an answer and not the end of a stream. It
 * ends by itself when all tasks have: an event that says so, and, to a client that comes back with the
 * version of that very document, 204, at which browsers stop coming back. It ends when the caller's grant
 * does, and when the server goes down, which it says, with a time to come back that is another one for each.
 * Each is sent something every 15 seconds, so that proxies keep it and a client that is gone is noticed. */
#include "stream.h"

#include "api/task_status.h"
#include "auth/credential.h"
#include "feed.h"
#include "frame.h"
#include "problem.h"
#include "taskbridge/base/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <wslay/wslay.h>

#define BEAT_US          (15 * TB_US_PER_S)
#define BEATS_AT_ONCE    256
#define MESSAGE_MAX      ((size_t)4096)
#define PUSHED_MAX       ((size_t)64 * 1024)
#define CLOSE_DONE       1000
#define CLOSE_GOING_AWAY 1001
#define CLOSE_POLICY     1008

struct stream {
    struct tb_stream stream;
    struct tb_streams *streams;
    struct stream *previous, *next; /* in the order of their beats */
    int64_t beat_us;                /* monotonic */
    struct tb_exchange *exchange;   /* owned */
    struct tb_feed_reader reader;   /* before it begins */
    struct tb_feed_watcher watcher;
    struct tb_grant_watch grant;
    bool is_websocket;
    char known[TB_VERSION_BYTES]; /* Last-Event-ID */
    wslay_event_context_ptr ws;   /* owned; NULL until the client says something */
    struct tb_str input;
    struct tb_buf output;
};

struct tb_streams {
    struct tb_loop *loop; /* borrowed */
    struct stream *first, *last;
    struct tb_timer beats;
    uint64_t random;
    bool is_stopped;
    struct tb_body *comment, *ping; /* held */
    struct tb_body *completed, *refused;
    struct tb_body *close_done, *close_away, *close_policy;
};

/* ---- beats ---- */

static void push_beat(struct stream *stream)
{
    struct tb_streams *streams = stream->streams;

    stream->beat_us = tb_clock_monotonic_us() + BEAT_US;
    stream->next = NULL;
    stream->previous = streams->last;
    *(streams->last ? &streams->last->next : &streams->first) = stream;
    streams->last = stream;
    if (!streams->beats.armed)
        tb_loop_arm(streams->loop, &streams->beats, BEAT_US);
}

static void take_beat(struct stream *stream)
{
    struct tb_streams *streams = stream->streams;

    *(stream->previous ? &stream->previous->next : &streams->first) = stream->next;
    *(stream->next ? &stream->next->previous : &streams->last) = stream->previous;
}

static void on_beats(struct tb_timer *timer)
{
    struct tb_streams *streams = timer->owner;
    int64_t now_us = tb_clock_monotonic_us();

    for (int i = 0; i < BEATS_AT_ONCE && streams->first && streams->first->beat_us <= now_us; i++) {
        struct stream *stream = streams->first;
        take_beat(stream);
        push_beat(stream);
        if (!tb_stream_is_busy(&stream->stream))
            tb_stream_send_control(&stream->stream, stream->is_websocket ? streams->ping : streams->comment);
    }
    if (streams->first)
        tb_loop_arm(streams->loop, timer, streams->first->beat_us - now_us);
}

/* ---- what a client says over a WebSocket ---- */

static ssize_t on_ws_read(wslay_event_context_ptr ws, uint8_t *bytes, size_t len, int flags, void *owner)
{
    struct stream *stream = owner;
    size_t count = len < stream->input.len ? len : stream->input.len;

    (void)flags;
    if (!count) {
        wslay_event_set_error(ws, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(bytes, stream->input.ptr, count);
    stream->input = (struct tb_str){stream->input.ptr + count, stream->input.len - count};
    return (ssize_t)count;
}

static ssize_t on_ws_write(wslay_event_context_ptr ws, const uint8_t *bytes, size_t len, int flags,
                           void *owner)
{
    struct stream *stream = owner;

    (void)flags;
    tb_buf_push(&stream->output, bytes, len);
    if (!stream->output.failed)
        return (ssize_t)len;
    wslay_event_set_error(ws, WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static bool open_ws(struct stream *stream)
{
    static const struct wslay_event_callbacks callbacks = {.recv_callback = on_ws_read,
                                                           .send_callback = on_ws_write};

    if (stream->ws)
        return true;
    if (wslay_event_context_server_init(&stream->ws, &callbacks, stream) != 0) {
        stream->ws = NULL;
        return false;
    }
    /* What clients say in messages is dropped as it comes; pings and closes are answered by wslay. */
    wslay_event_config_set_no_buffering(stream->ws, 1);
    wslay_event_config_set_max_recv_msg_length(stream->ws, MESSAGE_MAX);
    return true;
}

static void on_input(struct tb_stream *owner, struct tb_str bytes)
{
    struct stream *stream = owner->owner;

    if (!open_ws(stream)) {
        tb_stream_end(&stream->stream, NULL);
        return;
    }
    stream->input = bytes;
    tb_buf_init(&stream->output, PUSHED_MAX);
    int failed = wslay_event_recv(stream->ws);
    while (!failed && wslay_event_want_write(stream->ws))
        failed = wslay_event_send(stream->ws);
    struct tb_body *answer = stream->output.len ? tb_body_take(&stream->output) : NULL;
    tb_buf_deinit(&stream->output);
    if (failed || !wslay_event_want_read(stream->ws))
        tb_stream_end(&stream->stream, answer);
    else
        tb_stream_send_control(&stream->stream, answer);
    tb_body_release(answer);
}

/* ---- its end ---- */

static void stop_watching(struct stream *stream)
{
    tb_feed_unwatch(&stream->watcher);
    tb_grant_unwatch(&stream->grant);
}

static void on_closed(struct tb_stream *owner)
{
    struct stream *stream = owner->owner;

    stop_watching(stream);
    take_beat(stream);
    tb_exchange_log(stream->exchange, stream->is_websocket ? 101 : 200, stream->stream.bytes, true);
    tb_exchange_free(stream->exchange);
    if (stream->ws)
        wslay_event_context_free(stream->ws);
    free(stream);
}

static void end(struct stream *stream, struct tb_body *event, struct tb_body *frame)
{
    stop_watching(stream);
    tb_stream_end(&stream->stream, stream->is_websocket ? frame : event);
}

static void on_grant_end(struct tb_grant_watch *watch, enum tb_grant_end reason)
{
    struct stream *stream = watch->owner;

    (void)reason;
    end(stream, stream->streams->refused, stream->streams->close_policy);
}

/* ---- what is sent ---- */

static void send_edition(struct stream *stream, struct tb_edition *edition)
{
    struct tb_streams *streams = stream->streams;

    tb_stream_send(&stream->stream,
                   stream->is_websocket ? tb_edition_frame(edition) : tb_edition_event(edition));
    if (edition->all_completed && !edition->is_empty)
        end(stream, streams->completed, streams->close_done);
}

static void on_watched(struct tb_feed_watcher *watcher, const struct tb_feed_news *news)
{
    struct stream *stream = watcher->owner;

    send_edition(stream, news->edition);
}

/* Between one and six seconds: thousands that lost one server don't come back at one moment. */
static struct tb_body *retry_text(struct tb_streams *streams)
{
    char text[64];
    unsigned ms = 1000 + (unsigned)(tb_random_next(&streams->random) % 5000);

    snprintf(text, sizeof(text), "retry: %u\n\n", ms);
    return tb_body_copy(tb_str_of(text));
}

/* ---- its beginning ---- */

static void drop_unbegun(struct tb_exchange *exchange)
{
    struct stream *stream = exchange->work;

    exchange->on_gone = NULL;
    exchange->work = NULL;
    tb_feed_leave(&stream->reader);
    free(stream);
}

static void answer_instead(struct stream *stream, const struct tb_feed_news *news)
{
    struct tb_exchange *exchange = stream->exchange;

    drop_unbegun(exchange);
    if (news->outcome)
        tb_problem_answer_database(exchange, news->outcome);
    else if (!news->is_known)
        tb_problem_answer_no_company(exchange);
    else
        tb_exchange_answer(exchange, &(struct tb_reply){.code = 204});
}

static bool is_over_for(const struct stream *stream, const struct tb_edition *edition)
{
    return !stream->is_websocket && edition->all_completed && !edition->is_empty &&
           strcmp(stream->known, edition->version) == 0;
}

static bool watch(struct stream *stream)
{
    struct tb_exchange *exchange = stream->exchange;
    struct tb_company_filter filter;
    struct tb_feed_key key;

    stream->watcher =
        (struct tb_feed_watcher){.view = stream->reader.view, .on_news = on_watched, .owner = stream};
    if (!tb_task_status_key(exchange, &filter, &key) ||
        !tb_feed_watch(exchange->services->feeds, &key, &stream->watcher))
        return false;
    stream->grant = (struct tb_grant_watch){.on_end = on_grant_end, .owner = stream};
    tb_grant_watch(&stream->grant, exchange->grant);
    return true;
}

static struct tb_reply reply_of(struct stream *stream, char accept[TB_FRAME_ACCEPT_BYTES])
{
    struct tb_exchange *exchange = stream->exchange;
    struct tb_str protocols = tb_exchange_header(exchange, "Sec-WebSocket-Protocol");

    if (!stream->is_websocket)
        return (struct tb_reply){.code = 200,
                                 .content_type = "text/event-stream",
                                 .body = retry_text(stream->streams),
                                 .headers = {{"X-Accel-Buffering", TB_STR("no")}}};
    if (!tb_frame_accept(tb_exchange_header(exchange, "Sec-WebSocket-Key"), accept))
        accept[0] = '\0'; /* was checked */
    return (struct tb_reply){
        .code = 101,
        .headers = {
            {"Upgrade", TB_STR("websocket")},
            {"Connection", TB_STR("Upgrade")},
            {"Sec-WebSocket-Accept", tb_str_of(accept)},
            {tb_str_find(protocols, TB_STR("taskbridge")) != SIZE_MAX ? "Sec-WebSocket-Protocol" : NULL,
             TB_STR("taskbridge")}}};
}

static void begin(struct stream *stream, const struct tb_feed_news *news)
{
    struct tb_exchange *exchange = stream->exchange;
    char accept[TB_FRAME_ACCEPT_BYTES];

    if (news->outcome || (exchange->grant->rights >= TB_RIGHTS_VIEWER && !news->is_known) ||
        is_over_for(stream, news->edition)) {
        answer_instead(stream, news);
        return;
    }
    if (!watch(stream)) {
        answer_instead(stream, &(struct tb_feed_news){.outcome = TB_DATABASE_CROWDED});
        return;
    }
    stream->watcher.serial = news->edition->serial;
    exchange->on_gone = NULL;
    exchange->work = NULL;
    stream->stream = (struct tb_stream){
        .on_input = stream->is_websocket ? on_input : NULL, .on_closed = on_closed, .owner = stream};
    push_beat(stream);
    struct tb_reply reply = reply_of(stream, accept);
    tb_exchange_stream(exchange, &reply, &stream->stream);
    send_edition(stream, news->edition);
    if (stream->streams->is_stopped)
        end(stream, NULL, stream->streams->close_away);
}

static void on_read(struct tb_feed_reader *reader, const struct tb_feed_news *news)
{
    begin(reader->owner, news);
}

static void open_stream(struct tb_exchange *exchange, bool is_websocket)
{
    struct stream *stream = calloc(1, sizeof(*stream));
    struct tb_str known = tb_exchange_header(exchange, "Last-Event-ID");
    struct tb_company_filter filter;
    struct tb_feed_key key;
    struct tb_feed_news news;

    if (!stream || !tb_task_status_key(exchange, &filter, &key)) {
        free(stream);
        tb_problem_answer_away(exchange, "There is no memory for a stream now.");
        return;
    }
    stream->streams = exchange->services->streams;
    stream->exchange = exchange;
    stream->is_websocket = is_websocket;
    if (known.len < sizeof(stream->known))
        snprintf(stream->known, sizeof(stream->known), "%.*s", TB_STR_FMT(known));
    stream->reader =
        (struct tb_feed_reader){.view = tb_task_status_view(exchange), .on_news = on_read, .owner = stream};
    exchange->work = stream;
    exchange->on_gone = drop_unbegun;
    if (tb_feed_read(exchange->services->feeds, &key, &stream->reader, &news))
        begin(stream, &news);
}

void tb_stream_get_events(struct tb_exchange *exchange)
{
    if (tb_str_equal(exchange->request->head.method, TB_STR("HEAD")))
        tb_exchange_answer(exchange, &(struct tb_reply){.code = 200, .content_type = "text/event-stream"});
    else
        open_stream(exchange, false);
}

/* ---- the handshake of a WebSocket: RFC 6455, 4.2 ---- */

static bool has_word(struct tb_str list, const char *word)
{
    size_t len = strlen(word);

    for (size_t i = 0; i + len <= list.len; i++) {
        bool begins = i == 0 || list.ptr[i - 1] == ',' || list.ptr[i - 1] == ' ';
        bool ends = i + len == list.len || list.ptr[i + len] == ',' || list.ptr[i + len] == ' ';
        if (begins && ends && strncasecmp(list.ptr + i, word, len) == 0)
            return true;
    }
    return false;
}

void tb_stream_get_websocket(struct tb_exchange *exchange)
{
    char accept[TB_FRAME_ACCEPT_BYTES];

    if (!has_word(tb_exchange_header(exchange, "Upgrade"), "websocket") ||
        !has_word(tb_exchange_header(exchange, "Connection"), "upgrade") ||
        !tb_str_equal(tb_exchange_header(exchange, "Sec-WebSocket-Version"), TB_STR("13")))
        tb_problem_answer(exchange,
                          &(struct tb_problem){.code = 426,
                                               .detail = "This address speaks WebSocket, version 13.",
                                               .header = {"Upgrade", TB_STR("websocket")}});
    else if (!tb_str_equal(exchange->request->head.method, TB_STR("GET")) ||
             !tb_frame_accept(tb_exchange_header(exchange, "Sec-WebSocket-Key"), accept))
        tb_problem_answer(
            exchange,
            &(struct tb_problem){.code = 400, .detail = "Sec-WebSocket-Key is not a key.", .closes = true});
    else if (tb_credential_is_strangers(&exchange->request->head, exchange->services->config))
        tb_problem_answer(
            exchange, &(struct tb_problem){.code = 403, .detail = "Pages of this origin may not connect."});
    else
        open_stream(exchange, true);
}

/* ---- all of them ---- */

int tb_streams_open(struct tb_loop *loop, struct tb_streams **ret_streams, struct tb_error *err)
{
    struct tb_streams *streams = calloc(1, sizeof(*streams));

    if (!streams)
        return tb_error_set(err, -ENOMEM, "out of memory");
    streams->loop = loop;
    streams->beats = (struct tb_timer){.on_expire = on_beats, .owner = streams};
    if (tb_random_bytes(&streams->random, sizeof(streams->random)) != 0)
        streams->random = (uint64_t)tb_clock_monotonic_us();
    streams->comment = tb_body_static(TB_STR(":\n\n"));
    streams->completed = tb_body_static(TB_STR("event: completed\ndata: {\"all_completed\":true}\n\n"));
    streams->refused = tb_body_static(TB_STR("event: refused\ndata: {\"status\":401}\n\n"));
    streams->ping = tb_frame_ping();
    streams->close_done = tb_frame_close(CLOSE_DONE);
    streams->close_away = tb_frame_close(CLOSE_GOING_AWAY);
    streams->close_policy = tb_frame_close(CLOSE_POLICY);
    if (!streams->comment || !streams->completed || !streams->refused || !streams->ping ||
        !streams->close_done || !streams->close_away || !streams->close_policy) {
        tb_streams_close(streams);
        return tb_error_set(err, -ENOMEM, "out of memory");
    }
    *ret_streams = streams;
    return 0;
}

void tb_streams_stop(struct tb_streams *streams)
{
    streams->is_stopped = true;
    for (struct stream *stream = streams->first; stream; stream = stream->next) {
        struct tb_body *retry = stream->is_websocket ? NULL : retry_text(streams);
        end(stream, retry, streams->close_away);
        tb_body_release(retry);
    }
}

void tb_streams_close(struct tb_streams *streams)
{
    if (!streams)
        return;
    tb_loop_disarm(streams->loop, &streams->beats);
    tb_body_release(streams->comment);
    tb_body_release(streams->completed);
    tb_body_release(streams->refused);
    tb_body_release(streams->ping);
    tb_body_release(streams->close_done);
    tb_body_release(streams->close_away);
    tb_body_release(streams->close_policy);
    free(streams);
}

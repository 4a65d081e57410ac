/* See fake_rabbitmq.h. One connection is open at a time, or the newest is the one that frames are queued for.
 */
#include "fake_rabbitmq.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAMES_MAX 256
#define SENT_BYTES 65536

struct amqp_connection_state_t_ {
    int fd;
    amqp_rpc_reply_t reply;
    struct timeval timeout;
};

struct amqp_socket_t_ {
    amqp_connection_state_t state;
};

static struct {
    pthread_mutex_t lock;
    int listener, port, peer; /* the accepted end of the newest connection */
    bool is_silent;
    int refused, logins;
    char refusal[64];
    amqp_channel_close_t refusal_close;
    amqp_frame_t frames[FRAMES_MAX];
    size_t frame_count;
    int status;
    char sent[SENT_BYTES], told[SENT_BYTES];
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER, .listener = -1, .peer = -1};

static void close_if_open(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void fake_rabbitmq_reset(void)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(place);
    pthread_mutex_lock(&fake.lock);
    close_if_open(&fake.listener);
    close_if_open(&fake.peer);
    fake.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = bind(fake.listener, (struct sockaddr *)&place, sizeof(place));
    r = r ? r : listen(fake.listener, 16);
    r = r ? r : getsockname(fake.listener, (struct sockaddr *)&place, &bytes);
    assert(r == 0);
    fake.port = ntohs(place.sin_port);
    fake.is_silent = false;
    fake.refused = fake.logins = 0;
    fake.refusal[0] = fake.sent[0] = '\0';
    fake.frame_count = 0;
    fake.status = AMQP_STATUS_OK;
    pthread_mutex_unlock(&fake.lock);
}

int fake_rabbitmq_port(void)
{
    return fake.port;
}

void fake_rabbitmq_be_silent(bool is_silent)
{
    pthread_mutex_lock(&fake.lock);
    fake.is_silent = is_silent;
    pthread_mutex_unlock(&fake.lock);
}

void fake_rabbitmq_refuse_logins(int count)
{
    pthread_mutex_lock(&fake.lock);
    fake.refused = count;
    pthread_mutex_unlock(&fake.lock);
}

int fake_rabbitmq_logins(void)
{
    pthread_mutex_lock(&fake.lock);
    int logins = fake.logins;
    pthread_mutex_unlock(&fake.lock);
    return logins;
}

/* ---- what a test has it say ---- */

void fake_rabbitmq_refuse(const char *request, int code, const char *text)
{
    pthread_mutex_lock(&fake.lock);
    snprintf(fake.refusal, sizeof(fake.refusal), "%s", request);
    fake.refusal_close =
        (amqp_channel_close_t){.reply_code = (uint16_t)code, .reply_text = amqp_cstring_bytes(text)};
    pthread_mutex_unlock(&fake.lock);
}

static void wake(void)
{
    ssize_t written = fake.peer >= 0 ? write(fake.peer, "x", 1) : 1;
    assert(written == 1);
}

static amqp_frame_t *next_frame(void)
{
    assert(fake.frame_count < FRAMES_MAX);
    return &fake.frames[fake.frame_count++];
}

void fake_rabbitmq_say(amqp_channel_t channel, amqp_method_number_t method, void *decoded)
{
    pthread_mutex_lock(&fake.lock);
    *next_frame() = (amqp_frame_t){.frame_type = AMQP_FRAME_METHOD,
                                   .channel = channel,
                                   .payload.method = {.id = method, .decoded = decoded}};
    wake();
    pthread_mutex_unlock(&fake.lock);
}

void fake_rabbitmq_say_close(amqp_channel_t channel, int code, const char *text)
{
    static amqp_channel_close_t close_;
    close_ = (amqp_channel_close_t){.reply_code = (uint16_t)code, .reply_text = amqp_cstring_bytes(text)};
    fake_rabbitmq_say(channel, channel ? AMQP_CHANNEL_CLOSE_METHOD : AMQP_CONNECTION_CLOSE_METHOD, &close_);
}

void fake_rabbitmq_say_content(amqp_channel_t channel, const char *message_id, const char *body)
{
    static amqp_basic_properties_t properties;
    properties = (amqp_basic_properties_t){._flags = message_id ? AMQP_BASIC_MESSAGE_ID_FLAG : 0,
                                           .message_id = amqp_cstring_bytes(message_id ? message_id : "")};
    pthread_mutex_lock(&fake.lock);
    *next_frame() =
        (amqp_frame_t){.frame_type = AMQP_FRAME_HEADER,
                       .channel = channel,
                       .payload.properties = {
                           .class_id = AMQP_BASIC_CLASS, .body_size = strlen(body), .decoded = &properties}};
    *next_frame() = (amqp_frame_t){
        .frame_type = AMQP_FRAME_BODY, .channel = channel, .payload.body_fragment = amqp_cstring_bytes(body)};
    wake();
    pthread_mutex_unlock(&fake.lock);
}

void fake_rabbitmq_break(int status)
{
    pthread_mutex_lock(&fake.lock);
    fake.status = status;
    wake();
    pthread_mutex_unlock(&fake.lock);
}

static void note(const char *what)
{
    size_t len = strlen(fake.sent);
    snprintf(fake.sent + len, sizeof(fake.sent) - len, "%s%s", len ? "; " : "", what);
}

const char *fake_rabbitmq_sent(void)
{
    pthread_mutex_lock(&fake.lock);
    memcpy(fake.told, fake.sent, sizeof(fake.told));
    fake.sent[0] = '\0';
    pthread_mutex_unlock(&fake.lock);
    return fake.told;
}

/* ---- connecting ---- */

amqp_connection_state_t amqp_new_connection(void)
{
    amqp_connection_state_t state = calloc(1, sizeof(*state));
    if (state)
        state->fd = -1;
    return state;
}

int amqp_destroy_connection(amqp_connection_state_t state)
{
    close_if_open(&state->fd);
    free(state);
    return AMQP_STATUS_OK;
}

amqp_socket_t *amqp_tcp_socket_new(amqp_connection_state_t state)
{
    static struct amqp_socket_t_ socket_;
    socket_.state = state;
    return &socket_;
}

void amqp_tcp_socket_set_sockfd(amqp_socket_t *socket_, int fd)
{
    socket_->state->fd = fd;
}

int amqp_get_sockfd(amqp_connection_state_t state)
{
    return state->fd;
}

int amqp_set_handshake_timeout(amqp_connection_state_t state, const struct timeval *timeout)
{
    state->timeout = *timeout;
    return AMQP_STATUS_OK;
}

int amqp_set_rpc_timeout(amqp_connection_state_t state, const struct timeval *timeout)
{
    (void)state, (void)timeout;
    return AMQP_STATUS_OK;
}

static amqp_rpc_reply_t fail(int status)
{
    return (amqp_rpc_reply_t){.reply_type = AMQP_RESPONSE_LIBRARY_EXCEPTION, .library_error = status};
}

/* Nobody sends anything: the wait ends by its time, or because the socket was shut down. */
static amqp_rpc_reply_t wait_in_silence(amqp_connection_state_t state)
{
    struct pollfd place = {.fd = state->fd, .events = POLLIN};
    int count = poll(&place, 1, (int)(state->timeout.tv_sec * 1000 + state->timeout.tv_usec / 1000));
    return fail(count > 0 ? AMQP_STATUS_SOCKET_ERROR : AMQP_STATUS_TIMEOUT);
}

amqp_rpc_reply_t amqp_login_with_properties(amqp_connection_state_t state, char const *vhost, int channel_max,
                                            int frame_max, int heartbeat, const amqp_table_t *properties,
                                            amqp_sasl_method_enum method, ...)
{
    (void)vhost, (void)channel_max, (void)frame_max, (void)heartbeat, (void)properties, (void)method;
    pthread_mutex_lock(&fake.lock);
    fake.logins++;
    bool is_silent = fake.is_silent, is_refused = fake.refused > 0;
    fake.refused -= is_refused;
    if (!is_silent && !is_refused) {
        close_if_open(&fake.peer);
        fake.peer = accept(fake.listener, NULL, NULL);
        fake.status = AMQP_STATUS_OK;
        fake.frame_count = 0;
    }
    pthread_mutex_unlock(&fake.lock);
    if (is_silent)
        return wait_in_silence(state);
    return is_refused ? fail(AMQP_STATUS_CONNECTION_CLOSED)
                      : (amqp_rpc_reply_t){.reply_type = AMQP_RESPONSE_NORMAL};
}

amqp_table_t *amqp_get_server_properties(amqp_connection_state_t state)
{
    static amqp_table_t none;
    (void)state;
    return &none;
}

int amqp_get_heartbeat(amqp_connection_state_t state)
{
    (void)state;
    return 30;
}

/* ---- requests that wait ---- */

static void answer(amqp_connection_state_t state, const char *request)
{
    pthread_mutex_lock(&fake.lock);
    state->reply = (amqp_rpc_reply_t){.reply_type = AMQP_RESPONSE_NORMAL};
    if (strcmp(fake.refusal, request) == 0) {
        state->reply =
            (amqp_rpc_reply_t){.reply_type = AMQP_RESPONSE_SERVER_EXCEPTION,
                               .reply = {.id = AMQP_CHANNEL_CLOSE_METHOD, .decoded = &fake.refusal_close}};
        fake.refusal[0] = '\0';
    }
    pthread_mutex_unlock(&fake.lock);
}

amqp_rpc_reply_t amqp_get_rpc_reply(amqp_connection_state_t state)
{
    return state->reply;
}

amqp_channel_open_ok_t *amqp_channel_open(amqp_connection_state_t state, amqp_channel_t channel)
{
    (void)channel;
    answer(state, "channel.open");
    return NULL;
}

amqp_confirm_select_ok_t *amqp_confirm_select(amqp_connection_state_t state, amqp_channel_t channel)
{
    (void)channel;
    answer(state, "confirm.select");
    return NULL;
}

amqp_exchange_declare_ok_t *amqp_exchange_declare(amqp_connection_state_t state, amqp_channel_t channel,
                                                  amqp_bytes_t exchange, amqp_bytes_t type,
                                                  amqp_boolean_t passive, amqp_boolean_t durable,
                                                  amqp_boolean_t auto_delete, amqp_boolean_t internal,
                                                  amqp_table_t arguments)
{
    (void)channel, (void)exchange, (void)type, (void)durable, (void)auto_delete, (void)internal,
        (void)arguments;
    answer(state, passive ? "exchange.find" : "exchange.declare");
    return NULL;
}

amqp_queue_declare_ok_t *amqp_queue_declare(amqp_connection_state_t state, amqp_channel_t channel,
                                            amqp_bytes_t queue, amqp_boolean_t passive,
                                            amqp_boolean_t durable, amqp_boolean_t exclusive,
                                            amqp_boolean_t auto_delete, amqp_table_t arguments)
{
    (void)channel, (void)queue, (void)durable, (void)exclusive, (void)auto_delete, (void)arguments;
    answer(state, passive ? "queue.find" : "queue.declare");
    return NULL;
}

amqp_basic_qos_ok_t *amqp_basic_qos(amqp_connection_state_t state, amqp_channel_t channel, uint32_t bytes,
                                    uint16_t count, amqp_boolean_t global)
{
    (void)channel, (void)bytes, (void)count, (void)global;
    answer(state, "basic.qos");
    return NULL;
}

amqp_basic_consume_ok_t *amqp_basic_consume(amqp_connection_state_t state, amqp_channel_t channel,
                                            amqp_bytes_t queue, amqp_bytes_t tag, amqp_boolean_t no_local,
                                            amqp_boolean_t no_ack, amqp_boolean_t exclusive,
                                            amqp_table_t arguments)
{
    (void)channel, (void)queue, (void)tag, (void)no_local, (void)no_ack, (void)exclusive, (void)arguments;
    answer(state, "basic.consume");
    return NULL;
}

/* ---- what does not wait ---- */

int amqp_simple_wait_frame_noblock(amqp_connection_state_t state, amqp_frame_t *ret_frame,
                                   const struct timeval *timeout)
{
    char bytes[FRAMES_MAX];
    (void)timeout;
    pthread_mutex_lock(&fake.lock);
    int status = fake.status;
    if (status == AMQP_STATUS_OK && fake.frame_count > 0) {
        *ret_frame = fake.frames[0];
        fake.frame_count--;
        for (size_t i = 0; i < fake.frame_count; i++)
            fake.frames[i] = fake.frames[i + 1];
    } else if (status == AMQP_STATUS_OK) {
        status = AMQP_STATUS_TIMEOUT;
        ssize_t count = recv(state->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (count == 0)
            status = AMQP_STATUS_CONNECTION_CLOSED;
    }
    pthread_mutex_unlock(&fake.lock);
    return status;
}

void amqp_maybe_release_buffers_on_channel(amqp_connection_state_t state, amqp_channel_t channel)
{
    (void)state, (void)channel;
}

int amqp_send_method(amqp_connection_state_t state, amqp_channel_t channel, amqp_method_number_t id,
                     void *decoded)
{
    static const struct {
        amqp_method_number_t id;
        const char *name;
    } names[] = {
        {AMQP_CHANNEL_OPEN_METHOD, "channel.open"},     {AMQP_CHANNEL_CLOSE_OK_METHOD, "channel.close-ok"},
        {AMQP_CONFIRM_SELECT_METHOD, "confirm.select"}, {AMQP_QUEUE_DECLARE_METHOD, "queue.declare"},
        {AMQP_QUEUE_BIND_METHOD, "queue.bind"},         {AMQP_BASIC_CONSUME_METHOD, "basic.consume"},
        {AMQP_BASIC_CANCEL_METHOD, "basic.cancel"},
    };
    char text[64] = "";
    (void)state;
    const amqp_exchange_declare_t *exchange = decoded;
    if (id == AMQP_EXCHANGE_DECLARE_METHOD)
        snprintf(text, sizeof(text), "exchange.%s %d", exchange->passive ? "find" : "declare", channel);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (names[i].id == id)
            snprintf(text, sizeof(text), "%s %d", names[i].name, channel);
    pthread_mutex_lock(&fake.lock);
    if (text[0])
        note(text);
    pthread_mutex_unlock(&fake.lock);
    return AMQP_STATUS_OK;
}

int amqp_send_frame(amqp_connection_state_t state, const amqp_frame_t *frame)
{
    (void)state, (void)frame;
    return AMQP_STATUS_OK;
}

int amqp_basic_publish(amqp_connection_state_t state, amqp_channel_t channel, amqp_bytes_t exchange,
                       amqp_bytes_t routing_key, amqp_boolean_t mandatory, amqp_boolean_t immediate,
                       amqp_basic_properties_t const *properties, amqp_bytes_t body)
{
    char text[128];
    (void)state, (void)channel, (void)routing_key, (void)mandatory, (void)immediate, (void)properties;
    snprintf(text, sizeof(text), "publish %.*s %zu", (int)exchange.len, (const char *)exchange.bytes,
             body.len);
    pthread_mutex_lock(&fake.lock);
    note(text);
    pthread_mutex_unlock(&fake.lock);
    return AMQP_STATUS_OK;
}

int amqp_basic_ack(amqp_connection_state_t state, amqp_channel_t channel, uint64_t tag,
                   amqp_boolean_t multiple)
{
    char text[64];
    (void)state, (void)channel, (void)multiple;
    snprintf(text, sizeof(text), "ack %llu", (unsigned long long)tag);
    pthread_mutex_lock(&fake.lock);
    note(text);
    pthread_mutex_unlock(&fake.lock);
    return AMQP_STATUS_OK;
}

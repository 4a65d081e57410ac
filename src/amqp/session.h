/* One connection to the broker, and how rabbitmq-c is spoken to. */
#ifndef TASKBRIDGE_AMQP_SESSION_H
#define TASKBRIDGE_AMQP_SESSION_H

#include "rabbitmq.h"
#include "taskbridge/amqp/options.h"
#include "taskbridge/base/str.h"
#include "taskbridge/io/dialler.h"
#include "url.h"

/* INTERNAL_ERROR (541): the server could not do it, for a reason that only its log has. */
#define TB_SESSION_BROKER_FAULT (-EREMOTEIO)

/* "host:port/vhost" */
#define TB_SESSION_NAME_BYTES 256

/* Must not move while open: TLS calls back into it. */
struct tb_session {
    struct tb_dial *dial;          /* on whose thread it is set up; NULL afterwards, and in commands */
    amqp_connection_state_t state; /* owned; NULL while closed */
    /* A duplicate of the socket's descriptor, to be waited for: rabbitmq-c closes its own when it sees fit.
     */
    int fd;
    char place[TB_ERROR_TEXT_BYTES / 4]; /* "host:port" for texts */
    char host[TB_ERROR_TEXT_BYTES / 4], vhost[64], user[64];
    char name[TB_SESSION_NAME_BYTES]; /* "host:port/vhost", whatever the address */
    char product[64], version[64];
    int version_major; /* 0 when unknown */
    char tls[16];      /* "TLSv1.3", or "" */
    long verify_error; /* X509_V_…, of the certificate that was refused */
    int64_t timeout_us;
    int64_t deadline_us; /* monotonic: for all requests of the set-up together */
};

/* The null state, from which close is fine. */
void tb_session_init(struct tb_session *session);

/* Where to, and as whom. */
struct tb_session_target {
    const struct tb_amqp_url *url;
    const char *address; /* numeric, one of url's host */
    const struct tb_amqp_options *options;
    const char *role; /* stands before the instance in the broker's list of connections */
};

/* Connects to one address and logs in: waits, within the options' timeout; dial may be NULL. 0 or negative
 * with a text that names the place and what to do. */
int tb_session_dial(struct tb_session *session, const struct tb_session_target *target, struct tb_dial *dial,
                    struct tb_error *err) TB_MUST_CHECK;

/* The last that its thread does with it: from here on it is the loop's. */
void tb_session_hand_over(struct tb_session *session);

/* What tls.c tells: the handshake on fd begins. */
void tb_session_began_handshake(struct tb_session *session, int fd);

/* The same with every address of every broker of the list, in turn, until one is to be had: for commands. */
int tb_session_open(struct tb_session *session, const struct tb_amqp_options *options, const char *role,
                    struct tb_error *err) TB_MUST_CHECK;

/* Why the brokers of a list were not to be had, one sentence each. */
#define TB_SESSION_REASONS_BYTES (4 * TB_KIB)
void tb_session_add_reason(struct tb_buf *reasons, const struct tb_error *reason);

/* Says goodbye first and waits for the answer, at most polite_us (0: just closes); what arrives meanwhile is
 * dropped. Fine when closed. */
void tb_session_close(struct tb_session *session, int64_t polite_us);

/* From here on all requests together may wait for the options' timeout. */
void tb_session_restart_deadline(struct tb_session *session);

/* Gives rabbitmq-c what is left of the deadline for the request that follows. */
void tb_session_before_rpc(struct tb_session *session);

/* Sets err from the last request, which was about what ("declaring queue x"). Returns 0 when it went well;
 * the positive AMQP reply code (404, 406, …) when the server closed channel for it, which is then open again;
 * TB_SESSION_BROKER_FAULT; or negative when the connection itself is in trouble. */
int tb_session_check_rpc(struct tb_session *session, amqp_channel_t channel, struct tb_error *err,
                         const char *format, ...) TB_MUST_CHECK TB_PRINTF(4, 5);

int tb_session_open_channel(struct tb_session *session, amqp_channel_t channel,
                            struct tb_error *err) TB_MUST_CHECK;

/* The next frame that is at hand, without waiting: 1, 0 when there is none, negative when the connection is
 * of no use any more. Its content is borrowed until tb_session_release. */
int tb_session_read(struct tb_session *session, amqp_frame_t *ret_frame, struct tb_error *err) TB_MUST_CHECK;

/* The same, waiting up to deadline_us (monotonic); -ETIMEDOUT is 0 here too. */
int tb_session_wait(struct tb_session *session, int64_t deadline_us, amqp_frame_t *ret_frame,
                    struct tb_error *err) TB_MUST_CHECK;

void tb_session_release(struct tb_session *session, amqp_channel_t channel);

/* For a connection.close or channel.close that came: answers it and sets err. Returns the reply code (405 and
 * the like, positive), or TB_SESSION_BROKER_FAULT. */
int tb_session_closed_by_peer(struct tb_session *session, const amqp_frame_t *frame, struct tb_error *err);

/* Whether a small frame can be written without waiting. */
bool tb_session_is_writable(const struct tb_session *session);

/* How often a heartbeat is sent; 0: none was agreed on. Three times as often as agreed, so that one that
 * finds no room is noticed before rabbitmq-c would send its own: it does so when none went for a whole
 * period, while it is asked for frames, and waits for the socket. */
int64_t tb_session_beat_us(const struct tb_session *session);

/* Sets err for a negative status of rabbitmq-c; returns a negative errno. */
int tb_session_fail(const struct tb_session *session, int status, struct tb_error *err, const char *what);

/* A string of ours as rabbitmq-c takes it; borrowed. */
static inline amqp_bytes_t tb_session_bytes(struct tb_str str)
{
    return (amqp_bytes_t){.len = str.len, .bytes = (void *)(uintptr_t)str.ptr};
}

static inline struct tb_str tb_session_str(amqp_bytes_t bytes)
{
    return (struct tb_str){bytes.bytes ? bytes.bytes : "", bytes.len};
}

#endif

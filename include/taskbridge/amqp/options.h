/* How the broker is reached, and what the bridge owns there. */
#ifndef TASKBRIDGE_AMQP_OPTIONS_H
#define TASKBRIDGE_AMQP_OPTIONS_H

#include "taskbridge/base/attributes.h"
#include "taskbridge/base/buf.h"
#include "taskbridge/base/clock.h"
#include "taskbridge/base/error.h"

/* What the bridge declares where nothing else is configured. */
#define TB_AMQP_EXCHANGE        "celeryev"
#define TB_AMQP_CONTROL         "celery"
#define TB_AMQP_QUEUE           "taskbridge.events"
#define TB_AMQP_QUEUE_MAX_BYTES (INT64_C(2) << 30)

/* All text is borrowed until whatever was opened with the options is closed; NULL where it says so. */
struct tb_amqp_options {
    const char *url; /* amqp:// or amqps://, with user and password, percent-encoded; several with ";" */
    struct {
        const char *ca_file;   /* PEM; NULL: the system's */
        const char *cert_file; /* PEM, the client's chain; NULL: none */
        const char *key_file;  /* PEM; NULL when cert_file is */
        bool verify;           /* the server's certificate and its name; false only for trying things */
    } tls;
    int heartbeat_s; /* 0: none. The broker may lower it */
    /* For looking one name up; for each address: socket, TLS, login and set-up together. */
    int64_t connect_timeout_us;
    const char *instance; /* this program among its kind, as the broker's list of connections shows it */
    const char *exchange;
    const char *control_exchange; /* what Celery's control_exchange names */
    const char *source; /* what this broker and vhost are called in the tables; NULL: by the first URL */
    const char *queue;
    int64_t queue_max_bytes; /* of a queue that is made: past it the broker drops the oldest; 0: no bound */
    unsigned prefetch;       /* deliveries that may be unsettled at a time; 1 to 65535 */
};

/* The defaults: amqp://guest:guest@localhost:5672/, verify, heartbeat 30 s, connect timeout 5 s, instance
 * "taskbridge", prefetch 8192. */
void tb_amqp_options_init(struct tb_amqp_options *options);

/* Whether the options can be used at all: the URL is one, certificate and key come together, the numbers are
 * in range. Reads no file and connects to nothing. 0 or -EINVAL with a text that says which and never shows
 * the URL. */
int tb_amqp_options_check(const struct tb_amqp_options *options, struct tb_error *err) TB_MUST_CHECK;

/* Pushes "host:port/vhost as user" of each broker, never a password; what is no URL gives "an unusable URL".
 */
void tb_amqp_options_push_place(const struct tb_amqp_options *options, struct tb_buf *buf);

/* Pushes options->source, or, where there is none, "host/vhost" of the first broker, with the port where it
 * is no usual one: so that a broker keeps its name when others join its list. */
void tb_amqp_options_push_source(const struct tb_amqp_options *options, struct tb_buf *buf);

#endif

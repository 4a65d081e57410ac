/* Every ceiling of the program, each with its reason. */
#ifndef TASKBRIDGE_BASE_LIMITS_H
#define TASKBRIDGE_BASE_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#define TB_KIB ((size_t)1024)
#define TB_MIB (1024 * TB_KIB)

/* A delivery's body. RabbitMQ 3 takes 128 MiB; what is larger than this is a dead letter by its first bytes'
 * worth of reason only when the broker refuses to hold it; between this and the decode ceiling it is a dead
 * letter, whole. */
#define TB_DELIVERY_MAX_BYTES (128 * TB_MIB)

/* Deliveries that are read from the broker, unasked, while the database is away: RabbitMQ cuts a connection
 * that takes nothing for 30 seconds. With what the kernel buffers this is a prefetch of usual size. */
#define TB_HOLD_MAX_BYTES (8 * TB_MIB)

/* Brokers that one list names: more than any cluster has nodes. */
#define TB_AMQP_MAX_BROKERS 16

/* What waits at a channel: messages that are written and not confirmed, all that wait, and one of them, which
 * the kernel's buffer takes at once. A question about a hundred tasks has 25 KiB at most where ids are plain.
 */
#define TB_CHANNEL_MAX_UNCONFIRMED   ((size_t)64)
#define TB_CHANNEL_MAX_WAITING       ((size_t)512)
#define TB_CHANNEL_MAX_BYTES         (4 * TB_MIB)
#define TB_CHANNEL_MAX_MESSAGE_BYTES (160 * TB_KIB)

/* Threads that wait for names or connections at once, of which an honest program has one a server. */
#define TB_DIALLER_MAX_THREADS 32

/* The largest body that is decoded, after decompression; a traceback may be long, 10 MiB is promised. Larger
 * bodies are dead letters with all their bytes. */
#define TB_DECODE_MAX_BYTES (16 * TB_MIB)

/* Elements of one list that are looked at; Celery sends 24. What follows them is one dead letter, so that one
 * message can't fill the memory. */
#define TB_DECODE_MAX_ELEMENTS ((size_t)65536)

/* Nesting of JSON in an event; Celery's own is 3. */
#define TB_JSON_MAX_DEPTH 512

/* Counts and measures of workers: what a double still counts one by one, so that sums over workers fit into
 * bigint and browsers read them exactly. */
#define TB_COUNT_MAX (INT64_C(1) << 53)

/* Text fields of an event as stored: what Celery itself cuts is 1024 characters; tracebacks are unbounded. */
#define TB_TASK_ID_MAX_CHARS   255
#define TB_NAME_MAX_BYTES      ((size_t)512)
#define TB_REPR_MAX_BYTES      (16 * TB_KIB)
#define TB_TRACEBACK_MAX_BYTES (64 * TB_KIB)
#define TB_TEXT_MAX_BYTES      (4 * TB_KIB)

/* Rows, and bytes of text behind them, that one transaction carries: past either, a batch is full. Beyond
 * some 4,000 rows PostgreSQL gains nothing any more (measured). */
#define TB_BATCH_MAX_ROWS       ((size_t)4096)
#define TB_BATCH_MAX_DELIVERIES ((size_t)4096)
#define TB_BATCH_FULL_BYTES     (2 * TB_MIB)
/* The arena's own ceiling: a full batch plus the largest delivery on top of it. */
#define TB_BATCH_ARENA_MAX_BYTES (TB_DELIVERY_MAX_BYTES + 64 * TB_MIB)

/* Names of unknown event types that a batch counts one by one; the rest together. */
#define TB_UNKNOWN_TYPES_MAX ((size_t)64)
/* The same in the database, for each instance: past as many, a batch brings no new ones. */
#define TB_UNKNOWN_TYPES_KEPT_MAX ((size_t)512)

/* One line of the log. */
#define TB_LOG_LINE_MAX_BYTES (8 * TB_KIB)

/* The YAML file. */
#define TB_CONFIG_MAX_BYTES TB_MIB
#define TB_RULES_MAX        ((size_t)1000)
/* Items of a list in it, such as origins or redacted names. */
#define TB_CONFIG_LIST_MAX ((size_t)1000)
/* What a configuration holds in memory: each text of the file once, and its lists. */
#define TB_CONFIG_ARENA_MAX_BYTES (16 * TB_MIB)

/* An HTTP response's body. */
#define TB_RESPONSE_MAX_BYTES (8 * TB_MIB)
/* Tasks that a company's document lists; how many there are it tells in any case. */
#define TB_DOCUMENT_ACTIVE_MAX ((size_t)1000)
#define TB_DOCUMENT_RECENT_MAX ((size_t)20)
/* What one HTTP request holds of the database's answer: a full document's texts at their longest. */
#define TB_HTTP_READ_MAX_BYTES (16 * TB_MIB)
/* A request's line and headers, and its response's headers: what other servers allow as well. */
#define TB_HTTP_CONNECTION_BYTES (16 * TB_KIB)
/* A request's body, which nobody wants: up to this it is dropped, so that the connection can be kept. */
#define TB_HTTP_BODY_MAX_BYTES ((size_t)4 * TB_KIB)
/* Questions that wait for the database at once: what it answers in a fraction of a second; and of them one
 * company's. */
#define TB_HTTP_ASKS_MAX           ((size_t)1024)
#define TB_HTTP_ASKS_A_COMPANY_MAX ((size_t)64)
/* Documents that are kept in memory, with their rows: past either, those that were not read for longest go.
 */
#define TB_HTTP_CACHE_MAX_BYTES (64 * TB_MIB)
#define TB_HTTP_FEEDS_MAX       ((size_t)20000)

/* A JSON Web Token: with the rest of a request's headers it has to fit into what a connection reads. */
#define TB_JWT_MAX_BYTES (8 * TB_KIB)
/* The latest time in one: the year 9999, which microseconds hold. */
#define TB_JWT_TIME_MAX_S 253402300799.0

/* An own token's key, or one of the product's: DRF's have 40 characters. */
#define TB_TOKEN_KEY_MAX_BYTES ((size_t)256)
/* A user's name, or what stands for one in a token. */
#define TB_USER_MAX_BYTES ((size_t)255)
/* Task ids, or types, that a watch token names. */
#define TB_WATCH_NAMES_MAX ((size_t)100)
/* The longest life of a watch token: it can't be called back. */
#define TB_WATCH_MAX_S 86400
/* What is kept of one credential and of what it may: the token, the headers that are forwarded, a scope. */
#define TB_GRANT_MAX_BYTES (64 * TB_KIB)

/* A file of keys, or a key set behind an address. */
#define TB_KEYS_MAX_BYTES (64 * TB_KIB)

/* Requests that wait to be let in at once. */
#define TB_AUTH_ASKS_MAX ((size_t)4096)
/* What the product is asked of who may see what: at once, and waiting. A slow product must not be flooded. */
#define TB_FORWARD_CONNECTIONS_MAX ((size_t)16)
#define TB_FORWARD_CALLS_MAX       ((size_t)512)

#endif

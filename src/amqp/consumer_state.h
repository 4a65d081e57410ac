/* The insides of the consumer, which three files share: consumer.c (what others call, output), intake.c
 * (frames into deliveries), connecting.c (the connection's beginning and end). */
#ifndef TASKBRIDGE_AMQP_CONSUMER_STATE_H
#define TASKBRIDGE_AMQP_CONSUMER_STATE_H

#include "assembly.h"
#include "hold.h"
#include "session.h"
#include "taskbridge/amqp/consumer.h"
#include "taskbridge/io/backoff.h"

#define TB_CONSUMER_CHANNEL 1

/* How long a goodbye may take. */
#define TB_CONSUMER_GOODBYE_US TB_US_PER_S

struct tb_consumer {
    struct tb_source source; /* first: what the pipeline holds */
    struct tb_loop *loop;
    struct tb_amqp_options options;
    struct tb_source_events deliveries;
    struct tb_consumer_events events;

    struct tb_session session;
    struct tb_assembly assembly;
    struct tb_watch watch;
    uint32_t watched; /* what it waits for */
    struct tb_hold hold;
    struct tb_timer connect, turn, beat, patience;
    struct tb_backoff backoff;

    bool is_connected, is_stopping;
    bool is_paused;      /* the pipeline takes nothing until resume */
    bool is_holding;     /* what comes meanwhile goes into hold */
    bool delivery_waits; /* the delivery in assembly was neither taken nor held yet; comes after those held */
    unsigned prefetch;
    bool beat_is_due, cancel_is_due;
    struct tb_error fault;
    int64_t connected_at; /* monotonic */
    uint64_t tag_base, last_tag;
    uint64_t acked;   /* up to where; what is acknowledged twice would cost the channel */
    uint64_t ack_due; /* 0: none */
};

/* Whether more frames can be placed. */
bool tb_consumer_may_read(const struct tb_consumer *consumer);

/* Waits for what the state wants: input, output, both or neither. */
void tb_consumer_update_watch(struct tb_consumer *consumer);

/* Remembers a status of rabbitmq-c; the connection is given up in the loop's next turn. */
void tb_consumer_note_fault(struct tb_consumer *consumer, int status, const char *what);

/* Writes what is due, as long as the socket takes it without waiting. */
void tb_consumer_flush(struct tb_consumer *consumer);

/* Takes what is at hand until there is nothing, the pipeline is full, or the turn is over. */
void tb_consumer_take_turn(struct tb_consumer *consumer);

/* The pipeline takes nothing for so long that deliveries must be held. */
void tb_consumer_begin_holding(struct tb_consumer *consumer);

/* Connects, declares, consumes; trouble is told and tried again later. */
void tb_consumer_connect(struct tb_consumer *consumer);

/* Ends the connection, tells, and tries again later; err may be the consumer's own fault. */
void tb_consumer_lose(struct tb_consumer *consumer, const struct tb_error *err, bool is_polite);

#endif

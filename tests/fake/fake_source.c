/* Hands out deliveries with rising tags and notes what is acknowledged; nothing happens by itself. */
#include "fake_source.h"

static void ack(struct tb_source *source, uint64_t tag)
{
    struct fake_source *fake = (struct fake_source *)source;

    fake->acked_tag = tag;
    fake->acks++;
}

static void resume(struct tb_source *source)
{
    ((struct fake_source *)source)->resumes++;
}

void fake_source_init(struct fake_source *fake)
{
    *fake = (struct fake_source){.source = {.ack = ack, .resume = resume}, .next_tag = 1};
}

bool fake_source_deliver_bytes(struct fake_source *fake, struct tb_str body)
{
    const struct tb_delivery delivery = {.body = body,
                                         .routing_key = TB_STR("task.multi"),
                                         .content_type = TB_STR("application/json"),
                                         .content_encoding = TB_STR("utf-8"),
                                         .received_at = INT64_C(1795557675000000),
                                         .tag = fake->next_tag};
    bool taken = fake->events.on_delivery(fake->events.owner, &delivery);

    if (taken)
        fake->next_tag++;
    return taken;
}

bool fake_source_deliver(struct fake_source *fake, const char *body)
{
    return fake_source_deliver_bytes(fake, tb_str_of(body));
}

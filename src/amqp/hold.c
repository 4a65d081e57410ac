/* Deliveries that wait in our memory, first in, first out, in at most so many bytes.
 *
 * Each is one block: the node, then its text and body one behind the other. */
#include "hold.h"

#include <assert.h>
#include <stdlib.h>

struct tb_hold_node {
    struct tb_hold_node *next;
    size_t bytes;
    struct tb_delivery delivery;
    char text[];
};

void tb_hold_init(struct tb_hold *hold, size_t max_bytes)
{
    *hold = (struct tb_hold){.max_bytes = max_bytes};
}

void tb_hold_clear(struct tb_hold *hold)
{
    while (hold->first)
        tb_hold_pop(hold);
}

static void copy(struct tb_str *str, char **at)
{
    if (tb_str_is_null(*str))
        return;
    memcpy(*at, str->ptr, str->len);
    str->ptr = *at;
    *at += str->len;
}

bool tb_hold_push(struct tb_hold *hold, const struct tb_delivery *delivery)
{
    size_t bytes = sizeof(struct tb_hold_node) + delivery->body.len + delivery->routing_key.len +
                   delivery->content_type.len + delivery->content_encoding.len + delivery->compression.len +
                   delivery->headers.len;
    if (bytes > hold->max_bytes - hold->bytes)
        return false;
    struct tb_hold_node *node = malloc(bytes);
    if (!node)
        return false;
    *node = (struct tb_hold_node){.bytes = bytes, .delivery = *delivery};
    char *at = node->text;
    copy(&node->delivery.body, &at);
    copy(&node->delivery.routing_key, &at);
    copy(&node->delivery.content_type, &at);
    copy(&node->delivery.content_encoding, &at);
    copy(&node->delivery.compression, &at);
    copy(&node->delivery.headers, &at);

    if (hold->last)
        hold->last->next = node;
    else
        hold->first = node;
    hold->last = node;
    hold->count++;
    hold->bytes += bytes;
    return true;
}

const struct tb_delivery *tb_hold_first(const struct tb_hold *hold)
{
    return hold->first ? &hold->first->delivery : NULL;
}

void tb_hold_pop(struct tb_hold *hold)
{
    struct tb_hold_node *node = hold->first;
    assert(node);
    hold->first = node->next;
    if (!hold->first)
        hold->last = NULL;
    hold->count--;
    hold->bytes -= node->bytes;
    free(node);
}

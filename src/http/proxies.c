/* X-Forwarded-For grows to the right: each proxy adds whom it heard.
 *
 * So it is read from the right, as long as the one who wrote is trusted; what a client itself wrote stands
 * further left and is never reached. */
#include "proxies.h"

#include <arpa/inet.h>
#include <stdio.h>

struct address {
    unsigned char bytes[16];
    size_t bits;
};

static bool parse(struct tb_str text, struct address *ret_address)
{
    char buffer[64];

    if (text.len >= sizeof(buffer))
        return false;
    memcpy(buffer, text.ptr, text.len);
    buffer[text.len] = '\0';
    if (inet_pton(AF_INET, buffer, ret_address->bytes) == 1)
        ret_address->bits = 32;
    else if (inet_pton(AF_INET6, buffer, ret_address->bytes) == 1)
        ret_address->bits = 128;
    else
        return false;
    return true;
}

static bool is_in(const struct address *address, struct tb_str network)
{
    size_t slash = tb_str_find(network, TB_STR("/"));
    struct address base;
    int64_t bits = 0;

    if (!parse((struct tb_str){network.ptr, slash == SIZE_MAX ? network.len : slash}, &base) ||
        base.bits != address->bits)
        return false;
    bits = (int64_t)base.bits;
    if (slash != SIZE_MAX &&
        (!tb_str_parse_int64((struct tb_str){network.ptr + slash + 1, network.len - slash - 1}, &bits) ||
         bits < 0 || bits > (int64_t)base.bits))
        return false;
    for (int64_t bit = 0; bit < bits; bit++) {
        unsigned mask = 0x80U >> (bit % 8);
        if ((base.bytes[bit / 8] & mask) != (address->bytes[bit / 8] & mask))
            return false;
    }
    return true;
}

bool tb_proxies_has(const struct tb_config_list *proxies, struct tb_str text)
{
    struct address address;

    if (!parse(text, &address))
        return false;
    if (is_in(&address, TB_STR("127.0.0.0/8")) || is_in(&address, TB_STR("::1")))
        return true;
    for (size_t i = 0; i < proxies->count; i++) {
        if (is_in(&address, proxies->items[i]))
            return true;
    }
    return false;
}

static struct tb_str last_hop(struct tb_str *rest)
{
    size_t at = rest->len;

    while (at > 0 && rest->ptr[at - 1] != ',')
        at--;
    struct tb_str hop = tb_str_trim((struct tb_str){rest->ptr + at, rest->len - at});
    rest->len = at > 0 ? at - 1 : 0;
    return hop;
}

void tb_proxies_find_client(const struct tb_config_list *proxies, const char *peer,
                            struct tb_str forwarded_for, char ret_address[64])
{
    struct tb_str client = tb_str_of(peer), rest = forwarded_for;
    struct address parsed;

    while (rest.len && tb_proxies_has(proxies, client)) {
        struct tb_str hop = last_hop(&rest);
        if (!parse(hop, &parsed))
            break;
        client = hop;
    }
    snprintf(ret_address, 64, "%.*s", TB_STR_FMT(client));
}

/* Which addresses are public.
 *
 * A receiver's address comes from people, and a name leads wherever its owner likes: to the machine itself,
 * to the cloud's metadata, into the product's network. So what counts is the address that is connected to,
 * after the look-up. The table follows the IANA registries of special-purpose addresses; whatever IPv6 form
 * carries an IPv4 address is judged by that one. What is in no family we know is not public. */
#include "taskbridge/hook/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>

struct prefix {
    unsigned char bytes[16];
    unsigned bits;
};

static const struct prefix special_v4[] = {
    {{0}, 8},             /* this network */
    {{10}, 8},            /* private */
    {{100, 64}, 10},      /* shared, behind a carrier's translation */
    {{127}, 8},           /* this machine */
    {{169, 254}, 16},     /* link-local, and clouds' metadata */
    {{172, 16}, 12},      /* private */
    {{192, 0, 0}, 24},    /* protocols */
    {{192, 0, 2}, 24},    /* documentation */
    {{192, 88, 99}, 24},  /* 6to4 relays */
    {{192, 168}, 16},     /* private */
    {{198, 18}, 15},      /* benchmarks */
    {{198, 51, 100}, 24}, /* documentation */
    {{203, 0, 113}, 24},  /* documentation */
    {{224}, 3},           /* multicast, reserved, broadcast */
};

/* Only 2000::/3 is handed out at all; of that these are not to be reached. */
static const struct prefix special_v6[] = {
    {{0x20, 0x01, 0x00}, 23},       /* protocols, among them Teredo, benchmarks, ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x3f, 0xff}, 20},             /* documentation */
    {{0x5f}, 16},                   /* segment routing */
};
static const struct prefix global_v6 = {{0x20}, 3};

/* IPv6 that carries IPv4, and where. */
static const struct carrier {
    struct prefix prefix;
    size_t at;
} carriers[] = {
    {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96}, 12}, /* mapped */
    {{{0}, 96}, 12},                                        /* compatible; also :: and ::1, as 0.0.0.x */
    {{{0x00, 0x64, 0xff, 0x9b}, 96}, 12},                   /* NAT64 */
    {{{0x20, 0x02}, 16}, 2},                                /* 6to4 */
};

static bool is_in(const unsigned char *bytes, const struct prefix *prefix)
{
    for (unsigned i = 0; i < prefix->bits; i += 8) {
        unsigned left = prefix->bits - i;
        unsigned mask = left >= 8 ? 0xFF : (0xFFu << (8 - left)) & 0xFF;
        if ((bytes[i / 8] ^ prefix->bytes[i / 8]) & mask)
            return false;
    }
    return true;
}

static bool is_public_v4(const unsigned char *bytes)
{
    for (size_t i = 0; i < TB_COUNT(special_v4); i++) {
        if (is_in(bytes, &special_v4[i]))
            return false;
    }
    return true;
}

static bool is_public_v6(const unsigned char *bytes)
{
    for (size_t i = 0; i < TB_COUNT(carriers); i++) {
        if (is_in(bytes, &carriers[i].prefix))
            return is_public_v4(bytes + carriers[i].at);
    }
    for (size_t i = 0; i < TB_COUNT(special_v6); i++) {
        if (is_in(bytes, &special_v6[i]))
            return false;
    }
    return is_in(bytes, &global_v6);
}

bool tb_hook_is_public(const struct sockaddr *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    switch (address->sa_family) {
    case AF_INET:
        memcpy(&v4, address, sizeof(v4));
        return is_public_v4((const unsigned char *)&v4.sin_addr);
    case AF_INET6:
        memcpy(&v6, address, sizeof(v6));
        return is_public_v6(v6.sin6_addr.s6_addr);
    default:
        return false;
    }
}

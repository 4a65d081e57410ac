/* Random numbers of two kinds: a fast sequence for jitter, whose seed the caller keeps, and the kernel's for
 * whatever must not be guessed (tokens, identifiers).
 *
 * The first must never be used for the second. */
#include "taskbridge/base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

uint64_t tb_random_next(uint64_t *state)
{
    /* splitmix64: the constants are the algorithm's. */
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

int tb_random_bytes(void *ret_bytes, size_t len)
{
    char *place = ret_bytes;
    while (len) {
        ssize_t got = getrandom(place, len, 0);
        if (got < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        place += got;
        len -= (size_t)got;
    }
    return 0;
}

static void format_uuid(unsigned char bytes[16], char ret_text[TB_UUID_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    char *at = ret_text;

    bytes[6] = (bytes[6] & 0x0F) | 0x40; /* version 4: random */
    bytes[8] = (bytes[8] & 0x3F) | 0x80; /* the variant of RFC 4122 */
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = digits[bytes[i] >> 4];
        *at++ = digits[bytes[i] & 0x0F];
    }
    *at = '\0';
}

int tb_random_uuid(char ret_text[TB_UUID_TEXT_BYTES])
{
    unsigned char bytes[16];
    int rc = tb_random_bytes(bytes, sizeof(bytes));
    if (rc < 0)
        return rc;
    format_uuid(bytes, ret_text);
    return 0;
}

void tb_random_cheap_uuid(uint64_t *state, char ret_text[TB_UUID_TEXT_BYTES])
{
    const uint64_t words[] = {tb_random_next(state), tb_random_next(state)};
    unsigned char bytes[16];

    memcpy(bytes, words, sizeof(bytes));
    format_uuid(bytes, ret_text);
}

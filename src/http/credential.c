/* The header Authorization: "Token <key>", as Django REST framework's clients send it.
 *
 * The scheme is compared without regard to case, the key is one word of visible ASCII of a bounded length.
 * Whether it is anybody's, only the database knows. */
#include "credential.h"

#include <strings.h>

#define KEY_MAX_BYTES 256

struct tb_str tb_credential_token(struct tb_str authorization)
{
    static const char scheme[] = "Token";
    const size_t scheme_len = sizeof(scheme) - 1;
    struct tb_str text = tb_str_trim(authorization);

    if (text.len <= scheme_len || strncasecmp(text.ptr, scheme, scheme_len) != 0)
        return TB_STR_NULL;
    if (text.ptr[scheme_len] != ' ' && text.ptr[scheme_len] != '\t')
        return TB_STR_NULL;
    struct tb_str key = tb_str_trim((struct tb_str){text.ptr + scheme_len, text.len - scheme_len});
    if (!key.len || key.len > KEY_MAX_BYTES)
        return TB_STR_NULL;
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] <= ' ' || key.ptr[i] > '~')
            return TB_STR_NULL;
    }
    return key;
}

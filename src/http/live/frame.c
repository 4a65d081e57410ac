/* WebSocket frames as bytes that can be sent to many.
 *
 * wslay writes them, into memory; a server's are not masked. */
#include "frame.h"

#include "taskbridge/base/limits.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <wslay/wslay.h>

static ssize_t push(const uint8_t *bytes, size_t len, int flags, void *owner)
{
    struct tb_buf *buf = owner;

    (void)flags;
    tb_buf_push(buf, bytes, len);
    return buf->failed ? -1 : (ssize_t)len;
}

static struct tb_body *make(uint8_t opcode, struct tb_str payload)
{
    const struct wslay_frame_callbacks callbacks = {.send_callback = push};
    struct wslay_frame_iocb frame = {.fin = 1,
                                     .opcode = opcode,
                                     .payload_length = payload.len,
                                     .data = (const uint8_t *)payload.ptr,
                                     .data_length = payload.len};
    wslay_frame_context_ptr context = NULL;
    struct tb_body *body = NULL;
    struct tb_buf buf;

    tb_buf_init(&buf, TB_RESPONSE_MAX_BYTES + TB_KIB);
    if (wslay_frame_context_init(&context, &callbacks, &buf) == 0 &&
        wslay_frame_send(context, &frame) == (ssize_t)payload.len)
        body = tb_body_take(&buf);
    wslay_frame_context_free(context);
    tb_buf_deinit(&buf);
    return body;
}

struct tb_body *tb_frame_text(struct tb_str text)
{
    return make(WSLAY_TEXT_FRAME, text);
}

struct tb_body *tb_frame_ping(void)
{
    return make(WSLAY_PING, TB_STR(""));
}

struct tb_body *tb_frame_close(uint16_t code)
{
    const char bytes[] = {(char)(code >> 8), (char)(code & 0xff)};

    return make(WSLAY_CONNECTION_CLOSE, (struct tb_str){bytes, code ? sizeof(bytes) : 0});
}

bool tb_frame_accept(struct tb_str key, char ret_accept[TB_FRAME_ACCEPT_BYTES])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, 1.3 */
    const size_t key_len = 24;                                         /* 16 bytes in base64 */
    unsigned char digest[SHA_DIGEST_LENGTH], bytes[32];
    char text[24 + sizeof(guid)];

    if (key.len != key_len || EVP_DecodeBlock(bytes, (const unsigned char *)key.ptr, (int)key.len) != 18 ||
        !tb_str_ends_with(key, TB_STR("==")))
        return false;
    memcpy(text, key.ptr, key_len);
    memcpy(text + key_len, guid, sizeof(guid));
    SHA1((const unsigned char *)text, sizeof(text) - 1, digest);
    EVP_EncodeBlock((unsigned char *)ret_accept, digest, sizeof(digest));
    return true;
}

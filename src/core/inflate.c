/* Decompression, with a ceiling on what comes out: a kilobyte can claim to be a gigabyte.
 *
 * kombu says "application/x-gzip" and means a zlib stream; both that and gzip's own format are taken. Output
 * is gathered in a buffer that grows to the ceiling, then moved to the arena. A stream must end where the
 * body ends: what is missing or follows makes the whole body unusable, so that no byte is lost unseen.
 *
 * One element of a compressed list that was set aside is stored as it was after decompression, under the
 * headers of its delivery. When it is sent again it arrives so; JSON begins with bytes that begin no
 * compressed stream, and is let through. */
#include "inflate.h"

#include "taskbridge/base/buf.h"

#include <bzlib.h>
#include <errno.h>
#include <strings.h>
#include <zlib.h>

#define CHUNK_BYTES ((size_t)64 * 1024)

enum end { ENDED, MORE, DAMAGED, NO_MEMORY };

/* One step of a codec: from *in into room bytes at out. */
struct codec {
    const char *name;
    bool (*open)(struct codec *codec);
    enum end (*step)(struct codec *codec, struct tb_str *in, char *out, size_t room, size_t *ret_len);
    void (*close)(struct codec *codec);
    union {
        z_stream zlib;
        bz_stream bzip2;
    };
};

static bool open_zlib(struct codec *codec)
{
    codec->zlib = (z_stream){0};
    return inflateInit2(&codec->zlib, 15 + 32) == Z_OK; /* 32: zlib's or gzip's header, whichever is there */
}

static enum end step_zlib(struct codec *codec, struct tb_str *in, char *out, size_t room, size_t *ret_len)
{
    z_stream *stream = &codec->zlib;
    /* zlib does not write to its input; its interface only lacks the const. */
    stream->next_in = (unsigned char *)(uintptr_t)in->ptr;
    stream->avail_in = (unsigned)in->len;
    stream->next_out = (unsigned char *)out;
    stream->avail_out = (unsigned)room;
    int status = inflate(stream, Z_NO_FLUSH);
    *ret_len = room - stream->avail_out;
    in->ptr += in->len - stream->avail_in;
    in->len = stream->avail_in;
    return status == Z_STREAM_END  ? ENDED
           : status == Z_OK        ? MORE
           : status == Z_MEM_ERROR ? NO_MEMORY
                                   : DAMAGED;
}

static void close_zlib(struct codec *codec)
{
    inflateEnd(&codec->zlib);
}

static bool open_bzip2(struct codec *codec)
{
    codec->bzip2 = (bz_stream){0};
    return BZ2_bzDecompressInit(&codec->bzip2, 0, 0) == BZ_OK;
}

static enum end step_bzip2(struct codec *codec, struct tb_str *in, char *out, size_t room, size_t *ret_len)
{
    bz_stream *stream = &codec->bzip2;
    size_t in_before = in->len;
    stream->next_in = (char *)(uintptr_t)in->ptr;
    stream->avail_in = (unsigned)in->len;
    stream->next_out = out;
    stream->avail_out = (unsigned)room;
    int status = BZ2_bzDecompress(stream);
    *ret_len = room - stream->avail_out;
    in->ptr += in->len - stream->avail_in;
    in->len = stream->avail_in;
    if (status == BZ_STREAM_END)
        return ENDED;
    if (status == BZ_MEM_ERROR)
        return NO_MEMORY;
    /* Where zlib says that it can't go on, bzip2 says that all is well. */
    return status == BZ_OK && (*ret_len || in->len < in_before) ? MORE : DAMAGED;
}

static void close_bzip2(struct codec *codec)
{
    BZ2_bzDecompressEnd(&codec->bzip2);
}

static const struct codec zlib_codec = {"gzip", open_zlib, step_zlib, close_zlib, {{0}}};
static const struct codec bzip2_codec = {"bzip2", open_bzip2, step_bzip2, close_bzip2, {{0}}};

static bool names(struct tb_str header, const char *name)
{
    return strlen(name) == header.len && strncasecmp(header.ptr, name, header.len) == 0;
}

static const struct codec *find_codec(struct tb_str header)
{
    static const struct {
        const char *name;
        const struct codec *codec;
    } headers[] = {
        {"application/x-gzip", &zlib_codec},
        {"application/gzip", &zlib_codec},
        {"gzip", &zlib_codec},
        {"zlib", &zlib_codec},
        {"application/zlib", &zlib_codec},
        {"application/x-bz2", &bzip2_codec},
        {"application/bzip2", &bzip2_codec},
        {"bzip2", &bzip2_codec},
        {"bzip", &bzip2_codec},
        {"bz2", &bzip2_codec},
    };
    for (size_t i = 0; i < TB_COUNT(headers); i++)
        if (names(header, headers[i].name))
            return headers[i].codec;
    return NULL;
}

/* Runs the codec over all of in. 0, TB_INFLATE_UNUSABLE or -ENOMEM. */
static int run(struct codec *codec, struct tb_str in, size_t max_bytes, struct tb_buf *out,
               struct tb_error *err)
{
    enum end end = MORE;
    while (end == MORE) {
        /* One byte past the ceiling tells that there is more. */
        size_t room = max_bytes + 1 - out->len, len;
        if (room > CHUNK_BYTES)
            room = CHUNK_BYTES;
        char *place = tb_buf_reserve(out, room);
        if (!place)
            return -ENOMEM;
        end = codec->step(codec, &in, place, room, &len);
        tb_buf_commit(out, len);
        if (out->len > max_bytes)
            return tb_error_set(err, TB_INFLATE_UNUSABLE, "the body is more than %zu bytes, decompressed",
                                max_bytes);
    }
    if (end == NO_MEMORY)
        return -ENOMEM;
    if (end == DAMAGED)
        return tb_error_set(err, TB_INFLATE_UNUSABLE, "the body's %s data is %s", codec->name,
                            in.len ? "damaged" : "damaged or cut");
    if (in.len)
        return tb_error_set(err, TB_INFLATE_UNUSABLE, "%zu bytes follow the end of the body's %s data",
                            in.len, codec->name);
    return 0;
}

static bool is_json(struct tb_str body)
{
    body = tb_str_trim(body);
    return body.len && (body.ptr[0] == '{' || body.ptr[0] == '[');
}

int tb_inflate(struct tb_str header, struct tb_str body, size_t max_bytes, struct tb_arena *arena,
               struct tb_str *ret_content, struct tb_error *err)
{
    const struct codec *found = find_codec(header);
    struct tb_buf out;

    if (!found)
        return tb_error_set(
            err, TB_INFLATE_UNUSABLE,
            "the body's compression %.*s is not known here; set it to gzip or bzip2, or to none",
            header.len < 100 ? (int)header.len : 100, header.ptr);
    if (is_json(body)) {
        *ret_content = body;
        return 0;
    }
    struct codec codec = *found;
    if (!codec.open(&codec))
        return -ENOMEM;
    tb_buf_init(&out, max_bytes + 1);
    int status = run(&codec, body, max_bytes, &out, err);
    codec.close(&codec);
    if (!status && !tb_arena_copy(arena, tb_buf_str(&out), ret_content))
        status = -ENOMEM;
    tb_buf_deinit(&out);
    return status;
}

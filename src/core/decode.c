/* A delivery's body becomes events, unknown names and dead letters.
 *
 * First what the message says about its body is believed or refused: only JSON in UTF-8 is read, plain or
 * compressed, and never is anything unpickled. Then the body is walked piece by piece, and each piece ends in
 * exactly one call. Reasons are sentences for whoever looks through the dead letters; they live as long as
 * the arena, as everything does that is handed out. */
#include "taskbridge/core/decode.h"

#include "decode_event.h"
#include "decode_walk.h"
#include "inflate.h"
#include "taskbridge/base/limits.h"

#include <errno.h>
#include <strings.h>

enum outcome { UNUSABLE = 1 };

#define QUOTED_BYTES 100

static int quoted_len(struct tb_str text)
{
    return text.len < QUOTED_BYTES ? (int)text.len : QUOTED_BYTES;
}

static bool equals(struct tb_str text, struct tb_str name)
{
    return text.len == name.len && strncasecmp(text.ptr, name.ptr, name.len) == 0;
}

/* A media type without its parameters. */
static struct tb_str strip_parameters(struct tb_str type)
{
    const char *semicolon = type.len ? memchr(type.ptr, ';', type.len) : NULL;
    return tb_str_trim(semicolon ? (struct tb_str){type.ptr, (size_t)(semicolon - type.ptr)} : type);
}

static const char *name_serializer(struct tb_str type)
{
    static const struct {
        struct tb_str type;
        const char *name;
    } serializers[] = {
        {{"application/x-python-serialize", 30}, " (pickle)"},
        {{"application/x-yaml", 18}, " (YAML)"},
        {{"application/x-msgpack", 21}, " (msgpack)"},
    };
    for (size_t i = 0; i < TB_COUNT(serializers); i++)
        if (equals(type, serializers[i].type))
            return serializers[i].name;
    return "";
}

static int check_content_type(struct tb_str content_type, struct tb_error *err)
{
    struct tb_str type = strip_parameters(content_type);
    if (type.len == 0 || equals(type, TB_STR("application/json")))
        return 0;
    return tb_error_set(err, UNUSABLE, "the body is %.*s%s; set event_serializer to json", quoted_len(type),
                        type.ptr, name_serializer(type));
}

static int check_content_encoding(struct tb_str encoding, struct tb_error *err)
{
    static const struct tb_str known[] = {
        {"utf-8", 5}, {"utf8", 4}, {"us-ascii", 8}, {"ascii", 5}, {"binary", 6}};

    encoding = tb_str_trim(encoding);
    for (size_t i = 0; i < TB_COUNT(known); i++)
        if (equals(encoding, known[i]))
            return 0;
    if (encoding.len == 0)
        return 0;
    return tb_error_set(err, UNUSABLE, "the body's encoding is %.*s; only utf-8 is read",
                        quoted_len(encoding), encoding.ptr);
}

/* The body as JSON text, decompressed where it has to be. 0, UNUSABLE or -ENOMEM. */
static int read_body(const struct tb_delivery *delivery, struct tb_arena *arena, struct tb_str *ret_body,
                     struct tb_error *err)
{
    *ret_body = delivery->body;
    int status = check_content_type(delivery->content_type, err);
    if (!status)
        status = check_content_encoding(delivery->content_encoding, err);
    if (status)
        return status;
    if (delivery->body.len > TB_DECODE_MAX_BYTES)
        return tb_error_set(err, UNUSABLE, "the body has %zu bytes; at most %zu are read", delivery->body.len,
                            TB_DECODE_MAX_BYTES);
    struct tb_str compression = tb_str_trim(delivery->compression);
    if (compression.len) {
        status = tb_inflate(compression, delivery->body, TB_DECODE_MAX_BYTES, arena, ret_body, err);
        if (status)
            return status < 0 ? status : UNUSABLE;
    }
    if (tb_str_trim(*ret_body).len == 0)
        return tb_error_set(err, UNUSABLE, "the body is empty");
    return 0;
}

struct decoder {
    const struct tb_delivery *delivery;
    struct tb_arena *arena;
    const struct tb_decode_output *output;
    struct tb_error why; /* of the dead letter at hand */
};

/* 0 or -ENOMEM. */
static int give_dead(struct decoder *decoder, struct tb_str body)
{
    struct tb_str reason;
    if (!tb_arena_copy(decoder->arena, tb_str_of(decoder->why.text), &reason))
        return -ENOMEM;
    tb_error_clear(&decoder->why);
    if (tb_str_is_null(body))
        body = TB_STR("");
    decoder->output->on_dead(decoder->output->owner, body, reason);
    return 0;
}

static void explain_damage(struct decoder *decoder, const struct tb_piece *piece)
{
    if (piece->damage_at)
        tb_error_set(&decoder->why, UNUSABLE, "the JSON is damaged: %s at byte %zu", piece->damage,
                     (size_t)(piece->damage_at - piece->text.ptr));
    else
        tb_error_set(&decoder->why, UNUSABLE, "%s", piece->damage);
}

static int give_event(struct decoder *decoder, const struct tb_piece *piece, const struct tb_fields *fields)
{
    const struct tb_decode_output *output = decoder->output;
    struct tb_event event;

    int status = tb_decode_event(fields, decoder->arena, &event, &decoder->why);
    if (status < 0)
        return status;
    if (status == TB_DECODE_UNUSABLE)
        return give_dead(decoder, piece->text);
    if (event.type == TB_EVENT_UNKNOWN)
        output->on_unknown(output->owner, event.type_name);
    else
        output->on_event(output->owner, &event);
    return 0;
}

static int give_pieces(struct decoder *decoder, struct tb_str body)
{
    struct tb_walk walk;
    struct tb_piece piece;
    struct tb_fields fields;
    int status = 0;

    tb_walk_init(&walk, body);
    while (!status) {
        tb_walk_next(&walk, &piece, &fields);
        if (piece.kind == TB_PIECE_END)
            break;
        /* What is set aside whole is kept as it came, compressed if it was. */
        bool is_whole = piece.text.ptr == body.ptr && piece.text.len == body.len;
        if (piece.kind == TB_PIECE_DAMAGED)
            explain_damage(decoder, &piece);
        if (is_whole)
            piece.text = decoder->delivery->body;
        status = piece.kind == TB_PIECE_DAMAGED ? give_dead(decoder, piece.text)
                                                : give_event(decoder, &piece, &fields);
    }
    return status;
}

int tb_decode_delivery(const struct tb_delivery *delivery, struct tb_arena *arena,
                       const struct tb_decode_output *output)
{
    struct decoder decoder = {delivery, arena, output, {0}};
    struct tb_str body;

    int status = read_body(delivery, arena, &body, &decoder.why);
    if (status == UNUSABLE)
        return give_dead(&decoder, delivery->body);
    return status ? status : give_pieces(&decoder, body);
}

/* The list's pieces, at most as many as there is room for in elements (NULL to count only). */
static size_t list_elements(struct tb_str body, struct tb_str *elements)
{
    struct tb_walk walk;
    struct tb_piece piece;
    struct tb_fields fields;
    size_t count = 0;

    tb_walk_init(&walk, body);
    if (!tb_walk_is_list(&walk))
        return 0;
    for (;;) {
        tb_walk_next(&walk, &piece, &fields);
        if (piece.kind == TB_PIECE_END)
            return count;
        if (elements)
            elements[count] = piece.text;
        count++;
    }
}

int tb_decode_split(const struct tb_delivery *delivery, struct tb_arena *arena, struct tb_str **ret_elements,
                    size_t *ret_count)
{
    struct tb_str body;

    *ret_elements = NULL;
    *ret_count = 0;
    int status = read_body(delivery, arena, &body, NULL);
    if (status)
        return status < 0 ? status : 0;
    size_t count = list_elements(body, NULL);
    if (!count)
        return 0;
    struct tb_str *elements = tb_arena_calloc(arena, count, sizeof(*elements));
    if (!elements)
        return -ENOMEM;
    *ret_count = list_elements(body, elements);
    *ret_elements = elements;
    return 0;
}

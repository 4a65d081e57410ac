/* A delivery's body becomes events, unknown names and dead letters.
 *
 * First what the message says about its body is believed or refused: only JSON in UTF-8 is read, plain or
 * compressed, and never is anything unpickled. Then the body is walked piece by piece, so that damage costs
 * as little as possible, and each piece ends in exactly one call. Reasons are sentences for whoever looks
 * through the dead letters; they live as long as the arena, as everything does that is handed out.
 *
 * An element of a list that is not well-formed goes alone where its end can be told: at the next comma or
 * closing bracket outside of strings and brackets, or at the next event that is whole if that comes first, as
 * it does where a quote or bracket is missing. Where neither is, as in a body that was cut, everything from
 * the element on is one damaged piece. What was taken for an element by mistake can't become an event: quotes
 * inside of strings are escaped, and a backslash outside of one is damage again. A list's elements are taken
 * one by one up to a ceiling; what follows is one piece. A body that is no list is one piece, the whole of
 * it, and what follows the value is another. */
#include "taskbridge/core/decode.h"

#include "decode_event.h"
#include "inflate.h"
#include "taskbridge/base/limits.h"

#include <errno.h>
#include <strings.h>

enum outcome { UNUSABLE = 1 };

#define QUOTED_BYTES 100

/* ---- the body as text ---- */

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

/* ---- behind damage ----
 *
 * Where a quote or bracket is missing, counting them tells nothing of where the damaged element ends. But
 * what follows it are events, and an event is easily told: behind a comma, a whole object that has a known
 * type, a timestamp, a hostname and, of a task, its uuid, followed by another comma or the list's end. Text
 * inside of strings can't look like this, for its quotes are escaped. An object inside of the damaged element
 * could, if the list was cut right behind it; so nothing is looked for unless the list has its closing
 * bracket at the very end. Each try costs bytes, and text can be made so that they never lead anywhere: hence
 * the budget. */

static bool has_field(const struct tb_fields *fields, enum tb_field field)
{
    return fields->present >> field & 1;
}

static bool is_event(const struct tb_fields *fields)
{
    struct tb_scan_value name = tb_fields_get(fields, TB_FIELD_TYPE);
    if (name.kind != TB_SCAN_STRING || !has_field(fields, TB_FIELD_TIMESTAMP) ||
        !has_field(fields, TB_FIELD_HOSTNAME))
        return false;
    enum tb_event_type type = tb_event_type_find(name.text);
    return tb_event_is_worker(type) || (tb_event_is_task(type) && has_field(fields, TB_FIELD_UUID));
}

/* Whether an event stands at start, and the list goes on or ends behind it. */
static bool stands_at(const char *start, const char *end, size_t *budget)
{
    struct tb_scan scan = {.at = start, .end = end};
    struct tb_fields fields;
    bool is_whole = tb_fields_scan(&scan, &fields);
    size_t cost = (size_t)(scan.at - start) + 1;

    *budget -= cost < *budget ? cost : *budget;
    if (!is_whole || !is_event(&fields))
        return false;
    tb_scan_skip_space(&scan);
    return scan.at < end && (*scan.at == ',' || *scan.at == ']');
}

static bool is_closed_list(struct tb_str text)
{
    text = tb_str_trim(text);
    return text.len && text.ptr[text.len - 1] == ']';
}

/* The comma before the next event within len bytes of rest; NULL when there is none, or the budget is spent.
 */
static const char *find_next_event(struct tb_str rest, size_t len, size_t *budget)
{
    const char *end = rest.ptr + rest.len, *at = rest.ptr, *last = rest.ptr + len;

    if (len > *budget || !is_closed_list(rest))
        return NULL;
    *budget -= len;
    while (*budget && (at = memchr(at, ',', (size_t)(last - at)))) {
        struct tb_scan scan = {.at = at + 1, .end = end};
        tb_scan_skip_space(&scan);
        if (scan.at < end && *scan.at == '{' && stands_at(scan.at, end, budget))
            return at;
        at++;
    }
    return NULL;
}

/* ---- a body, piece by piece ---- */

enum piece_kind {
    PIECE_END,    /* nothing is left */
    PIECE_EVENT,  /* an object, its fields are scanned */
    PIECE_DAMAGED /* no event can be in it; damage says why */
};

struct piece {
    enum piece_kind kind;
    struct tb_str text; /* as it stands in the body */
    const char *damage;
    const char *damage_at; /* in text; NULL when the damage has no place */
};

struct walk {
    struct tb_scan scan;
    struct tb_str body;
    int state;
    size_t element_count;
    size_t budget; /* bytes that may be read again in search of what follows damage */
};

enum state { AT_START, IN_LIST_FIRST, IN_LIST, BEHIND_VALUE, AT_END };

#define BUDGET_FACTOR 64

#define MAX_ELEMENTS_TEXT "65536"
_Static_assert(TB_DECODE_MAX_ELEMENTS == 65536, "the text says so");

#define BYTE_ORDER_MARK TB_STR("\xEF\xBB\xBF")

static void begin_walk(struct walk *walk, struct tb_str body)
{
    *walk = (struct walk){
        .scan = tb_scan_of(body), .body = body, .state = AT_START, .budget = body.len * BUDGET_FACTOR};
    if (tb_str_starts_with(body, BYTE_ORDER_MARK))
        walk->scan.at += BYTE_ORDER_MARK.len;
    tb_scan_skip_space(&walk->scan);
    if (walk->scan.at < walk->scan.end && *walk->scan.at == '[') {
        walk->scan.at++;
        walk->state = IN_LIST_FIRST;
    }
}

static bool is_list(const struct walk *walk)
{
    return walk->state == IN_LIST_FIRST;
}

static struct tb_str text_from(const struct walk *walk, const char *start)
{
    return (struct tb_str){start, (size_t)(walk->scan.at - start)};
}

/* The same without white space at its end. */
static struct tb_str trimmed_from(const struct walk *walk, const char *start)
{
    struct tb_str text = text_from(walk, start);
    while (text.len && memchr(" \n\t\r", text.ptr[text.len - 1], 4))
        text.len--;
    return text;
}

static void set_damage(struct piece *piece, const char *damage, const char *at)
{
    piece->kind = PIECE_DAMAGED;
    piece->damage = damage;
    piece->damage_at = at;
}

static const char *name_kind(enum tb_scan_kind kind)
{
    switch (kind) {
    case TB_SCAN_NULL:
        return "null stands where an event should";
    case TB_SCAN_TRUE:
    case TB_SCAN_FALSE:
        return "a boolean stands where an event should";
    case TB_SCAN_STRING:
        return "text stands where an event should";
    case TB_SCAN_LIST:
        return "a list stands where an event should";
    default:
        return "a number stands where an event should";
    }
}

/* The value at the scan's place: a whole event, or damage; then the scan stays where the damage is. */
static void scan_piece(struct walk *walk, struct piece *piece, struct tb_fields *ret_fields)
{
    struct tb_scan *scan = &walk->scan;
    struct tb_scan_value value = {.kind = TB_SCAN_OBJECT};
    bool is_object = scan->at < scan->end && *scan->at == '{';

    scan->damage = scan->ill_utf8 = NULL;
    bool is_whole = is_object ? tb_fields_scan(scan, ret_fields) : tb_scan_value(scan, &value);
    piece->kind = PIECE_EVENT;
    if (!is_whole)
        set_damage(piece, scan->damage, scan->at);
    else if (scan->ill_utf8)
        set_damage(piece, "invalid UTF-8", scan->ill_utf8);
    else if (!is_object)
        set_damage(piece, name_kind(value.kind), NULL);
}

/* Everything from start on is one damaged piece, the last. */
static void take_rest(struct walk *walk, const char *start, struct piece *piece)
{
    walk->scan.at = walk->scan.end;
    walk->state = AT_END;
    piece->text = text_from(walk, start);
}

/* From start, where the scan is, to the end of what is damaged. */
static void take_damaged(struct walk *walk, const char *start, struct piece *piece)
{
    struct tb_str rest = {start, (size_t)(walk->scan.end - start)};
    bool is_ended = tb_scan_skip_damaged(&walk->scan);
    const char *comma = find_next_event(rest, (size_t)(walk->scan.at - start), &walk->budget);

    if (comma)
        walk->scan.at = comma;
    if (comma || is_ended)
        piece->text = trimmed_from(walk, start);
    else
        take_rest(walk, start, piece);
}

static void take_element(struct walk *walk, struct piece *piece, struct tb_fields *ret_fields)
{
    struct tb_scan *scan = &walk->scan;
    const char *start = scan->at;

    if (walk->element_count == TB_DECODE_MAX_ELEMENTS) {
        set_damage(piece, "the list has more than " MAX_ELEMENTS_TEXT " elements; these follow them", NULL);
        take_rest(walk, start, piece);
        return;
    }
    walk->element_count++;
    scan_piece(walk, piece, ret_fields);
    piece->text = text_from(walk, start);
    walk->state = IN_LIST;
    if (!scan->damage)
        return;
    scan->at = start;
    take_damaged(walk, start, piece);
}

/* Text that stands between an element and the comma that should have followed it. */
static void take_interjection(struct walk *walk, struct piece *piece)
{
    const char *start = walk->scan.at;

    set_damage(piece, "neither a comma nor the closing bracket follows an element", start);
    take_damaged(walk, start, piece);
}

/* Steps over the comma before an element; true when an element follows, else piece is what is there. */
static bool reach_element(struct walk *walk, struct piece *piece)
{
    struct tb_scan *scan = &walk->scan;
    bool is_first = walk->state == IN_LIST_FIRST;
    const char *start = scan->at;

    tb_scan_skip_space(scan);
    if (scan->at < scan->end && *scan->at == ']') {
        scan->at++;
        walk->state = BEHIND_VALUE;
        return false;
    }
    if (scan->at < scan->end && !is_first) {
        if (*scan->at != ',') {
            take_interjection(walk, piece);
            return false;
        }
        scan->at++;
        tb_scan_skip_space(scan);
    }
    if (scan->at < scan->end)
        return true;
    set_damage(piece, "the list ends without its closing bracket", NULL);
    take_rest(walk, is_first ? walk->body.ptr : start, piece);
    return false;
}

static void take_behind(struct walk *walk, struct piece *piece)
{
    tb_scan_skip_space(&walk->scan);
    const char *start = walk->scan.at;
    if (start < walk->scan.end)
        set_damage(piece, "more text follows the end of the JSON", start);
    take_rest(walk, start, piece);
}

static void take_single(struct walk *walk, struct piece *piece, struct tb_fields *ret_fields)
{
    const char *start = walk->scan.at;

    scan_piece(walk, piece, ret_fields);
    bool is_object = start < walk->scan.end && *start == '{';
    tb_scan_skip_space(&walk->scan);
    if (walk->scan.damage || !is_object || walk->scan.at == walk->scan.end) {
        take_rest(walk, walk->body.ptr, piece);
        return;
    }
    piece->text = trimmed_from(walk, start);
    walk->state = BEHIND_VALUE;
}

static void next_piece(struct walk *walk, struct piece *ret_piece, struct tb_fields *ret_fields)
{
    *ret_piece = (struct piece){.kind = PIECE_END};
    if (walk->state == AT_START) {
        take_single(walk, ret_piece, ret_fields);
        return;
    }
    if ((walk->state == IN_LIST_FIRST || walk->state == IN_LIST) && reach_element(walk, ret_piece)) {
        take_element(walk, ret_piece, ret_fields);
        return;
    }
    if (walk->state == BEHIND_VALUE)
        take_behind(walk, ret_piece);
}

/* ---- events and dead letters ---- */

struct decoder {
    const struct tb_delivery *delivery;
    struct tb_arena *arena;
    const struct tb_decode_output *output;
    struct tb_error why; /* of the dead letter at hand */
};

/* text is the body as JSON, decompressed; null when it can't be read. 0 or -ENOMEM. */
static int give_dead(struct decoder *decoder, struct tb_str body, struct tb_str text)
{
    struct tb_undecoded dead = {.body = tb_str_is_null(body) ? TB_STR("") : body, .text = text};

    if (!tb_arena_copy(decoder->arena, tb_str_of(decoder->why.text), &dead.reason))
        return -ENOMEM;
    tb_error_clear(&decoder->why);
    decoder->output->on_dead(decoder->output->owner, &dead);
    return 0;
}

static void explain_damage(struct decoder *decoder, const struct piece *piece)
{
    if (piece->damage_at)
        tb_error_set(&decoder->why, UNUSABLE, "the JSON is damaged: %s at byte %zu", piece->damage,
                     (size_t)(piece->damage_at - piece->text.ptr));
    else
        tb_error_set(&decoder->why, UNUSABLE, "%s", piece->damage);
}

static int give_event(struct decoder *decoder, const struct piece *piece, struct tb_str body,
                      const struct tb_fields *fields)
{
    const struct tb_decode_output *output = decoder->output;
    struct tb_event event;

    int status = tb_decode_event(fields, decoder->arena, &event, &decoder->why);
    if (status < 0)
        return status;
    if (status == TB_DECODE_UNUSABLE)
        return give_dead(decoder, body, piece->text);
    if (event.type == TB_EVENT_UNKNOWN)
        output->on_unknown(output->owner, event.type_name);
    else
        output->on_event(output->owner, &event);
    return 0;
}

static int give_pieces(struct decoder *decoder, struct tb_str body)
{
    struct walk walk;
    struct piece piece;
    struct tb_fields fields;
    int status = 0;

    begin_walk(&walk, body);
    while (!status) {
        next_piece(&walk, &piece, &fields);
        if (piece.kind == PIECE_END)
            break;
        /* What is set aside whole is kept as it came, compressed if it was. */
        bool is_whole = piece.text.ptr == body.ptr && piece.text.len == body.len;
        struct tb_str kept = is_whole ? decoder->delivery->body : piece.text;
        if (piece.kind == PIECE_DAMAGED)
            explain_damage(decoder, &piece);
        status = piece.kind == PIECE_DAMAGED ? give_dead(decoder, kept, piece.text)
                                             : give_event(decoder, &piece, kept, &fields);
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
        return give_dead(&decoder, delivery->body, TB_STR_NULL);
    return status ? status : give_pieces(&decoder, body);
}

/* The list's pieces, at most as many as there is room for in elements (NULL to count only). */
static size_t list_elements(struct tb_str body, struct tb_str *elements)
{
    struct walk walk;
    struct piece piece;
    struct tb_fields fields;
    size_t count = 0;

    begin_walk(&walk, body);
    if (!is_list(&walk))
        return 0;
    for (;;) {
        next_piece(&walk, &piece, &fields);
        if (piece.kind == PIECE_END)
            return count;
        if (elements)
            elements[count] = piece.text;
        count++;
    }
}

int tb_decode_text(const struct tb_delivery *delivery, struct tb_arena *arena, struct tb_str *ret_text)
{
    int r = read_body(delivery, arena, ret_text, NULL);

    if (r > 0)
        *ret_text = TB_STR_NULL;
    return r < 0 ? r : 0;
}

bool tb_decode_is_plain(const struct tb_delivery *delivery)
{
    return tb_str_trim(delivery->compression).len == 0 &&
           check_content_encoding(delivery->content_encoding, NULL) == 0;
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

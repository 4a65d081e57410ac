/* A body taken apart so that damage costs as little as possible.
 *
 * An element of a list that is not well-formed goes alone where its end can be told: at the next comma or
 * closing bracket outside of strings and brackets, or at the next event that is whole if that comes first, as
 * it does where a quote or bracket is missing. Where neither is, as in a body that was cut, everything from
 * the element on is one damaged piece. What was taken for an element by mistake can't become an event: quotes
 * inside of strings are escaped, and a backslash outside of one is damage again.
 *
 * A list's elements are taken one by one up to a ceiling; what follows is one piece.
 *
 * A body that is no list is one piece, the whole of it, and what follows the value is another. */
#include "decode_walk.h"

#include "decode_resync.h"
#include "taskbridge/base/limits.h"

enum state { AT_START, IN_LIST_FIRST, IN_LIST, BEHIND_VALUE, AT_END };

#define BUDGET_FACTOR 64

#define MAX_ELEMENTS_TEXT "65536"
_Static_assert(TB_DECODE_MAX_ELEMENTS == 65536, "the text says so");

#define BYTE_ORDER_MARK TB_STR("\xEF\xBB\xBF")

void tb_walk_init(struct tb_walk *walk, struct tb_str body)
{
    *walk = (struct tb_walk){
        .scan = tb_scan_of(body), .body = body, .state = AT_START, .budget = body.len * BUDGET_FACTOR};
    if (tb_str_starts_with(body, BYTE_ORDER_MARK))
        walk->scan.at += BYTE_ORDER_MARK.len;
    tb_scan_skip_space(&walk->scan);
    if (walk->scan.at < walk->scan.end && *walk->scan.at == '[') {
        walk->scan.at++;
        walk->state = IN_LIST_FIRST;
    }
}

bool tb_walk_is_list(const struct tb_walk *walk)
{
    return walk->state == IN_LIST_FIRST;
}

static struct tb_str text_from(const struct tb_walk *walk, const char *start)
{
    return (struct tb_str){start, (size_t)(walk->scan.at - start)};
}

/* The same without white space at its end. */
static struct tb_str trimmed_from(const struct tb_walk *walk, const char *start)
{
    struct tb_str text = text_from(walk, start);
    while (text.len && memchr(" \n\t\r", text.ptr[text.len - 1], 4))
        text.len--;
    return text;
}

static void set_damage(struct tb_piece *piece, const char *damage, const char *at)
{
    piece->kind = TB_PIECE_DAMAGED;
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
static void scan_value(struct tb_walk *walk, struct tb_piece *piece, struct tb_fields *ret_fields)
{
    struct tb_scan *scan = &walk->scan;
    struct tb_scan_value value = {.kind = TB_SCAN_OBJECT};
    bool is_object = scan->at < scan->end && *scan->at == '{';

    scan->damage = scan->ill_utf8 = NULL;
    bool is_whole = is_object ? tb_fields_scan(scan, ret_fields) : tb_scan_value(scan, &value);
    piece->kind = TB_PIECE_EVENT;
    if (!is_whole)
        set_damage(piece, scan->damage, scan->at);
    else if (scan->ill_utf8)
        set_damage(piece, "invalid UTF-8", scan->ill_utf8);
    else if (!is_object)
        set_damage(piece, name_kind(value.kind), NULL);
}

/* Everything from start on is one damaged piece, the last. */
static void take_rest(struct tb_walk *walk, const char *start, struct tb_piece *piece)
{
    walk->scan.at = walk->scan.end;
    walk->state = AT_END;
    piece->text = text_from(walk, start);
}

/* From start, where the scan is, to the end of what is damaged. */
static void take_damaged(struct tb_walk *walk, const char *start, struct tb_piece *piece)
{
    struct tb_str rest = {start, (size_t)(walk->scan.end - start)};
    bool is_ended = tb_scan_skip_damaged(&walk->scan);
    const char *comma = tb_resync_find(rest, (size_t)(walk->scan.at - start), &walk->budget);

    if (comma)
        walk->scan.at = comma;
    if (comma || is_ended)
        piece->text = trimmed_from(walk, start);
    else
        take_rest(walk, start, piece);
}

static void take_element(struct tb_walk *walk, struct tb_piece *piece, struct tb_fields *ret_fields)
{
    struct tb_scan *scan = &walk->scan;
    const char *start = scan->at;

    if (walk->element_count == TB_DECODE_MAX_ELEMENTS) {
        set_damage(piece, "the list has more than " MAX_ELEMENTS_TEXT " elements; these follow them", NULL);
        take_rest(walk, start, piece);
        return;
    }
    walk->element_count++;
    scan_value(walk, piece, ret_fields);
    piece->text = text_from(walk, start);
    walk->state = IN_LIST;
    if (!scan->damage)
        return;
    scan->at = start;
    take_damaged(walk, start, piece);
}

/* Text that stands between an element and the comma that should have followed it. */
static void take_interjection(struct tb_walk *walk, struct tb_piece *piece)
{
    const char *start = walk->scan.at;

    set_damage(piece, "neither a comma nor the closing bracket follows an element", start);
    take_damaged(walk, start, piece);
}

/* Steps over the comma before an element; true when an element follows, else piece is what is there. */
static bool reach_element(struct tb_walk *walk, struct tb_piece *piece)
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

static void take_behind(struct tb_walk *walk, struct tb_piece *piece)
{
    tb_scan_skip_space(&walk->scan);
    const char *start = walk->scan.at;
    if (start < walk->scan.end)
        set_damage(piece, "more text follows the end of the JSON", start);
    take_rest(walk, start, piece);
}

static void take_single(struct tb_walk *walk, struct tb_piece *piece, struct tb_fields *ret_fields)
{
    const char *start = walk->scan.at;

    scan_value(walk, piece, ret_fields);
    bool is_object = start < walk->scan.end && *start == '{';
    tb_scan_skip_space(&walk->scan);
    if (walk->scan.damage || !is_object || walk->scan.at == walk->scan.end) {
        take_rest(walk, walk->body.ptr, piece);
        return;
    }
    piece->text = trimmed_from(walk, start);
    walk->state = BEHIND_VALUE;
}

void tb_walk_next(struct tb_walk *walk, struct tb_piece *ret_piece, struct tb_fields *ret_fields)
{
    *ret_piece = (struct tb_piece){.kind = TB_PIECE_END};
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

/* A body, walked piece by piece. */
#ifndef TASKBRIDGE_CORE_DECODE_WALK_H
#define TASKBRIDGE_CORE_DECODE_WALK_H

#include "decode_fields.h"

enum tb_piece_kind {
    TB_PIECE_END,    /* nothing is left */
    TB_PIECE_EVENT,  /* an object, its fields are scanned */
    TB_PIECE_DAMAGED /* no event can be in it; damage says why */
};

struct tb_piece {
    enum tb_piece_kind kind;
    struct tb_str text; /* as it stands in the body */
    const char *damage;
    const char *damage_at; /* in text; NULL when the damage has no place */
};

struct tb_walk {
    struct tb_scan scan;
    struct tb_str body;
    int state;
    size_t element_count;
    size_t budget; /* bytes that may be read again in search of what follows damage */
};

/* body is UTF-8 text, maybe with a byte order mark, not empty but for that. Borrowed by the walk. */
void tb_walk_init(struct tb_walk *walk, struct tb_str body);

/* The next piece. Every byte of the body is in one, but for white space and a list's own brackets and
 * commas. */
void tb_walk_next(struct tb_walk *walk, struct tb_piece *ret_piece, struct tb_fields *ret_fields);

/* Whether the body is a list. */
bool tb_walk_is_list(const struct tb_walk *walk);

#endif

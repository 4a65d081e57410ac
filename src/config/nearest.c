/* The known name that is most like a wrong one, by Levenshtein's distance.
 *
 * One that differs in more than half of its characters is no hint but noise and is not taken. Names longer
 * than any known one can be are compared by their beginning only: the work is bounded whatever a file says.
 */
#include "nearest.h"

#include <assert.h>

#define COMPARED_MAX 95

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

static size_t distance(struct tb_str a, struct tb_str b)
{
    size_t row[COMPARED_MAX + 1];
    assert(b.len <= COMPARED_MAX);
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 0; i < a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b.len; j++) {
            size_t cost = a.ptr[i] == b.ptr[j] ? 0 : 1;
            size_t next = min3(row[j] + 1, row[j + 1] + 1, diagonal + cost);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    return row[b.len];
}

void tb_nearest_init(struct tb_nearest *nearest, struct tb_str wanted)
{
    if (wanted.len > COMPARED_MAX)
        wanted.len = COMPARED_MAX;
    *nearest = (struct tb_nearest){.wanted = wanted, .distance = wanted.len / 2 + 1};
}

void tb_nearest_offer(struct tb_nearest *nearest, struct tb_str name)
{
    size_t far = distance(nearest->wanted, name);
    if (far >= nearest->distance)
        return;
    nearest->distance = far;
    memcpy(nearest->name, name.ptr, name.len);
    nearest->name[name.len] = '\0';
}

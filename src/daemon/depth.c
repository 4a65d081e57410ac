/* Past its ceiling the queue drops its oldest events, so people have to hear before.
 *
 * AMQP tells how many messages wait and not how large they are; the mean of those that came is good enough
 * for a warning. A level is left downwards only well below where it began, so that a depth around one of them
 * is not told again and again. */
#include "depth.h"

int64_t tb_depth_estimate_bytes(int64_t messages, uint64_t taken, uint64_t taken_bytes)
{
    if (messages < 0 || (messages > 0 && !taken))
        return -1;
    double bytes = messages > 0 ? (double)messages * ((double)taken_bytes / (double)taken) : 0;
    return bytes < 9e18 ? (int64_t)bytes : INT64_MAX;
}

enum tb_depth_level tb_depth_next(enum tb_depth_level level, int64_t bytes, int64_t max_bytes)
{
    if (bytes < 0 || max_bytes <= 0)
        return level;
    double full = (double)bytes / (double)max_bytes;
    if (full >= 0.9)
        return TB_DEPTH_NEARLY_FULL;
    if (full >= 0.8)
        return level < TB_DEPTH_HALF ? TB_DEPTH_HALF : level;
    if (full >= 0.5)
        return TB_DEPTH_HALF;
    return full >= 0.4 && level > TB_DEPTH_FINE ? TB_DEPTH_HALF : TB_DEPTH_FINE;
}

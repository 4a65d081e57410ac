/* How full the queue is, and when that is worth a word. Pure. */
#ifndef TASKBRIDGE_DAEMON_DEPTH_H
#define TASKBRIDGE_DAEMON_DEPTH_H

#include <stdint.h>

enum tb_depth_level { TB_DEPTH_FINE, TB_DEPTH_HALF, TB_DEPTH_NEARLY_FULL };

/* The bytes of so many waiting messages, by the mean of those that were taken so far; -1: not known. */
int64_t tb_depth_estimate_bytes(int64_t messages, uint64_t taken, uint64_t taken_bytes);

/* The level that follows level when so many bytes wait of max_bytes at most (0: no bound). What is not known
 * changes nothing. */
enum tb_depth_level tb_depth_next(enum tb_depth_level level, int64_t bytes, int64_t max_bytes);

#endif

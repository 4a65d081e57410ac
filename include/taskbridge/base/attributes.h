/* What the compiler is told about functions, and small macros of the whole program. */
#ifndef TASKBRIDGE_BASE_ATTRIBUTES_H
#define TASKBRIDGE_BASE_ATTRIBUTES_H

#define TB_MUST_CHECK          __attribute__((warn_unused_result))
#define TB_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define TB_COUNT(array)        (sizeof(array) / sizeof((array)[0]))

#endif

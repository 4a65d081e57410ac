/* Random numbers: cheap ones for jitter, and the system's for secrets. */
#ifndef TASKBRIDGE_BASE_RANDOM_H
#define TASKBRIDGE_BASE_RANDOM_H

#include "taskbridge/base/attributes.h"

#include <stddef.h>
#include <stdint.h>

/* splitmix64: any seed is good. */
uint64_t tb_random_next(uint64_t *state);

/* Fills with the system's random bytes. 0 or a negative errno. */
int tb_random_bytes(void *ret_bytes, size_t len) TB_MUST_CHECK;

/* A random UUID as text with its NUL. 0 or a negative errno. */
#define TB_UUID_TEXT_BYTES 37
int tb_random_uuid(char ret_text[TB_UUID_TEXT_BYTES]) TB_MUST_CHECK;

/* The same out of tb_random_next: for names that may be guessed. */
void tb_random_cheap_uuid(uint64_t *state, char ret_text[TB_UUID_TEXT_BYTES]);

#endif

/* One character of UTF-8 at a time: shared by cleaning and by JSON. */
#ifndef TASKBRIDGE_BASE_UTF8_SCAN_H
#define TASKBRIDGE_BASE_UTF8_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/* The length of what begins at text (len > 0): a character, *ret_good true; or the maximal subpart of an
 * ill-formed sequence, or U+0000, *ret_good false. */
size_t tb_utf8_scan(const unsigned char *text, size_t len, bool *ret_good);

/* The length of the prefix of bytes 0x01 to 0x7F. */
size_t tb_utf8_ascii_prefix(const unsigned char *text, size_t len);

#endif

/* base64url (RFC 4648, section 5) without padding, as tokens use it. */
#ifndef TASKBRIDGE_BASE_BASE64URL_H
#define TASKBRIDGE_BASE_BASE64URL_H

#include "taskbridge/base/buf.h"

/* Pushes the text of bytes. */
void tb_base64url_push(struct tb_buf *buf, struct tb_str bytes);

/* Pushes the bytes of text. false, with nothing pushed, for anything but the one way in which the bytes are
 * written: no padding, no white space, no other alphabet, no bits left over. */
bool tb_base64url_push_decoded(struct tb_buf *buf, struct tb_str text) TB_MUST_CHECK;

#endif

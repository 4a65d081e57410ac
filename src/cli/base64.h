/* Bytes that may be no text, in JSON. */
#ifndef TASKBRIDGE_CLI_BASE64_H
#define TASKBRIDGE_CLI_BASE64_H

#include "taskbridge/base/json.h"

void tb_base64_push(struct tb_buf *buf, struct tb_str bytes);

/* Pushes the bytes that text stands for. false when it is no base64. */
bool tb_base64_parse(struct tb_str text, struct tb_buf *buf) TB_MUST_CHECK;

/* The body of a delivery as a member: "body" where it is clean text, else "body_base64". */
void tb_base64_json(struct tb_json *json, struct tb_str body);

#endif

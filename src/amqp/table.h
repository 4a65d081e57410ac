/* AMQP field tables and JSON. */
#ifndef TASKBRIDGE_AMQP_TABLE_H
#define TASKBRIDGE_AMQP_TABLE_H

#include "rabbitmq.h"
#include "taskbridge/base/buf.h"
#include "taskbridge/base/error.h"
#include "taskbridge/base/str.h"

/* Pushes table as a JSON object of clean UTF-8. What JSON can't say (a number that is none, nesting deeper
 * than 16) becomes null. */
void tb_table_push_json(const amqp_table_t *table, struct tb_buf *buf);

/* The text under name; the null string when absent or no text. Borrowed from table. */
struct tb_str tb_table_find_text(const amqp_table_t *table, const char *name);

/* Reads a JSON object into a table that is allocated from pool; the null string gives the empty table. 0,
 * -EINVAL when it is no JSON object, or -ENOMEM. */
int tb_table_parse_json(struct tb_str json, amqp_pool_t *pool, amqp_table_t *ret_table,
                        struct tb_error *err) TB_MUST_CHECK;

#endif
